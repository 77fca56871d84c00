"""What a receiver says beside the fix: satellites in view, expected errors, true heading.

Nobody pays for these who does not ask: `Decoder(sky.DECODERS)` decodes, besides its own types,

    (GSV, talker, signal, total, number, in_view, satellites)   satellites: up to 4 of
         (system, number, elevation, azimuth, snr)
    (GST, tod, lat_error, lon_error, alt_error)      standard deviations, cm
    (HDT, heading, status)                           of HDT and THS

and `Sky().add(tuple, now)` keeps the view of all constellations together. Empty fields are None;
one outside its range refuses the sentence (FieldError).

system     as in UBX and gpsd: GPS, SBAS, GALILEO, BEIDOU, QZSS, GLONASS, NAVIC; None: unknown id
number     the satellite's own: PRN, of GLONASS the slot, of QZSS from 1; unknown: as it was sent
elevation  whole degrees, -90..90     azimuth  whole degrees, 0..359     snr  dB-Hz, 0..99
signal     NMEA 4.10's signal id (of the system), 0: not said
heading    centi-degrees true, 0..35999           status  NO_FIX, FIX or ESTIMATED

Fields: NMEA 0183 4.10 section 6.3 and its tables of GNSS and signal ids.
"""

from agent.const import const
from agent.gps.nmea import ESTIMATED, FIX, NO_FIX, FieldError, course, metres, time_of_day

# Types, bits above those of nmea.py.
GSV = const(128)
GST = const(256)
HDT = const(512)

GPS = const(0)
SBAS = const(1)
GALILEO = const(2)
BEIDOU = const(3)
QZSS = const(5)
GLONASS = const(6)
NAVIC = const(7)

_HEX = b"0123456789ABCDEF"

# (first, last, system, what to take off for the satellite's own number), whatever the talker.
_IDS = (
    (1, 32, GPS, 0),
    (33, 64, SBAS, -87),
    (65, 96, GLONASS, 64),
    (152, 158, SBAS, 0),
    (193, 202, QZSS, 192),
    (301, 336, GALILEO, 300),
    (401, 463, BEIDOU, 400),
)
# The same where a talker numbers its own system; looked at first. PQ: Quectel sends BeiDou by it.
_BEIDOU_IDS = ((1, 63, BEIDOU, 0), (201, 263, BEIDOU, 200))
_OWN_IDS = {
    b"GL": ((1, 32, GLONASS, 0),),
    b"GA": ((1, 36, GALILEO, 0),),
    b"GB": _BEIDOU_IDS,
    b"BD": _BEIDOU_IDS,
    b"PQ": _BEIDOU_IDS,
    b"GQ": ((1, 10, QZSS, 0),),
    b"QZ": ((1, 10, QZSS, 0),),
    b"GI": ((1, 15, NAVIC, 0),),
}

# Talkers times signals: six systems with two or three signals each.
MAX_GROUPS = const(16)
# Satellites in the whole view: more than all systems have above one horizon. A row costs some
# 100 bytes on an ESP32.
MAX_SATELLITES = const(64)
# GSVs come at least every 5 s; what was not repeated for so long, ms, is out of view.
HOLDS_MS = const(10_000)


def identify(talker, sent):
    """(system, number) of a satellite id as sent by `talker`."""
    for rows in (_OWN_IDS.get(talker, ()), _IDS):
        for first, last, system, off in rows:
            if first <= sent <= last:
                return system, sent - off
    return None, sent


def _whole(field, low, high, what):
    """An integer in low..high; None when empty."""
    if not field:
        return None
    negative = field[0] == 45  # `-`
    digits = field[1:] if negative else field
    if not digits.isdigit() or len(digits) > 4:
        raise FieldError("%s %r" % (what, field))
    n = -int(digits) if negative else int(digits)
    if not low <= n <= high:
        raise FieldError("%s %r" % (what, field))
    return n


