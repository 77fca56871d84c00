"""Compares what the room holds with what the emulated car says it sent, value by value.

Both sides are brought to one time line: the emulator logs when each epoch or answer was handed to
the UART, the room's records carry the agent's uptime, and `origin_ms` is the wall time of the
agent's uptime 0. Every record must equal, field by field, something that was sent at that time.
While the car stands its position is frozen: it must be one that was sent before. What the agent
reckoned while GPS was lost is nowhere in the log and only counted.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from agent import signals
from agent.obd import pids

# A record's time is when its epoch's first sentence began to come, or its answer had come; the
# truth's is when the last byte left. Between them lie a cycle's transmission and both processes'
# scheduling on a busy machine.
_EARLIEST_MS = -400
_LATEST_MS = 1200
_DATING_MS = 200  # how far a position's UTC may be off the receiver's own
_FIELDS = ("lat", "lon", "alt", "speed", "heading", "sats")
_FROZEN = ("lat", "lon", "alt", "speed")


@dataclass
class Result:
    """`wrong` holds a line for each value that differs."""

    compared: int = 0
    positions: int = 0
    values: int = 0
    reckoned: int = 0
    wrong: list = field(default_factory=list)


class _Series:
    """Rows sorted by time; those near a time."""

    def __init__(self, rows):
        self._rows = sorted(rows, key=lambda row: row["utc"])
        self._times = [row["utc"] for row in self._rows]

    def near(self, utc):
        first = bisect_left(self._times, utc + _EARLIEST_MS)
        return self._rows[first : bisect_right(self._times, utc + _LATEST_MS)]


def compare(positions, values, truth, origin_ms, check_dates):
    """positions, values: rows of `tools.room.track`; truth: rows of the emulator's log."""
    result = Result()
    sent = [row for row in truth if row["k"] == "gps" and row["valid"]]
    epochs = _Series(sent)
    places = {(row["lat"], row["lon"], row["alt"]): row["utc"] for row in reversed(sent)}
    for position in sorted(positions, key=lambda row: row["t"]):
        if position["reckoned"]:
            result.reckoned += 1
            continue
        if position["standing"]:
            _compare_frozen(result, position, places, origin_ms)
        _compare_position(result, position, epochs, origin_ms, check_dates)
    by_signal = {}
    for row in truth:
        if row["k"] == "obd":
            for signal, physical in _physical(row):
                by_signal.setdefault(signal, []).append({"utc": row["utc"], "value": physical})
    series = {signal: _Series(rows) for signal, rows in by_signal.items()}
    for value in values:
        if value["signal"] in series:
            _compare_value(result, value, series[value["signal"]], origin_ms)
        elif value["signal"] != signals.BATTERY_VOLTAGE:
            # The adapter's own voltage has no PID; anything else must have been sent.
            result.compared += 1
            result.wrong.append(f"signal {value['signal']} was never sent")
    return result


def _compare_frozen(result, position, places, origin_ms):
    """The frozen position of a car that stands must have been sent before; the rest of its fields
    is compared like any other's."""
    place = (position["lat"], position["lon"], position["alt"])
    first = places.get(place)
    result.compared += 1
    if first is None or first > origin_ms + position["t"] + _LATEST_MS or position["speed"] != 0:
        text = f"position at {position['t']} ms: frozen at {place}, which was not sent before"
        result.wrong.append(text)


def _compare_position(result, position, epochs, origin_ms, check_dates):
    # An agent that starts in the middle of an epoch has heard only the rest of it.
    is_first = not result.positions
    fields = [name for name in _FIELDS if not (is_first and position[name] is None)]
    if position["standing"]:
        fields = [name for name in fields if name not in _FROZEN]
    result.positions += 1
    result.compared += len(fields)
    candidates = epochs.near(origin_ms + position["t"])
    best = None
    for row in candidates:
        differing = [name for name in fields if _differs(name, position, row)]
        if best is None or len(differing) < len(best[0]):
            best = (differing, row)
    if best is None:
        result.wrong.append(f"position at {position['t']} ms: nothing was sent near that time")
        return
    for name in best[0]:
        text = f"position at {position['t']} ms: {name} is {position[name]}, was {best[1][name]}"
        result.wrong.append(text)
    if check_dates and best[1].get("fix_utc") is not None:
        result.compared += 1
        if position["utc"] is None or abs(position["utc"] - best[1]["fix_utc"]) > _DATING_MS:
            text = f"position at {position['t']} ms: dated {position['utc']}"
            result.wrong.append(f"{text}, was {best[1]['fix_utc']}")


def _differs(name, position, row):
    if name == "heading" and position["heading_held"]:
        return False  # the car stands: the agent says that it holds the last heading
    return position[name] != row[name]


def _physical(row):
    """(signal id, physical value) of the fields of a PID's answer that can be compared."""
    pid = row["pid"]
    if pid == 1:  # byte A of the monitor status: MIL and number of codes
        first = int(row["value"]) >> 24
        return [(20, first >> 7), (21, first & 0x7F)]
    for number, _, _, fields in pids.PIDS:
        if number == pid and len(fields) == 1:
            return [(fields[0][0], row["value"])]
    return []


def _compare_value(result, value, series, origin_ms):
    result.values += 1
    result.compared += 1
    candidates = series.near(origin_ms + value["t"])
    if not any(abs(row["value"] - value["value"]) < 1e-6 for row in candidates):
        was = ", ".join(f"{row['value']:g}" for row in candidates) or "nothing"
        name = signals.name(value["signal"])
        result.wrong.append(f"{name} at {value['t']} ms is {value['value']:g}, was {was}")
