"""Finds NMEA 0183 sentences in a receiver's byte stream.

In: bytes as they come, cut anywhere. Out: the text between `$` and `*` of every sentence whose
checksum is right (NMEA 0183 section 5.3: `$` address, fields `*` two hex digits CR LF).

What must be fast: a clean stream of sentences, on an ESP32. Hence whole lines are found by
`find`; only the checksum looks at characters, and where big integers are cheap not even that.
What must hold: the same sentences and counters come out however the input is cut, and
garbage never holds back more than one line or one binary frame.

Each `$` starts a candidate, ended by the first of `*`, line feed or another `$`. A candidate that
fails is counted by its reason, and everything after its `$` is looked at again, as it may hide a
binary frame. Between candidates, u-blox UBX frames (b5 62, Fletcher) and RTCM 3 frames
(d3, CRC-24Q) are skipped by their own length, so that a `$` inside them starts nothing.
"""

import sys
from array import array
from struct import pack_into

try:
    from micropython import const

    _BIG_INTEGERS = False  # are cheap
except ImportError:
    _BIG_INTEGERS = True

    def const(value):
        return value


# Longest line, `$` to line feed. NMEA says 82, receivers send up to 115.
MAX_LINE = const(128)
# The `*` of the longest line stands before `HH` CR LF.
_STAR_END = const(MAX_LINE - 4)
# Longest binary payload skipped: RTCM 3 has 1023 bytes at most, UBX NAV-SAT with 64 satellites 776.
# A length above this is taken as proof that it is no frame; it also bounds the buffer.
MAX_BINARY = const(1023)

_DOLLAR = const(b"$")
_DOLLAR_CODE = const(36)
_STAR = const(b"*")
_LF = const(b"\n")
_CRLF = const(b"\r\n")
_HEX = const(b"0123456789ABCDEF")
_HEX_LOWER = const(b"0123456789abcdef")
_UBX = const(0xB5)
_UBX_2 = const(0x62)
_RTCM = const(0xD3)

_MASK_256 = (1 << 256) - 1
_MASK_64 = (1 << 64) - 1

# Most sentences are not longer.
_WORD_BYTES = const(80)
_WORD_FORMAT = const("80s")
# Of as many bytes as a small integer holds on this machine: an ESP32's has 31 bits.
_WORDS = array("I" if sys.maxsize >> 32 else "H", bytes(_WORD_BYTES))

# CRC-24Q (polynomial 0x864CFB) by nibbles.
_CRC24 = (
    0x000000, 0x864CFB, 0x8AD50D, 0x0C99F6, 0x93E6E1, 0x15AA1A, 0x1933EC, 0x9F7F17,
    0xA18139, 0x27CDC2, 0x2B5434, 0xAD18CF, 0x3267D8, 0xB42B23, 0xB8B2D5, 0x3EFE2E,
)  # fmt: skip

# What _binary() found at a possible header.
_NOT_BINARY = const(0)
_WAIT = const(-1)


def _xor_fold(text):
    """XOR of all bytes of `text` (any length), 0..255: the NMEA checksum."""
    if len(text) > 128:  # no line is
        return _xor_fold(text[:128]) ^ _xor_fold(text[128:])
    n = int.from_bytes(text, "big")
    n ^= n >> 512
    n = (n ^ (n >> 256)) & _MASK_256
    n ^= n >> 128
    n = (n ^ (n >> 64)) & _MASK_64
    n ^= n >> 32
    n ^= n >> 16
    return (n ^ (n >> 8)) & 0xFF


def _xor_words(text):
    """The same where each step of big integers leaves garbage to collect, as on MicroPython: there
    it takes half as long, as nothing needs memory."""
    n = 0
    if len(text) <= _WORD_BYTES:
        pack_into(_WORD_FORMAT, _WORDS, 0, text)  # the rest becomes 0
        for word in _WORDS:
            n ^= word
    else:
        for byte in text:
            n ^= byte
    n ^= n >> 16
    return (n ^ n >> 8) & 0xFF


checksum = _xor_fold if _BIG_INTEGERS else _xor_words


def crc24q(data):
    """CRC-24Q of `data`, as RTCM 3 (10403, section 4) uses it."""
    crc = 0
    for byte in data:
        crc ^= byte << 16
        crc = ((crc << 4) ^ _CRC24[crc >> 20]) & 0xFFFFFF
        crc = ((crc << 4) ^ _CRC24[crc >> 20]) & 0xFFFFFF
    return crc


def fletcher(data):
    """UBX checksum of `data` (class to end of payload): (ck_a, ck_b)."""
    a = b = 0
    for byte in data:
        a += byte
        b += a
    return a & 0xFF, b & 0xFF


