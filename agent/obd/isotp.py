"""Reassembly of ISO-TP messages (ISO 15765-2) from the lines an ELM327 prints.

In: one line at a time, spaces optional, in any of the forms an adapter uses:

    7E8064100BE3FA813          11-bit header, frame with its PCI byte (ATH1)
    18DAF110064100BE3FA813     29-bit header
    486B104100BE3FA813BC       a bus before CAN: header, payload, check byte (legacy.py)
    4100BE3FA813               no header (ATH0): a single frame's payload
    014 / 0:490201... / 1:...  no header: length, then numbered frames

Out: complete messages as (ecu, payload, t): ecu is the CAN identifier, before CAN the ECU's address
(0 without headers),
payload the bytes after the PCI with exactly the length that the PCI announced, t the time of the
line that completed it. Nothing is ever padded or guessed: a frame that is short, out of sequence
or without a beginning costs its whole message and is counted.
"""

from binascii import unhexlify

from agent.const import const

# OBD answers on 7E8..7EF: eight ECUs at most (ISO 15765-4); the cap also holds for 29-bit ids.
MAX_ECUS = 8
# ISO-TP allows 4095 bytes. An ELM327 holds 512 (BUFFER FULL); the longest standard OBD answer,
# a long list of trouble codes, stays below that.
MAX_MESSAGE = 512
# Complete messages kept of one exchange: on CAN each ECU answers a request once, twice with "wait";
# before CAN sixteen calibrations take 64, four bytes each.
MAX_MESSAGES = 72
# Bytes of a single frame; a line with more and no CAN header is one of the older buses.
_MOST_SINGLE = const(7)
# Trimmed frames in a row where padded ones used to come, until the change is believed.
_TRIMMED_FRAMES = 8

_NO_HEADER = 0
# Protocols as ATDPN numbers them: not CAN, one PID a request.
LEGACY = "12345"

COUNTERS = (
    "isotp_malformed",  # neither a frame nor a length
    "isotp_foreign",  # an answer that is not meant for this tester
    "isotp_short",  # fewer bytes than announced
    "isotp_sequence",  # a consecutive frame missing or out of order
    "isotp_stray",  # a consecutive frame without its first frame
    "isotp_incomplete",  # the exchange ended before the message did
    "isotp_too_long",  # more than a cap allows
    "isotp_ambiguous",  # headerless frames of several ECUs mixed
)


