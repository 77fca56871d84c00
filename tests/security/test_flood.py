"""A flood of what comes down: the agent records on at its rate, its memory stays as it was, nothing
is lost, and the room's acknowledgements get through.

PATROL_LONG=1: 10,000 messages in 10 s of each kind; else 2,000 in 2 s.
"""

import json
import os
import time
from pathlib import Path

import pytest

from agent.comms import inbox
from agent.comms.seal import DOWN
from tests.security import down
from tests.security.scene import TO_CAR, opened
from tests.support import micropython
from tests.support.system import VEHICLE
from tools.demo.compare import compare
from tools.demo.received import Received

LONG = bool(os.environ.get("PATROL_LONG"))
COUNT, SECONDS = (10000, 10) if LONG else (2000, 2)
_SETTLED_MS = 5000  # by then the receiver has been found, and its epochs come whole
_AGAIN_S = 30  # the longest that acknowledgements may stay away behind a flood
_MEMORY = 8 * 1024 * 1024  # bytes of CPython's process: 10,000 messages kept would be twice that


def garbage(scene):
    """Of every size; some are the room's frames with a wrong head."""
    frame = scene.downs()[-1]
    made = [scene.random.randbytes(n % 300) for n in range(COUNT - COUNT // 4)]
    made = [b"\xa5" + data[1:] for data in made]
    return made + [down.flip(frame, n % 5, 1 << n % 8) for n in range(COUNT // 4)]


def replayed(scene):
    frames = scene.downs()[-50:]
    return [frames[n % len(frames)] for n in range(COUNT)]


def forged(scene):
    """All that a broker can make up: this session's head, a fresh number, and noise."""
    head = bytes((DOWN,)) + scene.worker().row.sid
    return [head + ((1 << 30) + n).to_bytes(4, "big") + scene.random.randbytes(60)
            for n in range(COUNT)]  # fmt: skip


def orders(scene):
    """Of a worker that has gone bad: each is genuine, with a number of its own."""
    made = [[inbox.ORDER, n, 1 << 40, 0, "ping", {}] for n in scene.ids(COUNT)]
    return scene.stream(made)


# kind; counters of the vehicle that together take up all of it; whether acknowledgements get
# through in the midst of it
FLOODS = (
    (garbage, ("inbox.size", "inbox.type", "inbox.session"), True),
    (replayed, ("inbox.replayed",), True),
    (forged, ("inbox.flood", "inbox.seal"), False),
    (orders, ("inbox.flood", "inbox.replayed", "orders.received", "orders.busy"), False),
)


@pytest.fixture(params=("cpython", "micropython"))
def scene(request, tmp_path):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    with opened(tmp_path, request.param, has_past=False) as scene:
        yield scene


def memory(scene):
    """Bytes of the agent's process that are in memory."""
    text = Path(f"/proc/{scene._running['agent'].process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


def total(scene, counters):
    status = scene.status()
    return sum(status[part].get(name, 0) for part, name in (c.split(".") for c in counters))


def flood(scene, kind, counters):
    """One flood; what happened, as figures."""
    payloads = kind(scene)
    scene.goes_on()
    before, memory_before, counted = scene.status(), memory(scene), total(scene, counters)
    took = scene.car.flood(TO_CAR, payloads, COUNT, SECONDS)
    scene.wait(
        lambda: total(scene, counters) >= counted + COUNT, 20, f"{kind.__name__}: all counted"
    )
    after, end = scene.status(), time.monotonic()
    scene.goes_on()
    back = time.monotonic() - end
    scene.wait(lambda: scene.status()["left"] <= 3, _AGAIN_S, f"{kind.__name__}: delivery")
    return {
        "flood": kind.__name__,
        "agent": scene.interpreter,
        "messages": COUNT,
        "seconds": round(took, 1),
        "counted": total(scene, counters) - counted,
        "orders_done": after["orders"].get("done", 0) - before["orders"].get("done", 0),
        "records": after["records"] - before["records"],
        "acknowledged": after["acknowledged"] - before["acknowledged"],
        "next_acknowledged_s": round(back, 1),
        "delivered_s": round(time.monotonic() - end, 1),
        "memory_kb": (memory(scene) - memory_before) // 1024,
        "from_ms": before["uptime_ms"],
        "to_ms": after["uptime_ms"],
    }


def test_a_flood_stops_nothing(scene):
    scene.wait(lambda: scene.status()["uptime_ms"] > _SETTLED_MS, 20, "whole epochs")
    # What is whole in the beginning stays so: no byte of the receiver is lost in a flood.
    broken = scene.order("counters")["gps"]
    origin = time.time() * 1000 - scene.status()["uptime_ms"]
    found = []
    for kind, counters, gets_through in FLOODS:
        figures = flood(scene, kind, counters)
        print(json.dumps(figures), flush=True)
        found.append(figures)
        if gets_through:
            assert figures["acknowledged"] >= SECONDS, figures
        assert figures["memory_kb"] * 1024 < _MEMORY, figures
    assert scene.order("ping")["link"] == "online"
    summary = scene.all_is_there()
    assert summary["faults"] == {}, scene.agent_log()
    assert summary["counters"]["link"]["connects"] == 1
    gps = summary["counters"]["gps"]
    assert [gps[n] - broken[n] for n in ("noise", "checksum", "too_long", "lost")] == [0] * 4, gps
    compare_with_truth(scene, found, origin)


def compare_with_truth(scene, found, origin):
    """What was recorded in each flood is what the emulated receiver said in that time."""
    with open(scene.folder / "truth.jsonl") as f:
        truth = [json.loads(line) for line in f]
    positions = [
        row for row in Received(scene.room_folder, VEHICLE).positions if row["t"] > _SETTLED_MS
    ]
    for figures in found:
        begin, end = figures["from_ms"], figures["to_ms"]
        sent = [r for r in truth if r["k"] == "gps" and begin <= r["utc"] - origin < end]
        had = [row for row in positions if begin <= row["t"] < end]
        print(figures["flood"], len(sent), "epochs sent,", len(had), "recorded", flush=True)
        # One may lie on either border.
        assert len(had) >= len(sent) - 1 >= SECONDS - 2, figures
    result = compare(positions, (), truth, origin, check_dates=True)
    assert not result.wrong and result.positions, result.wrong[:5]
