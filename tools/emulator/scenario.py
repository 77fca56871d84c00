"""Scenario files: what the emulated car does, what its devices are, and what goes wrong.

A scenario is one JSON object; every key has a default, an unknown or unfit key is refused with
its full name (`gps.rate: ...`). `scenarios/casablanca-short.json` shows most of them.

    seed      integer; the same seed gives the same drive, noise and latencies
    start     "now" or an ISO 8601 time with a zone
    duration  seconds of scenario that `drive` gives; a route that ends before leaves the car
              standing with the engine idling
    route     {points, limit, loop, ...}: see Route and Point
    car       the vehicle: see Car
    gps, obd  the two devices: see Gps and Obd
    faults    [{part, kind, at, for, ...}]: see faults.py

Times inside a scenario are seconds since its start, as floats.
"""

import json
import math
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

from tools.emulator import adapters
from tools.emulator import faults as fault_script
from tools.emulator.line import BITS_PER_BYTE
from tools.emulator.ubx import GENERATIONS, LINE_RATES, REFUSALS

ENGINES = ("petrol", "diesel", "hybrid")
ECUS = ("engine", "transmission", "hybrid", "body")
PLAIN = "plain"  # a GPS receiver that takes no configuration
# Longest text of each kind of sentence that sentences.py writes, with CR LF; to see whether an
# epoch fits.
_SENTENCE_BYTES = {
    "RMC": 82, "VTG": 44, "GGA": 82, "GSA": 70, "GSV": 3 * 72, "GLL": 52, "GST": 56, "ZDA": 40,
    "GNS": 80,
}  # fmt: skip
SENTENCES = tuple(_SENTENCE_BYTES)
_CLOSEST = 10.0  # metres between neighbouring points of a route; a stop needs room to brake
BUNDLED = Path(__file__).parent / "scenarios"


class ScenarioError(ValueError):
    """A scenario that cannot be used; the text begins with the offending key."""


@dataclass(frozen=True)
class Point:
    """A way-point of the route."""

    lat: float
    lon: float
    stop: float = 0.0  # seconds standing here, engine idling
    limit: float | None = None  # km/h from here on
    alt: float | None = None  # metres; None: interpolated between the neighbours


@dataclass(frozen=True)
class Route:
    points: tuple[Point, ...]
    limit: float = 50.0  # km/h until a point says otherwise
    loop: bool = False  # from the last point back to the first, until `duration` is over
    altitude: float = 40.0  # metres where no point gives one


@dataclass(frozen=True)
class Car:
    vin: str = "VF1RFB00X56789012"
    mass: float = 1480.0  # kg
    fuel: float = 70.0  # per cent of the tank at the start
    tank: float = 50.0  # litres
    coolant: float = 24.0  # degrees Celsius at the start
    ambient: float = 24.0
    odometer: float = 84210.0  # km at the start
    engine: str = "petrol"  # or diesel, hybrid: which PIDs, monitors and control units it has


@dataclass(frozen=True)
class Gps:
    # plain takes no configuration and is as the next four lines say; a u-blox of generation 6, 8, 9
    # or 10 begins at this baud with what its makers chose, and is then as it is configured.
    chip: str = PLAIN
    baud: int = 9600
    rate: int = 1  # epochs a second
    talker: str = "GN"
    sentences: tuple[str, ...] = ("RMC", "GGA", "GSA")
    refuse: tuple[str, ...] = ()  # configuration that the chip refuses: of ubx.REFUSALS
    cold_start: float = 0.0  # seconds without a fix after power-on
    first_error: float = 0.0  # metres that the first fix after a cold start or reset is off ...
    first_tau: float = 3.0  # ... falling to a third in so many seconds
    latency: float = 0.08  # seconds from the epoch to its first byte
    correlated: float = 1.2  # metres, see noise.py
    white: float = 0.05
    tau: float = 60.0


@dataclass(frozen=True)
class Obd:
    baud: int = 38400
    adapter: str = "clone"  # which one it is: a row of adapters.KINDS
    banner: str = ""  # what it calls itself; "": as its kind does
    protocol: str = "6"  # what the car speaks, as ATSP names it: 1 to 9
    ecus: tuple[str, ...] = ()  # of ecu.NAMES; (): as such a car has
    latency: float = 0.010  # seconds from request to the engine ECU's answer
    jitter: float = 0.0  # ... plus up to so much, seeded
    search: float = 1.5  # seconds of SEARCHING... until the protocol is found
    search_in_vain: float = 6.0  # ... and until it is given up
    adaptive: bool = False  # ATAT1 and ATAT2 shorten the wait, whatever the adapter's kind
    linefeeds: bool = False  # state of ATL after a reset
    padding: int = 0  # the byte that fills up CAN frames
    count_digit: bool = True  # false: ? to a trailing frame count
    max_pids: int = 6  # ? to more PIDs in a request
    stored: tuple[str, ...] = ()  # trouble codes of service 03
    pending: tuple[str, ...] = ()  # ... and of service 07


