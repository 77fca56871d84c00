"""gpsd's JSON over TCP in, judged fixes out, for cars whose receiver is already in gpsd's hands.

    gpsd = Gpsd()
    gpsd.connected(now)                     # a new connection to port 2947
    data = gpsd.poll(now)                   # bytes to write, or None
    for fix in gpsd.feed(data, now): ...

Protocol: gpsd_json(5): lines of one JSON object each, named by "class". `?WATCH=` asks for reports.
TPV is a fix (time, mode, lat and lon in degrees, altMSL or, before 3.20, alt in m, speed in m/s,
track in degrees); SKY tells satellites (uSat from 3.21, else those marked used) and hdop.

Numbers are decoded from their text into integers: floats of 32 bits would lose metres. So the
object is taken apart here and not by `json`: only the members of the outermost level are looked
at, what is nested in them is stepped over.
"""

from agent.const import const
from agent.gps.fix import (
    DAY_MS,
    GSA_HOLDS_MS,
    QUALITY_DEAD_RECKONED,
    QUALITY_GOOD,
    Fix,
)
from agent.gps.nmea import FieldError, day_number
from agent.gps.quality import Quality

PORT = 2947
# gpsd's own limit of a response is 10240 bytes; RAW and SUBFRAME reports are not asked for.
MAX_LINE = const(10_240)
# gpsd answers a WATCH at once; it is asked again after so long, ms.
WATCH_MS = const(5000)
# A report comes each second while a device sends anything: after so long, ms, the watch is renewed.
SILENT_MS = const(15_000)
# Digits of a number, and powers of ten, beyond which it is refused: no quantity here has so many.
_MAX_DIGITS = const(24)
_MAX_POWER = const(20)
_MAX_TEXT = const(80)  # of an error's text that is kept

# TPV status: 5 is dead reckoning alone; with satellites (6) it is a fix.
_STATUS_DEAD_RECKONED = b"5"
_DOP_UNKNOWN = const(9999)
_SPACE = b" \t\r\n"


class GpsdError(ValueError):
    """A line that is not what gpsd sends; the text says what."""


