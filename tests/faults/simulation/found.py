"""Worlds in which the simulation found something, shrunk, and kept: they must stay whole.

Plans are kept rather than seeds: a seed means another world as soon as a kind of fault is added.
"""

from tests.faults.simulation.plan import Fault, Plan, settings_of

ALL = -1

# (what was found, Plan)
FOUND = (
    (
        "A broker that forgets the subscription while the connection stands: nothing comes down, "
        "and everything was sent again every five minutes for ever.",
        Plan(
            99,
            4741548,
            settings_of(keepalive=15, latency=33, jitter=30, bandwidth=13, segment=4096,
                        flush_ms=2000, backlog_rate=300, room_is_clean=True, fine_ms=14883,
                        drive_ms=1027716, stand_ms=327026, alert_ms=282047),
            [Fault(4138755, "broker forgets a subscription", (ALL,))],
        ),
    ),
    (
        "A subscription that the broker refuses: the link stayed, and heard nothing.",
        Plan(
            31,
            4384062,
            settings_of(),
            [Fault(3702943, "broker refuses subscriptions", (ALL, 6195))],
        ),
    ),
    (
        "Both copies of the boot counter cannot be read: the boots began again at 1, and where a "
        "chip's random numbers repeat, a nonce was used twice.",
        Plan(
            45,
            2700000,
            settings_of(weak_random=True),
            [
                Fault(2249618, "power cut", (20281,)),
                Fault(2262384, "disk read fails", (2, 8)),
            ],
        ),
    ),
    (
        "A full disk makes the journal give up frames, and the process is killed before the room "
        "is told: the gap was known to RAM alone.",
        Plan(
            30,
            6157101,
            settings_of(quota=14000, segment=1500, flush_ms=10000),
            [
                Fault(2400000, "outage", (ALL, 2900000, False)),
                Fault(5200000, "kill", ()),
                Fault(5400000, "power cut", (2000,)),
            ],
        ),
    ),
    (
        "One read of the backlog fails: the file was left behind for as long as the connection "
        "lasted.",
        Plan(
            257,
            4725868,
            settings_of(system="ext4", backlog_rate=300, latency=9, jitter=11, bandwidth=1,
                        fine_ms=11687, drive_ms=650488, stand_ms=662674, alert_ms=861837),
            [
                Fault(4000000, "outage", (ALL, 600000, False)),
                Fault(4590000, "disk unreadable", (30000,)),
            ],
        ),
    ),
)  # fmt: skip
