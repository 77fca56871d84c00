"""The link: when to connect, what to send next, and when to send it again.

A machine without I/O. The task around it carries out the actions that `poll` returns and reports
what happens; time is an argument. It decides by these rules:

- The journal and the room's sealed acknowledgement are the only truth. A PUBACK only frees a place
  in the broker's window; a frame counts as delivered when the room says so.
- Alerts first, then what is recorded while connected (live), then the backlog, oldest first, in
  what bandwidth is left (`outgoing.py`, `pace.py`).
- What is not acknowledged in time is sent again, paced by a timer that doubles while there is no
  progress, and one frame at a time until there is: a room that is away is asked, not flooded.
- A connection on which nothing comes back is given up, whatever TCP says of it.
"""

from agent import port
from agent.comms.brokers import STEADY_MS, Brokers
from agent.comms.outgoing import Outgoing
from agent.comms.pace import Bucket, Window
from agent.const import const

WAITING = "waiting"  # for the next attempt
CONNECTING = "connecting"
ONLINE = "online"

# Frames sent and not yet acknowledged by the room, at least and at most; between them it is twice
# the window: a room takes about as long to answer as the broker.
_MIN_UNPROVED = 32
MAX_UNPROVED = 256
ALERT_RESERVE = 8  # that many alerts may go beyond every window, also while the room is silent
PATIENCE_MS = 5000  # how long the room may take to acknowledge before a frame is sent again
MAX_PATIENCE_MS = 300000
# How long nothing may come back though something was sent. A handover takes a second or two, a
# re-established radio link some more; an alert waits for neither.
STALL_MS = 20000
ALERT_STALL_MS = 8000
# How long a room may be silent before the subscription is made again, then the connection, to
# another broker where there is one; it doubles up to the longest while that does not help.
ROOM_MS = 120000
MAX_ROOM_MS = 900000
LOOK_MS = 60000  # until the journal is gone through anew, if a file could not be read before
_OPEN = const(-1)  # stands for a frame's number where a session's open is meant
_IDLE_MS = const(60000)  # the longest between two polls
_UNSENT_MS = const(200)  # until a client that was full is tried again, if no PUBACK comes before


