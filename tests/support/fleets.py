"""A provisioned fleet and a real mosquitto on the configuration that was generated for it."""

import os
import signal

from tests.support.brokers import Mosquitto, free_port
from tools import provision
from tools.provision.broker import create_broker

SERVER = "broker.test"  # in the broker's certificate: tests reach it by address


class FleetBroker(Mosquitto):
    """mosquitto with the files that `create_broker` writes; `reload()` after a change of them."""

    def __init__(self, folder, room, workers=2):
        super().__init__(folder, port=free_port())
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
