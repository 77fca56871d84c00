"""A virtual gateway with Wi-Fi and a modem: it starts from a flash file, its ways to the network go
through relays, and what is in reach changes while it runs."""

import json
import sys
from pathlib import Path

from tests.support import esp_firmware
from tests.support.fleets import FleetSystem
from tests.support.proxy import Proxy
from tests.support.system import VEHICLE
from tools import provision
from tools.flash import contents
from tools.flash.volume import Volume

SSID, PASSWORD, PIN = "depot", "a long enough key", "4711"
_LAYOUT = "8MB"


class UplinkSystem(FleetSystem):
    """`modem(text)` says something to the modem; `wifi(True)` puts the access point up."""

    def __init__(self, folder, uplink, modem=(), **settings):
        self._uplink = uplink
        self._modem_state = modem
        super().__init__(folder, "micropython", **settings)
        self._access_point = Proxy(self.broker.port)
        where = json.loads(self._start("modem", self._modem_command()).first_line())
        self.terminals["modem"] = where["modem"]
        self._relays = {"wifi": self._access_point.port, "lte": where["relay"]}
        self.air = folder / "air.json"
        self.wifi(False)

    def _modem_command(self):
        states = [word for state in self._modem_state for word in ("--state", state)]
        return [sys.executable, "-m", "tools.emulator.modem", "--relay", str(self.broker.port),
                "--json", "--attached", *states]  # fmt: skip

    def _vehicle(self, **_):
        _, path = provision.create_vehicle(
            self.room_folder, VEHICLE, gps=("uart1:18:17", 9600), target="esp32"
        )
        config = json.loads(path.read_text())
        config["uplink"] = self._uplink
        path.write_text(json.dumps(config))
        return path

    def start_gateway(self):
        self.flash = self.folder / "flash.bin"
        self.flash.write_bytes(_flash(self._config.parent))
        command = [sys.executable, "-m", "tools.emulator.esp32_board", "--attached"]
        for number, name in ((1, "gps"), (0, "modem")):
            command += ["--uart", f"{number}={self.terminals[name]}"]
        self._start("agent", [*command, "--flash", str(self.flash), "--air", str(self.air)])

    def wifi(self, is_there, **more):
        """The access point, or nothing; a connection over one that goes falls silent."""
        found = {SSID: {"password": PASSWORD, "rssi": -58, **more}} if is_there else {}
        text = json.dumps({"wifi": found, "relays": self._relays})
        new = self.air.with_suffix(".new")
        new.write_text(text)
        new.rename(self.air)
        if is_there:
            self._access_point.come_back()
        else:
            self._access_point.go_silent()

    def modem(self, text):
        stdin = self._running["modem"].process.stdin
        stdin.write(text.encode() + b"\n")
        stdin.flush()

    def modem_ends(self):
        """What the modem was asked, and how often it called."""
        child = self._running.pop("modem")
        child.stop()
        return json.loads(child.lines[-1])

    def used(self):
        """Names of the ways, in the order in which they were used."""
        lines = self.agent_log().splitlines()
        return [line.split()[-3] for line in lines if "uplink: " in line and "is used" in line]

    def close(self):
        super().close()
        self._access_point.close()


def _flash(bundle):
    """As `patrol flash` fills a chip: partition table, file system, release, bundle."""
    board = contents.board("gateway_s3")
    files = contents.bundle(Path(bundle))
    raw, checked = contents.configuration(files, "the bundle", board)
    rows = esp_firmware.LAYOUTS[_LAYOUT]
    _, _, _, at, size = rows[-1]
    volume = Volume(size)
    contents.put_base(volume, board)
    contents.put_release(volume, contents.built("esp32", board.name))
    contents.put_bundle(volume, files, raw, checked)
    table = esp_firmware.partition_table(rows)
    return (
        table.rjust(esp_firmware.TABLE_AT + len(table), b"\xff").ljust(at, b"\xff") + volume.image()
    )
