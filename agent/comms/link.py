"""The link: when to connect, what to send next, and when to send it again.

A machine without I/O. The task around it carries out the actions that `poll` returns and reports
what happens; time is an argument. It decides by three rules:

- The journal and the room's sealed acknowledgement are the only truth. A PUBACK only frees a place
  in the broker's window; a frame counts as delivered when the room says so.
- Alerts first, then what is recorded while connected (live), then the backlog, oldest first, in
  what bandwidth is left.
- What is not acknowledged in time is sent again, paced by a timer that doubles while there is no
  progress, and one frame at a time until there is: a room that is away is asked, not flooded.
"""

from agent import port
from agent.comms.reader import Reader
from agent.records import ALERT, CRUMB, FINE

WAITING = "waiting"  # for the next attempt
CONNECTING = "connecting"
ONLINE = "online"

# Back-off in ms by the cause that ended a connection: (first, longest). A car that comes out of a
# dead zone is on the map again within half a minute, and sooner if it was short. Bad credentials or
# certificates do not mend themselves: asking often only fills the broker's log, or gets us banned.
BACKOFF = {
    "network": (1000, 30000),
    "peer": (1000, 30000),
    "keepalive": (500, 30000),
    "timeout": (2000, 20000),
    "protocol": (10000, 600000),
    "tls": (15000, 900000),
    "refused": (30000, 1800000),
    "stopped": (1000, 60000),
}
_STEADY_MS = 30000  # a connection that lived so long resets the back-off

MAX_UNPROVED = 64  # frames sent and not yet acknowledged by the room: about 40 KB on their way
ALERT_RESERVE = 8  # that many alerts may go beyond it, also while the room does not answer
PATIENCE_MS = 5000  # how long the room may take to acknowledge before a frame is sent again
MAX_PATIENCE_MS = 300000
_OPEN = -1  # stands for a frame's number where a session's open is meant
_IDLE_MS = 60000  # the longest between two polls
_UNSENT_MS = 200  # until a client that was full is tried again, if no PUBACK comes before


