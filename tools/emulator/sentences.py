"""The NMEA 0183 sentences that GPS receivers write, as u-blox describes them for each generation.

`written(kind, moment, style)` gives the sentences of one kind: one, or several where a kind has
one for each system or for each four satellites. Positions to 10^-5 minutes (under 2 cm), speed to
0.001 knot, course to 0.01 degree, altitude to 0.1 m. What is not known is blank.

What differs (NMEA 0183 2.3 by u-blox 6, 4.0 by 8, 4.10 by 9, 4.11 by 10): talkers, the system's
and the signal's number in GSA and GSV, the navigational status at the end of RMC and GNS.
"""

from typing import NamedTuple

import pynmea2

KNOTS = 3600 / 1852  # per m/s
_UNKNOWN = "99.99"  # DOP
_GEOID = 46.0  # metres of the geoid above the ellipsoid
_GLONASS = 65  # satellites from here on, by NMEA's numbers


class Fix(NamedTuple):
    """What the receiver takes for true."""

    lat: float  # degrees
    lon: float
    alt: float  # metres
    speed: float  # m/s
    course: float | None  # degrees; None: too slow to tell
    sats: int
    hdop: float


class Satellite(NamedTuple):
    number: int  # GPS from 1, GLONASS from 65
    elevation: int  # degrees
    azimuth: int
    snr: int | None  # dB-Hz
    used: bool


class Moment(NamedTuple):
    """What a receiver knows at an epoch."""

    fix: Fix | None
    clock: object  # datetime, None where the receiver has no time
    satellites: tuple = ()  # in view; those used first
    antenna: str = "OPEN"  # what TXT says


class Style(NamedTuple):
    talker: str
    systems: bool = False  # a GSA and GSVs for each system
    numbers: bool = False  # 4.10: the system's number in GSA, the signal's in GSV, the status
    dialect: str = ""  # the generation that has it


STYLES = {
    "6": Style("GP", dialect="6"),
    "8": Style("GN", systems=True, dialect="8"),
    "9": Style("GN", systems=True, numbers=True, dialect="9"),
    "10": Style("GN", systems=True, numbers=True, dialect="10"),
}


def sentence(address, fields):
    """The bytes of one sentence; address: talker and type, as GNRMC."""
    made = pynmea2.TalkerSentence(address[:2], address[2:], fields)
    return made.render(newline=True).encode("ascii")


def written(kind, moment, style):
    """The sentences of that kind, as bytes each."""
    return [sentence(address, fields) for address, fields in _KINDS[kind](moment, style)]


def text(words, style):
    """The TXT that a receiver says by itself, a notice."""
    return sentence(style.talker + "TXT", ("01", "01", "02", words))


def _time(moment):
    clock = moment.clock
    return f"{clock:%H%M%S}.{clock.microsecond // 10000:02d}" if clock else ""


def _date(moment):
    return f"{moment.clock:%d%m%y}" if moment.clock else ""


def _position(fix):
    return (*_angle(fix.lat, 2, "NS"), *_angle(fix.lon, 3, "EW")) if fix else ("",) * 4


def _angle(degrees, width, sides):
    """([d]ddmm.mmmmm, hemisphere letter); rounded once, so that 60.00000 minutes cannot occur."""
    whole, minutes = divmod(round(abs(degrees) * 60 * 100000), 60 * 100000)
    text = f"{whole:0{width}d}{minutes // 100000:02d}.{minutes % 100000:05d}"
    return text, sides[degrees < 0]


def _course(fix):
    if fix is None or fix.course is None:
        return ""
    return f"{fix.course % 360:.2f}".replace("360.00", "0.00")


def _rmc(moment, style):
    fix = moment.fix
    knots = f"{fix.speed * KNOTS:.3f}" if fix else ""
    status = ("V",) if style.numbers else ()
    yield (
        style.talker + "RMC",
        (_time(moment), "A" if fix else "V", *_position(fix), knots, _course(fix), _date(moment),
         "", "", "A" if fix else "N", *status),
    )  # fmt: skip


