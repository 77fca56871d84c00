"""Service 01 parameters of a petrol engine: how the emulated ECUs put physical values into bytes.

Formulas as in SAE J1979-DA. Written for the emulator alone, so that a slip in the agent's own
table cannot hide behind the same slip here.
"""

from typing import NamedTuple

from tools.emulator import monitors


class OfMemory(str):
    """A source that is a method of the control unit's memory of trouble codes."""


class Linear(NamedTuple):
    """A parameter with one number: physical = raw * num / den + offset, big-endian."""

    pid: int
    length: int  # bytes
    name: str
    num: int
    den: int
    offset: int
    source: object  # field of vehicle.State, a function State -> physical, an OfMemory or a number
    signed: bool = False

    def encode(self, state, ecu):
        raw = round((self._value(state, ecu) - self.offset) * self.den / self.num)
        bits = 8 * self.length
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else (0, (1 << bits) - 1)
        return min(max(raw, low), high).to_bytes(self.length, "big", signed=self.signed)

    def decode(self, data):
        """Physical value of `data` as a float, exactly as a right reader has it."""
        raw = int.from_bytes(data, "big", signed=self.signed)
        return raw * self.num / self.den + self.offset

    def _value(self, state, ecu):
        if isinstance(self.source, OfMemory):
            return getattr(ecu.memory, self.source)(state)
        if isinstance(self.source, str):
            return getattr(state, self.source)
        return self.source(state) if callable(self.source) else self.source


class Packed(NamedTuple):
    """A parameter of several fields or of bits; its `decode` gives the field that truth logs."""

    pid: int
    length: int
    name: str
    pack: object  # function (State, Ecu) -> bytes
    unpack: object  # function bytes -> float

    def encode(self, state, ecu):
        return self.pack(state, ecu)

    def decode(self, data):
        return float(self.unpack(data))


def _whole(data):
    return int.from_bytes(data, "big")


def _monitor_status(state, ecu):
    return monitors.since_clear(ecu.memory, ecu.engine)


def _cycle_status(state, ecu):
    return monitors.this_cycle(state, ecu.engine)


def _fuel_system(state, ecu):
    # 1 open loop, cold; 2 closed loop; 4 open loop because of load or overrun.
    if state.coolant < 50:
        return bytes((1, 0))
    return bytes((4 if state.load > 85 or state.fuel_rate < 0.05 else 2, 0))


def _swing(state, seconds):
    """-1 or 1, changing twice in so many seconds: a lambda control's rhythm."""
    return 1 if state.run_time % seconds < seconds / 2 else -1


def _narrow_sensor(rear):
    def pack(state, ecu):
        volts = 0.62 if rear else 0.45 + 0.32 * _swing(state, 1.6)
        trim = 0xFF if rear else round(128 + 1.28 * _swing(state, 1.6))
        return bytes((round(volts * 200), trim))

    return pack


def _wide_sensor(state, ecu):
    ratio = round((1 + 0.012 * _swing(state, 1.6)) * 32768)
    return ratio.to_bytes(2, "big") + round(128 * 256 + 24 * _swing(state, 1.6)).to_bytes(2, "big")


def _coolant_pair(state, ecu):
    first = round(state.coolant) + 40
    return bytes((0x03, first, max(0, first - 3)))


def _torque(state):
    return state.load - 9 if state.rpm else 0.0


def _pedal_e(state):
    return state.pedal / 2


def _rail(state):
    return 3500 + 55 * state.load