def _gsv(decoder, sentence):
    f = sentence.split(b",")
    talker = f[0][:2]
    total = _whole(f[1], 1, 9, "number of sentences")
    number = _whole(f[2], 1, 9, "sentence number")
    if total is None or number is None or number > total:
        raise FieldError("sentence %r of %r" % (f[2], f[1]))
    in_view = _whole(f[3], 0, 999, "number of satellites")
    over = (len(f) - 4) % 4
    if len(f) > 20 + over or over == 3 or (over == 2 and talker != b"PQ"):
        raise FieldError("%d fields" % len(f))
    signal = 0
    if over:  # behind the last satellite: the signal; by Quectel's PQ also the system
        text = f[-over]
        if text:
            signal = _HEX.find(text.upper())
            if signal < 0 or len(text) > 1:
                raise FieldError("signal %r" % text)
    satellites = []
    for i in range(4, len(f) - over, 4):
        sent = _whole(f[i], 1, 999, "satellite")
        if sent is None:
            continue  # some receivers fill up to four
        system, n = identify(talker, sent)
        azimuth = _whole(f[i + 2], 0, 360, "azimuth")
        if azimuth == 360:
            azimuth = 0
        elevation = _whole(f[i + 1], -90, 90, "elevation")
        satellites.append((system, n, elevation, azimuth, _whole(f[i + 3], 0, 99, "snr")))
    return (GSV, talker, signal, total, number, in_view, tuple(satellites))


def _gst(decoder, sentence):
    f = sentence.split(b",")
    errors = (metres(f[6]), metres(f[7]), metres(f[8]))
    for error in errors:
        if error is not None and error < 0:
            raise FieldError("error below 0")
    return (GST, time_of_day(f[1])) + errors


def _hdt(decoder, sentence):
    f = sentence.split(b",")
    if f[2] != b"T":
        raise FieldError("reference %r" % f[2])
    heading = course(f[1])
    return (HDT, heading, NO_FIX if heading is None else FIX)


def _ths(decoder, sentence):
    f = sentence.split(b",")
    # A autonomous, E estimated, M manual, S simulator, V not valid
    if f[2] == b"V" or not f[1]:
        return (HDT, None, NO_FIX)
    if f[2] not in (b"A", b"E", b"M", b"S"):
        raise FieldError("mode %r" % f[2])
    return (HDT, course(f[1]), FIX if f[2] == b"A" else ESTIMATED)


DECODERS = {b"GSV": _gsv, b"GST": _gst, b"HDT": _hdt, b"THS": _ths}


class Sky:
    """`add(tuple, now)` takes the tuples of these decoders; `satellites(now)` gives the view.

    counters: `torn` groups of GSVs of which one was lost; `dropped` satellites beyond the caps.
    errors: (lat, lon, alt) of the last GST, heading: of the last HDT or THS; None before.
    """

    def __init__(self, counters=None):
        self.counters = {} if counters is None else counters
        self.counters["torn"] = self.counters["dropped"] = 0
        self.errors = self.heading = None
        self._groups = {}  # (talker, signal): (uptime, satellites)
        self._key = None  # of the group that is coming in
        self._next = 1
        self._rows = []

    def add(self, s, now):
        """Take one tuple that came at uptime `now` (ms)."""
        kind = s[0]
        if kind == GSV:
            self._gsv(s, now)
        elif kind == GST:
            self.errors = s[2:]
        elif kind == HDT:
            self.heading = s[1]

    def _gsv(self, s, now):
        _, talker, signal, total, number, _, satellites = s
        key = (talker, signal)
        if number == 1:
            if self._key is not None:
                self.counters["torn"] += 1
            self._key = key
            self._rows = []
        elif key != self._key or number != self._next:
            if self._key is not None:
                self.counters["torn"] += 1
            self._key = None
            return
        self._next = number + 1
        self._rows += satellites  # at most 36: a group has up to 9 sentences
        if number == total:
            self._key = None
            self._keep(key, now)

    def _keep(self, key, now):
        groups = self._groups
        for old in [k for k in groups if now - groups[k][0] > HOLDS_MS]:
            del groups[old]
        if key not in groups and len(groups) >= MAX_GROUPS:
            self.counters["dropped"] += len(self._rows)
            return
        room = MAX_SATELLITES - sum([len(groups[k][1]) for k in groups if k != key])
        if len(self._rows) > room:
            self.counters["dropped"] += len(self._rows) - room
        groups[key] = (now, tuple(self._rows[:room]))

    def satellites(self, now):
        """Rows (system, number, elevation, azimuth, snr), each satellite once: of several signals
        the strongest. Sorted; of unknown systems last."""
        best = {}
        for at, rows in self._groups.values():
            if now - at > HOLDS_MS:
                continue
            for row in rows:
                key = (99 if row[0] is None else row[0], row[1])
                known = best.get(key)
                if known is None or (row[4] or 0) > (known[4] or 0):
                    best[key] = row
        return [best[key] for key in sorted(best)]
