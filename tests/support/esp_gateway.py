"""A gateway that runs from a flash file beside a real room: its releases and its starts."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys

from tests.support import esp_flash
from tests.support.fleets import FleetSystem
from tests.support.system import VEHICLE
from tools import interpreter, provision
from tools.release import build as builder
from tools.release import folder, keys

BOARD = "gateway-s3"
EXPIRES = 1900000000
SETTLE_MS, TRIAL_MS = 1000, 120000
# As the board has them; the agent's own code for the chip opens them.
GPS, OBD = "uart1:18:17", "uart2:40:39"
# What a release is, by what is changed in the agent's source: (file, text, text instead).
_DRIVER = '        not_before = config["time"]["not_before_utc_ms"]\n        return Positioning('
KINDS = {
    "good": (),
    # It falls over where it opens the receiver; the minimal boot does not come there.
    "crash": (("agent/app.py", _DRIVER, '        raise ValueError("no such driver")\n' + _DRIVER),),
    "hang": (("agent/app.py", _DRIVER, "        while True:\n            pass\n" + _DRIVER),),
    # Nothing of it can even be imported.
    "broken": (("agent/app.py", "import asyncio\n", 'raise ImportError("no such module")\n'),),
}


class Shop:
    """Releases for the board, signed by two of three people."""

    def __init__(self, where):
        self._where = where
        self.people = where / "people"
        for name in ("first", "second", "third"):
            keys.create(self.people, name)

    def make(self, kind, number):
        """A release's folder; number: its version, counter and generation."""
        name = f"{kind}-{number}"
        out = self._where / name
        if out.exists():
            return out
        source = self._where / "source" / name
        no_cache = shutil.ignore_patterns("__pycache__")
        shutil.copytree(interpreter.ROOT / "agent", source / "agent", ignore=no_cache)
        version = ("agent/app.py", 'VERSION = "0.1.0"', f'VERSION = "{name}"')
        for path, text, other in (version, *KINDS[kind]):
            content = (source / path).read_text()
            assert content.count(text) == 1, (path, text)
            (source / path).write_text(content.replace(text, other))
        order = builder.Order(name, number, number, EXPIRES, 1, [BOARD])
        builder.build(out, "esp32", order, source)
        for person in ("first", "third"):
            folder.sign(out, keys.load_private(self.people / f"{person}.key"))
        folder.verify(out, keys.fleet_keys(self.people))
        return out


class FlashGateway(FleetSystem):
    """The whole system with certificates, whose vehicle left the bench with a release in slot a of
    the file `flash`. `hurry`: how many times as fast as on a chip the watchdog is."""

    def __init__(self, folder, shop, release, **settings):
        self._shop, self._release = shop, release
        self.flash = folder / "flash.bin"
        update = {"settle_ms": SETTLE_MS, "trial_ms": TRIAL_MS}
        super().__init__(folder, "micropython", update=update, **settings)
        esp_flash.write(self.flash, self._config.parent)

    def _vehicle(self, **_):
        _, path = provision.create_vehicle(
            self.room_folder, VEHICLE, gps=(GPS, 9600), obd=(OBD, 38400), target="esp32",
            update_keys=self._shop.people, hardware=BOARD, release=self._release,
        )  # fmt: skip
        return path

    def start_gateway(self, *options, hurry=1):
        """Runs the flash, with further options of `patrol emulate-gateway`."""
        command = [sys.executable, "-m", "tools.emulator.esp32_board", "--attached"]
        uarts = ["--uart", f"1={self.terminals['gps']}", "--uart", f"2={self.terminals['obd']}"]
        more = ["--hurry", str(hurry), *options]
        return self._start("agent", [*command, "--flash", str(self.flash), *uarts, *more])

    def cut_power(self):
        """As SIGKILL would; the emulator itself ends in order."""
        self._running.pop("agent").stop()

    def update(self, release):
        """`patrol room update`: what it printed."""
        words = ["update", VEHICLE, "--dir", str(self.room_folder), "--json"]
        words += ["--release", str(release), "--keys", str(self._shop.people)]
        done = subprocess.run(
            [sys.executable, "-m", "tools.cli", "room", *words],
            capture_output=True, text=True, timeout=120, cwd=interpreter.ROOT,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def release_state(self, release):
        """What the room's data base says of an update to that release, or None; without a process,
        as it is asked for often."""
        path = f"file:{self.room_folder / 'room.db'}?mode=ro"
        query = "SELECT state FROM updates JOIN releases ON releases.id = release WHERE name = ?"
        try:
            with contextlib.closing(sqlite3.connect(path, uri=True)) as db:
                rows = db.execute(query, (release.name,)).fetchall()
        except sqlite3.OperationalError:
            return None  # the room is still making it
        return rows[0][0] if rows else None

    def update_states(self):
        """What the vehicle has told of its updates, in the order of its telling."""
        return [fields[2] for fields in self.told("update_state")]

    def told(self, name):
        """Fields of all events of that name, in the order of their arrival."""
        return [fields for event, fields in self.events() if event == name]