@dataclass(frozen=True)
class Scenario:
    route: Route
    name: str = ""
    seed: int = 1
    start_ms: int | None = None  # UTC in ms since 1970; None: when the emulator starts
    duration: float = 300.0
    car: Car = field(default_factory=Car)
    gps: Gps = field(default_factory=Gps)
    obd: Obd = field(default_factory=Obd)
    faults: fault_script.Script = field(default_factory=fault_script.Script)


# What a number or text must fulfil: key -> (test, what the error says). Types come from the
# classes above.
_RULES = {
    "duration": (lambda v: 0 < v <= 86400, "must be above 0 and at most 86400 s"),
    "route.limit": (lambda v: 5 <= v <= 200, "must be 5 to 200 km/h"),
    "car.vin": (lambda v: len(v) == 17 and v.isascii() and v.isalnum(), "must be 17 characters"),
    "car.engine": (lambda v: v in ENGINES, f"must be {', '.join(ENGINES)}"),
    "car.mass": (lambda v: 500 <= v <= 10000, "must be 500 to 10000 kg"),
    "car.fuel": (lambda v: 0 <= v <= 100, "must be 0 to 100 %"),
    "car.tank": (lambda v: v > 0, "must be above 0 l"),
    "gps.chip": (
        lambda v: v in (PLAIN, *GENERATIONS),
        f"must be {PLAIN}, {', '.join(GENERATIONS)}",
    ),
    "gps.refuse": (lambda v: set(v) <= set(REFUSALS), f"must be of {', '.join(REFUSALS)}"),
    "gps.baud": (lambda v: 4800 <= v <= 921600, "must be 4800 to 921600"),
    "gps.rate": (lambda v: v in (1, 2, 4, 5, 8, 10), "must be 1, 2, 4, 5, 8 or 10 Hz"),
    "gps.talker": (lambda v: len(v) == 2 and v.isalpha() and v.isupper(), "must be 2 capitals"),
    "gps.sentences": (
        lambda v: "RMC" in v and "GGA" in v and set(v) <= set(SENTENCES),
        f"must hold RMC and GGA, and otherwise only {', '.join(SENTENCES)}",
    ),
    "gps.cold_start": (lambda v: v >= 0, "must not be negative"),
    "gps.first_error": (lambda v: 0 <= v <= 10000, "must be 0 to 10000 m"),
    "gps.first_tau": (lambda v: v > 0, "must be above 0 s"),
    "gps.latency": (lambda v: 0 <= v <= 0.5, "must be 0 to 0.5 s"),
    "gps.correlated": (lambda v: 0 <= v <= 100, "must be 0 to 100 m"),
    "gps.white": (lambda v: 0 <= v <= 10, "must be 0 to 10 m"),
    "gps.tau": (lambda v: v > 0, "must be above 0 s"),
    "obd.baud": (lambda v: 9600 <= v <= 2000000, "must be 9600 to 2000000"),
    "obd.adapter": (lambda v: v in adapters.KINDS, f"must be one of {', '.join(adapters.KINDS)}"),
    "obd.protocol": (lambda v: len(v) == 1 and v in "123456789", "must be 1 to 9"),
    "obd.ecus": (
        lambda v: len(set(v)) == len(v) and set(v) <= set(ECUS),
        f"must be of {', '.join(ECUS)}, each once",
    ),
    "obd.search_in_vain": (lambda v: 0 <= v <= 60, "must be 0 to 60 s"),
    "obd.latency": (lambda v: 0 <= v <= 5, "must be 0 to 5 s"),
    "obd.jitter": (lambda v: 0 <= v <= 5, "must be 0 to 5 s"),
    "obd.search": (lambda v: 0 <= v <= 20, "must be 0 to 20 s"),
    "obd.padding": (lambda v: 0 <= v <= 255, "must be 0 to 255"),
    "obd.max_pids": (lambda v: 1 <= v <= 6, "must be 1 to 6"),
    "obd.stored": (lambda v: all(map(_is_dtc, v)), "must be codes such as P0133"),
    "obd.pending": (lambda v: all(map(_is_dtc, v)), "must be codes such as P0133"),
}


def load(source):
    """The Scenario in `source`: a path, or the name of a bundled one such as `rabat-hour`.

    Raises ScenarioError (naming the key) or OSError.
    """
    path = Path(source)
    bundled = BUNDLED / f"{source}.json"
    if not path.exists() and bundled.exists():
        path = bundled
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScenarioError(f"{path}: not JSON: {error}") from None
    return parse(data)


def parse(data):
    """The Scenario that the JSON object `data` describes; raises ScenarioError."""
    if not isinstance(data, dict):
        raise ScenarioError("scenario: must be an object")
    data = dict(data)
    made = {
        "route": _route(data.pop("route", None)),
        "car": _section(Car, data.pop("car", {}), "car"),
        "gps": _section(Gps, data.pop("gps", {}), "gps"),
        "obd": _section(Obd, data.pop("obd", {}), "obd"),
        "start_ms": _start(data.pop("start", "now")),
        "faults": _faults(data.pop("faults", [])),
    }
    if "start_ms" in data:
        raise ScenarioError("start_ms: unknown key (use start)")
    made.update(_values(Scenario, data, ""))
    _suits_chip(made["gps"])
    _fits_baud(made["gps"])
    return Scenario(**made)


