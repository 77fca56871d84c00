"""Delivery over a bad link: how fast a backlog drains, and how long a panic press takes meanwhile.

Everything is the real program: emulated GPS on a pseudo-terminal, the agent (CPython), the emulated
link (`tools/emulator/chaos.py`: round trip and bandwidth), mosquitto, the room with its durable
store. The agent finds a day's backlog in its journal. What is measured ends when another process
can read it in the room's data base.

    backlog_drain_fraction   sealed frames' bytes a second of the link's bytes a second upwards
    panic_*_ms               from the input's change to the event's row, while the backlog drains
    idle_panic_*_ms          the same without a backlog
    reconnect_*              from the broker's CONNACK until the newest position is in the room
"""

import contextlib
import json
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from agent import config as agent_config
from agent import port, records
from agent.comms import mqtt_packets
from agent.comms import session as sessions
from agent.comms.batch import Batch
from agent.comms.journal import Journal
from agent.port import curve25519
from tools import provision
from tools.demo.children import Child, free_port
from tools.emulator import load as load_scenario
from tools.emulator.chaos import Chaos
from tools.emulator.chaos import load as load_link
from tools.emulator.vehicle import Vehicle
from tools.room import keys
from tools.room.dating import Dating
from tools.room.sqlite import SqliteStore

SCRIPT = "lte"
PRESSES = 500
VEHICLE = "v-bench0001"
_FIXES = 60  # of a frame
_QUOTA = 64 << 20
_PAUSE_S = (0.02, 0.12)  # between a release's arrival and the next press
_NOISE = (8, 8, 30, 10, 50)  # of lat and lon (micro-degrees), altitude, speed, heading
_OVERHEAD = 25  # of a frame, beside its plaintext
_WAIT_S = 60
_PINGS = 20


class BenchError(Exception):
    """The benchmark cannot run; one line that says why."""


class _Watch:
    """Looks into the room's data base all the time: when did what become readable there."""

    def __init__(self, database):
        self._database = database
        self._over = threading.Event()
        self.panics = []  # second of each pressed panic's row
        self.releases = 0
        self.frames = []  # (second, lane, bytes)
        self.positions = []  # (second, its uptime), newest positions one after the other
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._is_there() and not self._over.is_set():
            time.sleep(0.01)
        event = frame = 0
        with contextlib.closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as db:
            version = None
            while not self._over.is_set():
                time.sleep(0.001)
                try:
                    now = db.execute("PRAGMA data_version").fetchone()
                    if now == version:
                        continue
                    version = now
                    events = db.execute(
                        "SELECT id, name, fields FROM events WHERE id > ? ORDER BY id", (event,)
                    ).fetchall()
                    frames = db.execute(
                        "SELECT id, lane, length(plaintext) FROM frames WHERE id > ? ORDER BY id",
                        (frame,),
                    ).fetchall()
                    newest = db.execute("SELECT session, t FROM last_positions").fetchone()
                except sqlite3.Error:
                    continue  # the room is still making it
                at = time.monotonic()
                event = max([event] + [row[0] for row in events])
                frame = max([frame] + [row[0] for row in frames])
                for _, name, fields in events:
                    if name == "panic" and json.loads(fields) == [1]:
                        self.panics.append(at)
                    elif name == "panic":
                        self.releases += 1
                for _, lane, size in frames:
                    self.frames.append((at, lane, size + _OVERHEAD))
                if newest and (not self.positions or newest[1] != self.positions[-1][1]):
                    self.positions.append((at, newest[1]))

    def _is_there(self):
        return self._database.exists() and self._database.stat().st_size > 0

    def close(self):
        self._over.set()
        self._thread.join()


