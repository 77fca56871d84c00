"""A vehicle's life on a storage that may fail, and what must hold of it afterwards.

The product's own storage, boot counter and journal run; the room is a set of frames. A `World` is
what an all-knowing observer has written down; a `Life` is one boot. The laws, in `World.check`:

- what was flushed reaches the room, or the room is told that the quota made it go;
- of any other frame the room has the frame, or a gap, or knows that its session ended before it;
- what reaches the room is what was sealed;
- no number of a session is used twice: the sessions here have no random numbers, only the boot
  counter keeps them apart, as on a chip whose radio is not on yet.

Runs on both interpreters.
"""

from agent import port
from agent.comms.bootcount import BootCountError, next_boot
from agent.comms.intervals import merged
from agent.comms.journal import Journal, JournalError
from agent.comms.reader import Reader
from agent.records import ALERT, ANY_LANE, CRUMB, FINE, GAP_FULL, LANES
from tests.support.sessions import PlainSession, text

QUOTA = 6000
SEGMENT = 700
FLUSH_MS = 1000
_REPORT = b"report"
_MAX_BOOTS = 20  # of a storage that fails while starting


class Lost(Exception):
    """A law is broken."""


class Random:
    """The same numbers on every interpreter (Numerical Recipes' generator)."""

    def __init__(self, seed):
        self._state = seed & 0xFFFFFFFF

    def below(self, n):
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % n


class World:
    """Lists that only grow; `marks()` and `fork(marks)` give what was written down at a moment."""

    def __init__(self):
        self.sealed = []  # (sid, number, lane, plaintext)
        self.flushed = []  # places in `sealed` of what must survive
        self.held = []  # (sid, number) that the room has, in the order in which it came
        self.gaps = []  # (lane, sid, first, last, reason) that the room was told
        self.ends = []  # (sid, end)

    def _lists(self):
        return [self.sealed, self.flushed, self.held, self.gaps, self.ends]

    def marks(self):
        return [len(each) for each in self._lists()]

    def fork(self, marks):
        fresh = World()
        for mine, its, count in zip(self._lists(), fresh._lists(), marks):  # noqa: B905
            its.extend(mine[:count])
        return fresh

    def back_to(self, marks):
        """Forgets what was written down since."""
        for each, count in zip(self._lists(), marks):  # noqa: B905
            del each[count:]

    def receive(self, sid, number, lane, plaintext):
        """The room takes a frame in."""
        if (sid, number, lane, plaintext) not in self.sealed:
            raise Lost(f"not what was sealed: frame {number} of {sid.hex()}")
        self.held.append((sid, number))
        if plaintext[: len(_REPORT)] == _REPORT:
            gaps, ends = port.unpackb(plaintext[len(_REPORT) :])
            self.gaps.extend([tuple(gap) for gap in gaps])
            self.ends.extend([tuple(end) for end in ends])

    def statement(self, sid):
        """(upto, ranges) that the room acknowledges of a session."""
        ranges = merged([[n, n] for s, n in self.held if s == sid])
        upto = ranges[0][1] + 1 if ranges and ranges[0][0] == 0 else 0
        return upto, ranges[1:] if upto else ranges

    def check(self):
        """Once all that was left has been delivered. Raises Lost."""
        if len(set([(sid, number) for sid, number, _, _ in self.sealed])) != len(self.sealed):
            raise Lost("a number was used twice")
        held = set(self.held)
        flushed = set(self.flushed)
        for place, (sid, number, lane, _) in enumerate(self.sealed):
            if (sid, number) in held:
                continue
            reasons = [
                gap[4]
                for gap in self.gaps
                if gap[1] == sid and gap[2] <= number <= gap[3] and gap[0] in (lane, ANY_LANE)
            ]
            if place in flushed:
                if GAP_FULL not in reasons:
                    raise Lost(f"flushed and lost: frame {number} of {sid.hex()}")
            elif not reasons and not any([s == sid and number >= end for s, end in self.ends]):
                raise Lost(f"lost in silence: frame {number} of {sid.hex()}")


