"""What the commands of the registry do: calls into the parts, and the answer as plain data.

`run(name, arguments, now)` returns what JSON can hold, or raises CommandError. Nothing here waits:
what takes time is begun, LATER is returned, and whoever does it tells in the end.
"""

import json

from agent import port
from agent.console.levels import LATER, CommandError
from agent.const import const

_MAX_ZONES_BYTES = const(65536)  # 64 zones of 32 corners
MAX_MESSAGES = 4  # to the crew, kept for whoever shows them


class Duties:
    """app: of app.py, with its parts. messages: list that takes those to the crew; zones: name of
    the file, beside the journal, that keeps the zones which the room has set; on_done(name, data,
    why): called when what was begun has ended, `why` not being None where it came to nothing."""

    def __init__(self, app, messages, zones, on_done=None):
        self._app = app
        self._on_done = on_done
        self._messages = messages
        self._zones_file = zones
        self.number = 0  # of the order that is carried out
        self._calls = {
            "ping": self._ping,
            "report": self._report,
            "profile": self._profile,
            "zones": self._zones,
            "scan": self._scan,
            "clear": self._clear,
            "journal": self._journal,
            "log": self._log,
            "counters": self._counters,
            "message": self._message,
            "read": self._read,
            "settings": self._settings,
            "config": self._config,
            "keys": self._keys,
            "wipe": self._wipe,
            "restart": self._restart,
            "update": self._update,
        }

    def use_zones(self, now):
        """Zones that the room has set go before the configuration's, also after a restart."""
        from agent.zones import check as check_zones  # only where there are some

        storage = self._app.journal.storage
        tracking = self._app.tracking
        try:
            # No more is asked for than there is: a chip makes room for all of it.
            size = min(storage.size(self._zones_file), _MAX_ZONES_BYTES)
            rows = json.loads(storage.read(self._zones_file, 0, size))
            check_zones(rows, tracking.profile_names())
        except (port.StorageError, ValueError) as e:  # ZoneError is a ValueError
            self._app.log.fault(now, "zones", type(e).__name__, str(e))
            return
        tracking.set_zones(rows, now)

    def run(self, name, arguments, now):
        call = self._calls.get(name)
        if call is not None:
            return call(now, **arguments)
        from agent.console import look  # 10 KB that no order may ever ask for

        try:
            return look.run(self._app, name, arguments, now, self._on_done)
        finally:
            port.forget("agent.console.look")

    def _ping(self, now):
        return self._app.status()

    def _report(self, now):
        self._need_duty("report")
        self._app.report(now)
        position = self._app.tracking.position
        if position is None:
            return {"position": None}
        return {"position": [position[2], position[3]], "age_ms": now - position[1]}

    def _profile(self, now, name):
        try:
            self._app.tracking.order(name, now)
        except KeyError:
            raise CommandError("profile: there is none named %r" % (name,))
        return {"profile": self._app.tracking.profile.name}

    def _zones(self, now, rows):
        from agent.zones import ZoneError
        from agent.zones import check as check_zones

        tracking = self._app.tracking
        try:
            check_zones(rows, tracking.profile_names())
        except ZoneError as e:
            raise CommandError(str(e))
        try:
            self._app.journal.storage.replace(self._zones_file, json.dumps(rows).encode())
        except port.StorageError as e:
            raise CommandError("zones are not kept: %s" % e)
        tracking.set_zones(rows, now)
        return {"zones": len(rows)}

    def _need_duty(self, name):
        if self._app.tracking.is_private:
            raise CommandError("%s: the crew is off duty" % name)

    def _scan(self, now):
        self._need_duty("scan")
        return self._begun("scan", self._obd("scan").scan())

    def _clear(self, now):
        return self._begun("clear", self._obd("clear").clear())

    def _obd(self, name):
        if self._app.obd is None:
            raise CommandError("%s: there is no OBD line in the configuration" % name)
        return self._app.obd

    def _begun(self, name, why):
        if why is not None:
            raise CommandError("%s: %s" % (name, why))
        # Only one is under way at a time; it is for whoever began it.
        self._app.obd.on_done = self._on_done
        return LATER

    def _journal(self, now):
        journal = self._app.journal
        return {
            "left": journal.frames_left(),
            "bytes": journal.size(),
            "counters": journal.counters,
        }

    def _log(self, now, lines):
        return {"lines": self._app.log.lines[-lines:]}

    def _counters(self, now):
        return self._app.counters()

    def _message(self, now, text):
        self._messages.append([now, text, self.number, None])
        if len(self._messages) > MAX_MESSAGES:
            self._messages.pop(0)
        self._app.log.line(now, "room: %s" % text)
        return None

    def _read(self, now):
        return {"read": self._app.ordering.confirm(now)}

    # What changes the vehicle itself; each imports what it needs when it is needed

    def _settings(self, now):
        from agent import changes

        return changes.settings(self._app)

    def _config(self, now, values, drop, seconds):
        from agent import changes

        return changes.configure(self._app, values, drop, seconds)

    def _keys(self, now, signed):
        from agent import changes

        return changes.take_keys(self._app, signed)

    def _wipe(self, now, signed):
        from agent import changes

        return changes.wipe(self._app, signed, now)

    def _restart(self, now):
        self._app.restart()
        return None

    def _update(self, now, signed, attempt):
        if self._app.updating is None:
            raise CommandError("update: there is no group update in the configuration")
        return self._begun("update", self._app.updating.order(signed, attempt))