class Framer:
    """`feed(data)` -> list of sentence bytes between `$` and `*`, checksum verified.

    counters: `sentences` accepted; `checksum` lines with a wrong checksum; `unchecked` lines
    without one (all refused); `too_long` lines over MAX_LINE; `noise` bytes outside of lines;
    `binary` UBX and RTCM 3 frames skipped.
    pending: bytes held back, waiting for the rest of their line or frame.
    damage: which sentences of the last feed (by index) something damaged or foreign came before.
    """

    def __init__(self, counters=None):
        self.counters = {} if counters is None else counters
        for name in ("sentences", "checksum", "unchecked", "too_long", "noise", "binary"):
            self.counters[name] = 0
        self.pending = 0
        self.damage = []
        self._damaged = False  # something since the last sentence
        self._tail = b""  # an unfinished line or binary frame
        self._failed = False  # inside a line that was already counted as bad

    def feed(self, data):
        """Take `data` (bytes); return the sentences completed by it, oldest first."""
        buf = self._tail + data
        end = len(buf)
        out = []
        if self.damage:
            self.damage = []
        pos = 0
        while pos < end:
            if buf[pos] == _DOLLAR_CODE:
                start = pos
            else:
                start = buf.find(_DOLLAR, pos)
                pos = self._between(buf, pos, start if start >= 0 else end)
                if pos < 0:  # a binary frame that began at -pos - 1 has not come to its end
                    pos = -pos - 1
                    break
                if pos != start:
                    continue
            self._failed = False
            star = buf.find(_STAR, start + 1, start + _STAR_END)
            if star > 0 and star + 3 <= end:
                body = buf[start + 1 : star]
                n = checksum(body)
                high = n >> 4
                n &= 15
                if (
                    (buf[star + 2] == _HEX[n] or buf[star + 2] == _HEX_LOWER[n])
                    and (buf[star + 1] == _HEX[high] or buf[star + 1] == _HEX_LOWER[high])
                    and _DOLLAR not in body
                    and _LF not in body
                ):
                    if self._damaged:
                        self.damage.append(len(out))
                        self._damaged = False
                    out.append(body)
                    pos = star + 3
                    if buf.startswith(_CRLF, pos):
                        pos += 2
                    continue
            if not self._refuse(buf, start, star, end):
                pos = start
                break
            self._failed = True
            pos = start + 1
        self._tail = buf[pos:]
        self.pending = end - pos
        if out:
            self.counters["sentences"] += len(out)
        return out

    def _refuse(self, buf, start, star, end):
        """Count why the candidate at `start` is no sentence; False: its end has not come yet."""
        limit = start + _STAR_END
        stop = limit if star < 0 else star
        if buf.find(_LF, start + 1, stop) > 0 or buf.find(_DOLLAR, start + 1, stop) > 0:
            reason = "unchecked"
        elif star > 0:
            if star + 3 > end:
                return False
            reason = "checksum"
        elif end >= limit:
            reason = "too_long"
        else:
            return False
        self.counters[reason] += 1
        self._damaged = True
        return True

    def _between(self, buf, pos, stop):
        """Pass over buf[pos:stop], which holds no `$`: noise, line ends and binary frames.

        Returns the position reached: `stop`, or behind a binary frame (perhaps beyond `stop`);
        -p - 1 when the frame at p is incomplete.
        """
        scan = pos
        while True:
            head = _header(buf, scan, stop)
            if head < 0:
                self._noise(buf[pos:stop])
                return stop
            size = _binary(buf, head)
            if size == _NOT_BINARY:
                scan = head + 1
                continue
            self._noise(buf[pos:head])
            if size == _WAIT:
                return -head - 1
            self.counters["binary"] += 1
            self._failed = False
            return head + size

    def _noise(self, chunk):
        """Count bytes that belong to nothing; the rest of a bad line was counted by its reason."""
        if self._failed:
            ends = [e for e in (chunk.find(_LF), chunk.find(b"\r")) if e >= 0]
            if not ends:
                return
            chunk = chunk[min(ends) :]
            self._failed = False
        noise = len(chunk) - chunk.count(b"\r") - chunk.count(_LF) - chunk.count(b"\0")
        if noise:
            self.counters["noise"] += noise
            self._damaged = True


def _header(buf, pos, stop):
    """Position of the first byte in buf[pos:stop] that may open a binary frame, or -1."""
    ubx = buf.find(b"\xb5", pos, stop)
    rtcm = buf.find(b"\xd3", pos, stop)
    if ubx < 0 or 0 <= rtcm < ubx:
        return rtcm
    return ubx


def _binary(buf, at):
    """Size of the UBX or RTCM 3 frame at `at`; _NOT_BINARY; or _WAIT when more bytes must tell."""
    have = len(buf) - at
    if buf[at] == _UBX:
        if have > 1 and buf[at + 1] != _UBX_2:
            return _NOT_BINARY
        if have < 6:
            return _WAIT
        size = buf[at + 4] | buf[at + 5] << 8
        if size > MAX_BINARY:
            return _NOT_BINARY
        size += 8
        if have < size:
            return _WAIT
        check = fletcher(buf[at + 2 : at + size - 2])
        good = check == (buf[at + size - 2], buf[at + size - 1])
        return size if good else _NOT_BINARY
    if have > 1 and buf[at + 1] > 3:  # six reserved bits are 0
        return _NOT_BINARY
    if have < 3:
        return _WAIT
    size = ((buf[at + 1] & 3) << 8 | buf[at + 2]) + 6
    if have < size:
        return _WAIT
    # The CRC over a frame together with its own CRC is 0.
    return size if crc24q(buf[at : at + size]) == 0 else _NOT_BINARY
