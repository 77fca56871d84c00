"""The set test: an emulated drive with the link cut and everything killed, again and again.

    python tests/faults/set_test.py                      an hour of driving, 210 cuts, 60 kills
    python tests/faults/set_test.py --seconds 240 --cuts 14 --kills 5

Real programs on both interpreters at the same time, each with a car, a bad link, a mosquitto that
keeps nothing over a restart, and a room with its durable store. The agent's time and the car's run
SPEED times as fast (`fast_agent.py`), and a ledger tells of every frame from its seal to its
removal. In the end

    journalled  is a part of  received + reported gaps       missing 0
    received    is a part of  sealed                         invented 0
    the room holds no frame twice                            duplicates 0
    erased      is a part of  acknowledged + reported gaps   erased_unproved 0
    acknowledged is a part of received + reported gaps       acknowledged_unheld 0

All that happens is drawn from the seed before the start; what it meets depends on the machine.
"""

import argparse
import contextlib
import json
import random
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support import micropython  # noqa: E402
from tests.support.brokers import Mosquitto, free_port  # noqa: E402
from tests.support.system import System  # noqa: E402
from tools.demo import run as demo  # noqa: E402
from tools.emulator.chaos import Chaos  # noqa: E402
from tools.emulator.chaos_link import LinkScript  # noqa: E402
from tools.room import keys  # noqa: E402

SPEED = 10
HOUR = 3600
CUTS = 210  # some meet no connection
SCENARIO = "rabat-hour"
VICTIMS = ("agent", "broker", "room")
# What ends a connection, by weight; and what does not, on top of it.
_CUTS = {"cut": 6, "torn": 4, "down": 3, "dark": 3, "half_open": 2, "overtaken": 2}
_TROUBLE = {"stall": 1, "twice": 2}
_LASTING_S = (0.05, 1.0)  # real seconds
_RETURN_S = (0.1, 1.5)  # a broker or a room comes back after so long; an agent at once
_PATIENCE_S = 4.0  # the longest back-off is 30 s of the agent's time
_CALM_S = 120  # for all to be delivered in the end
_PRESS_S = (1.0, 8.0)  # real seconds between changes of the panic input


class Killed(System):
    """A System in fast time with a ledger."""

    def __init__(self, folder, interpreter, broker, link, seed):
        self.broker = broker
        self.panic = folder / "panic"
        self.panic.write_text("0")
        self.ledger = folder / "ledger"
        super().__init__(
            folder,
            interpreter,
            link.port,
            room_port=broker.port,
            gps={"configure": False, "set_baud": None},
            inputs={"panic": str(self.panic)},
            mqtt={"keepalive_s": 5, "connect_timeout_s": 5},
        )
        config = json.loads(self._config.read_text())
        config["obd"] = None
        self._config.write_text(json.dumps(config))

    def _emulator(self):
        return [*super()._emulator(), "--scenario", SCENARIO, "--speed", str(SPEED)]

    def start_agent(self):
        program = [sys.executable]
        if self._interpreter == "micropython":
            program = [micropython.find(), "-X", f"heapsize={demo.HEAP}"]
        child = self._start(
            "agent",
            [*program, "tests/faults/fast_agent.py", str(SPEED), str(self.ledger)]
            + ["--config", str(self._config), "--attached", "--status", "2"]
            + ["--drain", str(_CALM_S * SPEED)],
        )
        child.first_line()

    def kill(self, name):
        if name == "broker":
            self.broker.kill()
        else:
            super().kill(name)

    def stop_agent(self):
        """It ends when all is delivered; its summary."""
        child = self._running.pop("agent")
        code = child.stop(_CALM_S + 30)
        assert code == 0, f"code {code}\n{child.log_text()}"
        return json.loads(next(x for x in reversed(child.lines) if "summary" in x))["summary"]

    def restart(self, name):
        {"agent": self.start_agent, "broker": self.broker.start, "room": self.start_room}[name]()