class Reassembler:
    """Collects the frames of one exchange: begin(), line()..., then `messages` and `errors`."""

    def __init__(self, counters):
        self.counters = counters
        for key in COUNTERS:
            counters.setdefault(key, 0)
        self.protocol = None  # as ATDPN has it, None while it is not known
        self.messages = []
        self.errors = 0
        self._open = {}  # ecu -> [length, next sequence number, bytearray]
        self._pads = {}  # ecu and kind of frame -> trimmed frames until these are believed

    @property
    def _is_old(self):
        return self.protocol is not None and self.protocol in LEGACY

    def begin(self):
        """Forgets everything that was collected."""
        self.messages = []
        self.errors = 0
        self._open = {}

    def end(self):
        """The exchange is over: what is unfinished is counted and dropped."""
        for _ in self._open:
            self._error("isotp_incomplete")
        self._open = {}

    def line(self, text, now):
        """Takes one line (bytes). False when it isn't hexadecimal data at all."""
        if b" " in text:
            text = text.replace(b" ", b"")
        size = len(text)
        if size > 2 and text[1] == 58:  # "0:"
            return self._numbered(text, now)
        if size == 3:
            return self._announced(text)
        try:
            if size & 1:
                return self._frame(int(text[:3], 16), unhexlify(text[3:]), now)
            if text.startswith(b"18D"):
                return self._frame(int(text[:8], 16), unhexlify(text[8:]), now)
            data = unhexlify(text)
        except ValueError:
            return False
        old = None
        # While the protocol is not known short lines are taken for what CAN would say.
        if self._is_old or (self.protocol is None and len(data) > _MOST_SINGLE):
            from agent.obd import legacy  # few cars are that old

            old = legacy.message(data, self.protocol)
        if old is not None:
            self._complete(old[0], old[1], now)
        elif not data or len(data) > _MOST_SINGLE:
            self._error("isotp_malformed")
        elif _NO_HEADER in self._open:
            self._drop(_NO_HEADER, "isotp_ambiguous")
        else:
            self._complete(_NO_HEADER, data, now)
        return True

    def _frame(self, ecu, data, now):
        """One CAN frame with its header."""
        if ecu >> 3 != 0x7E8 >> 3 and ecu >> 8 != 0x18DAF1:
            self._error("isotp_foreign")
            return True
        if not data or len(data) > 8:
            self._drop(ecu, "isotp_malformed")
            return True
        kind = data[0] >> 4
        if kind == 0:
            self._single(ecu, data, now)
        elif kind == 1:
            self._first(ecu, data)
        elif kind == 2:
            self._consecutive(ecu, data[0] & 0x0F, data, now)
        else:
            self._drop(ecu, "isotp_malformed")
        return True

    def _single(self, ecu, data, now):
        length = data[0]
        if ecu in self._open:
            self._drop(ecu, "isotp_incomplete")
        if length == 0 or length > 7:
            self._error("isotp_malformed")
        elif len(data) <= length or self._lost_bytes(ecu, 0, len(data), 1 + length):
            self._error("isotp_short")
        else:
            self._complete(ecu, data[1 : 1 + length], now)

    def _first(self, ecu, data):
        if ecu in self._open:
            self._drop(ecu, "isotp_incomplete")
        length = (data[0] & 0x0F) << 8 | (data[1] if len(data) > 1 else 0)
        if len(data) < 8 or length < 8:
            self._error("isotp_short")
        elif length > MAX_MESSAGE or len(self._open) >= MAX_ECUS:
            self._error("isotp_too_long")
        else:
            self._open[ecu] = [length, 1, bytearray(data[2:])]

    def _consecutive(self, ecu, sequence, data, now):
        message = self._open.get(ecu)
        if message is None:
            self._error("isotp_stray")
            return
        if sequence != message[1]:
            self._drop(ecu, "isotp_sequence")
            return
        body = message[2]
        missing = message[0] - len(body)
        needed = 1 + min(missing, 7)
        if len(data) < needed or self._lost_bytes(ecu, 1, len(data), needed):
            self._drop(ecu, "isotp_short")
            return
        body.extend(data[1 : 1 + missing])
        message[1] = (sequence + 1) & 0x0F
        if missing <= 7:
            self._open.pop(ecu)
            self._complete(ecu, bytes(body), now)

    def _lost_bytes(self, ecu, kind, size, needed):
        """True when a frame has lost characters on the serial line although it holds enough.

        ECUs pad their frames to eight bytes (ISO 15765-4); adapters print all eight or only
        what counts, but stay with one way. A frame of any other size has lost something, and so
        has a trimmed one among padded ones: its padding would pass for data.
        """
        if needed == 8:
            return False
        key = ecu << 1 | kind
        doubts = self._pads.get(key, 0)
        if size == 8:
            if key not in self._pads and len(self._pads) >= 2 * MAX_ECUS:
                self._pads = {}
            self._pads[key] = _TRIMMED_FRAMES
        elif doubts:
            self._pads[key] = doubts - 1
        return size < 8 and (doubts > 0 or size != needed)

    def _announced(self, text):
        """The length line of the headerless form."""
        try:
            length = int(text, 16)
        except ValueError:
            return False
        if _NO_HEADER in self._open:
            # Two ECUs answer at once and nothing tells their frames apart.
            self._drop(_NO_HEADER, "isotp_ambiguous")
        elif length < 8:
            self._error("isotp_malformed")
        elif length > MAX_MESSAGE:
            self._error("isotp_too_long")
        else:
            self._open[_NO_HEADER] = [length, 0, bytearray()]
        return True

    def _numbered(self, text, now):
        """A frame of the headerless form: "0:" has six bytes, the others seven."""
        try:
            sequence = int(text[:1], 16)
            data = unhexlify(text[2:])
        except ValueError:
            return False
        message = self._open.get(_NO_HEADER)
        if message is None:
            self._error("isotp_stray")
        elif sequence != message[1]:
            self._drop(_NO_HEADER, "isotp_sequence")
        elif message[2]:
            if len(data) > 7:
                self._drop(_NO_HEADER, "isotp_malformed")
            else:
                self._consecutive(_NO_HEADER, sequence, b"\x00" + data, now)
        elif len(data) != 6:
            self._drop(_NO_HEADER, "isotp_short")
        else:
            message[1] = 1
            message[2].extend(data)
        return True

    def _complete(self, ecu, payload, now):
        if len(self.messages) >= MAX_MESSAGES:
            self._error("isotp_too_long")
        else:
            self.messages.append((ecu, payload, now))

    def _drop(self, ecu, key):
        self._open.pop(ecu, None)
        self._error(key)

    def _error(self, key):
        self.counters[key] += 1
        self.errors += 1