class _Rig:
    """The programs, in a folder of their own."""

    def __init__(self, folder, script, backlog_bytes):
        self.folder = folder
        self.children = []
        broker_port = free_port()
        self.broker = self._mosquitto(broker_port)
        self.link = Chaos(broker_port, script)
        self.link.__enter__()
        self.panic = folder / "panic"
        self.panic.write_text("0")
        room = folder / "room"
        provision.create_room(room, {"host": "127.0.0.1", "port": broker_port})
        self.database = keys.load(room).database
        terminals = json.loads(self._child("emulator", "tools.emulator", "--json").first_line())
        self.config = self._configure(room, terminals, self.link.port)
        self.backlog = _fill(self.config, backlog_bytes)
        self.room = self._child("room", "tools.room", "serve", "--dir", str(room))
        self.watch = _Watch(self.database)

    def _mosquitto(self, port_number):
        program = shutil.which("mosquitto", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
        if program is None:
            raise BenchError("bench link wants mosquitto (apt install mosquitto)")
        path = self.folder / "mosquitto.conf"
        lines = ["allow_anonymous true", "set_tcp_nodelay true", "persistence false", "user root"]
        path.write_text(f"listener {port_number} 127.0.0.1\n" + "\n".join(lines) + "\n")
        with open(self.folder / "mosquitto.log", "wb") as log:
            return subprocess.Popen([program, "-c", str(path)], stdout=log, stderr=log)

    def _child(self, name, module, *arguments):
        command = [sys.executable, "-m", module, *arguments, "--attached"]
        child = Child(name, command, self.folder / f"{name}.log")
        self.children.append(child)
        return child

    def _configure(self, room, terminals, port_number):
        _, path = provision.create_vehicle(
            room, VEHICLE, gps=(terminals["gps"], 9600), journal=self.folder / "journal"
        )
        config = json.loads(path.read_text())
        config["mqtt"]["port"] = port_number
        config["inputs"] = {"panic": str(self.panic)}
        config["journal"]["quota_bytes"] = _QUOTA
        path.write_text(json.dumps(config))
        return path

    def start_agent(self):
        self.agent = self._child(
            "agent", "agent", "--config", str(self.config), "--status", "0.2", "--drain", "0"
        )
        self.agent.first_line()

    def status(self):
        return json.loads(self.agent.lines[-1])

    def wait(self, condition, what, seconds=_WAIT_S):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise BenchError(f"bench link: {what}: not within {seconds} s; {self.folder}")
            time.sleep(0.005)

    def close(self):
        for child in reversed(self.children):
            child.stop(5)
        self.watch.close()
        self.link.__exit__()
        self.broker.terminate()
        self.broker.wait()


def _fill(path, size):
    """Writes an earlier session's backlog of so many bytes; the number of its frames."""
    config = agent_config.load(str(path))
    journal = Journal(port.Storage(config["journal"]["dir"]), _QUOTA, 16384, 1 << 30)
    journal.recover()
    identity = sessions.identity(config)
    steps = sessions.open_steps(identity, 0, port.random_bytes(32), 0)
    journal.begin(curve25519.run(steps))
    count = written = 0
    texts = _drive()
    while written < size:
        text = texts[count % len(texts)]
        journal.append(records.FINE, text, count)
        written += len(text) + _OVERHEAD
        count += 1
    journal.close()
    return count


def _drive():
    """Plaintexts of an hour's drive, 60 fixes each, with a receiver's noise of a metre or so."""
    car = Vehicle(load_scenario("casablanca-short"))
    rng = random.Random(1)
    texts = []
    for start in range(0, 3600, _FIXES):
        batch = Batch()
        for t in range(start, start + _FIXES):
            state = car.at(t)
            flags = 1 | records.HAS_ALT | records.HAS_SPEED | records.HAS_HEADING | records.HAS_SATS
            row = [state.lat * 1e6, state.lon * 1e6, state.alt * 100, abs(state.speed) * 100,
                   state.heading * 100]  # fmt: skip
            row = [round(x + rng.gauss(0, e)) for x, e in zip(row, _NOISE, strict=True)]
            row[3:] = max(0, row[3]), row[4] % 36000
            batch.add((records.POSITION, 1000 * t, *row, 9, flags), 0)
        texts.append(batch.encode())
    return texts


def _press(rig, count, rng):
    """ms of each press, from the input's change to the row in the room's data base."""
    found = []
    for _ in range(count):
        before = len(rig.watch.panics)
        pressed = time.monotonic()
        rig.panic.write_text("1")
        rig.wait(lambda n=before: len(rig.watch.panics) > n, "a panic press", 10)
        found.append((rig.watch.panics[before] - pressed) * 1000)
        # Where the machine is busy, a release may be overlooked that is as short as a bounce.
        released = rig.watch.releases
        rig.panic.write_text("0")
        rig.wait(lambda n=released: rig.watch.releases > n, "a release", 10)
        time.sleep(rng.uniform(*_PAUSE_S))
    return sorted(found)


def _round_trip(rig):
    """ms of a PINGREQ and its answer through the link, the median."""
    found = []
    with socket.create_connection(("127.0.0.1", rig.link.port), timeout=10) as s:
        s.sendall(mqtt_packets.connect("bench", 60))
        s.recv(100)
        for _ in range(_PINGS):
            began = time.monotonic()
            s.sendall(mqtt_packets.PINGREQ_PACKET)
            s.recv(100)
            found.append((time.monotonic() - began) * 1000)
    return sorted(found)[_PINGS // 2]


def _reconnect(rig):
    """(ms from CONNACK until the newest position is in the room, its age in ms at CONNACK)."""
    rig.link.do("down", 4)
    rig.wait(lambda: rig.status()["link"] != "online", "the link's end")
    before = rig.link.answered
    rig.wait(lambda: rig.link.answered > before, "a new connection")
    connack, wall = rig.link.answered, time.time_ns() // 1000000
    rig.wait(lambda: rig.watch.positions[-1][0] > connack, "a position")
    at, uptime = next(row for row in rig.watch.positions if row[0] > connack)
    return (at - connack) * 1000, wall - _utc(rig, uptime)


def _utc(rig, uptime):
    """UTC of the running agent's uptime."""
    store = SqliteStore(rig.database, readonly=True)
    try:
        return Dating(store.anchors(store.sessions(VEHICLE)[-1])).utc(uptime)
    finally:
        store.close()


def _drained(rows, began, ended):
    """Bytes of the backlog a second between two moments."""
    inside = [size for at, lane, size in rows if lane == "b" and began < at <= ended]
    return sum(inside) / (ended - began)


def measure(script=SCRIPT, presses=PRESSES, backlog=None):
    """The figures of one link. backlog: bytes; enough for all the presses where None."""
    chosen = load_link(script)
    rate = chosen.up_bytes_per_s
    if backlog is None:
        backlog = round(rate * (10 + presses * (0.3 + chosen.round_trip_ms / 1000)))
    with tempfile.TemporaryDirectory(prefix="patrol-bench-") as name:
        rig = _Rig(Path(name), chosen, backlog)
        try:
            return _run(rig, chosen, presses, rate)
        finally:
            rig.close()


def _run(rig, script, presses, rate):
    rng = random.Random(script.seed)
    round_trip = _round_trip(rig)
    rig.start_agent()
    rig.wait(lambda: rig.status()["acknowledged"] > 0, "the first acknowledgement")
    began = time.monotonic() + 2  # the window has found the link's bandwidth
    time.sleep(3)
    busy = _press(rig, presses, rng)
    ended = rig.watch.frames[-1][0]
    if not rig.status()["left"] > script.buffer_bytes // 300:
        raise BenchError("bench link: the backlog was drained before the last press")
    drained = _drained(rig.watch.frames, began, ended)
    reconnect, age = _reconnect(rig)
    rig.wait(lambda: rig.status()["left"] < 20, "the end of the backlog", 600)
    idle = _press(rig, presses, rng)
    return {
        "round_trip_ms": round(round_trip, 1),
        "bytes_per_s": rate,
        "backlog_drain_fraction": round(drained / rate, 3),
        "panic_p50_ms": round(busy[len(busy) // 2], 1),
        "panic_p99_ms": round(busy[len(busy) * 99 // 100], 1),
        "panic_max_ms": round(busy[-1], 1),
        "idle_panic_p50_ms": round(idle[len(idle) // 2], 1),
        "idle_panic_p99_ms": round(idle[len(idle) * 99 // 100], 1),
        "presses": presses,
        "reconnect_newest_position_ms": round(reconnect, 1),
        "reconnect_position_age_ms": age,
    }


def run():
    return measure()