def plan(seconds, cuts, kills, seed):
    """[(real second, action, ...)] in order: ("link", what, for), ("kill", who, for) or
    ("panic",)."""
    rng = random.Random(seed)
    rows = []
    for kinds, count in ((_CUTS, cuts), (_TROUBLE, cuts // 5)):
        names, weights = sorted(kinds), [kinds[kind] for kind in sorted(kinds)]
        for _ in range(count):
            kind = rng.choices(names, weights)[0]
            rows.append((rng.uniform(0, seconds), "link", kind, rng.uniform(*_LASTING_S)))
    for i in range(kills):
        rows.append((rng.uniform(0, seconds), "kill", VICTIMS[i % 3], rng.uniform(*_RETURN_S)))
    at = 0.0
    while (at := at + rng.uniform(*_PRESS_S)) < seconds:
        rows.append((at, "panic"))
    return sorted(rows)


def disturb(system, link, rows, began):
    """Carries the plan out; who was killed comes back in time, also when the next thing is late."""
    back = []  # (second, who)
    done = {"cuts": 0, "cuts_of_a_connection": 0, "kills": dict.fromkeys(VICTIMS, 0)}
    for at, action, *rest in [*rows, (rows[-1][0] + 5, "end")]:
        while back and back[0][0] <= at:
            due, who = back.pop(0)
            _sleep_until(began + due)
            system.restart(who)
        _sleep_until(began + at)
        if action == "panic":
            system.panic.write_text("1" if system.panic.read_text() == "0" else "0")
        elif action == "link":
            if rest[0] in _CUTS:
                began += _wait_for_a_connection(link)  # all that follows is so much later
                done["cuts"] += 1
                done["cuts_of_a_connection"] += len(link.connections) > 0
            link.do(*rest)
        elif action == "kill":
            who, lasting = rest
            if who in [name for _, name in back]:  # it is dead already: now rather than never
                due = next(row for row in back if row[1] == who)
                back.remove(due)
                system.restart(who)
            system.kill(who)
            done["kills"][who] += 1
            back.append((at + (0 if who == "agent" else lasting), who))
            back.sort()
    return done


def _wait_for_a_connection(link):
    """A cut is to meet one. Returns the seconds waited; where it does not come, for example because
    the broker is dead just now, the cut meets nothing."""
    start = time.monotonic()
    while not link.connections and time.monotonic() - start < _PATIENCE_S:
        time.sleep(0.01)
    return time.monotonic() - start


def _sleep_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def read_ledger(path):
    """(sealed, journalled, acknowledged as {sid: (upto, ranges)} rows, erased)."""
    sealed, journalled, erased, statements = set(), set(), set(), []
    for line in path.read_text().splitlines():
        kind, sid, *rest = line.split()
        if kind == "K":
            ranges = [] if rest[1] == "-" else [r.split("-") for r in rest[1].split(",")]
            statements.append((sid, int(rest[0]), [(int(a), int(b)) for a, b in ranges]))
        else:
            {"A": sealed, "J": journalled, "E": erased}[kind].add((sid, int(rest[0])))
    return sealed, journalled, statements, erased


def acknowledged(statements, sealed):
    """The frames that these statements speak of, among those that were sealed."""
    found = set()
    newest = {}
    for sid, upto, ranges in statements:
        newest[sid] = max(newest.get(sid, 0), upto)
        for first, last in set(ranges):
            found |= {(sid, n) for n in range(first, min(last, first + 100000) + 1)}
    return {f for f in sealed if f in found or f[1] < newest.get(f[0], 0)}


def in_room(database):
    """(rows of (sid, number), gaps as (sid, first, last))"""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        frames = db.execute(
            "SELECT lower(hex(sid)), number FROM frames"
            " JOIN sessions ON sessions.id = frames.session"
        ).fetchall()
        gaps = db.execute("SELECT lower(hex(sid)), first, last FROM gaps").fetchall()
    return frames, gaps


def judge(ledger, database):
    """The figures; all of the last five must be 0."""
    sealed, journalled, statements, erased = read_ledger(ledger)
    frames, gaps = in_room(database)
    received = set(frames)
    proved = acknowledged(statements, sealed)

    def is_told(frame):
        return any(sid == frame[0] and a <= frame[1] <= b for sid, a, b in gaps)

    return {
        "sealed": len(sealed),
        "journalled": len(journalled),
        "received": len(received),
        "acknowledged": len(proved),
        "erased": len(erased),
        "gaps": len(gaps),
        "journalled_in_gaps": len([f for f in journalled - received if is_told(f)]),
        "missing": len([f for f in journalled - received if not is_told(f)]),
        "invented": len(received - sealed),
        "duplicates": len(frames) - len(received),
        "erased_unproved": len([f for f in erased - proved if not is_told(f)]),
        "acknowledged_unheld": len([f for f in proved - received if not is_told(f)]),
    }


FAULTS = ("missing", "invented", "duplicates", "erased_unproved", "acknowledged_unheld")


def run(folder, interpreter, seconds=HOUR, cuts=CUTS, kills=60, seed=1):
    """One interpreter's figures, for so many emulated seconds."""
    folder = Path(folder) / interpreter
    folder.mkdir(parents=True)
    script = LinkScript(seed=seed, round_trip_ms=20, jitter_ms=10, up_bytes_per_s=200000)
    with (
        Mosquitto(folder / "broker", port=free_port()) as broker,
        Chaos(broker.port, script) as link,
    ):
        system = Killed(folder, interpreter, broker, link, seed)
        try:
            system.start_room()
            system.start_agent()
            began = time.monotonic() + 1
            done = disturb(system, link, plan(seconds / SPEED, cuts, kills, seed), began)
            summary = system.stop_agent()
        finally:
            system.close()
        figures = judge(system.ledger, keys.load(system.room_folder).database)
        return {
            "interpreter": interpreter,
            "seconds": seconds,
            "cuts": done["cuts"],
            "cuts_of_a_connection": done["cuts_of_a_connection"],
            "kills": sum(done["kills"].values()),
            **{f"{who}_kills": count for who, count in done["kills"].items()},
            "connections": link.counters["connections"],
            "left": summary["left"],
            **figures,
        }


def run_all(folder, **options):
    """Figures of both interpreters, which run at the same time."""
    names = ["cpython"] + (["micropython"] if micropython.find() else [])
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda name: run(folder, name, **options), names))


def main():
    parser = argparse.ArgumentParser(description="An hour of driving with everything killed.")
    parser.add_argument("--seconds", type=int, default=HOUR, help="of emulated driving")
    parser.add_argument("--cuts", type=int, default=CUTS)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="patrol-set-test-") as folder:
        rows = run_all(folder, **options)
    for row in rows:
        print(json.dumps(row))
    failed = [row for row in rows if row["left"] or any(row[key] for key in FAULTS)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
