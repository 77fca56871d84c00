"""Service 01 parameters that a diesel or a hybrid has beside or instead of a petrol engine's.

Formulas and lengths as in SAE J1979-DA. `ENGINES` gives all rows of an engine: PID -> row.
A byte of flags at the beginning of a long one says which of its fields are there.
"""

from tools.emulator.pids import PIDS, Linear, Packed


def _two(number):
    return min(max(round(number), 0), 0xFFFF).to_bytes(2, "big")


def _first(data):
    """The field behind the flags, as a number."""
    return int.from_bytes(data[1:3], "big")


def _whole(data):
    return int.from_bytes(data, "big")


def _boost(s):
    return 101 + 1.4 * max(0.0, s.load - 20)  # kPa, absolute


def _exhaust(s):
    return s.catalyst * 0.9  # degC


def _egr(s):
    return max(0.0, 40 - s.load / 2)  # %


def _temperature(degrees):
    return _two((degrees + 40) * 10)


def _egr_control(s, e):
    return bytes((0x07, round(_egr(s) * 2.55), round(_egr(s) * 2.5), 130, 0, 0, 0))


def _boost_control(s, e):
    wanted, actual = _two(_boost(s) * 32), _two((_boost(s) - 1) * 32)
    return b"\x23" + wanted + actual + bytes(4) + b"\x02"


def _exhaust_temperatures(s, e):
    return b"\x03" + _temperature(_exhaust(s)) + _temperature(_exhaust(s) - 35) + bytes(4)


def _filter_pressures(s, e):
    return b"\x01" + _two((0.4 + s.airflow / 40) * 100) + bytes(4)


def _filter_temperatures(s, e):
    return b"\x03" + _temperature(_exhaust(s) - 60) + _temperature(_exhaust(s) - 75) + bytes(4)


def _run_times(s, e):
    return b"\x07" + b"".join(n.to_bytes(4, "big") for n in (round(s.run_time), 96, 0))


def _nitrogen_oxides(s, e):
    return b"\x03" + _two(80 + s.load * 6) + _two(12 + s.load / 3) + bytes(4)


def _reagent(s, e):
    return b"\x0f" + _two(s.fuel_rate * 4) + _two(s.fuel_rate * 4) + b"\xa4" + bytes(4)


def _regeneration(s, e):
    return b"\x1f\x00" + b"\x5a" + _two(480) + _two(512)


def _engine_percent(s, e):
    return bytes(125 + round(n) for n in (0, s.load / 3, s.load / 2, s.load * 0.8, s.load))


def _fuel_type(number):
    return Packed(0x51, 1, "fuel type", lambda s, e: bytes((number,)), _whole)


_DIESEL = (
    Linear(0x0B, 1, "manifold pressure, kPa", 1, 1, 0, _boost),
    Linear(0x11, 1, "throttle position, %", 100, 255, 0, 92.0),
    Linear(0x22, 2, "fuel rail pressure to manifold, kPa", 79, 1000, 0, 3800),
    Linear(0x23, 2, "fuel rail gauge pressure, kPa", 10, 1, 0, lambda s: 28000 + 1300 * s.load),
    Linear(0x2C, 1, "commanded EGR, %", 100, 255, 0, _egr),
    Linear(0x3C, 2, "catalyst temperature 1-1, degC", 1, 10, -40, _exhaust),
    _fuel_type(4),
    Linear(0x5D, 2, "fuel injection timing, deg", 1, 128, -210, lambda s: 2 + s.load / 10),
    Packed(0x64, 5, "engine percent torque", _engine_percent, lambda d: d[0] - 125),
    Packed(0x65, 2, "auxiliary inputs", lambda s, e: b"\x04\x00", _whole),
    Packed(0x69, 7, "EGR commanded and actual", _egr_control, _first),
    Packed(0x6B, 5, "EGR temperature", lambda s, e: b"\x01\x96\x00\x00\x00", _first),
    Packed(0x70, 10, "boost pressure control", _boost_control, _first),
    Packed(0x78, 9, "exhaust gas temperature", _exhaust_temperatures, _first),
    Packed(0x7A, 7, "particulate filter pressure", _filter_pressures, _first),
    Packed(0x7C, 9, "particulate filter temperature", _filter_temperatures, _first),
    Packed(0x7F, 13, "engine run time", _run_times, _first),
    Packed(0x83, 9, "nitrogen oxides", _nitrogen_oxides, _first),
    Packed(0x85, 10, "reagent", _reagent, _first),
    Packed(0x8B, 7, "aftertreatment", _regeneration, _first),
    Linear(0x8E, 1, "friction torque, %", 1, 1, -125, 9),
    Packed(0x9D, 4, "engine fuel rate, g/s",
           lambda s, e: _two(s.fuel_rate * 745 / 3600 * 50) * 2, lambda d: _whole(d[:2]) / 50),
    Linear(0xA2, 2, "cylinder fuel rate, mg/stroke", 1, 32, 0, lambda s: 4 + s.load / 2),
)  # fmt: skip
# What a diesel does not have of the petrol engine's.
_SPARK_ONLY = {0x03, 0x06, 0x07, 0x0A, 0x0E, 0x13, 0x14, 0x15, 0x2E, 0x32, 0x34, 0x43, 0x44, 0x45,
               0x47, 0x4C, 0x52}  # fmt: skip

_BATTERY = Linear(0x5B, 1, "hybrid battery, %", 100, 255, 0, lambda s: 62 - s.load / 20)


def _hybrid_system(s, e):
    """Charge state, voltage, current."""
    return b"\x07" + b"\x01" + _two(213 * 64) + _two((s.load - 30) * 4 + 32768)


_HYBRID = (
    _fuel_type(17),  # petrol and electric
    _BATTERY,
    Packed(0x9A, 6, "hybrid system", _hybrid_system, lambda d: _whole(d[2:4]) / 64),
)


def _with(rows, without=()):
    made = {pid: row for pid, row in PIDS.items() if pid not in without}
    made.update((row.pid, row) for row in rows)
    return dict(sorted(made.items()))


ENGINES = {"petrol": PIDS, "diesel": _with(_DIESEL, _SPARK_ONLY), "hybrid": _with(_HYBRID)}


def electric(state):
    """A hybrid's engine stands below 30 km/h unless much is asked of it."""
    if state.speed > 30 / 3.6 or state.load > 45:
        return state
    return state._replace(
        rpm=0.0, load=0.0, airflow=0.0, fuel_rate=0.0, manifold=101.0, throttle=11.0
    )
