"""Updates of the running agent: order, download, restart, and the trial after it.

order --> Download (what it wants, events "update_wanted") <-- chunks of the inbox
whole --> slots.switch() --> restart --> trial: proved -> committed; its time over -> back

Only an agent that runs from a slot can be updated (docs/update.md). What a download takes is
imported with the first one: 14 KB of the unix port's heap.
"""

import asyncio

from agent import port
from agent.const import const
from agent.port.tree import Tree
from agent.tables import beside
from agent.update.errors import UpdateError, UpdateStorageError
from agent.update.slots import Slots, place

_LOOK_MS = const(1000)  # the trial, and what the room shall send next, are looked at so often
_UNBOUNDED = const(1 << 30)
_NOBODY = bytes(8)  # stands for an order's id where there is none
# States of the download that end it; its module is not imported before it is needed.
_READY = "ready"
_FAILED = "failed"
NAME = "update"  # of the order, and of this part in faults


class Updating:
    """`start()` once the session stands; `order(...)` and `chunk(...)` what came from the room;
    `await run()` for ever.

    app: of app.py, for time, budget, proof and restart; config: its `update` group; event(name,
    *fields), fault(part, error): of the application; module_file: where this code lies."""

    def __init__(self, app, config, vehicle, event, fault, module_file=None):
        self._app = app
        self._config = config
        self._vehicle = vehicle
        self._event = event
        self._fault = fault
        self._tree = self._slots = self._download = None
        found = place(module_file or beside(__file__, ""))
        if found:
            self._tree = Tree(found[0])
            settle, trial = config["settle_ms"], config["trial_ms"]
            self._slots = Slots(self._tree, found[1], app.now(), settle, trial)
        self._attempt = 0  # of the offer that is looked at or fetched
        self._is_open = False  # an order was taken before this start, and has not ended
        self._is_fetching = False
        self._is_over = False  # switched, or given back: the restart is all that is left
        self._flag = asyncio.Event()
        self._refusals = {}  # error's name -> how often
        self.on_done = None  # called with (NAME, None, None or why not) when the order has ended

    @property
    def counters(self):
        found = dict(self._refusals)
        if self._download:
            found.update(self._download.counters)
        return found

    def start(self):
        """Tells what became of the last order. Each start does: the room may have missed it."""
        if self._slots is None:
            return
        order, attempt, state = self._slots.order
        if self._slots.is_on_trial:
            state = "trial"
        elif state == "open":
            self._is_open = True
            state = "fetching"
        elif order == _NOBODY:
            state = "none"
        self._tell(order, attempt, state)

    @property
    def is_on_trial(self):
        """True while the release that runs has not been committed: each start counts."""
        return self._slots is not None and self._slots.is_on_trial

    def is_busy(self):
        """True while a release is fetched or on trial: the machine must not sleep."""
        return self._is_fetching or self.is_on_trial

    def adopt(self):
        """See Slots. Raises UpdateStorageError."""
        if self._slots is None or not self._slots.adopt():
            return False
        self._tell(*self._slots.order)
        return True

    def order(self, signed, attempt):
        """The room's order: None when its check has begun, else why it has not."""
        if self._slots is None:
            return "this agent does not run from a slot"
        why = self._begin()
        if why is not None:
            return why
        if self._is_over or not self._download.offer(signed, attempt, self._utc()):
            return "another one is being looked at"
        self._attempt = attempt
        self._flag.set()
        return None

    def chunk(self, order, file, offset, data):
        """A part of a release; what was not asked for is refused and counted."""
        if self._download is None:
            self._refusals["not_waiting"] = self._refusals.get("not_waiting", 0) + 1
        elif self._download.feed(order, file, offset, data, self._app.now()):
            self._flag.set()

    async def run(self):
        while True:
            if self._slots is not None and not self._is_over:
                try:
                    await self.step(self._app.now())
                except UpdateStorageError as e:
                    self._fault(NAME, e)  # what stood before still does; once more in a moment
            await port.wait(self._flag, _LOOK_MS)
            self._flag.clear()

    async def step(self, now):
        """One look at all: the trial, the offer, the download. Raises UpdateStorageError."""
        if self._slots.is_on_trial:
            self._look_after_trial(now)
        elif self._is_open and self._app.is_proved():
            self._resume()
        download = self._download
        if download is None or self._is_over:
            return
        while download.work():
            self._look_at_answer()
            await asyncio.sleep(0)
        self._look_at_answer()
        if self._is_fetching and download.state in (_READY, _FAILED):
            self._is_fetching = False
            self._ended(download)
        elif self._app.is_proved():
            wanted = download.wanted(self._app.now(), self._allowed())
            if wanted:
                self._event("update_wanted", download.manifest.id, *wanted)

    # On trial

    def _look_after_trial(self, now):
        if self._app.is_proved() and self._slots.healthy(now):
            order, attempt, state = self._slots.order
            self._tell(order, attempt, state)
        elif self._slots.is_overdue(now):
            self._slots.go_back()
            self._leave()

    def _leave(self):
        self._is_over = True
        self._app.restart()

    # Fetching

    def _begin(self):
        """Makes the download machine; None, or why it cannot be."""
        if self._download is not None:
            return None
        from agent.update.download import Download
        from agent.update.rsa import KeyFormatError, load_keys

        config = self._config
        try:
            keys = load_keys(config["keys"])
        except (OSError, KeyFormatError) as e:
            self._fault(NAME, e)
            return "keys %s cannot be used: %s" % (config["keys"], e)
        self._download = Download(
            self._tree, self._slots, keys, config["hardware"], self._vehicle,
            config["capacity_bytes"],
        )  # fmt: skip
        return None

    def _utc(self):
        """The room's time in seconds, or None."""
        utc = self._app.clock.room_utc(self._app.now())
        return None if utc is None else utc // 1000

    def _allowed(self):
        """Bytes that may be asked for: what a day's budget leaves to the backlog, less the way of
        the chunks themselves."""
        budget = self._app.budget
        return _UNBOUNDED if budget is None else budget.left("b") * 15 // 16

    def _resume(self):
        """Goes on with what a restart has broken off, now that the room's time is known."""
        self._is_open = False
        order, attempt, _ = self._slots.order
        if self._begin() is None and self._download.resume(self._utc()):
            self._attempt = attempt
        else:
            # No manifest: the power went between the order and the first write. The room is asked
            # to give it once more.
            self._tell(order, attempt, "lost")

    def _look_at_answer(self):
        """The offer was taken, or refused."""
        download = self._download
        if download.answer is None:
            return
        order, name = download.answer
        download.answer = None
        if not name:
            self._is_fetching = True
            self._tell(order, self._attempt, "fetching")
            return
        self._refusals[name] = self._refusals.get(name, 0) + 1
        self._fault(NAME, download.error)
        self._tell(order, self._attempt, "refused", name)
        self._done("%s: %s" % (name, download.error))

    def _ended(self, download):
        """The release is whole, or did not come right."""
        error = download.error
        if error is None:
            try:
                self._slots.switch()
            except UpdateError as e:
                error = e
        order, attempt, outcome = self._slots.order
        if error is None:
            self._tell(order, attempt, "ready")
            self._done(None)
            self._leave()
            return
        name = type(error).__name__
        self._fault(NAME, error)
        self._tell(order, attempt, "broken" if outcome == "broken" else "failed", name)
        self._done("%s: %s" % (name, error))

    def _done(self, why):
        if self.on_done:
            self.on_done(NAME, None, why)

    def _tell(self, order, attempt, state, reason=""):
        done = total = 0
        if self._download and self._download.manifest and self._download.manifest.id == order:
            done, total = self._download.done, self._download.manifest.bytes
        self._event("update_state", order, attempt, state, reason, done, total)