class Link:
    """Actions: ("connect",) to the broker at place `broker`, ("drop",) the connection at once,
    ("subscribe", lane), ("publish", lane, payload, retain, token); a publish is of QoS 1, or of
    QoS 0 where its token is None."""

    def __init__(self, journal, random, window=16, backlog_rate=0, brokers=1, budget=None):
        """random(n): integer below n, for jitter. window: PUBACKs of frames outstanding at
        most; the opens of two sessions and some alerts may go beside them.
        backlog_rate: bytes a second for the backlog, 0 for what the link carries.
        brokers: how many there are. budget: of `budget.py`, or None."""
        self._journal = journal
        self._window = window
        self._most = max(_MIN_UNPROVED, min(MAX_UNPROVED, 2 * window))
        self._session = None
        self._brokers = Brokers(brokers, random)
        self._budget = budget
        self.state = WAITING
        self._since = 0  # of the state
        self._heard = 0  # when anything came last
        # Since when the room owes an answer, or something was done about it; None: it owes none.
        self._owed = None
        self._room_wait = ROOM_MS
        self._is_renewed = False  # the subscription was made again in this silence
        self._look_wait = LOOK_MS
        self._looked = 0
        self._token = 0
        # token -> (key, when it was sent, bytes if it is of the backlog): PUBACK outstanding.
        # key: (sid, number), or (sid, _OPEN)
        self._flying = {}
        self._unproved = {}  # (sid, number) -> time by which the room must have acknowledged
        self._alerts = []  # keys of the alerts in it
        self._allowed = self._most
        self._patience = PATIENCE_MS
        self._same_until = 0  # what is late until then was sent before the silence was noticed
        self._has_spoken = False  # the room, since the last poll
        self._is_back = False  # it spoke, and acknowledged nothing new
        self._open_due = 0  # when the open is sent again while the room does not know the session
        self._to_send = []  # actions that come before any frame
        self._opened = []  # sids whose open was sent in this connection
        self._unsent = []  # actions that the client could not take
        self._bucket = Bucket(backlog_rate)
        self.pace = Window()
        self._next = Outgoing(journal, self._unproved)
        self.proved = False  # the room has answered in this session
        self.is_held = False  # and it holds frames of this session: what we seal can be opened
        self.counters = {"connects": 0, "sent": 0, "sent_again": 0, "pubacks": 0, "timeouts": 0}
        self.causes = {}  # cause -> how often it ended a connection or an attempt

    @property
    def broker(self):
        """Place, in the order of preference, of the broker in use or tried last."""
        return self._brokers.current

    # What happens

    def set_session(self, session, now):
        """Frames are of this session from here on."""
        self._session = session
        self.proved = self.is_held = False
        if self.state == ONLINE:
            if self._owed is None:
                self._owed = now
            self._send_open(session.sid, session.open_bytes, now)

    def connected(self, now):
        self.state = ONLINE
        self._since = self._heard = self._owed = now
        self.counters["connects"] += 1
        self._flying = {}
        self._opened = []
        self._unsent = []
        if not self._is_renewed:  # else it is not known yet that the room is there again
            self._allowed = self._most
            self._patience = PATIENCE_MS
            self._same_until = 0
            self._take_late(now)  # what fell due without a connection is no silence of the room
            self._hurry(now)
        self._bucket.start(now)
        self.pace.start(now)
        sid = self._session.sid
        self._to_send = [("subscribe", "d"), ("publish", "p", b"\x01" + sid, True, None)]
        self._send_open(sid, self._session.open_bytes, now)
        self._next.connected()

    def closed(self, cause, now):
        """The connection, or the attempt, has ended."""
        self.causes[cause] = self.causes.get(cause, 0) + 1
        if self.state == ONLINE and now - self._since >= STEADY_MS:
            self._brokers.served()
        for key, _, _ in self._flying.values():
            self._unproved.pop(key, None)
        self._flying = {}
        self._brokers.failed(cause, now)
        self.state = WAITING
        self._since = now

    def way_found(self, now):
        """The network is reached in another way than before: it is tried at once."""
        self._brokers.way_found(now)

    def heard(self, now):
        """Anything came: the connection lives."""
        self._heard = now

    def puback(self, token, now):
        self._heard = now
        if token in self._flying:
            _, sent, backlog = self._flying.pop(token)
            self.counters["pubacks"] += 1
            self.pace.sample(now - sent, now)
            if backlog:
                self.pace.acked(backlog, now)

    def progress(self, freed, statements):
        """The room has acknowledged: the session is known there, and `freed` frames are done.
        statements: [(sid, upto, ranges)], as the journal took them."""
        self.proved = self._has_spoken = True
        for sid, upto, ranges in statements:
            if sid == self._session.sid and (upto or ranges):
                self.is_held = True
            for key in list(self._unproved):
                if key[0] == sid and (key[1] < upto or _is_in(key[1], ranges)):
                    self._unproved.pop(key)
        if freed:
            self._patience = PATIENCE_MS
            self._same_until = 0
            self._allowed = min(self._most, 2 * self._allowed)
        else:
            self._is_back = True

    def ask_again(self, sid, ranges=None):
        """The room misses these frames of the session (all that it does not hold): they are sent
        again without waiting."""
        self._has_spoken = True
        for key in list(self._unproved):
            if key[0] == sid and (ranges is None or _is_in(key[1], ranges)):
                self._unproved.pop(key)
        self._next.rewind()

    def ask_open(self, sid):
        """The room does not know this session."""
        if sid in self._opened:
            self._opened.remove(sid)
        if sid == self._session.sid:
            self.proved = self.is_held = False
            self._open_due = 0
        self.ask_again(sid)

    def unsent(self, actions):
        """The client could not take these actions now: they come first in the next `poll`."""
        self._unsent = actions

    # What to do

    def poll(self, now):
        """List of actions to carry out now."""
        if self.state == WAITING:
            if self._session is None or self._brokers.choose(now) is None:
                return []
            self.state = CONNECTING
            self._since = now
            return [("connect",)]
        if self.state != ONLINE:
            return []
        if self._has_spoken:
            self._owed = now if self._unproved else None
            self._has_spoken = self._is_renewed = False
            self._room_wait = ROOM_MS
        cause = self._why_to_drop(now)
        if cause:
            self._room_wait = min(MAX_ROOM_MS, 2 * self._room_wait)
            self.closed(cause, now)
            if cause == "return":
                self._brokers.go_back(now)
            return [("drop",)]
        self._notice(now)
        self._expire(now)
        self._bucket.fill(now)
        self.pace.fill(now)
        actions = self._unsent + self._to_send
        full = bool(self._unsent)  # the client was, a moment ago: nothing new on top
        self._unsent = []
        self._to_send = []
        if full:
            return actions
        while True:
            frame = self._choose()
            if frame is None:
                break
            actions.extend(self._publish(frame, now))
        if actions or not self._is_idle():
            self._looked = now
            self._look_wait = LOOK_MS if actions else self._look_wait
        elif now - self._looked >= self._look_wait:
            self._looked = now
            self._look_wait = min(MAX_ROOM_MS, 2 * self._look_wait)
            self._next.rewind()
        return actions

    def _is_idle(self):
        """Frames are left and none goes: a file may not have been readable."""
        return not self._unproved and not self._flying and self._journal.frames_left() > 0

    def wake(self, now):
        """ms until `poll` should be called again, if nothing happens before."""
        if self.state == WAITING:
            return self._brokers.wake(now)
        wait = _IDLE_MS
        if self.state != ONLINE:
            return wait
        if self._to_send:
            return 0
        if self._unsent:
            wait = _UNSENT_MS
        for deadline in self._unproved.values():
            wait = min(wait, deadline - now)
        if not self.proved and not self._has_open_flying():
            wait = min(wait, self._open_due - now)
        if self._flying:
            wait = min(wait, self._stall_at() - now)
        if self._owed is not None and (self._unproved or not self.proved):
            wait = min(wait, self._owed + self._room_wait - now)
        for ready in (self._bucket.wake(now), self.pace.wake(now)):
            wait = wait if ready is None else min(wait, ready)
        return max(0, wait)

    def outstanding(self):
        """(PUBACKs outstanding, frames the room has not acknowledged yet)."""
        return len(self._flying), len(self._unproved)

    # Why a connection is given up

    def _why_to_drop(self, now):
        if self._flying and now >= self._stall_at():
            return "stalled"
        if self._is_silent(now) and (self._is_renewed or self._brokers.has_other(now)):
            # With one broker it is not left alone for long: perhaps it only lost our subscription.
            return "room" if self._brokers.has_other(now) else "stalled"
        if not self._flying and not self._unproved and self._brokers.return_due(self._since, now):
            return "return"
        return None

    def _is_silent(self, now):
        """The room owes an answer, and has for long."""
        if self._owed is None or not (self._unproved or not self.proved):
            return False
        return now - self._owed >= self._room_wait

    def _stall_at(self):
        """When silence means that the connection is dead."""
        has_alert = False
        oldest = None
        for key, sent, _ in self._flying.values():
            oldest = sent if oldest is None else min(oldest, sent)
            has_alert = has_alert or key in self._alerts
        return max(self._heard, oldest) + (ALERT_STALL_MS if has_alert else STALL_MS)

    # Sending again

    def _notice(self, now):
        """What the room's silence, or its voice, means for what was sent."""
        if self._is_back and self._allowed == 1:
            # It was away, and what was sent to it meanwhile may be lost: not to wait for ever.
            self._patience = PATIENCE_MS
            self._hurry(now)
        self._is_back = False
        if self._is_silent(now):
            self._owed = now
            self._is_renewed = True
            self._room_wait = min(MAX_ROOM_MS, 2 * self._room_wait)
            self._to_send.append(("subscribe", "d"))
        if not self.proved and now >= self._open_due:
            self._send_open(self._session.sid, self._session.open_bytes, now)

    def _hurry(self, now):
        """Nothing waits longer than the room usually takes."""
        for key, deadline in self._unproved.items():
            self._unproved[key] = min(deadline, now + PATIENCE_MS)

    def _take_late(self, now):
        """How many frames the room has not acknowledged in time; they will be sent again."""
        late = [key for key, deadline in self._unproved.items() if now >= deadline]
        for key in late:
            self._unproved.pop(key)
        self.counters["sent_again"] += len(late)
        return len(late)

    def _expire(self, now):
        if not self._take_late(now):
            return
        self.counters["timeouts"] += 1
        if now > self._same_until:
            self._same_until = now + self._patience
            self._patience = min(MAX_PATIENCE_MS, 2 * self._patience)
        self._allowed = 1
        self._opened = []
        # Also when the room knew this session: a room set up anew from a backup does not.
        self._send_open(self._session.sid, self._session.open_bytes, now)
        self._next.rewind()

    # Sending

    def _choose(self):
        """(lane on the wire, segment, number, frame) of what goes next, or None."""
        places = self._window - len(self._flying)
        room = self._allowed - len(self._unproved)
        if places + ALERT_RESERVE > 0 and room + ALERT_RESERVE > 0:
            frame = self._next.alert()
            if frame:
                return frame
        if places <= 0 or room <= 0:
            return None
        if self._allows("t"):
            frame = self._next.live()
            if frame:
                return frame
        if self._bucket.is_open() and self.pace.is_open() and self._allows("b"):
            return self._next.backlog()
        return None

    def _allows(self, lane):
        return self._budget is None or self._budget.allows(lane)

    def _publish(self, found, now):
        lane, segment, number, frame = found
        actions = []
        if segment.sid not in self._opened and segment.sid != self._session.sid:
            opening = self._opening(segment)
            if opening is not None:
                self._opened.append(segment.sid)
                actions.append(self._tracked("s", opening, (segment.sid, _OPEN), now))
        key = (segment.sid, number)
        self._unproved[key] = now + self._patience
        if self._owed is None:
            self._owed = now
        self.counters["sent"] += 1
        if lane == "a":
            self._alerts.append(key)
            self._alerts = self._alerts[-ALERT_RESERVE:]
        size = 0
        if lane == "b":
            size = len(frame)
            self._bucket.spend(size)
            self.pace.sent(size)
        actions.append(self._tracked(lane, frame, key, now, size))
        return actions

    def _opening(self, segment):
        """The open at a segment's head, or None: then the room asks for it."""
        try:
            return segment.opening(self._journal.storage)
        except port.StorageError:
            return None

    def _has_open_flying(self):
        key = (self._session.sid, _OPEN)
        return any([row[0] == key for row in self._flying.values()])

    def _send_open(self, sid, payload, now):
        """Sends this session's open next; once is enough while the broker has not taken it."""
        self._open_due = now + self._patience
        if sid not in self._opened:
            self._opened.append(sid)
        if not self._has_open_flying():
            self._to_send.append(self._tracked("s", payload, (sid, _OPEN), now))

    def _tracked(self, lane, payload, key, now, backlog=0):
        """A publish of which the PUBACK is waited for."""
        self._token += 1
        self._flying[self._token] = (key, now, backlog)
        return ("publish", lane, payload, False, self._token)


def _is_in(number, ranges):
    return any([first <= number <= last for first, last in ranges])
