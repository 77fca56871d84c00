"""The two slots of a running agent: what is accepted, when it is started, and when it has proved
itself. The layout and the pointer are those of `agent/update/boot.py`, which decides at the start.

    accept(manifest, attempt)   a download into the other slot may begin
    switch()                    it is whole: the next start is one on trial
    healthy(now)                connected, and the room has acknowledged: commits the trial
    is_overdue(now)             the trial's time is over: go_back(), then restart

What decides is written in one pointer record, so that a power cut leaves the old or the new one.
A method that writes raises UpdateStorageError; what stood before is still so then.
"""

from agent.update import boot
from agent.update.errors import (
    BusyError,
    DoneBeforeError,
    DowngradeError,
    FailedBeforeError,
    ManifestFormatError,
    ReplayError,
    UpdateStorageError,
)

SETTLE_MS = 60000  # a release that falls over within its first minute has not proved itself
TRIAL_MS = 600000  # longer than a cold start of receiver, modem, network and TLS in a bad place

OUTCOMES = ("open", "good", "crashed", "unwell", "broken")  # by the numbers of boot.py


def place(module_file):
    """(root, slot) of a module that lies in a slot, None elsewhere: what the agent runs from.

    place("/var/lib/patrol/b/app/agent/update/slots.py")   ->   ("/var/lib/patrol", "b")
    """
    head, found, _ = module_file.rpartition("/app/agent/")
    root, slash, slot = head.rpartition("/")
    return (root or "/", slot) if found and slash and slot in boot.SLOTS else None


class Slots:
    """`running`: "a" or "b", as `boot.choose` said. Nothing is ever written into that one."""

    def __init__(self, storage, running, now, settle_ms=SETTLE_MS, trial_ms=TRIAL_MS):
        self._storage = storage
        self._pointer = boot.load(storage)
        self._began = now
        self._settle_ms = settle_ms
        self._trial_ms = trial_ms
        self.running = running
        self.target = boot.SLOTS[1 - boot.SLOTS.index(running)]

    @property
    def is_on_trial(self):
        """True while the release that runs has not been committed."""
        return bool(self._pointer.trial) and boot.SLOTS[self._pointer.slot] != self.running

    @property
    def order(self):
        """(id of the newest order, its attempt, its outcome as a word)."""
        p = self._pointer
        outcome = OUTCOMES[p.outcome] if p.outcome < len(OUTCOMES) else "unknown"
        return p.order, p.attempt, outcome

    def accept(self, manifest, attempt):
        """Takes the order, or raises the UpdateError that says why not. An order that was taken
        before and is still open is taken again, so that a broken download goes on."""
        p = self._pointer
        if p.trial or boot.SLOTS[p.slot] != self.running:
            raise BusyError("release %s: another one is on trial" % manifest.name)
        is_same = manifest.id == p.order
        if manifest.generation < p.generation or (
            manifest.generation == p.generation and not is_same
        ):
            text = "release %s: order %d, and %d was taken before"
            raise ReplayError(text % (manifest.name, manifest.generation, p.generation))
        if manifest.counter < p.floor:
            text = "release %s: counter %d, the lowest accepted is %d"
            raise DowngradeError(text % (manifest.name, manifest.counter, p.floor))
        if is_same and p.outcome == boot.GOOD:
            raise DoneBeforeError("release %s runs already" % manifest.name)
        if is_same and p.outcome != boot.OPEN and attempt <= p.attempt:
            text = "release %s was tried and is %s: attempt %d was made"
            raise FailedBeforeError(text % (manifest.name, self.order[2], p.attempt))
        if is_same and p.outcome == boot.OPEN and attempt <= p.attempt:
            return
        changed = self._copy()
        changed.order = manifest.id
        changed.generation = manifest.generation
        changed.minimum = manifest.minimum
        changed.attempt = attempt
        changed.outcome = boot.OPEN
        self._store(changed)

    def abandon(self):
        """The order's files did not come right; the room must ask for another attempt."""
        changed = self._copy()
        changed.end(boot.BROKEN)
        self._store(changed)

    def switch(self):
        """The next start is one of the other slot, on trial. Restart after it. Raises BusyError
        unless the order that was accepted lies there."""
        p = self._pointer
        if p.trial or p.outcome != boot.OPEN or self._waiting() != p.order:
            raise BusyError("no release is waiting to be started")
        changed = self._copy()
        changed.trial = 1
        changed.tries = 0
        self._store(changed)

    def healthy(self, now):
        """To be called whenever the agent is connected *and* the room has acknowledged frames of
        this session. True when that committed the trial: the way back ends here."""
        if not self.is_on_trial or now - self._began < self._settle_ms:
            return False
        changed = self._copy()
        changed.slot = boot.SLOTS.index(self.running)
        changed.end(boot.GOOD)
        changed.floor = max(changed.floor, changed.minimum)
        self._store(changed)
        return True

    def is_overdue(self, now):
        """True when the release on trial had its time, and did not prove itself."""
        return self.is_on_trial and now - self._began >= self._trial_ms

    def go_back(self):
        """Gives the trial up: the next start is one of the slot that was good before."""
        changed = self._copy()
        changed.end(boot.UNWELL)
        self._store(changed)

    def adopt(self):
        """The release that runs is the good one from here on: the one that was could not even run
        with link and console alone. True where that is a change."""
        p = self._pointer
        if p.trial or boot.SLOTS[p.slot] == self.running:
            return False
        changed = self._copy()
        changed.slot = boot.SLOTS.index(self.running)
        changed.end(boot.BROKEN)
        self._store(changed)
        return True

    def _waiting(self):
        """Id of the order that lies in the other slot, downloaded to its end, or None."""
        # Only a download comes here, which has it in memory; who is not updated saves its heap.
        from agent.update.manifest import MAX_SIGNED, order_id, split

        name = self.target + "/manifest"
        try:
            if self._storage.size(self.target + "/whole") != 32:
                return None
            size = self._storage.size(name)
            if size is None or size > MAX_SIGNED:
                return None
            return order_id(split(self._storage.read(name))[0])
        except (OSError, ManifestFormatError):
            return None

    def _copy(self):
        return boot.decode(self._pointer.encode())

    def _store(self, changed):
        try:
            boot.store(self._storage, changed)
        except OSError as e:
            raise UpdateStorageError("slots: %s" % e)
        self._pointer = changed