def _vtg(moment, style):
    fix = moment.fix
    if fix is None:
        yield style.talker + "VTG", ("",) * 8 + ("N",)
        return
    knots, kmh = f"{fix.speed * KNOTS:.3f}", f"{fix.speed * 3.6:.3f}"
    yield style.talker + "VTG", (_course(fix), "T", "", "M", knots, "N", kmh, "K", "A")


def _gga(moment, style):
    fix = moment.fix
    if fix is None:
        rest = ("0", "00", _UNKNOWN, "", "", "", "", "", "")
    else:
        rest = ("1", f"{min(fix.sats, 12):02d}", f"{fix.hdop:.2f}", f"{fix.alt:.1f}", "M",
                f"{_GEOID:.1f}", "M", "", "")  # fmt: skip
    yield style.talker + "GGA", (_time(moment), *_position(fix), *rest)


def _gns(moment, style):
    fix = moment.fix
    modes = ("A" if fix else "N") * (4 if style.numbers else 2)
    dops = (f"{fix.sats:02d}", f"{fix.hdop:.2f}", f"{fix.alt:.1f}", f"{_GEOID:.1f}") if fix else (
        "00", _UNKNOWN, "", "")  # fmt: skip
    status = ("V",) if style.numbers else ()
    yield style.talker + "GNS", (_time(moment), *_position(fix), modes, *dops, "", "", *status)


def _gll(moment, style):
    state = ("A", "A") if moment.fix else ("V", "N")
    yield style.talker + "GLL", (*_position(moment.fix), _time(moment), *state)


def _gsa(moment, style):
    fix = moment.fix
    dops = (_UNKNOWN,) * 3
    if fix:
        dops = (f"{fix.hdop * 1.8:.2f}", f"{fix.hdop:.2f}", f"{fix.hdop * 1.5:.2f}")
    for number, satellites in enumerate(_systems(moment, style), 1):
        used = [f"{s.number:02d}" for s in satellites if s.used and fix][:12]
        system = (str(number),) if style.numbers else ()
        yield (
            style.talker + "GSA",
            ("A", "3" if fix else "1", *used, *[""] * (12 - len(used)), *dops, *system),
        )


def _gsv(moment, style):
    for number, satellites in enumerate(_systems(moment, style), 1):
        talker = ("GP", "GL")[number - 1] if style.systems else style.talker
        signal = ("1",) if style.numbers else ()  # L1 C/A of both
        total = -(-len(satellites) // 4) or 1
        for i in range(total):
            fields = []
            for s in satellites[4 * i : 4 * i + 4]:
                snr = "" if s.snr is None else f"{s.snr:02d}"
                fields += (f"{s.number:02d}", f"{s.elevation:02d}", f"{s.azimuth:03d}", snr)
            yield (
                talker + "GSV",
                (str(total), str(i + 1), f"{len(satellites):02d}", *fields, *signal),
            )


def _systems(moment, style):
    """The satellites in as many groups as there are GSAs."""
    if not style.systems:
        return (moment.satellites,)
    return (
        [s for s in moment.satellites if s.number < _GLONASS],
        [s for s in moment.satellites if s.number >= _GLONASS],
    )


def _gst(moment, style):
    fix = moment.fix
    errors = ("",) * 7
    if fix:
        sides = f"{1.5 * fix.hdop:.1f}"
        errors = (f"{6 * fix.hdop:.1f}", "", "", "", sides, sides, f"{2.5 * fix.hdop:.1f}")
    yield style.talker + "GST", (_time(moment), *errors)


def _zda(moment, style):
    clock = moment.clock
    date = (f"{clock:%d}", f"{clock:%m}", f"{clock:%Y}") if clock else ("", "", "")
    yield style.talker + "ZDA", (_time(moment), *date, "00", "00")


def _txt(moment, style):
    yield style.talker + "TXT", ("01", "01", "02", f"ANTSTATUS={moment.antenna}")


# In the order in which u-blox receivers send them.
_KINDS = {
    "TXT": _txt, "RMC": _rmc, "VTG": _vtg, "GNS": _gns, "GGA": _gga, "GSA": _gsa, "GSV": _gsv,
    "GLL": _gll, "GST": _gst, "ZDA": _zda,
}  # fmt: skip
ORDER = tuple(_KINDS)
