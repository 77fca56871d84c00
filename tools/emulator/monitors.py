"""Readiness (PID 01, 41), monitor test results (service 06) and in-use performance (service 09).

Bits and layout after SAE J1979 (ISO 15031-5) for CAN. What a car has depends on its engine:
"petrol", "diesel" or "hybrid" (a petrol engine that stops).
"""

from typing import NamedTuple

# Continuous monitors, byte B: bit, seconds after a clearing until complete. "Not complete" is
# four bits higher.
_CONTINUOUS = ((0, 60), (1, 60), (2, 120))  # misfire, fuel system, components
_COMPRESSION = 0x08  # byte B: the bits of C and D are those of a compression engine
# Bytes C and D. Spark: catalyst, evaporative system, sensor, sensor heater, EGR (or VVT).
_SPARK = ((0, 600), (2, 1200), (5, 300), (6, 120), (7, 300))
# Compression: NMHC catalyst, NOx aftertreatment, boost pressure, exhaust sensor, filter, EGR.
_DIESEL = ((0, 600), (1, 900), (3, 240), (5, 300), (6, 1200), (7, 300))
_WARM = 70  # degC of coolant before catalyst and evaporative system are tested in a cycle


def _rows(engine):
    return _DIESEL if engine == "diesel" else _SPARK


def since_clear(memory, engine):
    """PID 01: lamp and number of codes, then what is there and what is not complete."""
    passed = memory.since_clear()
    b, c, d = (_COMPRESSION if engine == "diesel" else 0), 0, 0
    for bit, seconds in _CONTINUOUS:
        b |= 1 << bit
        if passed is not None and passed < seconds:
            b |= 0x10 << bit
    for bit, seconds in _rows(engine):
        c |= 1 << bit
        if passed is not None and passed < seconds:
            d |= 1 << bit
    return bytes((0x80 * memory.lamp | len(memory.stored) & 0x7F, b, c, d))


def this_cycle(state, engine):
    """PID 41: the same of this driving cycle, in which catalyst and evaporative system wait."""
    b = 0x07 | (_COMPRESSION if engine == "diesel" else 0)
    c = sum(1 << bit for bit, _ in _rows(engine))
    return bytes((0x00, b, c, c & 0x05 if state.coolant < _WARM else 0x00))


class Test(NamedTuple):
    """A test result of service 06. Numbers are raw, in the unit that `unit` names."""

    mid: int
    tid: int
    unit: int  # unit and scaling id
    value: object  # number, or a function State -> number
    low: int
    high: int
    done: int  # seconds after a clearing until there is a result


def _catalyst(state):
    return round(state.catalyst * 10 + 400)


def _misfires(tid):
    return 0 if tid == 0x0B else lambda state: int(state.run_time // 240)


# Units: 0A 0.122 mV, 0E 1 mA, 10 1 ms, 16 0.1 degC - 40, 20 1/256, 24 counts, 2F 0.01 %,
# 17 0.01 kPa, 1E 2/65536 (lambda), FE 0.25 Pa signed, 96 0.1 degC signed.
_SENSOR_TESTS = (
    Test(0x01, 0x01, 0x0A, 3688, 3688, 3688, 300),  # rich to lean threshold, a constant: 0.45 V
    Test(0x01, 0x02, 0x0A, 3688, 3688, 3688, 300),
    Test(0x01, 0x05, 0x10, 57, 0, 120, 300),  # rich to lean switch time
    Test(0x01, 0x06, 0x10, 64, 0, 120, 300),
    Test(0x02, 0x07, 0x0A, 410, 0, 1640, 300),  # least voltage
    Test(0x02, 0x08, 0x0A, 6393, 4918, 65535, 300),  # greatest
)
_HEATERS = (
    Test(0x41, 0x81, 0x0E, 612, 150, 1200, 120),
    Test(0x42, 0x81, 0x0E, 587, 150, 1200, 120),
)
_MISFIRE = tuple(
    Test(mid, tid, 0x24, _misfires(tid), 0, 65535, 60)
    for mid in (0xA1, 0xA2, 0xA3, 0xA4, 0xA5)  # all cylinders, 1 to 4
    for tid in (0x0B, 0x0C)  # average of ten cycles; this or the last cycle
)
_PETROL_TESTS = (
    *_SENSOR_TESTS,
    Test(0x21, 0x80, 0x20, 31, 0, 192, 600),  # catalyst: rear to front activity
    Test(0x31, 0x81, 0x2F, 1240, 600, 65535, 300),  # EGR flow
    Test(0x35, 0x80, 0x9D, -3, -20, 20, 300),  # camshaft, 0.5 degrees signed
    Test(0x3B, 0x80, 0xFE, -1420, -6000, -1000, 1200),  # tank pressure drop, 0.5 mm leak
    Test(0x3C, 0x80, 0xFE, -212, -2000, 0, 1200),
    *_HEATERS,
    *_MISFIRE,
)
_DIESEL_TESTS = (
    Test(0x01, 0x80, 0x1E, 32801, 31130, 34406, 300),
    Test(0x21, 0x81, 0x96, _catalyst, 0, 12000, 600),
    Test(0x31, 0x81, 0x2F, 980, 400, 65535, 300),
    Test(0x85, 0x80, 0x17, 14210, 10000, 30000, 240),  # boost pressure
    Test(0x90, 0x80, 0x20, 214, 128, 65535, 900),
    *_MISFIRE,
    Test(0xB2, 0x80, 0x17, 320, 0, 1800, 1200),  # filter: pressure drop
)
TESTS = {"petrol": _PETROL_TESTS, "hybrid": _PETROL_TESTS, "diesel": _DIESEL_TESTS}


def results(tests, mid, state, memory):
    """The records of one monitor: MID, TID, unit, value, least, greatest; zeros before it has
    run since the last clearing. Empty if there is no such monitor."""
    made, passed = b"", memory.since_clear()
    for test in tests:
        if test.mid != mid:
            continue
        numbers = (test.value(state) if callable(test.value) else test.value, test.low, test.high)
        if passed is not None and passed < test.done:
            numbers = (0, 0, 0)
        made += bytes((mid, test.tid, test.unit))
        made += b"".join((n & 0xFFFF).to_bytes(2, "big") for n in numbers)
    return made


def in_use(engine):
    """(information type, counters): completions and conditions of each monitor, two bytes each.

    Spark (08) has 20, compression (0B) 16, of which the first two are the denominator and the
    ignition cycles; a monitor that the car does not have is 0 of 0.
    """
    if engine == "diesel":
        pairs = ((231, 802), (0, 0), (118, 231), (66, 231), (0, 0), (44, 231), (190, 231),
                 (201, 231))  # fmt: skip
        kind = 0x0B
    else:
        pairs = ((412, 1290), (288, 412), (0, 0), (371, 412), (0, 0), (366, 412), (0, 0),
                 (97, 412), (352, 412), (0, 0))  # fmt: skip
        kind = 0x08
    return kind, [number.to_bytes(2, "big") for pair in pairs for number in pair]
