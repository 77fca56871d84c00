"""A provisioned fleet and a real mosquitto on the configuration that was generated for it."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys

from tests.support.brokers import Mosquitto, free_port
from tests.support.system import VEHICLE, System
from tools import provision
from tools.provision.broker import create_broker

SERVER = "broker.test"  # in the broker's certificate: tests reach it by address


class FleetBroker(Mosquitto):
    """mosquitto with the files that `create_broker` writes; `reload()` after a change of them."""

    def __init__(self, folder, room, workers=2, port=None):
        super().__init__(folder, port=port or free_port())
        self._room = room
        self._workers = workers
        self.write()

    def write(self):
        """As `patrol provision broker` does; again after a change of the fleet."""
        path = create_broker(
            self._room, self.folder / "files", port=self.port, bind="127.0.0.1", host=SERVER,
            workers=self._workers,
        )  # fmt: skip
        lines = ["log_type all"]  # the refusal of a client is told as a notice
        if os.geteuid() == 0:
            lines.append("user root")  # else it could not read the test's files
        self._config.write_text("\n".join(lines) + "\n" + path.read_text())

    def reload(self):
        self._process.send_signal(signal.SIGHUP)


def make_fleet(folder, port, workers=2):
    """An authority, a room and certificates for its workers, in `folder`."""
    provision.create_fleet(folder)
    provision.create_room(folder, {"host": "127.0.0.1", "port": port}, server_name=SERVER)
    for number in range(2, workers + 1):
        provision.create_worker(folder, number)


def client_tls(folder, name=None, form="pem", ca=None):
    """`tls` of a client's options: a vehicle's or worker's certificate, or none."""
    options = {"ca": str(ca or folder / "authority" / "ca.crt.pem"), "server_name": SERVER}
    if name is None:
        return options
    if name.startswith("room."):
        cert, key = folder / "tls" / f"{name}.pem", folder / "tls" / f"{name}.key.pem"
    else:
        own = folder / "vehicles" / name / "tls"
        cert, key = own / f"cert.{form}", own / f"key.{form}"
        options["ca"] = str(own / f"ca.{form}")
    return {**options, "cert": str(cert), "key": str(key)}


class FleetSystem(System):
    """The whole system on the files that provisioning writes: mutual TLS, ACL, one vehicle. The
    broker is `broker`; `room` counts in a file; changes of `tools.provision` take hold by
    themselves at the room, at the broker by `broker.reload()`, at the agent by a restart."""

    def __init__(self, folder, interpreter, **settings):
        port = free_port()
        super().__init__(folder, interpreter, port, **settings)
        self.broker = FleetBroker(folder / "broker", self.room_folder, port=port).start()

    def _provision(self, port):
        make_fleet(self.room_folder, port)
        return self._vehicle(
            target="esp32" if self._interpreter == "micropython" else "pi",
            install_dir=self.room_folder / "vehicles" / VEHICLE,
        )

    def start_room(self):
        self._status_file = self.folder / "room-status.json"
        command = ["-m", "tools.room", "serve", "--dir", str(self.room_folder), "--attached"]
        self._start("room", [sys.executable, *command, "--status", str(self._status_file)])

    def start_copy(self):
        """A second gateway from a copy of this one's files, while it runs; without serial lines."""
        journal = self.folder / "copied-journal"
        shutil.copytree(self.journal, journal)
        config = json.loads(self._config.read_text())
        config.update(gps=None, obd=None, journal={**config["journal"], "dir": str(journal)})
        path = self.folder / "copied-config.json"
        path.write_text(json.dumps(config))
        self._start_agent("copy", path, 0)

    def room_counter(self, name):
        try:
            return json.loads(self._status_file.read_text())["counters"].get(name, 0)
        except (OSError, ValueError):
            return 0

    def sessions(self):
        """{sid: (room key id, generation)} of all sessions that the room has opened."""
        database = self.room_folder / "room.db"
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT sid, key_id, generation FROM sessions").fetchall()
        return {sid: (key_id, generation) for sid, key_id, generation in rows}

    def frames(self):
        """{(sid, number)} that the room holds."""
        return {(sid, number) for sid, number, _ in self.received()}

    def close(self):
        super().close()
        self.broker.stop()
