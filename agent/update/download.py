"""Fetches a release into the slot that does not run: a machine without I/O of its own.

    offer(signed, attempt, utc_s)               a signed manifest came
    resume(utc_s)                               after a restart: goes on with what is on the storage
    work() -> bool                              one short piece of work; True: there is more to do
    wanted(now, allowed) -> (file, offset, length) or None     what the room shall send
    feed(order, file, offset, data, now) -> bool               a chunk came; False: not taken

File 0 is the index, the others are its rows, from 1. Files are fetched in turn and each from its
beginning on, so that the length of what is on the storage says where to go on; a file is believed
when its SHA-256 was read back. One that the running slot holds in the same version is copied from
there and costs no data. Nothing is taken that was not asked for, and no more is asked for than the
caller allows: so a data budget holds, whatever a broker sends.
"""

from agent.comms.seal import MAX_FRAME, OVERHEAD
from agent.const import const
from agent.port.tree import new_hash
from agent.update import boot
from agent.update.errors import (
    CapacityError,
    FileHashError,
    IndexFormatError,
    UpdateError,
    UpdateStorageError,
)
from agent.update.manifest import MAX_SIGNED, check_index_steps, open_steps, order_id, split

# The chunk's fields, as docs/update.md has them: array, kind, order, file, offset, data's head.
_HEAD = const(1 + 2 + 10 + 3 + 5 + 3)
MAX_CHUNK = MAX_FRAME - OVERHEAD - _HEAD
WINDOW = 32768  # asked for at once: eight chunks, a second of a slow link, half a TCP window
SMALLEST = 512  # less than this is not asked for, unless a file ends with it
RETRY_MS = 20000  # without a chunk for so long, the room is asked again
MAX_BAD = 3  # times that a file may come wrong from the room
_PIECE = const(4096)  # copied at once

IDLE = "idle"
FETCHING = "fetching"
READY = "ready"
REFUSED = "refused"  # the offer was not taken; `error` and `answer` say why
FAILED = "failed"  # it was taken, and did not come right


