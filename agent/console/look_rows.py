"""Rows of the registry that only look: the columns are those of `commands.py`.

A table of its own, as a chip pays for it only while a call is checked: `commands.row` reads it and
forgets it again. What the commands do is in `look.py` and `look_car.py`.
"""

from agent.console.levels import LOOK
from agent.console.limits import MAX_RAW_S, MAX_TRACE_S, MAX_WATCHED
from agent.log import MAX_EVENTS

ROWS = (
    ("status", LOOK, (), "car and gateway on one screen, with what is wrong", "status"),
    ("selftest", LOOK, (), "each part with a verdict, and what to do about it", "selftest"),
    (
        "gps",
        LOOK,
        (("raw", "int", 0, 0, MAX_RAW_S),),
        "position, satellites; raw: so many seconds of the receiver's own sentences",
        "gps 5",
    ),
    ("obd", LOOK, (), "adapter, protocol, and every value that is true now", "obd"),
    (
        "watch",
        LOOK,
        (("names", "names", None, 0, MAX_WATCHED),),
        "these values of the car, again and again until a key; all without names",
        "watch rpm speed",
    ),
    ("dtc", LOOK, (), "trouble codes, read now: stored, pending, permanent", "dtc"),
    ("freeze", LOOK, (), "freeze frames: the car's values when a code was stored", "freeze"),
    ("ready", LOOK, (), "which of the car's own monitors have finished", "ready"),
    ("vin", LOOK, (), "the car's number, its control units and their calibrations", "vin"),
    ("monitor", LOOK, (), "results of the car's own tests (service 06)", "monitor"),
    ("inputs", LOOK, (), "panic, siren, light bar, ignition: level and since when", "inputs"),
    ("power", LOOK, (), "battery, ignition, and whether the car is left alone", "power"),
    ("link", LOOK, (), "broker, certificate, round trip, window, back-off", "link"),
    (
        "events",
        LOOK,
        (("count", "int", MAX_EVENTS, 1, MAX_EVENTS),),
        "the last events, the newest last",
        "events 5",
    ),
    (
        "config-get",
        LOOK,
        (("key", "name", None, 1, 64),),
        "settings in force, all or those below a key; secrets never",
        "config get mqtt",
    ),
    (
        "config-diff",
        LOOK,
        (),
        "settings in force that the file now says otherwise: they come with a restart",
        "config diff",
    ),
    (
        "trace",
        LOOK,
        (("part", "text", "gps", 3, 3), ("seconds", "int", 30, 1, MAX_TRACE_S)),
        "records the bytes of a line (gps or obd) in a file beside the journal",
        "trace gps 30",
    ),
    ("time", LOOK, (), "the clock: UTC, its source, and what the machine's own clock says", "time"),
)

# Two words at the console that are one name in the registry.
ALIASES = (
    ("config diff", "config-diff"),
    ("config get", "config-get"),
    ("dtc clear", "clear"),
)
