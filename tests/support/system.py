"""The whole system as processes that a test can kill and start again, one by one."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import time

from agent import port
from agent.comms import segment
from agent.port.errors import ASLEEP, WAKE_VARIABLE
from tools import interpreter, provision
from tools.demo import run as demo
from tools.demo.children import Child, micropython_agent
from tools.demo.received import Received
from tools.room import keys
from tools.room.sqlite import SqliteStore
from tools.room.store import StoreError

VEHICLE = "v-test0001"


class System:
    """`interpreter`: "cpython" or "micropython"; `port`: where the agent finds its broker, and
    `room_port` where the room finds it; `scenario`: what the emulated car does, by file; `heap`:
    MicroPython's."""

    def __init__(
        self, folder, interpreter, port, room_port=None, scenario=None, heap=demo.HEAP, **settings
    ):
        self.folder = folder
        self._heap = heap
        self._scenario = ["--scenario", str(scenario)] if scenario else []
        self.room_folder = folder / "room"
        self.journal = folder / "journal"
        self.interpreter = self._interpreter = interpreter
        self._running = {}
        self._starts = 0
        self._summary = None
        self.terminals = json.loads(self._start("emulator", self._emulator()).first_line())
        self._config = self._provision(room_port or port)
        config = json.loads(self._config.read_text())
        config["mqtt"]["port"] = port
        for group, values in settings.items():
            config.setdefault(group, {}).update(values)
        self._config.write_text(json.dumps(config))

    def _provision(self, port):
        """Makes room and vehicle; the path of the vehicle's configuration."""
        provision.create_room(self.room_folder, {"host": "127.0.0.1", "port": port})
        return self._vehicle()

    def _vehicle(self, **options):
        _, path = provision.create_vehicle(
            self.room_folder,
            VEHICLE,
            gps=(self.terminals["gps"], 9600),
            obd=(self.terminals["obd"], 38400),
            journal=self.journal,
            **options,
        )
        return path

    def _emulator(self):
        return [sys.executable, "-m", "tools.emulator", "--truth", str(self.folder / "truth.jsonl"),
                "--json", "--attached", *self._scenario]  # fmt: skip

    def _start(self, name, command, **where):
        self._starts += 1
        child = Child(name, command, self.folder / f"{name}-{self._starts}.log", **where)
        self._running[name] = child
        return child

    def start_room(self):
        command = ["-m", "tools.room", "serve", "--dir", str(self.room_folder), "--attached"]
        self._start("room", [sys.executable, *command])

    def start_agent(self, drain=30, is_to_run=True, woken=None):
        """is_to_run: it is expected to; else it may end at once. woken: what ended the machine's
        rest, as who powers it up tells the agent."""
        self._start_agent("agent", self._config, drain, is_to_run, woken)

    def begin(self, frames=1, seconds=40):
        """Starts room and agent, until the room holds so many frames."""
        self.start_room()
        self.start_agent()
        self.wait(lambda: self.status().get("acknowledged", 0) >= frames, seconds, "a connection")

    def begin_polling(self):
        """Starts room and agent, until the car's bus answers."""
        self.start_room()
        self.start_agent()
        polling = ("obd_state", ["polling"])
        self.wait(lambda: polling in self.events(), 60, "the car's bus")

    def exit_code(self):
        """Of an agent that ends by itself."""
        # Closed input ends nothing here, but CPython waits for it at its end.
        return self._running.pop("agent").stop(60)

    def _start_agent(self, name, config, drain, is_to_run=True, woken=None):
        program, where = self._agent_program()
        if woken:
            where["env"] = {**(where.get("env") or interpreter.environment()), WAKE_VARIABLE: woken}
        arguments = ["--config", str(config), "--attached", "--status", "0.2"]
        child = self._start(name, [*program, *arguments, "--drain", str(drain)], **where)
        if is_to_run:
            child.first_line()

    def _agent_program(self):
        """(command without arguments, where it runs as options of Popen)"""
        if self._interpreter == "micropython":
            return micropython_agent(self._heap)
        return [sys.executable, "-m", "agent"], {}

    def agent_log(self):
        """What the agent that runs now has said to people."""
        return self._running["agent"].log_text()

    def agent_text(self):
        """All that agents have said, in all their lives."""
        return "".join(p.read_text(errors="replace") for p in self.folder.glob("agent-*.log"))

    def order_row(self, number):
        """What `patrol room orders --json` says of one order."""
        done = subprocess.run(
            [sys.executable, "-m", "tools.cli", "room", "orders", VEHICLE, "--dir",
             str(self.room_folder), "--json"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return next(row for row in rows if row["order"] == number)

    def room_log(self):
        return self._running["room"].log_text()

    def kill(self, name):
        """As a power cut would."""
        child = self._running.pop(name)
        child.kill()
        child.stop()

    def stop_agent(self):
        """A clean end; the agent's summary."""
        child = self._running.pop("agent")
        code = child.stop(60)
        assert code == 0, f"code {code}\n{child.log_text()}"
        for line in reversed(child.lines):
            if "summary" in line:
                self._summary = json.loads(line)["summary"]
                return self._summary
        raise AssertionError("the agent gave no summary:\n" + child.log_text())

    def wait_asleep(self, seconds):
        """Until the agent has ended for a rest: what it has left beside the journal."""
        child = self._running["agent"]
        self.wait(lambda: not child.is_running(), seconds, "the agent's rest")
        assert child.process.returncode == ASLEEP, child.log_text()
        self._running.pop("agent").stop()
        return json.loads((self.journal / "rest.json").read_text())

    def tend(self):
        """Does what a service manager does: starts the agent that asked for it by its exit code.
        On CPython it starts anew by itself."""
        child = self._running["agent"]
        if not child.is_running():
            assert child.process.returncode == 75, child.log_text()
            child.stop()
            self.start_agent()

    def status(self):
        """The agent's last status line."""
        for line in reversed(self._running["agent"].lines):
            if "uptime_ms" in line:
                return json.loads(line)
        return {}

    def wait(self, condition, seconds, what):
        """Until `condition()` holds; fails with `what` and the agent's log."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what}: not within {seconds} s\n{self.agent_log()}"
            time.sleep(0.1)

    def journalled(self):
        """{(sid, number)} of the frames that lie in the journal, sound, right now."""
        storage = port.Storage(str(self.journal))
        found = set()
        for name in storage.names():
            if segment.is_name(name, "abt"):
                recovered, _ = segment.recover(storage, name)
                if recovered:
                    numbers = recovered.read_index(storage).numbers
                    found |= {(recovered.sid, number) for number in numbers}
        return found

    def received(self):
        """[(sid, number, lane)] in the order of arrival."""
        database = keys.load(self.room_folder).database
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            return db.execute(
                "SELECT sid, number, lane FROM frames JOIN sessions"
                " ON sessions.id = frames.session ORDER BY frames.id"
            ).fetchall()

    def events(self):
        """[(name, fields)] that the room has of the vehicle, in their order."""
        try:
            store = SqliteStore(keys.load(self.room_folder).database, readonly=True)
        except StoreError:
            return []  # the room is still making it
        try:
            return [(event.name, event.fields) for event in store.events(VEHICLE)]
        finally:
            store.close()

    def positions(self):
        """What the room has of the vehicle's way, as rows (see `tools.demo.received`)."""
        return Received(self.room_folder, VEHICLE).positions

    def close(self):
        for child in reversed(self._running.values()):
            child.stop()


def order(system, name, *arguments, role="danger", seconds=30):
    """Gives an order and waits for its end: what `patrol room order --json` prints."""
    words = ["order", VEHICLE, name, *arguments, "--dir", str(system.room_folder)]
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "room", *words, "--role", role, "--for", str(seconds),
         "--wait", "--json"],
        capture_output=True, text=True, timeout=seconds + 90,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def states(system, number):
    """The vehicle's words about an order, in their order."""
    return [f[1] for name, f in system.events() if name == "order" and f[0] == number]
