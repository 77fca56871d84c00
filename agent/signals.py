"""The one table of signals: wire id, VSS path, unit and scale.

The rows are in signals.txt beside this file, so that an ESP32 pays for none of them: id, path,
unit, num, den, add, short name, with

    physical = (raw * num + add) / den

`raw` is the integer that travels on the wire; it keeps the source's full resolution (an OBD
PID's raw count, micro-degrees, cm/s, mV, 0/1 for switches). Ids are small, stable for ever and
never reused: 1..19 location and car inputs, 20 upward OBD-II (services 01 and 02, SAE J1979), in
order of PID up to 99 and again from 132. Ids above 127 cost a byte more: what is seldom sent.

Paths are those of the COVESA Vehicle Signal Specification's main branch where it has the signal.
The engine-diagnostic remainder carries the names of VSS's OBD branch (`Vehicle.OBD.*`), which
VSS 4 and 5 have and which lives on as an overlay. Where neither has a name the path is this
project's own: 4, 10..13, 86..98, and those from 132 on save the trims (133..144, 149..152). Own
names stand only in `Vehicle.Patrol`, `Vehicle.OBD` and `Vehicle.CurrentLocation`. Units are
spelled as in VSS; "-" is a count, code or switch. Odometers are in km as in VSS up to 5, metres
later. VSS wants amperes of oxygen sensors where SAE J1979 counts 1/256 mA from -128 mA.

Short names are for technicians, configuration and `patrol obd watch --signals`; "-" is none.
"""

from agent.const import const
from agent.tables import Table, beside

LATITUDE = 1
LONGITUDE = 2
ALTITUDE = 3
GNSS_SPEED = 4
HEADING = 5
PANIC = 10
SIREN = 11
LIGHT_BAR = 12
IGNITION = 13
BATTERY_VOLTAGE = 14

# Columns of a row
ID = 0
PATH = 1
UNIT = 2
NUM = 3
DEN = 4
ADD = 5
NAME = 6

# Rows that were asked for and are kept: what one room shows of its cars, more than one car sends.
_KEPT = const(128)

_TABLE = Table(beside(__file__, "signals.txt"))
_rows = {}


def _row(columns):
    path, unit, num, den, add, name = columns[1:]
    unit = "" if unit == "-" else unit
    name = None if name == "-" else name
    return int(columns[0]), path, unit, int(num), int(den), int(add), name


def rows():
    """All rows in order of id, one after the other."""
    for key, rest in _TABLE.rows():
        yield _row([key] + rest.split(" "))


def row(signal):
    """The row of a signal id: (id, path, unit, num, den, add, short name or None), or None."""
    found = _rows.get(signal)
    if found is None:
        key = "%03d" % signal
        rest = _TABLE.find(key)
        if rest is None:
            return None
        if len(_rows) >= _KEPT:
            _rows.clear()
        found = _rows[signal] = _row([key] + rest.split(" "))
    return found


def by_name(name):
    """The id of a short name ("rpm") or a VSS path, or None."""
    if not name or name == "-":
        return None
    columns = _TABLE.where(PATH if "." in name else NAME, name)
    return int(columns[0]) if columns else None


def name(signal):
    """The short name of a signal id; its VSS path where it has none; its number when unknown."""
    found = row(signal)
    return (found[NAME] or found[PATH]) if found else str(signal)


def unit(signal):
    """The unit of a signal id; "" for counts, codes, switches and unknown ids."""
    found = row(signal)
    return found[UNIT] if found else ""


def physical(signal, raw):
    """The physical value as a float, for display only. KeyError for an unknown id."""
    found = row(signal)
    if found is None:
        raise KeyError(signal)
    return (raw * found[NUM] + found[ADD]) / found[DEN]


def rounded(signal, raw):
    """The physical value for people and JSON, as the raw one has all of the source's digits."""
    return round(physical(signal, raw) * 1000) / 1000
