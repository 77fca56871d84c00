"""Settings that the room has changed: an overlay on the provisioned file, first on trial.

    settings = Settings(storage)
    values = settings.begin()             at a start, before they are used: {"mqtt.window": 32, ...}
    settings.unfit(why)                   what `begin` gave cannot be used: the next of `begin`
    settings.propose(values, seconds)     another overlay: on trial from the next start on
    told = settings.poll(is_proved, now)  a few times a second while `is_pending`

An overlay is on trial until the room was reached with it: connected, and acknowledged. It goes back
where that does not happen within its time, where three starts never got there (each is counted
before it begins, so one that crashes or loses power counts), and where the configuration with it
does not load. The provisioned file itself is never written.

All is one file that is replaced as a whole, so a power cut leaves the state before a write or the
one after it; what became of a trial is kept in it until it is in the journal. A machine without
I/O but its storage; `now` is uptime in ms.
"""

import binascii
import json

from agent import port
from agent.const import const

NAME = "settings"  # of the file, beside the journal
MAX_KEYS = 32
MAX_BYTES = 4096  # as JSON: what an order brings fits into one frame
MAX_TRIES = 3  # starts of a trial
SECONDS = 300  # unless the order says otherwise: 5 to 3600
_RETRY_MS = const(10000)  # after a storage that refused

GOOD = "good"
ROLLED_BACK = "rolled_back"

# What the room may never set: a key, or a group with a dot after it, and why. The room could else
# hand the vehicle to somebody else, read or write files of the gateway, or raise its own rights.
FIXED = (
    ("vehicle", "it is who the vehicle is"),
    ("keys.", "they say whose orders are taken"),
    ("journal.dir", "what is not delivered lies there"),
    ("mqtt.tls.", "they are files of the gateway, and say which broker is believed"),
    ("mqtt.brokers", "each has files of the gateway in it"),
    ("gps.port", "it is a file of the gateway"),
    ("gps.gpsd.", "where the car is would be anybody's word"),
    ("obd.port", "it is a file of the gateway"),
    ("inputs.", "they are files of the gateway, the panic button among them"),
    ("orders.", "they say what the room may do"),
    ("console.port", "it is a file of the gateway"),
    ("console.socket", "it is a file of the gateway"),
    ("console.technicians", "they say who may log in, and are files of the gateway"),
    ("power.battery", "it is a file of the gateway"),
    ("power.watchdog", "it is how the board is wired"),
    ("update.", "it says whose software is taken"),
)
SECRET = ("mqtt.password",)  # never shown


class SettingsError(ValueError):
    """Settings that are not taken; one line that says why."""


def fixed(key):
    """Why the room may not set this key, or None."""
    for name, why in FIXED:
        if key == name or (name[-1] == "." and (key + ".").startswith(name)):
            return why
    return None


def merge(raw, values):
    """A copy of the parsed configuration with the values in it. Raises SettingsError."""
    merged = _copy(raw)
    for key in sorted(values):
        group = merged
        parts = key.split(".")
        for part in parts[:-1]:
            inner = group.get(part)
            if inner is None:
                inner = group[part] = {}
            if not isinstance(inner, dict):
                raise SettingsError("%s: there is no such key" % key)
            group = inner
        group[parts[-1]] = values[key]
    return merged


def _copy(value):
    if isinstance(value, dict):
        return {key: _copy(value[key]) for key in value}
    return value


def changed(held, values, drop):
    """The overlay that `values` make of the one held: `drop` names a key that is as provisioned
    again, "*" all. Raises SettingsError."""
    out = {} if drop == "*" else dict(held)
    if drop not in (None, "*"):
        if drop not in out:
            raise SettingsError("%s is as provisioned already" % drop)
        out.pop(drop)
    for key in values:
        why = fixed(key)
        if why:
            raise SettingsError("%s is not set from afar: %s" % (key, why))
        out[key] = values[key]
    if len(out) > MAX_KEYS or len(json.dumps(out)) > MAX_BYTES:
        raise SettingsError("no more than %d keys of %d bytes" % (MAX_KEYS, MAX_BYTES))
    return out


def shown(values):
    """The same without secrets."""
    return {key: "(secret)" if key in SECRET else values[key] for key in values}


