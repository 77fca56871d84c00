"""What a seed means: the settings of its world, and the schedule of all that goes wrong in it.

Every fault is an entry of the schedule, so that a failing run can be shrunk by leaving entries out.
Each seed draws only some of the kinds, and each of them often: a world in which everything breaks
at once hardly ever gets anywhere (swarm testing).
"""

import random
from dataclasses import dataclass

HOUR_MS = 3600000
MINUTE_MS = 60000
# kind -> generator of its arguments: (name, how often in an hour at most, arguments by chance)
KINDS = {}


def _kind(name, rate):
    def note(function):
        KINDS[name] = rate, function
        return function

    return note


@dataclass
class Fault:
    """At `at` ms, `kind` happens with `arguments`."""

    at: int
    kind: str
    arguments: tuple

    def __str__(self):
        return f"{self.at:>9} {self.kind} {' '.join(map(str, self.arguments))}"


@dataclass
class Plan:
    seed: int
    duration: int  # ms until faults and recording end
    settings: dict
    faults: list

    def __str__(self):
        lines = [f"seed {self.seed}, {self.duration} ms, {self.settings}"]
        return "\n".join(lines + [str(fault) for fault in self.faults])


def _span(r, low, high):
    """ms, small ones as likely as large ones."""
    return int(low * (high / low) ** r.random())


# The network of the vehicle; a site is a broker with its room, and the ways to both

ALL = -1


def _where(r):
    """Number of the site, or ALL: the vehicle's radio, a whole data centre."""
    return r.choice((0, 1, ALL))


_ENDS = ((0,), (1,), (0, 1))
_kind("cut", 12)(lambda r: (_where(r),))
_kind("dark", 6)(
    lambda r: (
        _where(r),
        r.choice(_ENDS),
    )
)
_kind("outage", 4)(lambda r: (_where(r), _span(r, 2000, 90 * MINUTE_MS), r.random() < 0.5))
_kind("outage of hours", 1)(
    lambda r: (ALL, _span(r, 30 * MINUTE_MS, 3 * HOUR_MS), r.random() < 0.5)
)
_kind("stall", 6)(
    lambda r: (
        _where(r),
        _span(r, 500, 4 * MINUTE_MS),
    )
)
_kind("slow", 4)(lambda r: (_where(r), r.choice((5, 20, 60)), _span(r, 5000, 10 * MINUTE_MS)))
_kind("flap", 2)(lambda r: (_where(r), _span(r, 10000, 5 * MINUTE_MS), _span(r, 500, 20000)))

# The broker

_MODES = ("keeps", "forgets", "snapshot")
_kind("broker crash", 4)(lambda r: (_where(r), r.choice(_MODES), _span(r, 500, 10 * MINUTE_MS)))
_kind("broker snapshot", 4)(lambda r: (_where(r),))
_kind("broker refuses", 2)(
    lambda r: (_where(r), r.choice((3, 4, 5)), _span(r, 1000, 3 * MINUTE_MS))
)
_kind("broker loses", 4)(
    lambda r: (_where(r), r.choice((0.1, 0.5, 1.0)), _span(r, 5000, 20 * MINUTE_MS))
)
_kind("broker repeats", 4)(
    lambda r: (_where(r), r.choice((0.1, 0.5, 1.0)), _span(r, 5000, 20 * MINUTE_MS))
)
_kind("broker shuffles", 4)(
    lambda r: (_where(r), _span(r, 50, 20000), _span(r, 5000, 20 * MINUTE_MS))
)
_kind("broker forgets a subscription", 2)(lambda r: (_where(r),))
_kind("broker refuses subscriptions", 1)(
    lambda r: (
        _where(r),
        _span(r, 1000, 3 * MINUTE_MS),
    )
)

# The room

_POINTS = (
    "now", "before commit", "after commit", "before reserve", "after reserve", "before pubacks",
    "among pubacks", "before downs",
)  # fmt: skip
_kind("room crash", 6)(lambda r: (_where(r), r.choice(_POINTS), _span(r, 1000, 30 * MINUTE_MS)))
_kind("room cut", 4)(lambda r: (_where(r),))
_kind("room dark", 3)(
    lambda r: (
        _where(r),
        r.choice(_ENDS),
    )
)
_kind("store refuses", 3)(
    lambda r: (
        _where(r),
        _span(r, 200, 10 * MINUTE_MS),
    )
)
_kind("room clock", 1)(
    lambda r: (
        _where(r),
        r.choice((-HOUR_MS, -5000, -300, 700, 20000, HOUR_MS)),
    )
)

# The vehicle

