"""What the agent takes of MicroPython's heap, on a drive and by its code.

The drive is the real program compiled as a gateway carries it, under MicroPython's unix port: an
emulated car (a u-blox receiver at 5 Hz, an adapter at 115200 baud), the journal, mosquitto with the
certificates that provisioning makes (without mosquitto the embedded broker, without TLS), and a
technician who types at the console all the time. Once a second the agent's status tells what the
heap holds (`port.heap`). The modules are run in place, out of a ROM partition as boot code fills
it (agent/update/rom.py); with `--loaded` they are loaded into the heap, as on a board without one.

    peak_bytes            most that was in use just before a collection
    live_max_bytes        most that was still in use just after one
    free_after_gc_min     least that was free just after one
    allocated_per_second  bytes, over the drive without its first minute
    smallest_heapsize     with `--find`: least heap, in steps of 4 KB, in which short drives pass

A drive passes when the agent never ran out of memory, delivered all that it recorded, and ended
cleanly. The code's part is `heap_rooms.py`. Pointers here are twice as wide as a chip's.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import interpreter, provision
from tools.bench import heap_rooms
from tools.bench.technician import Technician
from tools.demo.children import (
    Child,
    ChildError,
    find_micropython,
    free_port,
    micropython_agent,
    rom_agent,
)
from tools.demo.received import Received
from tools.provision.broker import create_broker
from tools.release import ReleaseError

HEAPSIZE = "320K"
LOADED_HEAPSIZE = "448K"
MINUTES = 10
SCENARIO = "rabat-hour"
VEHICLE = "v-bench0001"
SERVER = "broker.bench"
_GPS_HZ = 5
# Some 20 values a second: two twice, the others once.
_SIGNALS = (
    "rpm", "speed", "load", "throttle", "lambda", "map", "maf", "timing", "rail_pressure", "egr",
    "evap", "absolute_load", "relative_throttle", "pedal", "torque", "fuel_rate", "catalyst",
    "clear_distance", "warmups", "barometer", "reference_torque",
)  # fmt: skip
_SEARCH_KB = (160, 512)  # of `--find`
_STEP_KB = 4
_SHORT_MINUTES = 2.0  # each command of the console once
_START_S = 40  # key agreement, journal, first status
_DRAIN_S = 20
_SETTLED_MS = 60000  # what comes before belongs to the start
_SAMPLES = 4000  # status lines: more than an hour has


class BenchError(Exception):
    """The benchmark cannot run; one line that says why."""

    def __init__(self, text, is_wrong_use=False):
        super().__init__(text)
        self.is_wrong_use = is_wrong_use


class OutOfMemory(Exception):
    """The drive did not pass; the text is what the agent said last."""


class _Rig:
    """Car, broker and room, in a folder of their own; `drive` runs the agent once."""

    def __init__(self, folder, agent=None, is_rom=False):
        """agent: a compiled agent's folder, or None: the working tree's; is_rom: it runs in place,
        out of a ROM partition."""
        self.folder = folder
        self.compiled = agent
        self._is_rom = is_rom
        self._children = []
        self._broker = None
        self.is_tls = False
        port = free_port()
        self.room = folder / "room"
        self._provision(port)
        self._start_broker(port)
        command = [sys.executable, "-m", "tools.room", "serve", "--dir", str(self.room)]
        self._children.append(Child("room", [*command, "--attached"], folder / "room.log"))

    def _provision(self, port):
        mosquitto = _find_mosquitto()
        where = {"host": "127.0.0.1", "port": port}
        if mosquitto is None:
            provision.create_room(self.room, where)
            return
        provision.create_fleet(self.room)
        provision.create_room(self.room, where, server_name=SERVER)
        self.is_tls = True

    def _start_broker(self, port):
        if not self.is_tls:
            child = Child(
                "broker", [sys.executable, "-m", "tools.demo.broker", str(port)],
                self.folder / "broker.log",
            )  # fmt: skip
            child.first_line()
            self._children.append(child)
            return
        path = create_broker(
            self.room, self.folder / "broker", port=port, bind="127.0.0.1", host=SERVER
        )
        if os.geteuid() == 0:  # else it could not read these files
            path.write_text("user root\n" + path.read_text())
        with open(self.folder / "mosquitto.log", "wb") as log:
            command = [_find_mosquitto(), "-c", str(path)]
            self._broker = subprocess.Popen(command, stdout=log, stderr=log)

    def _emulator(self, name):
        scenario = json.loads(
            (interpreter.ROOT / "tools/emulator/scenarios" / f"{SCENARIO}.json").read_text()
        )
        scenario["gps"] = {**scenario.get("gps", {}), "chip": "8", "baud": 9600}
        path = self.folder / "scenario.json"
        path.write_text(json.dumps(scenario))
        command = [sys.executable, "-m", "tools.emulator", "--scenario", str(path)]
        return Child("emulator", [*command, "--json", "--attached"], self.folder / f"{name}.log")

    def _configure(self, vehicle, terminals, console):
        own = self.room / "vehicles" / vehicle
        _, path = provision.create_vehicle(
            self.room,
            vehicle,
            gps=(terminals["gps"], 9600),
            obd=(terminals["obd"], 38400),
            journal=self.folder / f"journal-{vehicle}",
            target="esp32",
            install_dir=own,
        )
        config = json.loads(path.read_text())
        config["gps"]["period_ms"] = 1000 // _GPS_HZ
        config["obd"]["signals"] = list(_SIGNALS)
        config["console"] = {"port": console}
        path.write_text(json.dumps(config))
        return path

    def drive(self, vehicle, heapsize, minutes):
        """The drive's status lines and its figures. Raises OutOfMemory, BenchError."""
        emulator = self._emulator(vehicle)
        technician = Technician()
        agent = None
        try:
            terminals = json.loads(emulator.first_line())
            config = self._configure(vehicle, terminals, technician.path)
            program, where = self._agent(heapsize)
            command = [*program, "--config", str(config), "--attached", "--status", "1"]
            command += ["--drain", str(_DRAIN_S)]
            log = self.folder / f"{vehicle}-agent.log"
            agent = Child("agent", command, log, lines=_SAMPLES, **where)
            self._wait(agent, minutes, technician)
            code = agent.stop(_DRAIN_S + 20)
            return (*self._result(vehicle, agent, code), technician)
        finally:
            technician.close()
            emulator.stop()
            if agent is not None and agent.is_running():
                agent.kill()
            if agent is not None:
                agent.stop()

    def _agent(self, heapsize):
        if self._is_rom:
            return rom_agent(heapsize)
        program, where = micropython_agent(heapsize)
        if self.compiled:
            where = {"cwd": self.compiled, "env": interpreter.environment(self.compiled)}
        return program, where

    def _wait(self, agent, minutes, technician):
        try:
            agent.first_line(_START_S)
        except ChildError as e:
            raise OutOfMemory(str(e)) from None
        technician.start()
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            time.sleep(0.5)
            if not agent.is_running() or "MemoryError" in agent.log_text():
                raise OutOfMemory(agent.last_words())

    def _result(self, vehicle, agent, code):
        lines = [json.loads(line) for line in agent.lines if line.startswith("{")]
        samples = [line for line in lines if "heap" in line]
        summary = [line["summary"] for line in lines if "summary" in line]
        if code or not summary or "MemoryError" in agent.log_text():
            raise OutOfMemory(agent.last_words())
        summary = summary[-1]
        if summary["left"] or not summary["acknowledged"]:
            raise OutOfMemory(f"{summary['left']} frames were not delivered")
        received = Received(self.room, vehicle)
        return samples, summary, len(received.positions), len(received.values)

    def close(self):
        for child in reversed(self._children):
            child.stop()
        if self._broker is not None:
            self._broker.terminate()
            self._broker.wait()


