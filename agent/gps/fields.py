"""The fields of NMEA 0183 sentences as integers: text in, value out, FieldError for what cannot be.

An empty field is None. Field formats: NMEA 0183 4.10 section 6.2. Integers only, as ESP32 floats
have 32 bits; where it costs nothing, kept within the 31 bits of its small integers.
"""

from agent.const import const

# Called for each field: MicroPython finds a name of the module faster than a built-in one.
int = int
len = len

_LAT_LIMIT = const(90_000_000)
_LON_LIMIT = const(180_000_000)
# HDOP x100 from which a receiver means "unknown" (it writes 99.9 or 99.99).
_DOP_UNKNOWN = const(9990)
_POINT = const(46)
_MINUS = const(45)
# Most decimals that are read: receivers send up to 8.
_MAX_PLACES = const(12)

# Powers of ten by number of decimals.
_TEN = tuple([10**n for n in range(_MAX_PLACES + 1)])
# Days before each month (index 1..12) in a common year, and the months' lengths.
_BEFORE = (0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_LENGTH = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class FieldError(ValueError):
    """A sentence with a right checksum holds a field that cannot be: the sentence is refused."""


def position(lat, north, lon, east):
    """(lat, lon) in micro-degrees of four fields; both None when lat or lon is empty."""
    if not lat or not lon:
        return None, None
    y = _degrees(lat)
    x = _degrees(lon)
    if y > _LAT_LIMIT:
        raise FieldError("latitude %r" % lat)
    if x > _LON_LIMIT:
        raise FieldError("longitude %r" % lon)
    if north == b"S":
        y = -y
    elif north != b"N":
        raise FieldError("hemisphere %r" % north)
    if east == b"W":
        x = -x
    elif east != b"E":
        raise FieldError("hemisphere %r" % east)
    return y, x


def _degrees(field):
    """`dddmm.mmmm` in micro-degrees, rounded to nearest."""
    dot = field.find(b".")
    places = len(field) - 1 - dot if dot >= 0 else 0
    digits = field.replace(b".", b"", 1)
    if not digits.isdigit() or places > _MAX_PLACES:
        raise FieldError("angle %r" % field)
    scale = _TEN[places]
    degrees, minutes = divmod(int(digits), 100 * scale)
    if minutes >= 60 * scale:
        raise FieldError("60 minutes or more in %r" % field)
    # 10**6 / 60 micro-degrees a minute; + half of the divisor rounds.
    return degrees * 1_000_000 + (minutes * 100_000 + 3 * scale) // (6 * scale)


def time_of_day(field):
    """`hhmmss.sss` in ms of the day, digits beyond ms cut off."""
    if not field:
        return None
    digits = field.replace(b".", b"", 1)
    size = len(digits)
    if size < 6 or not digits.isdigit() or (len(field) > 6 and field[6] != _POINT):
        raise FieldError("time %r" % field)
    # hhmmssmmm as one number
    n = int(digits) * _TEN[9 - size] if size <= 9 else int(digits[:9])
    ms = n % 100_000
    minutes = n // 100_000 % 100
    if n >= 240_000_000 or minutes > 59 or ms >= 61_000:  # 60 s: a leap second
        raise FieldError("time %r" % field)
    return (n // 10_000_000 * 60 + minutes) * 60_000 + ms


def date(field):
    """`ddmmyy` in days since 1970; years 80..99 are 1980..1999."""
    if not field:
        return None
    if len(field) != 6 or not field.isdigit():
        raise FieldError("date %r" % field)
    n = int(field)
    year = n % 100
    return day_number(year + (1900 if year >= 80 else 2000), n // 100 % 100, n // 10000)


def day_number(year, month, day):
    """Days since 1970-01-01 of a date in 1970..2099, or FieldError."""
    if not (1970 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= _LENGTH[month]):
        raise FieldError("no such date: %d-%d-%d" % (year, month, day))
    leap = year % 4 == 0
    if month == 2 and day == 29 and not leap:
        raise FieldError("no such date: %d-02-29" % year)
    days = (year - 1970) * 365 + (year - 1969) // 4 + _BEFORE[month] + day - 1
    return days + 1 if leap and month > 2 else days


def decimal(field, num, den):
    """field * num / den, rounded to nearest; FieldError unless it is digits and one point."""
    dot = field.find(b".")
    digits = field.replace(b".", b"", 1)
    if not digits.isdigit():
        raise FieldError("number %r" % field)
    if dot >= 0:
        places = len(field) - 1 - dot
        if places > _MAX_PLACES:
            raise FieldError("number %r" % field)
        den *= _TEN[places]
    return (int(digits) * num + (den >> 1)) // den


def course(field):
    """Centi-degrees, 360 as 0."""
    if not field:
        return None
    heading = decimal(field, 100, 1)
    if heading > 36000:
        raise FieldError("course %r" % field)
    return heading if heading != 36000 else 0


def metres(field):
    """cm, with a sign."""
    if not field:
        return None
    if field[0] == _MINUS:
        return -decimal(field[1:], 100, 1)
    return decimal(field, 100, 1)


def dop(field):
    """x100, None where the receiver means "unknown"."""
    if not field:
        return None
    n = decimal(field, 100, 1)
    return n if 0 < n < _DOP_UNKNOWN else None


def count(field):
    """A small whole number."""
    if not field:
        return None
    if not field.isdigit() or len(field) > 4:
        raise FieldError("number %r" % field)
    return int(field)