_kind("power cut", 4)(lambda r: (_span(r, 500, 20 * MINUTE_MS),))
_kind("power cut at a write", 4)(lambda r: (r.randrange(1, 12), _span(r, 500, 5 * MINUTE_MS)))
_kind("power cut while starting", 3)(
    lambda r: (r.choice(("read", "write")), r.randrange(1, 40), _span(r, 500, 30000))
)
_kind("kill", 3)(lambda r: ())
_kind("kill at a write", 3)(lambda r: (r.randrange(1, 12),))
_kind("restart", 3)(lambda r: (_span(r, 500, 10 * MINUTE_MS),))
_kind("gnss clock", 2)(
    lambda r: (r.choice((-20 * 365 * 24 * HOUR_MS, -5000, 800, 86400000)), _span(r, 5000, 600000))
)
_kind("alerts", 4)(lambda r: (r.randrange(3, 60),))

# Its disk

_WRITE = ("EIO", "EIO", "ENOSPC", "torn", "full", "late", "lost")
_kind("disk write fails", 8)(lambda r: (r.randrange(1, 20), r.choice(_WRITE), r.randrange(1, 5)))
_kind("disk read fails", 4)(lambda r: (r.randrange(1, 60), r.randrange(1, 5)))
_kind("disk rots", 2)(lambda r: ())
_kind("disk broken", 1)(lambda r: (r.choice(("EIO", "ENOSPC")), _span(r, 5000, 15 * MINUTE_MS)))
_kind("disk unreadable", 1)(lambda r: (_span(r, 1000, 5 * MINUTE_MS),))
_kind("disk full", 1)(lambda r: (_span(r, 5000, 15 * MINUTE_MS),))


def settings(r):
    """Of one world."""
    is_small = r.random() < 0.5
    quota = r.choice((6000, 9000, 14000, 24000)) if is_small else 1 << 20
    return {
        "system": r.choice(("littlefs", "ext4")),
        "quota": quota,
        "capacity": quota * 3 // 4 if r.random() < 0.2 else 4 << 20,
        "segment": r.choice((1500, 4096)) if is_small else r.choice((4096, 16384)),
        "flush_ms": r.choice((2000, 10000, 60000)),
        "window": r.choice((1, 4, 16, 16)),
        "backlog_rate": r.choice((0, 0, 300, 2000)),
        "budget": r.choice((300000, 1000000)) if r.random() < 0.06 else 0,
        "sites": 1 if r.random() < 0.7 else 2,
        "keepalive": r.choice((15, 60)),
        "latency": _span(r, 2, 600),
        "jitter": _span(r, 1, 200),
        "bandwidth": _span(r, 1, 200),
        "broker_window": r.choice((1, 20, 20)),
        "broker_queue": r.choice((10, 100, 1000)),
        "session_ms": r.choice((24 * HOUR_MS, 24 * HOUR_MS, _span(r, 5 * MINUTE_MS, HOUR_MS))),
        "room_is_clean": r.random() < 0.3,
        "sqlite": r.random() < 0.03,
        "weak_random": r.random() < 0.1,
        "fine_ms": _span(r, 4000, 16000),
        "drive_ms": _span(r, 10 * MINUTE_MS, 90 * MINUTE_MS),
        "stand_ms": _span(r, 5 * MINUTE_MS, 90 * MINUTE_MS),
        "alert_ms": _span(r, 3 * MINUTE_MS, 30 * MINUTE_MS),
    }


def settings_of(**changed):
    """Of a plain world, but for these."""
    plain = {
        "system": "littlefs",
        "quota": 1 << 20,
        "capacity": 4 << 20,
        "segment": 16384,
        "flush_ms": 10000,
        "window": 16,
        "backlog_rate": 0,
        "budget": 0,
        "sites": 1,
        "keepalive": 60,
        "latency": 50,
        "jitter": 20,
        "bandwidth": 100,
        "broker_window": 20,
        "broker_queue": 1000,
        "session_ms": 24 * HOUR_MS,
        "room_is_clean": False,
        "sqlite": False,
        "weak_random": False,
        "fine_ms": 10000,
        "drive_ms": HOUR_MS,
        "stand_ms": 10 * MINUTE_MS,
        "alert_ms": 10 * MINUTE_MS,
    }
    return {**plain, **changed}


def make(seed, hours=2.0):
    """The Plan of a seed; `hours` is the mean of its length."""
    r = random.Random(f"plan {seed}")
    duration = int(hours * HOUR_MS * r.uniform(0.5, 1.5))
    chosen = settings(r)
    if chosen["budget"]:
        # It may take days to settle; hundreds of sessions meanwhile are beyond what is promised.
        chosen["session_ms"] = 24 * HOUR_MS
    share = r.choice((0.15, 0.3, 0.6))
    kinds = [name for name in KINDS if r.random() < share]
    strength = r.choice((0.5, 1.0, 2.0))
    faults = []
    for name in kinds:
        rate, arguments = KINDS[name]
        mean = rate * strength * duration / HOUR_MS * r.random()
        for _ in range(int(mean + r.random())):
            faults.append(Fault(r.randrange(duration), name, arguments(r)))
    faults.sort(key=lambda fault: (fault.at, fault.kind))
    return Plan(seed, duration, chosen, faults)
