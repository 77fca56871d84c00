"""Starts and ends the parts of the demo, and sums up what came through.

    emulated car (pseudo-terminals) -> agent -> embedded broker -> room -> SQLite

Each part is a program of its own, as it would be in the field; all listen on 127.0.0.1 only.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools import provision
from tools.demo.children import Child, ChildError, free_port, micropython_agent
from tools.demo.compare import compare
from tools.demo.received import Received

VEHICLE = "v-demo0001"
HEAP = "512K"  # of the agent under MicroPython
_DRAIN_S = 15  # the agent's last frames, and the room's answer


@dataclass
class Options:
    """What to run; `nmea`: a capture to replay as the GPS receiver."""

    scenario: str = "casablanca-short"
    nmea: Path | None = None
    micropython: bool = False
    folder: Path | None = None


class Demo:
    """A context manager: everything runs inside, nothing is left after it."""

    def __init__(self, options):
        self._options = options
        self._temporary = None
        self._children = []
        self.agent = None
        self.folder = None
        self.origin_ms = None  # wall time of the agent's uptime 0
        self._summary = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stop_all()
            raise
        return self

    def __exit__(self, *error):
        self._stop_all()

    def _start(self):
        if self._options.folder:
            self.folder = self._options.folder.resolve()
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            self._temporary = tempfile.TemporaryDirectory(prefix="patrol-demo-")
            self.folder = Path(self._temporary.name)
        program, where = self._agent_program()
        port = free_port()
        broker = self._child("broker", [sys.executable, "-m", "tools.demo.broker", str(port)])
        terminals = json.loads(self._emulator().first_line())
        room = self.folder / "room"
        provision.create_room(room, {"host": "127.0.0.1", "port": port})
        config = self._configure(room, terminals)
        broker.first_line()
        command = [sys.executable, "-m", "tools.room", "serve", "--dir", str(room), "--attached"]
        self._child("room", command)
        self.agent = self._child(
            "agent",
            [*program, "--config", str(config), "--attached"]
            + ["--status", "0.5", "--drain", str(_DRAIN_S)],
            **where,
        )
        first = json.loads(self.agent.first_line())
        self.origin_ms = time.time_ns() // 1_000_000 - first["uptime_ms"]

    def _agent_program(self):
        if self._options.micropython:
            return micropython_agent(HEAP)
        return [sys.executable, "-m", "agent"], {}

    def _emulator(self):
        command = [sys.executable, "-m", "tools.emulator", "--scenario", self._options.scenario]
        command += ["--truth", str(self.folder / "truth.jsonl"), "--json", "--attached"]
        if self._options.nmea:
            command += ["--nmea", str(self._options.nmea.resolve())]
        return self._child("emulator", command)

    def _configure(self, room, terminals):
        """The vehicle's configuration; a replayed capture's dates are those of its recording."""
        _, path = provision.create_vehicle(
            room,
            VEHICLE,
            gps=(terminals["gps"], 9600),
            obd=(terminals["obd"], 38400),
            journal=self.folder / "journal",
        )
        config = json.loads(path.read_text())
        config["reporting"] = {"profile": "patrol"}
        if self._options.nmea:
            config["time"] = {"not_before_utc_ms": 0}
        path.write_text(json.dumps(config))
        return path

    def _child(self, name, command, **where):
        child = Child(name, command, self.folder / f"{name}.log", **where)
        self._children.append(child)
        return child

    def check(self):
        """Raises ChildError when a part has ended before its time."""
        for child in self._children:
            if not child.is_running():
                raise ChildError(f"{child.name} ended: {child.last_words()}")

    def status(self):
        """The agent's last status line as a dict."""
        for line in reversed(self.agent.lines):
            found = json.loads(line)
            if "uptime_ms" in found:
                return found
        return {}

    def finish(self):
        """Ends the agent, which delivers what it has; then the room, the emulator, the broker."""
        code = self.agent.stop(_DRAIN_S + 10)
        if code != 0:
            raise ChildError(f"agent ended with code {code}: {self.agent.last_words()}")
        for line in reversed(self.agent.lines):
            found = json.loads(line)
            if "summary" in found:
                self._summary = found["summary"]
                break
        else:
            raise ChildError(f"agent gave no summary: {self.agent.last_words()}")
        self._stop_all(keep_folder=True)

    def _stop_all(self, keep_folder=False):
        for child in reversed(self._children):
            if child.process.stdin and not child.process.stdin.closed:
                child.stop()
        if self._temporary and not keep_folder:
            self._temporary.cleanup()

    def summary(self):
        """(figures for the command line, lines that tell what differed), after `finish`."""
        received = Received(self.folder / "room", VEHICLE)
        with open(self.folder / "truth.jsonl") as f:
            truth = [json.loads(line) for line in f]
        result = compare(
            received.positions,
            received.values,
            truth,
            self.origin_ms,
            check_dates=not self._options.nmea,
        )
        journalled = self._summary["frames"]
        problems = list(result.wrong)
        if received.records != self._summary["records"]:
            text = f"{self._summary['records']} records were recorded, {received.records} arrived"
            problems.append(text)
        figures = {
            "journalled": journalled,
            "received": received.frames,
            "acknowledged": self._summary["acknowledged"],
            "missing": max(0, journalled - received.frames),
            "duplicates": received.duplicates,
            "invented": max(0, received.frames - journalled),
            "gaps": received.gaps,
            "values_compared": result.compared,
            "values_wrong": len(problems),
            "positions": result.positions,
            "readings": result.values,
            "records_journalled": self._summary["records"],
            "records_received": received.records,
        }
        return figures, problems