class Gpsd:
    """`connected(now)`, `feed(data, now) -> [Fix]`, `poll(now) -> bytes or None`, `wake(now)`.

    device: path of the receiver to watch as gpsd names it, or None for all of them.
    counters: `lines`; `too_long`; `malformed` lines that are no JSON object; `field` reports with
    an impossible value; `errors` that gpsd told; `epochs` fixes given out; `repeated` reports of
    an epoch already given out; `other_device`.
    version: gpsd's release, None until it said so. last_error: what was wrong last.
    quality: the Quality that judges the fixes.
    """

    def __init__(self, device=None, counters=None, quality=None):
        self.counters = {} if counters is None else counters
        for name in ("lines", "too_long", "malformed", "field", "errors", "epochs", "repeated",
                     "other_device"):  # fmt: skip
            self.counters[name] = 0
        self.version = None
        self.last_error = None
        self._device = device
        self.quality = Quality() if quality is None else quality
        self._tail = b""
        self._skipping = False  # inside a line that is too long
        self._due = None  # when to ask for reports; None: not connected
        self._last = None  # the fix given out last
        self._sats = self._hdop = None
        self._sky_t = 0

    def connected(self, now):
        """A new connection stands: nothing of the one before goes on."""
        self._tail = b""
        self._skipping = False
        self._due = now
        self._sats = self._hdop = None

    def poll(self, now):
        """The command that asks for reports, when it is due."""
        if self._due is None or now < self._due:
            return None
        self._due = now + WATCH_MS
        device = b"" if self._device is None else b',"device":' + _quoted(self._device)
        return b'?WATCH={"enable":true,"json":true' + device + b"};\n"

    def wake(self, now):
        """ms until poll has something to say, 0..1000."""
        return 1000 if self._due is None else max(0, min(1000, self._due - now))

    def feed(self, data, now):
        """Take bytes of the connection, cut anywhere; return the fixes in them."""
        out = []
        lines = (self._tail + data).split(b"\n")
        self._tail = lines[-1]
        for line in lines[:-1]:
            if self._skipping:
                self._skipping = False
            elif len(line) > MAX_LINE:
                self.counters["too_long"] += 1
            elif line.strip():
                self._line(line, now, out)
        if self._skipping:
            self._tail = b""
        elif len(self._tail) > MAX_LINE:
            self.counters["too_long"] += 1
            self._skipping = True
            self._tail = b""
        for fix in out:
            self.quality.judge(fix)
        return out

    def _line(self, line, now, out):
        self.counters["lines"] += 1
        try:
            report = members(line)
        except GpsdError as e:
            self.counters["malformed"] += 1
            self.last_error = e.args[0]
            return
        kind = report.get(b"class")
        try:
            if kind == b'"TPV"':
                self._tpv(report, now, out)
            elif kind == b'"SKY"':
                self._sky(report, now)
            elif kind == b'"WATCH"':
                self._due = now + (SILENT_MS if report.get(b"enable") == b"true" else WATCH_MS)
            elif kind == b'"VERSION"':
                self.version = _text(report.get(b"release"))
            elif kind == b'"ERROR"':
                self.counters["errors"] += 1
                self.last_error = "gpsd: %s" % _text(report.get(b"message"))
        except (GpsdError, FieldError) as e:
            self.counters["field"] += 1
            self.last_error = e.args[0]

    def _ours(self, report):
        if self._device is None or b"device" not in report:
            return True
        if report[b"device"].replace(b"\\/", b"/") == _quoted(self._device):
            return True
        self.counters["other_device"] += 1
        return False

    def _sky(self, report, now):
        """A SKY may tell the satellites only, or the DOPs only: each keeps its own."""
        if not self._ours(report):
            return
        hdop = scaled(report.get(b"hdop"), 100)
        if hdop is not None:
            self._hdop = hdop if 0 < hdop < _DOP_UNKNOWN else None
        sats = scaled(report.get(b"uSat"), 1)
        if sats is None and b"satellites" in report:
            sats = report[b"satellites"].replace(b" ", b"").count(b'"used":true')
        if sats is not None:
            self._sats = sats
        self._sky_t = now

    def _tpv(self, report, now, out):
        if not self._ours(report):
            return
        self._due = now + SILENT_MS
        fix = Fix(now)
        utc = report.get(b"time")
        if utc is not None:
            fix.utc = iso_time(utc)
            fix.tod = fix.utc % DAY_MS
        mode = scaled(report.get(b"mode"), 1)
        if mode is not None and mode >= 2 and fix.tod is not None:
            _position(fix, report)
        if fix.valid:
            fix.mode = 3 if mode > 2 else 2
            estimated = report.get(b"status") == _STATUS_DEAD_RECKONED
            fix.quality = QUALITY_DEAD_RECKONED if estimated else QUALITY_GOOD
        if now - self._sky_t <= GSA_HOLDS_MS:
            fix.sats = self._sats
            fix.hdop = self._hdop
        last = self._last
        same = last is not None and fix.utc is not None and fix.utc == last.utc
        # gpsd may report an epoch more than once, with more of it; positions count once.
        if same and (last.valid or not fix.valid):
            self.counters["repeated"] += 1
            return
        self._last = fix
        self.counters["epochs"] += 1
        out.append(fix)


def _position(fix, report):
    lat = scaled(report.get(b"lat"), 1_000_000)
    lon = scaled(report.get(b"lon"), 1_000_000)
    if lat is None or lon is None or (lat == 0 and lon == 0):
        return
    if not (-90_000_000 <= lat <= 90_000_000 and -180_000_000 <= lon <= 180_000_000):
        raise GpsdError("TPV: no such place")
    speed = scaled(report.get(b"speed"), 100)
    heading = scaled(report.get(b"track"), 100)
    if (speed is not None and speed < 0) or (heading is not None and not 0 <= heading <= 36000):
        raise GpsdError("TPV: impossible speed or track")
    altitude = report.get(b"altMSL")
    fix.lat, fix.lon = lat, lon
    fix.alt = scaled(report.get(b"alt") if altitude is None else altitude, 100)
    fix.speed = speed
    fix.heading = heading if heading != 36000 else 0
    fix.valid = True


# --- JSON, as far as it is needed ---