def _find_mosquitto():
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _bytes(heapsize):
    found = re.fullmatch(r"(\d{1,6})[Kk]", heapsize)
    if not found:
        raise BenchError(f"heapsize {heapsize}: such as 320K is wanted", is_wrong_use=True)
    return int(found[1]) * 1024


def _figures(size, result):
    samples, summary, positions, values, technician = result
    begin = min(_SETTLED_MS, samples[-1]["uptime_ms"] // 2)
    settled = [s for s in samples if s["uptime_ms"] >= begin]
    first, last = settled[0], settled[-1]
    seconds = (last["uptime_ms"] - first["uptime_ms"]) / 1000 or 1
    live = [s["heap"][1] for s in samples]
    fifth = max(1, len(settled) // 5)
    after = [size - s["heap"][1] for s in settled]
    return {
        "heapsize": size,
        "minutes": round(samples[-1]["uptime_ms"] / 60000, 1),
        "peak_bytes": max(s["heap"][0] for s in samples),
        "live_max_bytes": max(live),
        "free_after_gc_min": size - max(live),
        "free_after_gc_first": sum(after[:fifth]) // fifth,
        "free_after_gc_last": sum(after[-fifth:]) // fifth,
        "allocated_per_second": round((last["heap"][2] - first["heap"][2]) / seconds),
        "fixes_per_second": _per_second(summary, "gps", "epochs"),
        "obd_values_per_second": _per_second(summary, "obd", "values"),
        "commands_answered": technician.answered,
        "commands_missed": technician.missed,
        "frames": summary["frames"],
        "positions_in_room": positions,
        "values_in_room": values,
    }


def _per_second(summary, part, name):
    return round(summary["counters"].get(part, {}).get(name, 0) * 1000 / summary["uptime_ms"], 1)


@contextlib.contextmanager
def _rig(agent=None, is_rom=False):
    with tempfile.TemporaryDirectory(prefix="patrol-bench-") as name:
        rig = None
        try:
            rig = _Rig(Path(name), agent, is_rom)
            yield rig
        finally:
            if rig:
                rig.close()


def find(rig, minutes=_SHORT_MINUTES):
    """The smallest heap in KB in which a short drive passes, by halving."""
    low, high = (n // _STEP_KB for n in _SEARCH_KB)
    count = 0
    while low < high:
        middle = (low + high) // 2
        count += 1
        try:
            rig.drive(f"v-find{count:04}", f"{middle * _STEP_KB}K", minutes)
            high = middle
        except OutOfMemory:
            low = middle + 1
    return high * _STEP_KB


def run(minutes=MINUTES, heapsize=None, is_search=False, agent=None, is_loaded=False):
    """The figures; `rows`: the rooms' code. agent: a compiled agent's folder, or None: the working
    tree's; is_loaded: the modules are loaded into the heap."""
    heapsize = heapsize or (LOADED_HEAPSIZE if is_loaded else HEAPSIZE)
    size = _bytes(heapsize)
    try:
        program = find_micropython()
        rooms = heap_rooms.measure(program, agent or interpreter.compiled())
    except (ChildError, ReleaseError) as e:
        return {"skipped": str(e)}
    figures = {"rows": heap_rooms.table(rooms), "modules": "loaded" if is_loaded else "in place"}
    with _rig(agent, not is_loaded) as rig:
        if is_search:
            figures["smallest_heapsize"] = 1024 * find(rig)
        try:
            result = rig.drive(VEHICLE, heapsize, minutes)
        except OutOfMemory as e:
            figures.update(heapsize=size, failed=str(e))
            return figures
        figures.update(_figures(size, result), tls=rig.is_tls)
    return figures
