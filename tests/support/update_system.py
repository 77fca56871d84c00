"""The whole system with an agent that runs from a slot: releases of the real agent as `patrol
release` builds and signs them, started by the firmware's own launchers, and started again whenever
it ends, as systemd or a chip's reset does.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

from tests.support import micropython
from tests.support.system import VEHICLE, System
from tools.demo.children import ROOT
from tools.release import build as builder
from tools.release import folder, keys

# What a shop builds for, by who runs it; "esp32": a chip, or a board that is emulated.
TARGETS = {"cpython": "pi", "micropython": "unix", "esp32": "esp32"}
EXPIRES = 1900000000
HEAP = "768K"  # a download beside all the rest; a chip with PSRAM has ten times that
SETTLE_MS = 1000
TRIAL_MS = 60000  # a busy machine takes its time until an agent is proved
# What a release is, by what is changed in the agent's source: (file, text, text instead).
KINDS = {
    "old": (),
    "good": (("agent/app.py", 'VERSION = "0.1.0"', 'VERSION = "0.2.0"'),),
    "crash": (("agent/app.py", "import asyncio\n", 'raise ValueError("it falls over")\n'),),
    # It speaks, the room knows its session, and can open nothing of what it says.
    "mute": (
        (
            "agent/uplink.py",
            "payload, retain, token = action\n",
            "payload, retain, token = action\n"
            "        if lane in 'atb':\n"
            "            payload = payload[:-1] + bytes([payload[-1] ^ 1])\n",
        ),
    ),
}
# In each release: dies by SIGKILL before the write that the file $PATROL_DIE names, as by a power
# switch; the number of a write within the process, or "pointer" for the next one of the pointer.
_DYING = """

_Base = Tree
_writes = [0]


class Tree(_Base):
    def _step(self, name):
        path = os.getenv("PATROL_DIE")
        try:
            with open(path) as f:
                when = f.read()
        except (OSError, TypeError):
            return
        if when == str(_writes[0]) or when == "pointer" and name.startswith("pointer"):
            os.remove(path)
            if hasattr(os, "kill"):
                os.kill(os.getpid(), 9)
            os.system("kill -9 $PPID")
        _writes[0] += 1

    def append(self, name, data):
        self._step(name)
        _Base.append(self, name, data)

    def sync(self):
        self._step("")
        _Base.sync(self)

    def remove(self, name):
        self._step(name)
        _Base.remove(self, name)

    def replace(self, name, data):
        self._step(name)
        _Base.replace(self, name, data)
"""


class Shop:
    """Three people's keys, and releases of the agent for one interpreter. kinds: which of KINDS;
    hardware: what the releases are for, where the target does not say; is_mortal: they die where
    the test says, else they are the source and nothing else."""

    def __init__(self, where, interpreter, kinds=tuple(KINDS), hardware=None, is_mortal=True):
        self.where = where
        self.target = TARGETS[interpreter]
        self.hardware = hardware or self.target
        self._is_mortal = is_mortal
        self.people = where / "people"
        for name in ("first", "second", "third"):
            keys.create(self.people, name)
        self.releases = {}
        for number, kind in enumerate(kinds, 1):
            self.make(kind, kind, number, number)

    def make(self, name, kind, counter, generation, by=("first", "third"), **order):
        """A release's folder."""
        source = self.where / "source" / name
        shutil.copytree(ROOT / "agent", source / "agent", ignore=_no_cache)
        for path, text, other in KINDS[kind]:
            content = (source / path).read_text()
            assert content.count(text) == 1, (path, text)
            (source / path).write_text(content.replace(text, other))
        if self._is_mortal:
            tree = source / "agent/port/tree.py"
            tree.write_text(tree.read_text() + _DYING)
        out = self.releases[name] = self.where / name
        made = {"expires": EXPIRES, "minimum": 1, "hardware": [self.hardware], **order}
        builder.build(out, self.target, builder.Order(name, counter, generation, **made), source)
        for person in by:
            folder.sign(out, keys.load_private(self.people / f"{person}.key"))
        if len(by) > 1:
            folder.verify(out, keys.fleet_keys(self.people))
        return out


def _no_cache(_, names):
    return [name for name in names if name == "__pycache__"]


