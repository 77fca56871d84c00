"""What really happened to every frame, seen from outside: the judge of nothing lost, nothing wrong.

It hears of a frame where it is sealed, finds its bytes in what is written to the disk, and learns
from the disk which of it is safe, from the store what was committed. So it knows at any time which
frames are *owed*: safe on a medium once, not in the room's data base, and not reported as lost. An
owed frame must be on the disk; at the end there must be none.
"""

from bisect import bisect_right

from agent.comms.segment import OPENING
from agent.records import SOURCE_GNSS

_LAST_NUMBER = (1 << 32) - 1


class Violation(Exception):
    """A promise is broken. `name`: which; the text says where."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name = name


class Entry:
    """One frame."""

    __slots__ = ("key", "lane", "frame", "plaintext", "is_stored", "is_owed", "files",
                 "life", "is_given_up", "is_rotten", "is_excused")  # fmt: skip

    def __init__(self, key, lane, frame, plaintext):
        self.key = key
        self.lane = lane
        self.frame = frame
        self.plaintext = plaintext
        self.is_stored = False
        self.is_owed = False
        self.files = []  # names of files that hold it
        self.is_given_up = False  # the journal has tried to remove a file with it
        self.is_rotten = False  # the medium has changed it, or what stands before it
        self.is_excused = False
        self.life = None  # the run of the agent in which its last file went

    def __str__(self):
        return f"frame {self.key[1]} of session {self.key[0].hex()}, lane {self.lane}"


class Ledger:
    """Of one vehicle."""

    def __init__(self, scheduler):
        self._scheduler = scheduler
        self.entries = {}  # (sid, number) -> Entry
        self.owed = {}
        self.orphans = {}  # owed, and their last file is gone: the journal must call them lost
        self.gaps = {}  # (sid, lane) -> [(first, last)] that the room was told of
        self._unsafe = {}  # sealed in this run of the agent, not yet on the medium
        self._places = {}  # file -> [(offset behind the frame, Entry)]
        self._fresh = {}  # file -> the same, not yet synced
        self._rotten = {}  # file -> offset of a byte that the medium has changed
        self._hopeless = set()  # files that rot before the end of their first frame
        self._nonces = set()
        self.life = 0  # run of the agent
        self.began = {}  # session -> UTC at its uptime 0
        self.has_lying_clock = False  # the receiver has said something that was not so
        self.was_crowded = False  # the journal had more gaps than it can tell apart
        self.was_whole = True  # every start could read every file
        self.is_alone = True  # one room writes to the store
        self.counters = dict.fromkeys(
            ("sealed", "flushed", "stored", "in_gaps", "excused", "sealings"), 0
        )

    def fail(self, name, text):
        self._scheduler.trace("ledger", "VIOLATION", name, text)
        raise Violation(name, text)

    # What the sealing tells

    def nonce(self, key, nonce, text):
        """Somebody, vehicle or room, sealed with this."""
        self.counters["sealings"] += 1
        if (key, nonce) in self._nonces:
            self.fail("nonce used twice", f"nonce {nonce.hex()}, a text of {len(text)} bytes")
        self._nonces.add((key, nonce))

    def sealed(self, sid, number, lane, plaintext, frame):
        key = sid, number
        if key in self.entries:
            self.fail("number used twice", str(self.entries[key]))
        self.counters["sealed"] += 1
        self.entries[key] = self._unsafe[key] = Entry(key, lane, frame, plaintext)

    # What the disk tells

    def appended(self, name, start, data):
        for entry in self._unsafe.values():
            at = data.find(entry.frame)
            if at >= 0:
                place = start + at + len(entry.frame), entry
                self._places.setdefault(name, []).append(place)
                self._fresh.setdefault(name, []).append(place)
                if name not in entry.files:
                    entry.files.append(name)
                if place[0] > self._rotten.get(name, place[0]):
                    entry.is_rotten = True
                if name in self._hopeless:
                    self._excuse(entry)

    def synced(self, name, size):
        for end, entry in self._fresh.pop(name, ()):
            if end <= size and self._unsafe.pop(entry.key, None):
                self._owe(entry)

    def _excuse(self, entry):
        """No frame of its segment can be read: it need not arrive, nor be reported."""
        if not entry.is_excused:
            entry.is_excused = True
            self.counters["excused"] += 1
            self._settle(entry)

    def _owe(self, entry):
        self.counters["flushed"] += 1
        if not entry.is_stored and not entry.is_excused:
            entry.is_owed = True
            self.owed[entry.key] = entry

    def giving_up(self, name):
        """The journal wants this file to go, whether the disk obeys or not."""
        for _, entry in self._places.get(name, ()):
            entry.is_given_up = True

    @property
    def has_rot(self):
        """The medium has changed something."""
        return bool(self._rotten)

    def files_not_given_up(self):
        """Names of the files with frames of which the journal has never tried to remove one."""
        return [
            name
            for name, places in self._places.items()
            if not any(entry.is_given_up for _, entry in places)
        ]

    def rotten(self, name, at):
        """A byte of a file has changed: from there on nothing in it need be readable, nor what
        is still appended to it."""
        self._rotten[name] = at = min(at, self._rotten.get(name, at))
        places = self._places.get(name, ())
        if at < min([end for end, _ in places], default=OPENING):
            # Not one frame is sound, and perhaps nothing else is left of the session: a known gap
            # in what the journal can tell.
            self._hopeless.add(name)
            for _, entry in places:
                self._excuse(entry)
        for end, entry in self._places.get(name, ()):
            if end > at:
                entry.is_rotten = True

    def removed(self, name):
        self._fresh.pop(name, None)
        for _, entry in self._places.pop(name, ()):
            if name in entry.files:
                entry.files.remove(name)
            if entry.is_owed and not entry.files and not entry.is_rotten:
                entry.life = self.life
                self.orphans[entry.key] = entry

    def process_ended(self):
        """What waited in RAM is gone, and was never promised."""
        self._unsafe = {}

    def power_was_cut(self, disk):
        """Whatever the files hold now is on the medium."""
        self.process_ended()
        known = {}
        for entry in self.entries.values():
            entry.files = []
            known[entry.frame[:9]] = entry  # its header names it
        self._places, self._fresh = {}, {}
        for name, file in disk.files.items():
            self._find(name, bytes(file.data), known)
        for entry in self.owed.values():
            if entry.files or entry.key in self.orphans or entry.is_rotten:
                continue
            if not entry.is_given_up:
                self.fail("flushed frame lost", f"{entry}: not on the disk after a power cut")
            # The journal gave up the file that was safe; what is gone now is a stray copy.
            self.orphans[entry.key] = entry

    def _find(self, name, data, known):
        at = data.find(b"\x11")
        while at >= 0:
            entry = known.get(data[at : at + 9])
            if entry is not None and data[at : at + len(entry.frame)] == entry.frame:
                end = at + len(entry.frame)
                self._places.setdefault(name, []).append((end, entry))
                entry.files.append(name)
                at = end - 1
            at = data.find(b"\x11", at + 1)

    # What the agent tells

    def recovered(self, sizes, was_power_cut, is_whole):
        """The journal has read the disk. sizes: file -> bytes from its beginning that it found
        sound; is_whole: it could read every file."""
        if not is_whole:
            self.was_whole = False
            return
        if was_power_cut:
            # What it found is on the medium, whether it was flushed or not.
            for name, size in sizes.items():
                for end, entry in self._places.get(name, ()):
                    if end <= size and not entry.is_owed and not entry.is_stored:
                        self._owe(entry)
        for entry in self.owed.values():
            if entry.is_rotten or entry.key in self.orphans:
                continue
            if not any(name in sizes for name in entry.files):
                self.fail("flushed frame lost", f"{entry}: not recovered from {entry.files}")

    def acknowledged(self, sid, upto, ranges):
        """The room says that it holds these durably."""
        for entry in self.owed.values():
            number = entry.key[1]
            if entry.key[0] == sid and (
                number < upto or any(first <= number <= last for first, last in ranges)
            ):
                self.fail("acknowledged before it was committed", str(entry))

    # What the store tells

    def committed(self, write):
        for frame in write.frames:
            key = frame.session.sid, frame.number
            entry = self.entries.get(key)
            if entry is None:
                self.fail("invented frame", f"{key[0].hex()} {key[1]} is stored, never sealed")
            if entry.plaintext != frame.plaintext:
                self.fail("wrong frame", f"{entry} is stored with another text")
            if entry.is_stored:
                if self.is_alone:
                    self.fail("stored twice", str(entry))
                continue  # another room's memory is not ours; the store takes it once
            entry.is_stored = True
            self.counters["stored"] += 1
            self._settle(entry)
        for row, uptime, utc, source, uncertainty in write.anchors:
            began = self.began.get(row.sid)
            if source == SOURCE_GNSS and not self.has_lying_clock:
                error = utc - (began + uptime)
                if abs(error) > uncertainty:
                    self.fail("wrong date", f"an anchor of {row.sid.hex()} is {error} ms off")
        for event in write.events:
            if event.name == "gap":
                fields = event.fields
                sid = bytes.fromhex(fields["session"])
                self._gap(fields["lane"], sid, fields["first"], fields["last"])
            elif event.name == "session_end":
                self._gap("*", bytes.fromhex(event.fields[0]), event.fields[1], _LAST_NUMBER)

    def _gap(self, lane, sid, first, last):
        """The room has been told that these are lost: then they must be."""
        self.gaps.setdefault((sid, lane), []).append((first, last))
        for entry in [e for e in self.owed.values() if e.key[0] == sid]:
            if lane not in (entry.lane, "*") or not first <= entry.key[1] <= last:
                continue
            may_be_lost = entry.is_given_up or entry.is_rotten or not self.was_whole
            if entry.files and not may_be_lost and not self.was_crowded:
                text = f"{entry} is called lost ({lane} {first} to {last}), and is in {entry.files}"
                self.fail("false gap", text)
            self.counters["in_gaps"] += 1
            self._settle(entry)

    def _settle(self, entry):
        if entry.is_owed:
            entry.is_owed = False
            del self.owed[entry.key]
            self.orphans.pop(entry.key, None)

    def is_in_a_gap(self, entry):
        ranges = self.gaps.get((entry.key[0], entry.lane), [])
        ranges = ranges + self.gaps.get((entry.key[0], "*"), [])
        return any(first <= entry.key[1] <= last for first, last in ranges)


def ranges_of(numbers):
    """Sorted inclusive ranges of a set of integers."""
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [tuple(pair) for pair in found]


def covers(ranges, number):
    """True when sorted ranges hold the number."""
    i = bisect_right(ranges, (number, 1 << 62))
    return i > 0 and ranges[i - 1][1] >= number
