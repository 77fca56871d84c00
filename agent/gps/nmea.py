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
three letters of the address say the type.

What must be fast: RMC and GGA of a receiver with a fix, on an ESP32. What costs most there is
memory, so whatever makes objects: cutting out a field, a list of all fields, a tuple of all values,
and any function with more than some ten variables and arguments under way, which MicroPython puts
on the heap. So of these two types what stands before the speed or the satellites is compared with
the last time instead of being cut up, the row is always the same list, and functions are small.
Whatever is unusual goes the plain way, field by field.
"""

from agent.const import const
from agent.gps.fields import (
    FieldError,
    count,
    course,
    date,
    day_number,
    decimal,
    dop,
    metres,
    time_of_day,
)
from agent.gps.place import Place

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

# Addresses whose decoder is remembered: a receiver sends some twenty, noise must not add to them.
_MAX_KNOWN = const(40)
_NOTHING = const(b"$")  # stands in no sentence
_COMMA = const(44)
_0 = const(48)
_6 = const(54)
_9 = const(57)


def parse(sentence):
    """Decode one sentence by itself, as Decoder.parse does."""
    return Decoder().parse(sentence)


class Decoder:
    """Decodes a receiver's sentences.

    `more`: decoders of further types by their three letters, as sky.DECODERS, or None.
    Its only other state is the last text of some fields with what it came to: sentences repeat
    time, position, speed and course within an epoch and the date all day, and comparing is several
    times faster than decoding.
    """

    def __init__(self, more=None):
        self._more = more
        self._known = {}  # decoders by address and comma
        self._rmc_head = self._gga_head = _NOTHING  # the last RMC's and GGA's
        self._row = list(range(8))  # of RMC and GGA
        self._place = Place()
        self._time = _NOTHING  # with its comma
        self._time_end = 0
        self._tod = None
        self._tail = _NOTHING  # RMC from the date on
        self._day = None
        self._status = NO_FIX  # what RMC's mode says
        self._knots = b""
        self._speed = None
        self._course = b""
        self._heading = None
        self._dilution = b""
        self._hdop = None

    def parse(self, sentence):
        """Decode the bytes between `$` and `*`: tuple, None (type not decoded), or FieldError."""
        try:
            row = self.decode(sentence)
        except (FieldError, IndexError) as e:
            raise FieldError(refusal(sentence, e))
        return None if row is None else tuple(row)

    def decode(self, sentence):
        """As parse, but RMC and GGA come as a list that the next call overwrites, and errors
        (FieldError, IndexError) without the sentence's name, see refusal()."""
        if sentence.startswith(self._rmc_head):
            return self._rmc(sentence)
        if sentence.startswith(self._gga_head):
            return self._gga(sentence)
        decode = self._known.get(sentence[:6])
        if decode is None:
            decode = self._look_up(sentence[:6])
        return decode(self, sentence) if decode else None

    def _look_up(self, head):
        """The decoder of a sentence that begins with these six bytes; False: there is none."""
        decode = _DECODERS.get(head[2:5])
        if decode is None and self._more is not None:
            decode = self._more.get(head[2:5])
        vendor = head[:1] == b"P" and head[1:2] != b"Q"  # as PGRMC; but PQ is QZSS
        if decode is None or vendor or head[5:] != b",":
            decode = False
        elif b"," in head[:2]:
            decode = _refuse
        elif head[2:5] == b"RMC":
            self._rmc_head = head
        elif head[2:5] == b"GGA":
            self._gga_head = head
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[head] = decode
        return decode

    # --- sentences ---

    def _rmc(self, s):
        # GNRMC,141420.00,A,3401.24024,N,00650.21038,W,10.130,344.98,210926,,,A
        at = self._time_end if s.startswith(self._time, 6) else self._clock(s)
        at = self._place.read(s, at + 2) if s.startswith(b"A,", at) else 0
        if at:
            f = s[at:].split(b",", 2)
            return self._motion(f[0], f[1], f[2])
        return self._rmc_fields(s)

    def _rmc_fields(self, s):
        """Any RMC whose time is decoded."""
        f = s.split(b",", 9)
        if f[9] != self._tail:
            self._decode_tail(f[9])
        if f[2] != b"A" or not self._status:
            return self._without_fix(RMC, None, None, self._day)
        self._place.decode(f[3], f[4], f[5], f[6])
        return self._motion(f[7], f[8], f[9])

    def _motion(self, knots, course, tail):
        """The row of an RMC whose position is decoded."""
        if tail != self._tail:
            self._decode_tail(tail)
        if not self._status:
            return self._without_fix(RMC, None, None, self._day)
        row = self._row
        row[0] = RMC
        row[1] = self._tod
        row[2] = self._status
        row[3] = self._place.lat
        row[4] = self._place.lon
        row[5] = self._speed if knots == self._knots else self._decode_knots(knots)
        row[6] = self._heading if course == self._course else self._decode_course(course)
        row[7] = self._day
        return row

    def _gga(self, s):
        # GNGGA,141420.00,3401.24024,N,00650.21038,W,1,11,0.82,42.2,M,46.0,M,,
        at = self._time_end if s.startswith(self._time, 6) else self._clock(s)
        at = self._place.read(s, at)
        if at and s[at + 1] == _COMMA and _0 < s[at] <= _9:
            f = s[at + 2 :].split(b",", 3)
            return self._accuracy(ESTIMATED if s[at] == _6 else FIX, f[0], f[1], f[2])
        return self._gga_fields(s)

    def _gga_fields(self, s):
        """Any GGA whose time is decoded."""
        f = s.split(b",", 10)  # what is behind the altitude is not used
        quality = f[6]
        if quality == b"0" or not quality:
            return self._without_fix(GGA, count(f[7]), dop(f[8]), None)
        if not quality.isdigit():
            raise FieldError("quality %r" % quality)
        self._place.decode(f[2], f[3], f[4], f[5])
        return self._accuracy(ESTIMATED if quality == b"6" else FIX, f[7], f[8], f[9])

    def _accuracy(self, status, sats, hdop, alt):
        """The row of a GGA whose position is decoded."""
        row = self._row
        row[0] = GGA
        row[1] = self._tod
        row[2] = status
        row[3] = self._place.lat
        row[4] = self._place.lon
        row[5] = count(sats)
        row[6] = self._hdop if hdop == self._dilution else self._decode_dop(hdop)
        row[7] = metres(alt)
        return row

    def _without_fix(self, kind, five, six, seven):
        row = self._row
        row[:] = (kind, self._tod, NO_FIX, None, None, five, six, seven)
        return row

    def _gns(self, s):
        f = s.split(b",", 10)
        tod = self._time_of(f[1])
        modes = f[6]  # one letter a constellation
        others = modes.replace(b"N", b"")
        if not others:
            return (GNS, tod, NO_FIX, None, None, count(f[7]), dop(f[8]), None)
        place = self._place
        place.decode(f[2], f[3], f[4], f[5])
        status = FIX if others.replace(b"E", b"") else ESTIMATED
        alt = metres(f[9])
        return (GNS, tod, status, place.lat, place.lon, count(f[7]), dop(f[8]), alt)

    def _gll(self, s):
        f = s.split(b",")
        tod = self._time_of(f[5])
        if f[6] != b"A" or (len(f) > 7 and f[7] == b"N"):
            return (GLL, tod, NO_FIX, None, None)
        place = self._place
        place.decode(f[1], f[2], f[3], f[4])
        status = ESTIMATED if len(f) > 7 and f[7] == b"E" else FIX
        return (GLL, tod, status, place.lat, place.lon)

    def _zda(self, s):
        f = s.split(b",")
        tod = self._time_of(f[1])
        if not f[2] or not f[3] or not f[4]:
            return (ZDA, tod, None)
        return (ZDA, tod, day_number(count(f[4]), count(f[3]), count(f[2])))

    def _vtg(self, s):
        f = s.split(b",")
        if len(f) > 9 and f[9] == b"N":
            return (VTG, None, None)
        if f[5]:
            speed = self._speed if f[5] == self._knots else self._decode_knots(f[5])
        elif f[7]:
            speed = decimal(f[7], 250, 9)  # km/h to cm/s: 100000 / 3600
        else:
            speed = None
        heading = self._heading if f[1] == self._course else self._decode_course(f[1])
        return (VTG, speed, heading)

    def _gsa(self, s):
        f = s.split(b",")
        mode = f[2]
        if mode == b"3" or mode == b"2" or mode == b"1":
            return (GSA, mode[0] - _0, dop(f[16]))
        if mode:
            raise FieldError("mode %r" % mode)
        return (GSA, None, dop(f[16]))

    # --- fields that repeat: decode, remember only what was good ---

    def _clock(self, s):
        """Decode the time of day in field 1; the index behind its comma."""
        at = s.find(b",", 6)
        if at < 0:
            raise IndexError
        self._tod = time_of_day(s[6:at])
        at += 1
        self._time = s[6:at]
        self._time_end = at
        return at

    def _time_of(self, field):
        """The same for a time that is cut out already; ms of the day."""
        text = field + b","
        if text != self._time:
            self._tod = time_of_day(field)
            self._time = text
            self._time_end = 6 + len(text)
        return self._tod

    def _decode_tail(self, tail):
        """RMC from field 9 on: date, magnetic variation (two fields), mode."""
        # Field 13, the navigational status, is 'V' on good fixes of most receivers: not read.
        f = tail.split(b",", 4)
        self._day = date(f[0])
        self._tail = tail
        mode = f[3] if len(f) > 3 else b""
        self._status = NO_FIX if mode == b"N" else ESTIMATED if mode == b"E" else FIX

    def _decode_dop(self, field):
        self._hdop = hdop = dop(field)
        self._dilution = field
        return hdop

    def _decode_knots(self, field):
        self._speed = speed = decimal(field, 463, 9) if field else None  # 1852 m an hour
        self._knots = field
        return speed

    def _decode_course(self, field):
        self._heading = heading = course(field)
        self._course = field
        return heading


def _refuse(decoder, sentence):
    raise FieldError("address")


_DECODERS = {
    b"RMC": Decoder._rmc,
    b"GGA": Decoder._gga,
    b"GNS": Decoder._gns,
    b"GLL": Decoder._gll,
    b"ZDA": Decoder._zda,
    b"VTG": Decoder._vtg,
    b"GSA": Decoder._gsa,
}


def refusal(sentence, error):
    """What is wrong with a sentence, by the error that decode raised."""
    fault = "fields are missing" if isinstance(error, IndexError) else error.args[0]
    return "%s: %s" % ("".join(chr(c) for c in sentence[:5]), fault)