class Settings:
    """`good`: the overlay that holds; `trial`: the one on trial, or None. fault: why the file could
    not be read, or None. Writing raises port.StorageError and changes nothing."""

    def __init__(self, storage):
        self._storage = storage
        self.good = {}
        self.trial = None
        self.fault = None
        self._tries = 0
        self._seconds = SECONDS
        self._outcome = None  # [state, why], until it is told
        self._retry_at = 0
        self._is_running = False  # this start runs with the trial
        self._has_ended = False  # what this start runs with is not what holds
        try:
            if NAME in storage.names():
                self._parse(storage.read(NAME, 0, 2 * MAX_BYTES + 1024))
        except (port.StorageError, ValueError, TypeError, KeyError) as e:
            # As provisioned: that it once was delivered with.
            self.good, self.trial, self._outcome = {}, None, None
            self.fault = "settings cannot be read: %s" % e

    def _parse(self, data):
        crc, text = int(data[:8], 16), data[8:]
        if binascii.crc32(text) != crc:
            raise ValueError("wrong checksum")
        state = json.loads(text)
        self.good, self.trial = state["good"], state["trial"]
        self._tries, self._seconds, self._outcome = state["tries"], state["s"], state["told"]

    def _write(self, good, trial, tries, seconds, outcome):
        state = {"good": good, "trial": trial, "tries": tries, "s": seconds, "told": outcome}
        text = json.dumps(state).encode()
        self._storage.replace(NAME, b"%08x" % binascii.crc32(text) + text)
        self.good, self.trial, self._tries = good, trial, tries
        self._seconds, self._outcome = seconds, outcome

    @property
    def is_pending(self):
        """`poll` has something to do or to tell."""
        return self.trial is not None or self._outcome is not None

    # At a start

    def begin(self):
        """The overlay that this start runs with: the trial's, once the try is counted."""
        if self.trial is None:
            return self.good
        if self._tries >= MAX_TRIES:
            self._back("crashed")
            return self.good
        try:
            self._write(self.good, self.trial, self._tries + 1, self._seconds, self._outcome)
        except port.StorageError as e:
            self.fault = str(e)  # what cannot be counted is not tried
            return self.good
        self._is_running = True
        return self.trial

    def unfit(self, why):
        """What `begin` gave cannot be used; gives what is next, and at last nothing."""
        if self._is_running:
            self._is_running = False
            self._back(why)
            return self.good
        self._keep({}, None, [ROLLED_BACK, why[:200]])
        return {}

    def give_up(self, why):
        """The trial is over before its time."""
        if self.trial is not None:
            self._is_running = False
            self._back(why)

    def _back(self, why):
        self._keep(self.good, None, [ROLLED_BACK, why[:200]])

    def _keep(self, good, trial, outcome):
        """As `_write`, where a storage that refuses must not keep the vehicle from starting."""
        try:
            self._write(good, trial, 0, self._seconds, outcome)
        except port.StorageError as e:
            self.fault = str(e)
            self.good, self.trial, self._outcome = good, trial, outcome

    # While it runs

    def propose(self, values, seconds):
        """These are on trial from the next start on. Raises SettingsError, port.StorageError."""
        if self.trial is not None:
            raise SettingsError("other settings are on trial: their outcome comes first")
        self._write(self.good, values, 0, seconds, self._outcome)
        self._is_running = False

    def poll(self, is_proved, now):
        """What became of a trial: (state, why) to tell the room, then `told()`; "back": the trial
        is over, start anew with what held before. None: nothing yet. Raises port.StorageError."""
        if now < self._retry_at:
            return None
        self._retry_at = now + _RETRY_MS  # unless all goes well
        if self._outcome is None and self._is_running:
            if is_proved:
                self._write(self.trial, None, 0, self._seconds, [GOOD, ""])
                self._is_running = False
            elif now >= self._seconds * 1000:
                why = "the room was not reached within %d s" % self._seconds
                self._write(self.good, None, 0, self._seconds, [ROLLED_BACK, why])
                self._is_running = False
                self._has_ended = True
        self._retry_at = 0
        if self._has_ended:
            return "back"
        return self._outcome

    def told(self):
        """The outcome is in the journal. Raises port.StorageError: then it is told once more."""
        self._outcome = None
        self._write(self.good, self.trial, self._tries, self._seconds, None)