class Life:
    """One boot. `make_journal` is the product's, or one that was broken on purpose."""

    def __init__(self, storage, world, make_journal=Journal):
        self.world = world
        self.now = 0
        self._waiting = []  # (place in world.sealed, when)
        self.errors = 0
        self._retry = 0
        for _ in range(_MAX_BOOTS):
            try:
                boot = next_boot(storage)
                self.journal = make_journal(storage, QUOTA, SEGMENT, FLUSH_MS)
                self.journal.recover()
                break
            except (BootCountError, port.StorageError):
                self.errors += 1
        self.session = PlainSession(f"boot {boot}")
        self._try(self.journal.begin, self.session)
        self._readers = [Reader(self.journal, lane) for lane, _ in LANES]

    def _try(self, action, *arguments):
        """True when the journal did not refuse."""
        try:
            action(*arguments)
            return True
        except JournalError:
            self.errors += 1
            return False

    def append(self, lane, size, action=None, plaintext=None):
        number = self.session.next_number
        if plaintext is None:
            plaintext = b"%d %d " % (number, self.now) + lane.encode() * size
        place = len(self.world.sealed)
        self.world.sealed.append((self.session.sid, number, lane, plaintext))
        self._waiting.append((place, self.now))
        if self._try(action or self.journal.append, lane, plaintext, self.now) and lane == ALERT:
            self.world.flushed.append(place)

    def _flushed(self, before):
        """All that was appended until then is on the medium, but for what had to make room."""
        for place, t in self._waiting:
            sid, number = self.world.sealed[place][:2]
            if t <= before and self.journal.holds(sid, number):
                self.world.flushed.append(place)
        self._waiting = [row for row in self._waiting if row[1] > before]

    def poll(self):
        if not self._try(self.journal.poll, self.now):
            self._retry = self.now + FLUSH_MS  # only then it is tried again
        elif self.now >= self._retry:
            self._flushed(self.now - FLUSH_MS)

    def flush(self):
        if self._try(self.journal.flush):
            self._flushed(self.now)

    def close(self):
        self._try(self.journal.close)

    def tell(self):
        """Gaps and ends of sessions go into a frame, as the recorder's do."""
        gaps, ends = self.journal.take_gaps(), self.journal.take_ends()
        if gaps or ends:
            rows = [[gap[:5] for gap in gaps], [[sid, end] for sid, end, _ in ends]]
            self.append(CRUMB, 0, self.journal.report, _REPORT + port.packb(rows))

    def deliver(self, count, skip=None):
        """So many frames of each lane reach the room; without acknowledgement yet."""
        for reader, (lane, _) in zip(self._readers, LANES):  # noqa: B905
            for i in range(count):
                found = reader.next()
                if found is None:
                    break
                if skip is None or (i + found[1]) % skip:
                    self.world.receive(found[0].sid, found[1], lane, text(found[2]))

    def acknowledge(self):
        """The room says what it holds, of every session that the journal knows."""
        for sid in sorted(set([segment.sid for segment in self.journal.segments])):
            self.journal.acknowledge(sid, *self.world.statement(sid))

    def play(self, seed, steps=70):
        """Some seconds of a car's life."""
        random = Random(seed)
        for _ in range(steps):
            self.now += random.below(400)
            what = random.below(16)
            if what < 8:
                lane = (FINE, FINE, FINE, CRUMB, CRUMB, ALERT)[random.below(6)]
                self.append(lane, (20, 60, 120, 250)[random.below(4)])
            elif what < 10:
                self.poll()
            elif what < 12:
                self.deliver(1 + random.below(6), 2 + random.below(4))
            elif what < 14:
                self.acknowledge()
            elif what == 14:
                self.tell()
            else:
                self._readers = [Reader(self.journal, lane) for lane, _ in LANES]

    def drain(self):
        """A good link: all that is left reaches the room, and it hears of what is missing."""
        for _ in range(3):
            self.tell()
            self._readers = [Reader(self.journal, lane) for lane, _ in LANES]
            self.deliver(1 << 20)
            self.acknowledge()
        if self.journal.frames_left():
            raise Lost(f"{self.journal.frames_left()} frames cannot be delivered")


def story(storage, world, make_journal=Journal, seed=1):
    """Two boots: one that ends as it should, and one that goes on."""
    first = Life(storage, world, make_journal)
    first.play(seed)
    first.close()
    Life(storage, world, make_journal).play(seed + 1)


def go_on(storage, world, make_journal=Journal, seed=1):
    """A boot after a cut, and the first seconds of it."""
    life = Life(storage, world, make_journal)
    life.play(seed, 12)
    life.flush()


def settle(storage, world, make_journal=Journal):
    """The next boot, on a storage that works and a link that is good; then the laws are checked."""
    Life(storage, world, make_journal).drain()
    world.check()