# pid, bytes, name, num, den, offset, source. Numerator and denominator as J1979 writes them.
_LINEAR = (
    Linear(0x04, 1, "calculated load, %", 100, 255, 0, "load"),
    Linear(0x05, 1, "coolant temperature, degC", 1, 1, -40, "coolant"),
    Linear(0x06, 1, "short term fuel trim 1, %", 100, 128, -100, lambda s: _swing(s, 1.6)),
    Linear(0x07, 1, "long term fuel trim 1, %", 100, 128, -100, 2.3),
    Linear(0x0A, 1, "fuel pressure, kPa", 3, 1, 0, 378),
    Linear(0x0B, 1, "manifold pressure, kPa", 1, 1, 0, "manifold"),
    Linear(0x0C, 2, "engine speed, rpm", 1, 4, 0, "rpm"),
    Linear(0x0D, 1, "vehicle speed, km/h", 1, 1, 0, "wheel_speed"),
    Linear(0x0E, 1, "timing advance, deg", 1, 2, -64, "advance"),
    Linear(0x0F, 1, "intake air temperature, degC", 1, 1, -40, "intake"),
    Linear(0x10, 2, "mass air flow, g/s", 1, 100, 0, "airflow"),
    Linear(0x11, 1, "throttle position, %", 100, 255, 0, "throttle"),
    Linear(0x1F, 2, "time since engine start, s", 1, 1, 0, "run_time"),
    Linear(0x21, 2, "distance with MIL on, km", 1, 1, 0, OfMemory("mil_km")),
    Linear(0x23, 2, "fuel rail gauge pressure, kPa", 10, 1, 0, _rail),
    Linear(0x2C, 1, "commanded EGR, %", 100, 255, 0, lambda s: max(0.0, 22 - s.load / 3)),
    Linear(0x2D, 1, "EGR error, %", 100, 128, -100, 0.8),
    Linear(0x2E, 1, "commanded evaporative purge, %", 100, 255, 0, lambda s: s.load / 2),
    Linear(0x2F, 1, "fuel level, %", 100, 255, 0, "fuel"),
    Linear(0x30, 1, "warm-ups since codes cleared", 1, 1, 0, OfMemory("warm_ups")),
    Linear(0x31, 2, "distance since codes cleared, km", 1, 1, 0, OfMemory("cleared_km")),
    Linear(0x32, 2, "evaporative vapour pressure, Pa", 1, 4, 0, lambda s: -s.load, True),
    Linear(0x33, 1, "barometric pressure, kPa", 1, 1, 0, lambda s: 101.3 - s.alt / 84),
    Linear(0x3C, 2, "catalyst temperature 1-1, degC", 1, 10, -40, "catalyst"),
    Linear(0x42, 2, "control module voltage, V", 1, 1000, 0, "voltage"),
    Linear(0x43, 2, "absolute load, %", 100, 255, 0, lambda s: s.load * 0.94),
    Linear(0x44, 2, "commanded equivalence ratio", 2, 65536, 0, 1.0),
    Linear(0x45, 1, "relative throttle position, %", 100, 255, 0, lambda s: s.throttle - 10),
    Linear(0x46, 1, "ambient air temperature, degC", 1, 1, -40, "ambient"),
    Linear(0x47, 1, "throttle position B, %", 100, 255, 0, lambda s: s.throttle + 1),
    Linear(0x49, 1, "accelerator pedal D, %", 100, 255, 0, "pedal"),
    Linear(0x4A, 1, "accelerator pedal E, %", 100, 255, 0, _pedal_e),
    Linear(0x4C, 1, "commanded throttle, %", 100, 255, 0, "throttle"),
    Linear(0x4D, 2, "time with MIL on, min", 1, 1, 0, OfMemory("mil_minutes")),
    Linear(0x4E, 2, "time since codes cleared, min", 1, 1, 0, OfMemory("cleared_minutes")),
    Linear(0x52, 1, "ethanol in fuel, %", 100, 255, 0, 5),
    Linear(0x59, 2, "fuel rail absolute pressure, kPa", 10, 1, 0, lambda s: _rail(s) + 101),
    Linear(0x5A, 1, "relative pedal position, %", 100, 255, 0, lambda s: s.pedal - 14.9),
    Linear(0x5C, 1, "engine oil temperature, degC", 1, 1, -40, "oil"),
    Linear(0x5E, 2, "engine fuel rate, l/h", 1, 20, 0, "fuel_rate"),
    Linear(0x61, 1, "driver's demand torque, %", 1, 1, -125, lambda s: _torque(s) + 1),
    Linear(0x62, 1, "actual torque, %", 1, 1, -125, _torque),
    Linear(0x63, 2, "reference torque, Nm", 1, 1, 0, 205),
    Linear(0xA6, 4, "odometer, km", 1, 10, 0, "odometer"),
)

_PACKED = (
    Packed(0x01, 4, "monitor status", _monitor_status, _whole),
    Packed(0x03, 2, "fuel system status", _fuel_system, _whole),
    Packed(0x13, 1, "oxygen sensors present", lambda s, e: b"\x03", _whole),
    Packed(0x14, 2, "oxygen sensor 1, V", _narrow_sensor(False), lambda d: d[0] / 200),
    Packed(0x15, 2, "oxygen sensor 2, V", _narrow_sensor(True), lambda d: d[0] / 200),
    Packed(0x1C, 1, "OBD standard", lambda s, e: b"\x06", _whole),
    Packed(0x34, 4, "oxygen sensor 1, ratio", _wide_sensor, lambda d: _whole(d[:2]) * 2 / 65536),
    Packed(0x41, 4, "monitor status of this cycle", _cycle_status, _whole),
    Packed(0x51, 1, "fuel type", lambda s, e: b"\x01", _whole),
    Packed(0x67, 3, "coolant temperature 1, degC", _coolant_pair, lambda d: d[1] - 40),
)

# All of a petrol engine.
PIDS = {row.pid: row for row in sorted(_LINEAR + _PACKED)}


def bitmap(supported, base):
    """Four bytes of PID `base` (00, 20, 40 ...): which of the next 32 are supported.

    The last bit says that the next bitmap exists, so that a reader finds all of them.
    """
    bits = 0
    for pid in range(base + 1, base + 33):
        further = pid == base + 32 and any(p > pid for p in supported)
        if pid in supported or further:
            bits |= 1 << (base + 32 - pid)
    return bits.to_bytes(4, "big")


def has_bitmap(supported, base):
    return base % 32 == 0 and (base == 0 or any(p > base for p in supported))