class Download:
    """`slots`: the Slots; `keys`: the fleet's Keys; `hardware`, `vehicle`: who this is;
    `capacity`: bytes that a slot may take."""

    def __init__(self, storage, slots, keys, hardware, vehicle, capacity):
        self._storage = storage
        self._slots = slots
        self._keys = keys
        self._hardware = hardware
        self._vehicle = vehicle
        self._capacity = capacity
        self._checking = None  # generator: looks at an offer, returns its Manifest
        self._offered = None  # (signed, attempt) of that offer
        self._fetching = None  # generator: True a step, False while chunks are waited for
        self._gap = None
        self._rest()
        self.state = IDLE
        self.error = None
        self.manifest = None
        self.answer = None  # to the last offer: (order id, name of the error or "")
        self.done = 0  # bytes of files that are on the storage and believed
        self.counters = {
            "bytes": 0, "chunks": 0, "copied": 0, "not_waiting": 0, "order": 0, "place": 0,
            "size": 0, "unasked": 0, "bad_files": 0, "refused": 0, "failed": 0, "busy": 0,
        }  # fmt: skip

    def _rest(self):
        """Nothing is waited for."""
        self._place = None  # (file, name, size) of what chunks are waited for
        self._have = 0
        self._asked = 0  # chunks are taken up to this offset
        self._asked_at = None

    # From outside

    def offer(self, signed, attempt, utc_s):
        """A signed manifest; `work` checks it. What is being fetched goes on unless the offer is
        taken. utc_s: the room's time in seconds, None while it is not known. False, and nothing
        done, while another offer is looked at: the room says it again."""
        if self._checking is not None:
            return self._refuse("busy")
        self._offered = bytes(signed), attempt
        self._checking = self._check(utc_s)
        return True

    def resume(self, utc_s):
        """Goes on with what was accepted before the restart; True when there was something."""
        order, attempt, outcome = self._slots.order
        is_busy = self._fetching is not None or self._checking is not None
        if outcome != "open" or is_busy or self._slots.is_on_trial:
            return False
        try:
            signed = self._stored_manifest()
            is_it = signed is not None and order_id(split(signed)[0]) == order
        except (OSError, UpdateError):
            is_it = False  # the room offers again what it wants to have run
        return is_it and self.offer(signed, attempt, utc_s)

    def work(self):
        """One step, some milliseconds long (a signature takes longer). True: call again soon."""
        if self._checking is not None:
            self._step_checking()
            return True
        if self._fetching is None:
            return False
        try:
            return next(self._fetching)
        except StopIteration:
            self._end(READY, None)
        except UpdateError as e:
            self._end(FAILED, e)
        except OSError as e:
            self._end(FAILED, UpdateStorageError("update: %s" % e))
        return False

    def wanted(self, now, allowed):
        """(file, offset, length) to ask the room for now, or None. allowed: bytes."""
        if self._place is None:
            return None
        left = self._place[2] - self._have
        is_late = self._asked_at is None or now - self._asked_at >= RETRY_MS
        if not is_late and self._have < self._asked:
            return None
        length = min(WINDOW, left, allowed)
        if length <= 0 or length < min(SMALLEST, left):
            return None
        self._asked = self._have + length
        self._asked_at = now
        return self._place[0], self._have, length

    def feed(self, order, file, offset, data, now):
        """A chunk: True when it was taken and is on the storage. Others are counted by reason."""
        self.counters["bytes"] += len(data)
        if self._place is None:
            return self._refuse("not_waiting")
        if order != self.manifest.id:
            return self._refuse("order")
        number, name, size = self._place
        if file != number or offset != self._have:
            if file == number and offset > self._have and self._gap != (file, self._have):
                self._gap = (file, self._have)  # one is missing: ask at once, but only once
                self._asked_at = None
            return self._refuse("place")
        if not 0 < len(data) <= MAX_CHUNK or offset + len(data) > size:
            return self._refuse("size")
        if offset + len(data) > self._asked:
            return self._refuse("unasked")
        try:
            self._storage.append(name, data)
            self._storage.sync()
        except OSError as e:
            self._end(FAILED, UpdateStorageError("update: %s" % e))
            return False
        self.counters["chunks"] += 1
        self._have += len(data)
        self._asked_at = now
        return True

    def report(self):
        """(order id, state, name of the error or "", bytes believed, bytes in all)."""
        name = type(self.error).__name__ if self.error else ""
        if self.manifest is None:
            return bytes(8), self.state, name, 0, 0
        return self.manifest.id, self.state, name, self.done, self.manifest.bytes

    def _refuse(self, why):
        self.counters[why] += 1
        return False

    # An offer

    def _step_checking(self):
        try:
            next(self._checking)
            return
        except StopIteration as end:
            manifest = end.value
        except UpdateError as e:
            self._refuse_offer(e)
            return
        signed, _ = self._offered
        self._checking = self._offered = None
        self.answer = (manifest.id, "")
        is_here = self._fetching is not None or self.state == READY
        if is_here and manifest.id == self.manifest.id:
            return
        self._rest()
        self.manifest = manifest
        self.state = FETCHING
        self.error = None
        self._fetching = self._fetch_all(signed)

    def _refuse_offer(self, error):
        try:
            name = order_id(split(self._offered[0])[0])
        except UpdateError:
            name = bytes(8)
        self._checking = self._offered = None
        self.answer = (name, type(error).__name__)
        self.counters["refused"] += 1
        self.error = error
        if self.state == IDLE:
            self.state = REFUSED

    def _check(self, utc_s):
        """Generator, a signature a step, that returns the Manifest of an offer that is taken."""
        signed, attempt = self._offered
        manifest = yield from open_steps(signed, self._keys)
        manifest.check(self._hardware, self._vehicle, utc_s)
        size = manifest.bytes + manifest.index_size
        if size > self._capacity:
            text = "release %s takes %d bytes, there is room for %d"
            raise CapacityError(text % (manifest.name, size, self._capacity))
        self._slots.accept(manifest, attempt)
        return manifest

    # The steps of fetching

    def _end(self, state, error):
        self._fetching = self._index = self._running = None
        self._rest()
        self.state = state
        self.error = error
        if error is not None:
            self.counters["failed"] += 1
        try:
            self._storage.close()
            if isinstance(error, (FileHashError, IndexFormatError)):
                self._slots.abandon()
        except (OSError, UpdateError):
            pass  # the order stays open, and the next start tries it once more

    def _stored_manifest(self):
        """The signed manifest that the slot is fetched by, or None."""
        name = self._slots.target + "/manifest"
        size = self._storage.size(name)
        return self._storage.read(name) if size is not None and size <= MAX_SIGNED else None

    def _fetch_all(self, signed):
        slot = self._slots.target
        m = self.manifest
        self.done = 0
        self._index = self._running = b""
        # First of all, and for good: what is not whole is never started.
        self._storage.replace(slot + "/whole", b"")
        yield from self._empty(signed)
        yield from self._fetch(0, slot + "/files", m.index_size, m.index_hash)
        self._index = self._storage.read(slot + "/files")
        for _ in check_index_steps(self._index, m):
            yield True
        self._running = self._running_index()
        for number, (path, size, digest) in enumerate(boot.rows(self._index), 1):
            yield from self._fetch(number, slot + "/app/" + path, size, digest)
            self.done += size
        # Leftovers of what was here before would be imported, too.
        yield from self._remove_but(slot, ("/manifest", "/files", "/whole"), True)
        self._storage.replace(slot + "/whole", m.index_hash)

    def _empty(self, signed):
        """The slot is empty but for this manifest, or holds what was fetched by it before."""
        slot = self._slots.target
        try:
            kept = self._stored_manifest()
            if kept is not None and split(kept)[0] == split(signed)[0]:
                return
        except UpdateError:
            pass
        yield from self._remove_but(slot, ("/whole",), False)
        self._storage.replace(slot + "/manifest", signed)

    def _remove_but(self, slot, kept, is_app_kept):
        app = slot + "/app/"
        for name in self._storage.names(slot):
            is_app = is_app_kept and name.startswith(app) and self._is_listed(name[len(app) :])
            if not is_app and name[len(slot) :] not in kept:
                self._storage.remove(name)
                yield True

    def _is_listed(self, path):
        return bytes((len(path) & 255,)) + path.encode() in self._index

    def _running_index(self):
        """What the running slot should hold, as an index; b"" where nobody can tell."""
        name = self._slots.running + "/files"
        try:
            size = self._storage.size(name)
            is_one = size is not None and size <= boot.MAX_INDEX
            return self._storage.read(name) if is_one else b""
        except OSError:
            return b""  # then all comes from the room

    def _source(self, digest):
        """Path in the running slot of a file with this SHA-256, or None."""
        at = self._running.find(digest) + 32
        if at < 32 + 3:
            return None
        path = self._running[at + 1 : at + 1 + self._running[at]].decode()
        return self._slots.running + "/app/" + path

    def _fetch(self, number, name, size, digest):
        """One file, until it is there and its hash was read back."""
        bad = 0
        is_from_room = False
        copies = 2  # one may go on from a torn beginning; then the running slot has gone bad
        while True:
            have = self._storage.size(name)
            if have is None and size == 0:
                self._storage.replace(name, b"")
                have = 0
            if have is not None and have >= size:
                self._storage.close()
                found = yield from self._hash(name)
                if found == digest:
                    return
                self._storage.remove(name)
                self.counters["bad_files"] += 1
                bad += is_from_room
                if bad >= MAX_BAD:
                    raise FileHashError("%s came wrong again and again" % name)
                continue
            source = self._source(digest)
            if source is not None and copies:
                copies -= 1
                is_from_room = False
                yield from self._copy(source, name, have or 0, size)
                continue
            is_from_room = True
            self._rest()
            self._have = have or 0
            self._place = (number, name, size)
            while self._have < size:
                yield False
            self._rest()

    def _hash(self, name):
        steps = boot.file_hash_steps(self._storage, name, new_hash)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            yield True

    def _copy(self, source, name, at, size):
        """From the running slot. What cannot be read there comes from the room."""
        while at < size:
            try:
                piece = self._storage.read(source, at, min(_PIECE, size - at))
            except OSError:
                break
            if not piece:
                break
            self._storage.append(name, piece)
            self.counters["copied"] += len(piece)
            at += len(piece)
            yield True
        self._storage.sync()
