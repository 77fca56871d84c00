"""Decodes NMEA 0183 sentences (as Framer gives them) into plain tuples of integers.

`Decoder().parse(sentence)` returns one of the tuples below, or None for a sentence type that is
not decoded. A field that is empty stays None ("null"); a field outside its range refuses the whole
sentence with FieldError. A position, speed or course that the sentence itself calls invalid is
None.

    (RMC, tod, status, lat, lon, speed, heading, day)
    (GGA, tod, status, lat, lon, sats, hdop, alt)
    (GNS, tod, status, lat, lon, sats, hdop, alt)
    (GLL, tod, status, lat, lon)
    (VTG, speed, heading)
    (ZDA, tod, day)
    (GSA, mode, hdop)

tod      ms of the UTC day, 0..86400999 (86400000 and more: a leap second)
status   NO_FIX, FIX or ESTIMATED (the receiver's own dead reckoning)
lat, lon micro-degrees, north and east positive, rounded to nearest, halves away from zero
speed    cm/s           heading  centi-degrees true, 0..35999
alt      cm above mean sea level          hdop  x100 (99.99 and 0 mean unknown: None)
day      days since 1970-01-01            sats  satellites used       mode  1 none, 2 2D, 3 3D

Field order: NMEA 0183 4.10 section 6.3; receivers' manuals agree. Talkers are ignored: the last
three letters of the address say the type. Integers only, as ESP32 floats have 32 bits.
"""

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


# Sentence types, as bits, so that fix.py can keep sets of them in one small int.
RMC = const(1)
GGA = const(2)
GNS = const(4)
GLL = const(8)
ZDA = const(16)
VTG = const(32)
GSA = const(64)

NO_FIX = const(0)
FIX = const(1)
ESTIMATED = const(2)

_LAT_LIMIT = const(90_000_000)
_LON_LIMIT = const(180_000_000)
# HDOP x100 from which a receiver means "unknown" (it writes 99.9 or 99.99).
_DOP_UNKNOWN = const(9990)
_GGA_ESTIMATED = b"6"
# Stands in no sentence.
_NOWHERE = b"$"
_COMMA = const(44)
_POINT = const(46)