class Link:
    """Actions: ("connect",), ("subscribe", lane), ("publish", lane, payload, retain, token); a
    publish is of QoS 1, or of QoS 0 where its token is None."""

    def __init__(self, journal, random, window=16, backlog_rate=0):
        """random(n): integer below n, for jitter. window: PUBACKs of frames outstanding at
        most; the opens of two sessions may go beside them.
        backlog_rate: bytes a second for the backlog, 0 for what the link carries."""
        self._journal = journal
        self._random = random
        self._window = window
        self._rate = backlog_rate
        self._session = None
        self.state = WAITING
        self._since = 0  # of the state
        self._until = 0  # WAITING: when to try again
        self._failures = 0
        self._token = 0
        # token -> (sid, number), or (sid, _OPEN): sent, PUBACK outstanding
        self._flying = {}
        self._unproved = {}  # (sid, number) -> time by which the room must have acknowledged
        self._allowed = MAX_UNPROVED
        self._patience = PATIENCE_MS
        self._same_until = 0  # what is late until then was sent before the silence was noticed
        self._to_send = []  # actions that come before any frame
        self._opened = []  # sids whose open was sent in this connection
        self._unsent = []  # actions that the client could not take
        self._bucket = 0  # in 1/1000 byte, so that often filled by little is not filled by nothing
        self._bucket_at = 0
        self._alerts = Reader(journal, ALERT)
        self._live = []
        self._backlog = []
        self._heads = []
        self.proved = False  # the room has answered in this session
        self.counters = {"connects": 0, "sent": 0, "sent_again": 0, "pubacks": 0, "timeouts": 0}
        self.causes = {}  # cause -> how often it ended a connection or an attempt

    # What happens

    def set_session(self, session, now):
        """Frames are of this session from here on."""
        self._session = session
        self.proved = False
        if self.state == ONLINE:
            self._send_open(session.sid, session.open_bytes)

    def connected(self, now):
        self.state = ONLINE
        self._since = now
        self.counters["connects"] += 1
        self._flying = {}
        self._opened = []
        self._unsent = []
        self._allowed = MAX_UNPROVED
        self._patience = PATIENCE_MS
        self._same_until = 0
        self._bucket_at = now
        sid = self._session.sid
        self._to_send = [("subscribe", "d"), ("publish", "p", b"\x01" + sid, True, None)]
        self._send_open(sid, self._session.open_bytes)
        self._live = [Reader(self._journal, lane, live=True) for lane in (CRUMB, FINE)]
        self._rewind()

    def closed(self, cause, now):
        """The connection, or the attempt, has ended."""
        self.causes[cause] = self.causes.get(cause, 0) + 1
        if self.state == ONLINE and now - self._since >= _STEADY_MS:
            self._failures = 0
        for key in self._flying.values():
            self._unproved.pop(key, None)
        self._flying = {}
        first, longest = BACKOFF.get(cause, BACKOFF["network"])
        wait = min(longest, first << min(self._failures, 16))
        self._failures += 1
        self.state = WAITING
        self._since = now
        # Between half and the whole: after a broker's restart the fleet does not come at once.
        self._until = now + wait // 2 + self._random(wait // 2 + 1)

    def puback(self, token, now):
        if token in self._flying:
            self._flying.pop(token)
            self.counters["pubacks"] += 1

    def progress(self, freed):
        """The room has acknowledged: the session is known there, and `freed` frames are done."""
        self.proved = True
        for key in list(self._unproved):
            if not self._journal.holds(key[0], key[1]):
                self._unproved.pop(key)
        if freed:
            self._patience = PATIENCE_MS
            self._same_until = 0
            self._allowed = min(MAX_UNPROVED, 2 * self._allowed)

    def ask_again(self, sid):
        """The room misses frames of this session: they are sent again without waiting."""
        for key in list(self._unproved):
            if key[0] == sid:
                self._unproved.pop(key)
        self._rewind()

    def ask_open(self, sid):
        """The room does not know this session."""
        if sid in self._opened:
            self._opened.remove(sid)
        if self.state == ONLINE and sid == self._session.sid:
            self._send_open(sid, self._session.open_bytes)
        self.ask_again(sid)

    def unsent(self, actions):
        """The client could not take these actions now: they come first in the next `poll`."""
        self._unsent = actions

    # What to do

    def poll(self, now):
        """List of actions to carry out now."""
        if self.state == WAITING:
            if now < self._until or self._session is None:
                return []
            self.state = CONNECTING
            self._since = now
            return [("connect",)]
        if self.state != ONLINE:
            return []
        self._expire(now)
        self._refill(now)
        actions = self._unsent + self._to_send
        full = bool(self._unsent)  # the client was, a moment ago: nothing new on top
        self._unsent = []
        self._to_send = []
        if full:
            return actions
        while len(self._flying) < self._window:
            frame = self._next(now)
            if frame is None:
                break
            actions.extend(self._publish(frame, now))
        return actions

    def wake(self, now):
        """ms until `poll` should be called again, if nothing happens before."""
        if self.state == WAITING:
            return max(0, self._until - now)
        wait = _IDLE_MS
        if self.state != ONLINE:
            return wait
        if self._to_send:
            return 0
        if self._unsent:
            wait = _UNSENT_MS
        for deadline in self._unproved.values():
            wait = min(wait, max(0, deadline - now))
        if self._rate and self._bucket <= 0:
            ready = self._bucket_at - self._bucket // self._rate + 1
            wait = min(wait, max(0, ready - now))
        return wait

    def outstanding(self):
        """(PUBACKs outstanding, frames the room has not acknowledged yet)."""
        return len(self._flying), len(self._unproved)

    def _expire(self, now):
        """Frames the room has not acknowledged in time will be sent again."""
        late = [key for key, deadline in self._unproved.items() if now >= deadline]
        if not late:
            return
        for key in late:
            self._unproved.pop(key)
        self.counters["timeouts"] += 1
        if now > self._same_until:
            self._same_until = now + self._patience
            self._patience = min(MAX_PATIENCE_MS, 2 * self._patience)
        self._allowed = 1
        self._opened = []
        self.counters["sent_again"] += len(late)
        # Also when the room knew this session: a room set up anew from a backup does not.
        self._send_open(self._session.sid, self._session.open_bytes)
        self._rewind()

    def _rewind(self):
        """Readers begin anew; what is acknowledged or on its way is skipped by them."""
        self._alerts = Reader(self._journal, ALERT)
        self._backlog = [Reader(self._journal, lane) for lane in (CRUMB, FINE)]
        self._heads = [None, None]  # the next frame of each, already read

    def _next(self, now):
        """(lane on the wire, segment, number, frame) of what goes next, or None."""
        room = self._allowed - len(self._unproved)
        if room + ALERT_RESERVE > 0:
            frame = self._from(self._alerts, "a")
            if frame:
                return frame
        if room <= 0:
            return None
        for reader in self._live:
            frame = self._from(reader, "t")
            if frame:
                return frame
        if self._rate and self._bucket <= 0:
            return None
        frame = self._oldest()
        if frame:
            self._bucket -= 1000 * len(frame[3])
        return frame

    def _oldest(self):
        """The oldest frame of the backlog, whichever lane it lies in. One lane after the other
        would leave holes without end, which the room's statements would have to list."""
        best = None
        for place, reader in enumerate(self._backlog):
            if self._heads[place] is None:
                self._heads[place] = self._from(reader, "b")
            head = self._heads[place]
            if head and (head[1].sid, head[2]) in self._unproved:
                head = self._heads[place] = self._from(reader, "b")  # sent live in the meantime
            if head and (best is None or _is_older(head, self._heads[best])):
                best = place
        if best is None:
            return None
        found = self._heads[best]
        self._heads[best] = None
        # It may have been acknowledged, or given up, while it waited here.
        return found if self._journal.holds(found[1].sid, found[2]) else self._oldest()

    def _from(self, reader, lane):
        while True:
            found = reader.next()
            if found is None:
                return None
            if (found[0].sid, found[1]) not in self._unproved:
                return (lane,) + found  # noqa: RUF005 MicroPython has no (x, *y)

    def _refill(self, now):
        """Token bucket of the backlog: a second's worth at most; it may be overdrawn by a frame."""
        filled = self._bucket + self._rate * (now - self._bucket_at)
        self._bucket = min(1000 * self._rate, filled)
        self._bucket_at = now

    def _publish(self, found, now):
        lane, segment, number, frame = found
        actions = []
        if segment.sid not in self._opened and segment.sid != self._session.sid:
            opening = self._opening(segment)
            if opening is not None:
                self._opened.append(segment.sid)
                actions.append(self._tracked("s", opening, (segment.sid, _OPEN)))
        key = (segment.sid, number)
        self._unproved[key] = now + self._patience
        self.counters["sent"] += 1
        actions.append(self._tracked(lane, frame, key))
        return actions

    def _opening(self, segment):
        """The open at a segment's head, or None: then the room asks for it."""
        try:
            return segment.opening(self._journal.storage)
        except port.StorageError:
            return None

    def _send_open(self, sid, payload):
        """Sends this session's open next; once is enough while the broker has not taken it."""
        if sid not in self._opened:
            self._opened.append(sid)
        if (sid, _OPEN) not in self._flying.values():
            self._to_send.append(self._tracked("s", payload, (sid, _OPEN)))

    def _tracked(self, lane, payload, key):
        """A publish of which the PUBACK is waited for."""
        self._token += 1
        self._flying[self._token] = key
        return ("publish", lane, payload, False, self._token)


def _is_older(a, b):
    """Of two (lane, segment, number, frame): numbers order a session's, segments the sessions."""
    if a[1].sid == b[1].sid:
        return a[2] < b[2]
    return a[1].sequence < b[1].sequence
