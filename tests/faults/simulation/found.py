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
    (
        "A full disk: frames were given up though neither the ledger nor anything else could be "
        "written, and a power cut then took what RAM knew of it.",
        Plan(
            2347,
            10274539,
            settings_of(system="ext4", flush_ms=60000, window=4, backlog_rate=2000, sites=2,
                        latency=413, jitter=1, bandwidth=1, session_ms=572954, fine_ms=9496,
                        drive_ms=850494, stand_ms=2173241, alert_ms=271440),
            [
                Fault(2795167, "room dark", (ALL, (0, 1))),
                Fault(2839885, "slow", (0, 20, 6261)),
                Fault(2919018, "broker loses", (ALL, 0.1, 989698)),
                Fault(3058335, "cut", (1,)),
                Fault(3088257, "kill at a write", (4,)),
                Fault(3361035, "broker loses", (ALL, 0.5, 111973)),
                Fault(3440591, "kill at a write", (7,)),
                Fault(3856401, "outage of hours", (ALL, 6228636, False)),
                Fault(4496508, "power cut while starting", ("read", 18, 2397)),
                Fault(4568493, "disk unreadable", (1799,)),
                Fault(4738888, "room cut", (0,)),
                Fault(5194615, "restart", (1286,)),
                Fault(9478027, "disk full", (684375,)),
                Fault(9595913, "power cut", (3824,)),
                Fault(10272046, "cut", (ALL,)),
            ],
        ),
    ),
    (
        "A new session while the room owed an answer: the wait for it began anew, and with "
        "sessions shorter than that wait a lost subscription was never made again.",
        Plan(
            5213,
            6381024,
            settings_of(quota=24000, segment=4096, window=4, keepalive=15, latency=4, jitter=9,
                        bandwidth=187, broker_queue=100, session_ms=608011, fine_ms=4527,
                        drive_ms=1163090, stand_ms=849897, alert_ms=543877),
            [
                Fault(177443, "room crash", (0, "after reserve", 1680836)),
                Fault(2056000, "broker forgets a subscription", (0,)),
            ],
        ),
    ),
    (
        "More than 32 sessions of which something was lost, without a link: the oldest gaps were "
        "forgotten.",
        Plan(
            685,
            7800000,
            settings_of(quota=4000, segment=1500, session_ms=120000, fine_ms=6000,
                        alert_ms=90000),
            [
                Fault(600000, "outage of hours", (ALL, 5400000, False)),
                Fault(4800000, "power cut", (3000,)),
            ],
        ),
    ),
)  # fmt: skip
