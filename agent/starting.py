"""What the agent does about crashes: tells the room, forgets them when it is healthy; and what the
minimal boot runs with. Imported after a crash alone (docs/starting.md).

record of the boot code --> tell() --> events "crash", "minimal_boot" --> journal --> record told
"""

from agent import port
from agent.comms.journal import JournalError
from agent.const import const
from agent.port.tree import Tree
from agent.update import starts
from agent.update.errors import UpdateStorageError
from agent.update.slots import SETTLE_MS, TRIAL_MS

# Groups of the configuration that are as if they were not there: what reads the car, the receiver
# and the inputs, what may put the gateway to sleep, and what was set up for them.
DROPPED = ("gps", "obd", "inputs", "power", "reporting", "time")
_OVERLAID = "mqtt."  # settings from afar that hold: without them the broker may not be reached
_MINIMAL_MS = const(3600000)  # then the full agent is tried again
_RETRY_MS = const(10000)  # after a storage that refused


def reduced(path, settings):
    """The checked configuration of the minimal boot. settings: of `settings.py`, or None. Raises
    ConfigError."""
    from agent import config  # the caller takes it out of memory again

    raw = config.read(path)
    made = {key: raw[key] for key in raw if key not in DROPPED}
    good = settings.good if settings else {}
    values = {key: good[key] for key in good if key.startswith(_OVERLAID)}
    if values:
        from agent.settings import SettingsError, merge

        try:
            return config.check(merge(made, values))
        except (config.ConfigError, SettingsError):
            pass
    return config.check(made)


class Starting:
    """folder: where the record lies. app: of app.py; event(name, *fields), fault(part, error): of
    the application."""

    def __init__(self, folder, is_minimal):
        self._tree = Tree(folder)
        self.is_minimal = is_minimal
        self._is_healthy = False
        self._retry_at = 0
        self._leave_at = _MINIMAL_MS  # when the minimal boot makes room for the full agent

    def tell(self, app, event, fault):
        """Once the journal is open. The record's text is erased when it is in the journal."""
        record = starts.load(self._tree)
        slot = "ab"[record.slot]
        if record.is_untold:
            event("crash", starts.KINDS[record.kind], record.row, slot, record.text)
        if self.is_minimal:
            app.log.line(app.now(), "minimal boot: %d crashes in a row" % record.row)
            event("minimal_boot", record.row, slot)
        if not record.is_untold:
            return
        try:
            app.recorder.flush(app.now())
            starts.told(self._tree)
        except (JournalError, port.StorageError, OSError) as e:
            fault("crashes", e)  # the next start tells it once more

    def poll(self, app, now, fault):
        """A few times a second. True when there is nothing more to look after."""
        if now < self._retry_at:
            return False
        if not self._is_healthy and self._is_due(app, now):
            try:
                self._healthy(app)
            except (OSError, UpdateStorageError) as e:
                self._retry_at = now + _RETRY_MS
                fault("crashes", e)
                return False
        if self.is_minimal:
            is_busy = (app.updating and app.updating.is_busy()) or app.ordering.is_busy()
            if now >= self._leave_at and not is_busy:
                self._retry_at = now + _MINIMAL_MS
                app.restart()
            return False
        return self._is_healthy

    def _is_due(self, app, now):
        update = app.config["update"] or {}
        if app.is_proved():
            return now >= update.get("settle_ms", SETTLE_MS)
        return now >= update.get("trial_ms", TRIAL_MS)

    def _healthy(self, app):
        """Where the good slot cannot even run the minimal boot, the one that does is the good one,
        and is tried as a whole at once."""
        is_adopted = bool(self.is_minimal and app.updating and app.updating.adopt())
        starts.healthy(self._tree, self.is_minimal, is_adopted)
        self._is_healthy = True
        if is_adopted:
            self._leave_at = 0

    def ended(self):
        """The agent is about to start anew, by order or by itself."""
        if self.is_minimal:
            try:
                starts.again(self._tree)
            except OSError:
                pass  # the minimal boot once more
