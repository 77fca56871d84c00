"""The scenes of `parking.py`, by name."""

_OFF = {"ignition": False, "panic": False, "tamper": False, "door": False, "power_fail": False,
        "mv": 12700}  # fmt: skip
_ON = {"ignition": True, "rpm": 0, "kmh": 0, "mv": 12500}
_RUNS = {"rpm": 800, "kmh": 0, "mv": 14200}
_DRIVES = {"rpm": 2100, "kmh": 54}
_STANDS = {"rpm": 800, "kmh": 0}
_STOPS = {"ignition": False, "rpm": None, "kmh": None, "mv": 12700}
_NIGHT = {"linger_s": 60}  # the scene begins with a car that is soon asleep


def _dips():
    """A cold engine that starts at the fourth attempt: the starter pulls the battery down, and the
    ignition feed falls off while it turns."""
    rows = [("0:00:00", _OFF), ("0:00:20", _ON)]
    for attempt in range(4):
        s = 40 + 10 * attempt
        rows.append(("0:00:%02d" % s, {"ignition": False, "mv": 6800, "power_fail": True}))
        rows.append(("0:00:%02d.8" % s, {"power_fail": False, "mv": 9100}))
        rows.append(("0:00:%02d" % (s + 4), {"ignition": True, "mv": 12200}))
    return rows + [("0:01:25", _RUNS), ("0:02:00", _DRIVES), ("0:05:00", {})]