def _section(kind, data, path):
    if not isinstance(data, dict):
        raise ScenarioError(f"{path}: must be an object")
    return kind(**_values(kind, data, path + "."))


def _values(kind, data, prefix):
    """`data` checked against the fields of `kind`; returns keyword arguments for it."""
    known = {f.name: f.type for f in fields(kind)}
    made = {}
    for key, value in data.items():
        name = prefix + key
        if key not in known:
            raise ScenarioError(f"{name}: unknown key (known: {', '.join(sorted(known))})")
        made[key] = value = _typed(name, known[key], value)
        test, text = _RULES.get(name, (None, None))
        if test is not None and not test(value):
            raise ScenarioError(f"{name}: {text}, not {value!r}")
    return made


def _typed(name, kind, value):
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in (float, float | None) and number:
        return float(value)
    if kind == float | None and value is None:
        return None
    if kind == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
    elif kind is int:
        if number and isinstance(value, int):
            return value
    elif kind in (str, bool) and isinstance(value, kind):
        return value
    wanted = {float: "a number", int: "an integer", str: "a text", bool: "true or false"}
    raise ScenarioError(f"{name}: must be {wanted.get(kind, 'a list of texts')}, not {value!r}")


def _route(data):
    if not isinstance(data, dict):
        raise ScenarioError("route: missing, or not an object")
    data = dict(data)
    points = data.pop("points", None)
    if not isinstance(points, list) or len(points) < 2:
        raise ScenarioError("route.points: must be a list of two or more points")
    made = tuple(_point(p, f"route.points[{i}]") for i, p in enumerate(points))
    route = Route(points=made, **_values(Route, data, "route."))
    _far_apart(made + made[:1] if route.loop else made)
    return route


def _far_apart(points):
    for i, (a, b) in enumerate(zip(points, points[1:], strict=False), 1):
        east = (b.lon - a.lon) * 111_320 * math.cos(math.radians(a.lat))
        if math.hypot(east, (b.lat - a.lat) * 111_320) < _CLOSEST:
            name = f"route.points[{i % len(points)}].at"
            raise ScenarioError(f"{name}: must be {_CLOSEST:g} m or more from the point before")


def _point(data, path):
    """A point is [lat, lon], or an object with `at` and what else Point has."""
    data = {"at": data} if isinstance(data, list) else data
    if not isinstance(data, dict):
        raise ScenarioError(f"{path}: must be [lat, lon] or an object")
    data = dict(data)
    at = data.pop("at", None)
    if not isinstance(at, list) or len(at) != 2:
        raise ScenarioError(f"{path}.at: must be [lat, lon] in degrees")
    lat = _typed(f"{path}.at", float, at[0])
    lon = _typed(f"{path}.at", float, at[1])
    if not (-89 <= lat <= 89 and -180 <= lon <= 180):
        raise ScenarioError(f"{path}.at: latitude to 89, longitude to 180 degrees, not {at}")
    rest = _values(Point, data, path + ".")
    if rest.get("stop", 0) < 0:
        raise ScenarioError(f"{path}.stop: must not be negative")
    if rest.get("limit") is not None and not 5 <= rest["limit"] <= 200:
        raise ScenarioError(f"{path}.limit: must be 5 to 200 km/h")
    return Point(lat=lat, lon=lon, **rest)


def _start(text):
    if text == "now":
        return None
    try:
        start = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        start = None
    if start is None or start.tzinfo is None:
        raise ScenarioError(f'start: must be "now" or an ISO 8601 time with zone, not {text!r}')
    return round((start - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def _faults(rows):
    try:
        return fault_script.parse(rows)
    except fault_script.FaultError as error:
        raise ScenarioError(str(error)) from None


def _suits_chip(gps):
    """What configuration decides is not the scenario's to say, and the other way round."""
    if gps.chip == PLAIN:
        if gps.refuse:
            raise ScenarioError("gps.refuse: a plain receiver takes nothing that it could refuse")
        return
    for key in ("rate", "talker", "sentences"):
        if getattr(gps, key) != getattr(Gps, key):
            raise ScenarioError(f"gps.{key}: a chip's is set by configuration, see gps.chip")
    if gps.baud not in LINE_RATES:
        raise ScenarioError(f"gps.baud: a chip's must be one of {', '.join(map(str, LINE_RATES))}")


def _fits_baud(gps):
    """A receiver cannot say more in an epoch than its UART carries in one."""
    if gps.chip != PLAIN:
        return
    needed = sum(_SENTENCE_BYTES[s] for s in gps.sentences) * gps.rate * BITS_PER_BYTE
    if needed > gps.baud:
        raise ScenarioError(
            f"gps.rate: {gps.rate} Hz of {', '.join(gps.sentences)} may take {needed} baud, "
            f"gps.baud is {gps.baud}"
        )


def _is_dtc(text):
    hexadecimal = all(c in "0123456789ABCDEF" for c in text[1:])
    return len(text) == 5 and text[0] in "PCBU" and text[1] in "0123" and hexadecimal