# Powers of ten by number of decimals. Receivers send up to 8; more than 12 is refused.
_TEN = tuple([10**n for n in range(13)])
# Days before each month (index 1..12) in a common year, and the months' lengths.
_BEFORE = (0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_LENGTH = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class FieldError(ValueError):
    """A sentence with a right checksum holds a field that cannot be: the sentence is refused."""


def parse(sentence):
    """Decode one sentence by itself, as Decoder.parse does."""
    return Decoder().parse(sentence)


class Decoder:
    """Decodes a receiver's sentences.

    `more`: decoders of further types by their three letters, as sky.DECODERS, or None.
    Its only other state is the last text of some fields with what it came to: the sentences of an
    epoch repeat time, position, speed and course, and comparing is several times faster than
    decoding.
    """

    def __init__(self, more=None):
        self._more = more
        self._time = b""
        self._tod = None
        self._y = self._ns = self._x = self._ew = None  # the four fields of a position
        self._where = _NOWHERE  # the same as it stood in a sentence, commas around it
        self._lat = self._lon = None
        self._knots = b""
        self._speed = None
        self._course = b""
        self._heading = None
        self._dilution = b""
        self._hdop = None
        self._date = b""
        self._day = None

    def parse(self, sentence):
        """Decode the bytes between `$` and `*`: tuple, None (type not decoded), or FieldError."""
        decode = _DECODERS.get(sentence[2:5])
        if decode is None and self._more is not None:
            decode = self._more.get(sentence[2:5])
        if decode is None or len(sentence) < 6 or sentence[5] != _COMMA:
            return None
        if sentence[0] == 80 and sentence[1] != 81:  # `P`: proprietary, as PGRMC; but PQ is QZSS
            return None
        try:
            return decode(self, sentence)
        except IndexError:
            fault = "fields are missing"
        except FieldError as e:
            fault = e.args[0]
        raise FieldError("%s: %s" % (_name(sentence), fault))

    # --- sentences ---

    def _rmc(self, sentence):
        f = sentence.split(b",", 13)
        tod = self._tod if f[1] == self._time else self._decode_time(f[1])
        day = self._day if f[9] == self._date else self._decode_date(f[9])
        if f[2] != b"A" or (len(f) > 12 and f[12] == b"N"):
            return (RMC, tod, NO_FIX, None, None, None, None, day)
        # Field 13, the navigational status, is 'V' on good fixes of most receivers: not read.
        status = ESTIMATED if len(f) > 12 and f[12] == b"E" else FIX
        if f[3] != self._y or f[5] != self._x or f[4] != self._ns or f[6] != self._ew:
            self._decode_position(f[3], f[4], f[5], f[6])
            at = 2 + len(f[0]) + len(f[1]) + len(f[2])
            size = 5 + len(f[3]) + len(f[4]) + len(f[5]) + len(f[6])
            self._where = sentence[at : at + size]
        speed = self._speed if f[7] == self._knots else self._decode_knots(f[7])
        heading = self._heading if f[8] == self._course else self._decode_course(f[8])
        return (RMC, tod, status, self._lat, self._lon, speed, heading, day)

    def _gga(self, sentence):
        # Time and position are mostly those of the RMC before, to the letter: then they need not
        # be cut up.
        text = self._time
        at = 6 + len(text)
        if (
            text
            and sentence.startswith(text, 6)
            and sentence.startswith(self._where, at)
            and sentence[0] != _COMMA
            and sentence[1] != _COMMA
        ):
            tod = self._tod
            same = True
            f = sentence[at + len(self._where) :].split(b",", 4)
        else:
            f = sentence.split(b",", 10)  # what is behind the altitude is not used
            tod = self._tod if f[1] == text else self._decode_time(f[1])
            y, ns, x, ew = f[2], f[3], f[4], f[5]
            same = y == self._y and x == self._x and ns == self._ns and ew == self._ew
            f = f[6:]
        quality = f[0]
        sats = _count(f[1])
        hdop = self._hdop if f[2] == self._dilution else self._decode_dop(f[2])
        if quality == b"0" or not quality:
            return (GGA, tod, NO_FIX, None, None, sats, hdop, None)
        if not quality.isdigit():
            raise FieldError("quality %r" % quality)
        if not same:
            self._decode_position(y, ns, x, ew)
        status = ESTIMATED if quality == _GGA_ESTIMATED else FIX
        return (GGA, tod, status, self._lat, self._lon, sats, hdop, metres(f[3]))

    def _gns(self, sentence):
        f = sentence.split(b",", 10)
        tod = self._tod if f[1] == self._time else self._decode_time(f[1])
        modes = f[6]  # one letter a constellation
        others = modes.replace(b"N", b"")
        if not others:
            return (GNS, tod, NO_FIX, None, None, _count(f[7]), _dop(f[8]), None)
        if f[2] != self._y or f[4] != self._x or f[3] != self._ns or f[5] != self._ew:
            self._decode_position(f[2], f[3], f[4], f[5])
        status = FIX if others.replace(b"E", b"") else ESTIMATED
        alt = metres(f[9])
        return (GNS, tod, status, self._lat, self._lon, _count(f[7]), _dop(f[8]), alt)

    def _gll(self, sentence):
        f = sentence.split(b",")
        tod = self._tod if f[5] == self._time else self._decode_time(f[5])
        if f[6] != b"A" or (len(f) > 7 and f[7] == b"N"):
            return (GLL, tod, NO_FIX, None, None)
        if f[1] != self._y or f[3] != self._x or f[2] != self._ns or f[4] != self._ew:
            self._decode_position(f[1], f[2], f[3], f[4])
        status = ESTIMATED if len(f) > 7 and f[7] == b"E" else FIX
        return (GLL, tod, status, self._lat, self._lon)

    def _zda(self, sentence):
        f = sentence.split(b",")
        tod = self._tod if f[1] == self._time else self._decode_time(f[1])
        if not f[2] or not f[3] or not f[4]:
            return (ZDA, tod, None)
        return (ZDA, tod, day_number(_count(f[4]), _count(f[3]), _count(f[2])))

    def _vtg(self, sentence):
        f = sentence.split(b",")
        if len(f) > 9 and f[9] == b"N":
            return (VTG, None, None)
        if f[5]:
            speed = self._speed if f[5] == self._knots else self._decode_knots(f[5])
        elif f[7]:
            speed = _decimal(f[7], 250, 9)  # km/h to cm/s: 100000 / 3600
        else:
            speed = None
        heading = self._heading if f[1] == self._course else self._decode_course(f[1])
        return (VTG, speed, heading)

    def _gsa(self, sentence):
        f = sentence.split(b",")
        mode = f[2]
        if mode == b"3" or mode == b"2" or mode == b"1":
            return (GSA, mode[0] - 48, _dop(f[16]))
        if mode:
            raise FieldError("mode %r" % mode)
        return (GSA, None, _dop(f[16]))

    # --- fields that repeat: decode, remember only what was good ---

    def _decode_time(self, field):
        self._tod = tod = time_of_day(field)
        self._time = field
        return tod

    def _decode_date(self, field):
        self._day = day = _date(field)
        self._date = field
        return day

    def _decode_position(self, y, ns, x, ew):
        self._y = None  # until it is known to be good
        self._where = _NOWHERE
        self._lat, self._lon = _position(y, ns, x, ew)
        self._y = y
        self._ns = ns
        self._x = x
        self._ew = ew

    def _decode_dop(self, field):
        self._hdop = hdop = _dop(field)
        self._dilution = field
        return hdop

    def _decode_knots(self, field):
        # 1 knot is 1852 m an hour: 463/9 cm/s.
        self._speed = speed = _decimal(field, 463, 9) if field else None
        self._knots = field
        return speed

    def _decode_course(self, field):
        self._heading = heading = course(field)
        self._course = field
        return heading


_DECODERS = {
    b"RMC": Decoder._rmc,
    b"GGA": Decoder._gga,
    b"GNS": Decoder._gns,
    b"GLL": Decoder._gll,
    b"ZDA": Decoder._zda,
    b"VTG": Decoder._vtg,
    b"GSA": Decoder._gsa,
}


def _name(sentence):
    return "".join(chr(c) for c in sentence[:5])


def day_number(year, month, day):
    """Days since 1970-01-01 of a date in 1970..2099, or FieldError."""
    if not (1970 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= _LENGTH[month]):
        raise FieldError("no such date: %d-%d-%d" % (year, month, day))
    leap = year % 4 == 0
    if month == 2 and day == 29 and not leap:
        raise FieldError("no such date: %d-02-29" % year)
    days = (year - 1970) * 365 + (year - 1969) // 4 + _BEFORE[month] + day - 1
    return days + 1 if leap and month > 2 else days


# --- fields ---


def _position(lat, north, lon, east):
    """(lat, lon) in micro-degrees; both None when either is empty."""
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
    if not digits.isdigit() or places > 12:
        raise FieldError("angle %r" % field)
    # 10**6 / 60 micro-degrees a minute; + half of the divisor rounds.
    if places == 5:  # the usual case, kept within small ints
        n = int(digits)
        minutes = n % 10_000_000
        if minutes >= 6_000_000:
            raise FieldError("60 minutes or more in %r" % field)
        return n // 10_000_000 * 1_000_000 + (minutes + 3) // 6
    scale = _TEN[places]
    degrees, minutes = divmod(int(digits), 100 * scale)
    if minutes >= 60 * scale:
        raise FieldError("60 minutes or more in %r" % field)
    return degrees * 1_000_000 + (minutes * 100_000 + 3 * scale) // (6 * scale)


def time_of_day(field):
    """`hhmmss.sss` in ms of the day, digits beyond ms cut off; None when empty."""
    if not field:
        return None
    size = len(field)
    if size > 6:
        if field[6] != _POINT or not field.replace(b".", b"", 1).isdigit():
            raise FieldError("time %r" % field)
        n = int(field[:6])
    elif size == 6 and field.isdigit():
        n = int(field)
    else:
        raise FieldError("time %r" % field)
    seconds = n % 100
    minutes = n // 100 % 100
    if n >= 240000 or minutes > 59 or seconds > 60:  # 60: a leap second
        raise FieldError("time %r" % field)
    ms = (n // 10000 * 60 + minutes) * 60000 + seconds * 1000
    if size == 9:
        return ms + (field[7] * 10 + field[8] - 528) * 10  # 528: two zeros as characters
    if size > 7:
        ms += int((field[7:] + b"00")[:3])
    return ms


def _date(field):
    """`ddmmyy` in days since 1970; years 80..99 are 1980..1999. None when empty."""
    if not field:
        return None
    if len(field) != 6 or not field.isdigit():
        raise FieldError("date %r" % field)
    n = int(field)
    year = n % 100
    return day_number(year + (1900 if year >= 80 else 2000), n // 100 % 100, n // 10000)


def _decimal(field, num, den):
    """field * num / den, rounded to nearest; FieldError unless it is digits and one point."""
    dot = field.find(b".")
    digits = field.replace(b".", b"", 1)
    if not digits.isdigit():
        raise FieldError("number %r" % field)
    if dot >= 0:
        places = len(field) - 1 - dot
        if places > 12:
            raise FieldError("number %r" % field)
        den *= _TEN[places]
    return (int(digits) * num + (den >> 1)) // den


def course(field):
    """Centi-degrees, 360 as 0."""
    if not field:
        return None
    heading = _decimal(field, 100, 1)
    if heading > 36000:
        raise FieldError("course %r" % field)
    return heading if heading != 36000 else 0


def metres(field):
    """cm, with a sign."""
    if not field:
        return None
    if field[0] == 45:  # `-`
        return -_decimal(field[1:], 100, 1)
    return _decimal(field, 100, 1)


def _dop(field):
    if not field:
        return None
    dop = _decimal(field, 100, 1)
    return dop if 0 < dop < _DOP_UNKNOWN else None


def _count(field):
    if not field:
        return None
    if not field.isdigit() or len(field) > 4:
        raise FieldError("number %r" % field)
    return int(field)
