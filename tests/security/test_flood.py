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
from tests.security.scene import TO_CAR, Scene
from tests.support import micropython

LONG = bool(os.environ.get("PATROL_LONG"))
COUNT, SECONDS = (10000, 10) if LONG else (2000, 2)
PERIOD_MS = 200  # of the receiver
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
    return scene.sealed(*made)


# kind; counters of the vehicle that together take up all of it; whether acknowledgements get
# through in the midst of it
FLOODS = (
    (garbage, ("inbox.size", "inbox.type", "inbox.session"), True),
    (replayed, ("inbox.replayed",), True),
    (forged, ("inbox.flood", "inbox.seal"), False),
    (orders, ("inbox.flood", "orders.received", "orders.busy"), False),
)


@pytest.fixture(params=("cpython", "micropython"))
def scene(request, tmp_path):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    scene = Scene(tmp_path, request.param, gps={"period_ms": PERIOD_MS})
    scene.name = request.param
    try:
        scene.open()
        yield scene
    finally:
        scene.close()


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
    took = scene.car.flood(TO_CAR, payloads, SECONDS)
    scene.wait(
        lambda: total(scene, counters) >= counted + COUNT, 20, f"{kind.__name__}: all counted"
    )
    after, end = scene.status(), time.monotonic()
    scene.wait(lambda: scene.status()["left"] <= 3, _AGAIN_S, f"{kind.__name__}: delivery")
    return {
        "flood": kind.__name__,
        "agent": scene.name,
        "messages": COUNT,
        "seconds": round(took, 1),
        "counted": total(scene, counters) - counted,
        "records": after["records"] - before["records"],
        "acknowledged": after["acknowledged"] - before["acknowledged"],
        "delivered_after_s": round(time.monotonic() - end, 1),
        "memory_kb": (memory(scene) - memory_before) // 1024,
        "from_ms": before["uptime_ms"],
        "to_ms": after["uptime_ms"],
    }


def test_a_flood_stops_nothing(scene):
    found = []
    for kind, counters, gets_through in FLOODS:
        figures = flood(scene, kind, counters)
        print(json.dumps(figures))
        found.append((figures, gets_through))
    assert scene.order("ping")["link"] == "online"
    origin = time.time() * 1000 - scene.order("ping")["uptime_ms"]
    scene.goes_on(3)
    summary = scene.all_is_there()
    assert summary["faults"] == {}, scene.agent_log()
    assert summary["counters"]["link"]["connects"] == 1
    print(json.dumps(summary["counters"]))