def members(line):
    """{name: text of the value} of the outermost object, both as bytes; raises GpsdError.

    Strings keep their quotes and escapes, objects and arrays are whole.
    """
    text = line.strip()
    if len(text) < 2 or text[:1] != b"{" or text[-1:] != b"}":
        raise GpsdError("not a JSON object")
    found = {}
    pos = _past(text, 1)
    end = len(text) - 1
    while pos < end:
        if text[pos] != 34:
            raise GpsdError("a member without a name")
        stop = _string(text, pos)
        name = text[pos + 1 : stop - 1]
        pos = _past(text, stop)
        if text[pos] != 58:  # `:`
            raise GpsdError("no value for a member")
        pos = _past(text, pos + 1)
        stop = _value(text, pos, end)
        value = text[pos:stop].strip()
        if not value:
            raise GpsdError("no value for a member")
        found[name] = value
        pos = stop
        if pos < end:
            if text[pos] != 44:  # `,`
                raise GpsdError("no comma between members")
            pos = _past(text, pos + 1)
            if pos >= end:
                raise GpsdError("nothing after a comma")
    return found


def _past(text, pos):
    """Past white space; stays within `text`, which ends in `}`."""
    while text[pos] in _SPACE:
        pos += 1
    return pos


def _string(text, pos):
    """Position behind the string that begins at `pos`."""
    at = pos + 1
    while True:
        at = text.find(b'"', at)
        if at < 0:
            raise GpsdError("a string without an end")
        back = at
        while text[back - 1] == 92:  # each `\` may be escaped itself
            back -= 1
        at += 1
        if (at - 1 - back) % 2 == 0:
            return at


def _value(text, pos, end):
    """Position behind the value that begins at `pos`: of the comma, or `end`."""
    first = text[pos]
    if first == 34:
        return _past(text, _string(text, pos))
    if first != 123 and first != 91:
        comma = text.find(b",", pos, end)
        return end if comma < 0 else comma
    depth = 0
    while True:
        # From string to string; only where all brackets close, byte by byte.
        quote = text.find(b'"', pos, end)
        stop = end if quote < 0 else quote
        part = text[pos:stop]
        closing = part.count(b"}") + part.count(b"]")
        if closing >= depth and closing:
            for at in range(pos, stop):
                byte = text[at]
                if byte == 123 or byte == 91:
                    depth += 1
                elif byte == 125 or byte == 93:
                    depth -= 1
                    if depth == 0:
                        return _past(text, at + 1)
        else:
            depth += part.count(b"{") + part.count(b"[") - closing
        if quote < 0:
            raise GpsdError("brackets that do not close")
        pos = _string(text, quote)


def scaled(text, factor):
    """The number in `text` times `factor`, rounded to nearest; None for None and null."""
    if text is None or text == b"null":
        return None
    mantissa, e, power = text.replace(b"E", b"e").partition(b"e")
    shift = _integer(power, text) if e else 0
    negative = mantissa[:1] == b"-"
    whole, _, part = mantissa[1 if negative else 0 :].partition(b".")
    digits = whole + part
    if not digits.isdigit() or len(digits) > _MAX_DIGITS or not -_MAX_POWER < shift < _MAX_POWER:
        raise GpsdError("number %r" % text)
    shift -= len(part)
    value = int(digits) * factor
    if shift >= 0:
        value *= 10**shift
    else:
        divisor = 10**-shift
        value = (value + divisor // 2) // divisor
    return -value if negative else value


def _integer(text, whole):
    digits = text[1:] if text[:1] in (b"-", b"+") else text
    if not digits.isdigit() or len(digits) > 3:
        raise GpsdError("number %r" % whole)
    return -int(digits) if text[:1] == b"-" else int(digits)


def iso_time(text):
    """ms since 1970 of '"2026-07-01T10:00:00.000Z"', digits beyond ms cut off."""
    t = text[1:-1]
    if len(t) < 20 or t[4:5] + t[7:8] + t[10:11] + t[13:14] + t[16:17] + t[-1:] != b"--T::Z":
        raise GpsdError("time %r" % text)
    part = t[20:-1] if t[19:20] == b"." else b""
    fields = t[:4] + t[5:7] + t[8:10] + t[11:13] + t[14:16] + t[17:19]
    if not (fields + part).isdigit() or (not part and len(t) != 20):
        raise GpsdError("time %r" % text)
    n = int(fields)
    day = day_number(n // 10**10, n // 10**8 % 100, n // 10**6 % 100)
    hour, minute, second = n // 10000 % 100, n // 100 % 100, n % 100
    if hour > 23 or minute > 59 or second > 60:
        raise GpsdError("time %r" % text)
    ms = ((hour * 60 + minute) * 60 + second) * 1000
    return day * DAY_MS + ms + (int((part + b"00")[:3]) if part else 0)


def _quoted(text):
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


def _text(value):
    return "" if value is None else "".join([chr(c) for c in value[1:-1][:_MAX_TEXT]])