def _flaps():
    """A loose contact at a pothole-ridden road, and one that chatters on while parked."""
    rows = [("0:00:00", _OFF), ("0:00:20", _ON), ("0:00:25", _RUNS), ("0:00:40", _DRIVES)]
    for i in range(240):
        s = 120 + i // 2
        rows.append(("0:%02d:%02d.%d" % (s // 60, s % 60, i % 2 * 5), {"ignition": bool(i % 2)}))
    rows.append(("0:06:00", _STOPS))
    for i in range(60):
        s = 600 + i
        level = i % 2 == 0
        rows.append(("0:%02d:%02d" % (s // 60, s % 60), {"ignition": level}))
        if level:
            rows.append(("0:%02d:%02d.6" % (s // 60, s % 60), {"ignition": False}))
    return rows + [("1:00:00", {})]


# title, configuration, step in ms, rows
SCENES = {
    "shift": (
        "A shift: driven, idling, driven, parked; asleep half an hour later; woken by the next",
        {}, 1000,
        (("0:00:00", _OFF), ("0:01:00", _ON), ("0:01:10", _RUNS), ("0:02:00", _DRIVES),
         ("0:10:00", _STANDS), ("0:20:00", _DRIVES), ("0:30:00", _STANDS), ("0:31:30", _STOPS),
         ("5:00:00", _ON), ("5:00:05", _RUNS), ("5:01:00", _DRIVES), ("5:03:00", {})),
    ),
    "cranking": ("A cold start: four attempts, each with a dip of the supply", {}, 200, _dips()),
    "panic-at-night": (
        "Panic while asleep: pressed for a second, and held for a minute later",
        _NIGHT, 1000,
        (("0:00:00", _OFF), ("2:00:00", {"panic": True}), ("2:00:01", {"panic": False}),
         ("4:00:00", {"panic": True}), ("4:01:00", {"panic": False}), ("5:00:00", {})),
    ),
    "panic-late": (
        "Panic in the moment when the gateway falls asleep: it starts anew; once, also where power"
        " is cut then",
        _NIGHT, 1000,
        (("0:00:00", _OFF), ("0:00:10", {"late": True}), ("0:05:00", {"cut": True}),
         ("1:00:00", {}), ("1:02:00", {})),
    ),
    "panic-stuck": (
        "A panic button that jams keeps the gateway awake, until the battery is low",
        _NIGHT, 1000,
        (("0:00:00", _OFF), ("1:00:00", {"panic": True}), ("1:12:00", {"mv": 12100}),
         ("2:00:00", {})),
    ),
    "cut-out": (
        "The battery runs low while the gateway lingers; then a sign of life a day, until it is"
        " charged",
        {"linger_s": 36000}, 1000,
        (("0:00:00", _OFF), ("0:01:00", _ON), ("0:02:00", _RUNS), ("0:03:00", _STOPS),
         ("2:00:00", {"mv": 12150}), ("2:01:00", {"mv": 12250}), ("3:00:00", {"mv": 12190}),
         ("40:00:00", {"mv": 12700}), ("60:00:00", {})),
    ),
    "heartbeat": (
        "Two nights parked, a sign of life every 6 hours; no coverage for the second and third",
        _NIGHT, 1000,
        (("0:00:00", _OFF), ("10:00:00", {"online": False}), ("20:00:00", {"online": True}),
         ("26:00:00", {})),
    ),
    "tamper": (
        "Somebody opens the gateway at night, and a door in the morning",
        _NIGHT, 1000,
        (("0:00:00", _OFF), ("3:00:00", {"tamper": True}), ("5:00:00", {"tamper": False}),
         ("5:30:00", {"door": True}), ("5:30:10", {"door": False}), ("6:00:00", {})),
    ),
    "lorry-24v": (
        "A lorry: two batteries in a row, 24.3 V is low and 25.6 V is not",
        {"battery_v": 24}, 1000,
        (("0:00:00", _OFF), ("0:00:05", {"mv": 25600}), ("0:01:00", _ON),
         ("0:01:01", {"mv": 25400}),
         ("0:01:10", _RUNS), ("0:01:12", {"mv": 28100}), ("0:02:00", _DRIVES), ("0:05:00", _STANDS),
         ("0:07:00", _STOPS), ("0:07:01", {"mv": 25600}), ("0:15:00", {"mv": 24300}),
         ("1:00:00", {})),
    ),
    "no-ignition-wire": (
        "No ignition wire: engine and wheels tell, then GPS and voltage alone; a charger wakes"
        " nothing",
        {"linger_s": 300}, 1000,
        (("0:00:00", {"mv": 12700}), ("0:01:00", _RUNS), ("0:02:00", _DRIVES), ("0:10:00", _STANDS),
         ("0:12:00", {"rpm": 0, "mv": 12800}), ("0:12:30", {"rpm": None, "kmh": None}),
         # The adapter is unplugged from the bus: only its voltage and GPS speak.
         ("0:15:00", {"mv": 14200}), ("0:16:00", {"kmh": 50}), ("0:20:00", {"kmh": 0}),
         ("0:30:00", {"mv": 12600}), ("0:40:00", {"mv": 14400}), ("2:00:00", {})),
    ),
    "flapping": ("A loose ignition contact, while driving and while parked", {}, 100, _flaps()),
    "power-fail": (
        "The battery is torn off while driving: flushed, ended cleanly; it is back after an hour",
        {}, 200,
        (("0:00:00", _OFF), ("0:00:20", _ON), ("0:00:25", _RUNS), ("0:00:40", _DRIVES),
         ("0:05:00", {"online": False}), ("0:06:00.4", {"power_fail": True, "mv": 0}),
         ("0:06:30", {"cut": True}),
         ("1:06:00", {"power_fail": False, "online": True, "mv": 14200}), ("1:08:00", {})),
    ),
    "power-cut": (
        "Everything is torn off at once while driving: only what had not been flushed is lost",
        {}, 200,
        (("0:00:00", _OFF), ("0:00:20", _ON), ("0:00:25", _RUNS), ("0:00:40", _DRIVES),
         ("0:06:00.4", {"power_fail": True, "mv": 0}), ("0:06:01.4", {"cut": True}),
         ("0:10:00", {"power_fail": False, "mv": 14200}), ("0:12:00", {})),
    ),
    "power-fail-wire": (
        "A broken wire says that the supply fails: one restart, then it is told to be stuck",
        {}, 200,
        (("0:00:00", _OFF), ("0:00:20", _ON), ("0:00:25", _RUNS), ("0:00:40", _DRIVES),
         ("0:06:00", {"power_fail": True}), ("0:30:00", {})),
    ),
    "order": (
        "An order, such as an update, holds a parked gateway awake until it is done",
        _NIGHT, 1000,
        (("0:00:00", _OFF), ("0:00:30", {"busy": True}), ("0:20:00", {"busy": False}),
         ("0:30:00", {})),
    ),
}  # fmt: skip