class Rollout:
    """Mixed into a System: orders releases of its `shop` from the room, and tells what became of
    them."""

    def update(self, release, *options):
        """`patrol room update`: what it printed."""
        words = ["update", VEHICLE, "--dir", str(self.room_folder), "--json", *options]
        words += ["--release", str(self.shop.releases[release]), "--keys", str(self.shop.people)]
        return _patrol(*words)

    def updates(self):
        """{release: row} of what `patrol room updates --json` prints."""
        return {row["release"]: row for row in self._rows()}

    def _rows(self):
        return _patrol("updates", VEHICLE, "--dir", str(self.room_folder), "--json")

    def state(self, release):
        """The state in the room's data base; without a process, as it is asked for often."""
        with closing(
            sqlite3.connect(f"file:{self.room_folder / 'room.db'}?mode=ro", uri=True)
        ) as d:
            rows = d.execute(
                "SELECT state FROM updates JOIN releases ON releases.id = release WHERE name = ?",
                (release,),
            ).fetchall()
        return rows[0][0] if rows else None

    def told(self, release):
        """States that the vehicle has told of a release, in the order of its telling."""
        order = folder.read(self.shop.releases[release])[0].id.hex()
        return [f[2] for name, f in self.events() if name == "update_state" and f[0] == order]

    def versions(self):
        """Of the agent, at each of its starts that the room knows of."""
        return [f[1] for name, f in self.events() if name == "boot"]


class UpdateSystem(Rollout, System):
    """A System whose vehicle leaves the bench with the release `old` in slot a. `bent`: the room
    changes a byte of so many of the file's parts that it sends."""

    def __init__(self, folder, interpreter, port, shop, **settings):
        self.shop = shop
        self.bent = 0
        self.agent_exits = []
        update = {"settle_ms": SETTLE_MS, "trial_ms": TRIAL_MS}
        super().__init__(folder, interpreter, port, heap=HEAP, update=update, **settings)
        own = self.room_folder / "vehicles" / VEHICLE
        self.root = own / "slots"
        # The boot code of the bench can die as well.
        tree = self.root / "slottree.py"
        tree.write_text(tree.read_text() + _DYING)
        self._die = folder / "die"

    def configure(self, group, **values):
        """Changes the vehicle's configuration, before the agent is started."""
        config = json.loads(self._config.read_text())
        config.setdefault(group, {}).update(values)
        self._config.write_text(json.dumps(config))

    def _vehicle(self, **options):
        shop = self.shop
        return super()._vehicle(
            update_keys=shop.people, hardware=shop.hardware, release=shop.releases["old"], **options
        )

    def start_room(self):
        script = str(ROOT / "tests/support/update_room.py")
        command = [script, str(self.bent), "--dir", str(self.room_folder), "--attached"]
        self._start("room", [sys.executable, *command])

    def start_agent(self, drain=30):
        """A release may end before it has said anything."""
        super().start_agent(drain, is_to_run=False)

    def _agent_program(self):
        where = {"env": {"PATH": "/usr/bin:/bin", "PATROL_DIE": str(self._die)}, "cwd": self.folder}
        if self._interpreter != "micropython":
            launcher = ROOT / "firmware/pi/launcher.py"
            return [sys.executable, "-B", str(launcher), str(self.root)], where
        where["env"]["MICROPYPATH"] = f"{ROOT / 'firmware/esp32'}:.frozen"
        where["env"]["PATROL_ROOT"] = str(self.root)
        heap = ["-X", f"heapsize={self._heap}"]
        return [micropython.find(), *heap, "-c", "import boot, main"], where

    def tend(self):
        """Starts the agent whenever it has ended, whatever the reason."""
        child = self._running["agent"]
        if not child.is_running():
            self.agent_exits.append(child.process.returncode)
            child.stop()
            self.start_agent(drain=5)

    def wait(self, condition, seconds, what):
        def tended():
            self.tend()
            return condition()

        super().wait(tended, seconds, what)

    def die(self, when):
        """The agent is to die before that write: "pointer", or the number of one."""
        self._die.write_text(str(when))

    def has_died(self):
        return not self._die.exists()


def _patrol(*words):
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "room", *words],
        capture_output=True, text=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout or not done.returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
