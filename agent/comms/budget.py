"""How much may go over a metered SIM in a day, and what is kept back for alerts.

    routine    up to the day's budget less the floor; the backlog up to three quarters of that, so
               that an old day's track does not cost today's positions
    alerts     always: the floor is what is kept back so that they, too, stay within the budget

A day is one of UTC. While UTC is not known, it is the day of which the last record speaks, or 24
hours of uptime. What was spent is kept in the journal's folder a step ahead: after a restart or a
power cut a step too much counts as spent, never too little.
"""

import binascii

from agent import port
from agent.const import const

NAME = "budget"
DAY_MS = 86400000
_STEPS = const(
    256
)  # a day is kept in so many steps: so often the flash is written, and once a start
# What a PUBLISH at QoS 1 costs beside topic and payload. MQTT 3.1.1: fixed header 3, length of the
# topic 2, packet id 2 [3.3], and the PUBACK that answers it 4 [3.4]. In a packet of its own: IPv4
# 20 (RFC 791), TCP 20 and its time stamps 12 (RFC 9293, RFC 7323), and as much for the one that
# answers. A TLS record: header 5, nonce 8, tag 16 (RFC 5288; TLS 1.3 takes less).
PUBLISH = 11 + 104
_TLS_RECORD = 29
_CONNECT = const(512 + 104)  # TCP, CONNECT, CONNACK, SUBSCRIBE, SUBACK
_TLS_CONNECT = const(4096)  # and two certificates of the common size; a resumed session takes less


class Budget:
    """`per_day`, `floor`: bytes."""

    def __init__(self, storage, per_day, floor):
        self._storage = storage
        self._routine = max(0, per_day - floor)
        self._step = max(1, per_day // _STEPS)
        self._day = None  # of UTC, counted from 1970
        self._began = 0  # uptime at which the day began, where it is not UTC's
        self._kept = 0  # spent bytes up to which the record on the storage speaks
        self.spent = 0
        self.counters = {"days": 0, "saves": 0, "save_errors": 0}
        self._load()

    def connect(self, is_tls, utc, now):
        """A connection was tried. utc: ms, or None while it is not known."""
        self.spend(_CONNECT + (_TLS_CONNECT if is_tls else 0), utc, now)

    def message(self, count, is_tls, utc, now):
        """A message with so many bytes of topic and payload went over the link, up or down."""
        self.spend(count + PUBLISH + (_TLS_RECORD if is_tls else 0), utc, now)

    def spend(self, count, utc, now):
        """So many bytes went over the link."""
        self.look(utc, now)
        self.spent += count
        if self.spent > self._kept:
            self._save(self._step)

    def close(self):
        """A clean end: the record is exact."""
        self._save(0)

    def look(self, utc, now):
        """A new day begins with nothing spent."""
        day = None if utc is None else utc // DAY_MS
        if day is None or day == self._day:
            is_new = day is None and now - self._began >= DAY_MS
        else:
            # Known now, and the record spoke of none: it may be of today.
            is_new = self._day is not None
            self._day = day
        if is_new:
            self._began = now
            self.spent = self._kept = 0
            self.counters["days"] += 1

    def allows(self, lane):
        """True when a frame of this lane on the wire may go: a, t or b."""
        return lane == "a" or self.left(lane) > 0

    def left(self, lane):
        """Bytes that may still go today for a routine lane, t or b."""
        limit = self._routine if lane == "t" else self._routine * 3 // 4
        return max(0, limit - self.spent)

    def _load(self):
        try:
            data = self._storage.read(NAME)
        except port.StorageError:
            return
        if len(data) != 16 or binascii.crc32(data[:12]) != int.from_bytes(data[12:], "big"):
            return
        self._day = int.from_bytes(data[:4], "big") or None
        self.spent = self._kept = int.from_bytes(data[4:12], "big")

    def _save(self, ahead):
        self._kept = self.spent + ahead
        head = (self._day or 0).to_bytes(4, "big") + self._kept.to_bytes(8, "big")
        try:
            self._storage.replace(NAME, head + binascii.crc32(head).to_bytes(4, "big"))
            self.counters["saves"] += 1
        except port.StorageError:
            self.counters["save_errors"] += 1
