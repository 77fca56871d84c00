"""What one call of `Room.handle` is about to change. Nothing of it counts before the commit.

Should the store refuse, this object is thrown away and the room's memory is as it was.
"""

from agent.comms.unbatch import BatchError
from agent.records import ANCHOR, EVENT, EVENT_CODES, GAP, POSITION, VALUE
from tools.room.dating import Dating
from tools.room.explode import event_fields, event_name, explode
from tools.room.intervals import IntervalSet
from tools.room.live import is_newer
from tools.room.store import Event, Frame, Gap, Write

_SESSION_END = EVENT_CODES["session_end"]
_LAST_NUMBER = (1 << 32) - 1


class Intake:
    """Staged changes: `write` for the store, the rest for the room's memory."""

    def __init__(self, now, counters):
        self.now = now
        self.write = Write()
        self.counters = dict(counters)
        self.opened = {}  # (vehicle, sid) -> LiveSession, new
        self.touched = {}  # (vehicle, sid) -> LiveSession to be acknowledged
        self.unknown = set()  # (vehicle, sid) that the store was asked for in vain
        self.strangers = {}  # vehicle -> sid of a frame that could not be opened
        self.focus = {}  # (vehicle, sid) -> number of the last frame, new or not
        self.live = {}  # vehicle -> sid of its last new live frame
        self.backlog = set()  # vehicles that brought new backlog
        self._fresh = {}  # (vehicle, sid) -> IntervalSet
        self._anchors = {}  # (vehicle, sid) -> [(uptime, utc, source, uncertainty)]
        self._gaps = []
        self._positions = {}  # (vehicle, sid) -> (row, newest POSITION record)
        self._values = {}  # (vehicle, sid, signal) -> (row, newest VALUE record)

    def count(self, name):
        self.counters[name] += 1

    def open(self, live):
        key = live.row.vehicle, live.row.sid
        self.opened[key] = live
        self.unknown.discard(key)
        self.write.sessions.append(live.row)

    def add(self, live, number):
        """False when this very batch has brought the frame already."""
        key = live.row.vehicle, live.row.sid
        return self._fresh.setdefault(key, IntervalSet()).add(number)

    def frame(self, live, number, lane, plaintext):
        """Takes a new frame in. One that cannot be read is kept as it came: it is authentic, and
        sending it again would not mend it."""
        row = live.row
        try:
            records, refused = explode(plaintext)
        except BatchError:
            self.count("malformed")
            records, refused = [], 0
        self.counters["records_refused"] += refused
        times = [record[1] for record in records]
        first, last = min(times, default=None), max(times, default=None)
        self.write.frames.append(Frame(row, number, lane, self.now, first, last, plaintext))
        self.write.heard[row.vehicle] = self.now
        if lane == "t":
            self.live[row.vehicle] = row.sid
        elif lane == "b":
            self.backlog.add(row.vehicle)
        for place, record in enumerate(records):
            self._record(row, number, place, record)

    def _record(self, row, number, place, record):
        kind = record[0]
        key = row.vehicle, row.sid
        if kind == POSITION:
            _keep_newest(self._positions, key, row, record)
        elif kind == VALUE:
            _keep_newest(self._values, (*key, record[2]), row, record)
        elif kind == ANCHOR:
            self._anchors.setdefault(key, []).append(record[1:])
            self.write.anchors.append((row, *record[1:]))
        elif kind in (EVENT, GAP):
            name = event_name(record[2]) if kind == EVENT else "gap"
            fields = event_fields(record)
            event = Event(row, number, place, record[1], name, fields, self.now)
            self.write.events.append(event)
            gap = _gap(row, record)
            if gap:
                self.write.gaps.append(gap)
                self._gaps.append(gap)

    def settle(self, last_of, anchors_of):
        """Decides which positions and values are newer than what is known; the last state only
        moves forward. last_of(vehicle): LastState; anchors_of(row): the anchors known so far."""
        dates = {}

        def dating(row):
            key = row.vehicle, row.sid
            if key not in dates:
                dates[key] = Dating(list(anchors_of(row)) + self._anchors.get(key, []))
            return dates[key]

        for (vehicle, _), found in self._positions.items():
            best = self.write.positions.get(vehicle) or last_of(vehicle).position
            if self._wins(found, best, dating):
                self.write.positions[vehicle] = found
        for (vehicle, _, signal), found in self._values.items():
            best = self.write.values.get((vehicle, signal)) or last_of(vehicle).values.get(signal)
            if self._wins(found, best, dating):
                self.write.values[vehicle, signal] = found

    def _wins(self, found, best, dating):
        if best is None:
            return True
        row, t = found[0], found[1][1]
        other, other_t = best[0], best[1][1]
        if row.sid == other.sid:
            return t > other_t
        return is_newer(
            row, t, dating(row).utc(t), other, other_t, dating(other).utc(other_t), self.now
        )

    def apply(self, vehicles, known):
        """After the commit. vehicles: name -> LiveVehicle; known: (vehicle, sid) -> LiveSession,
        or None where it is not in memory."""
        for key, live in self.touched.items():
            fresh = self._fresh.get(key)
            for first, last in fresh.ranges if fresh else ():
                for number in range(first, last + 1):
                    live.held.add(number)
            live.anchors.extend(self._anchors.get(key, ()))
            live.focus = self.focus.get(key, live.focus)
        for gap in self._gaps:
            live = known(gap.session.vehicle, gap.sid)
            if live is not None:
                live.gaps.append((gap.first, gap.last))
        for name, sid in self.live.items():
            vehicles[name].live = sid
        for name in self.backlog:
            vehicles[name].backlog_ms = self.now
        for name, heard in self.write.heard.items():
            vehicles[name].last.heard_ms = heard
        for name, found in self.write.positions.items():
            vehicles[name].last.position = found
        for (name, signal), found in self.write.values.items():
            vehicles[name].last.values[signal] = found
        for name, presence in self.write.presence.items():
            vehicles[name].last.presence = presence


def _keep_newest(where, key, row, record):
    if key not in where or record[1] >= where[key][1][1]:
        where[key] = row, record


def _gap(row, record):
    """What a GAP, or an event that tells a session's end, says will not come; else None."""
    if record[0] == GAP:
        return Gap(row, record[3], record[4], record[5])
    if record[2] != _SESSION_END or len(record) != 6:
        return None
    sid, end = record[3:5]
    is_sound = isinstance(sid, bytes) and len(sid) == 4 and isinstance(end, int)
    return Gap(row, sid, end, _LAST_NUMBER) if is_sound and 0 <= end <= _LAST_NUMBER else None
