"""The task while a technician has the console open: a line, a Session, and the calls it makes.

Output goes out in small pieces, each of which lets the other tasks run; where the line takes none
the rest waits, and nothing is made meanwhile. Whoever does not read for STALL_MS is gone.
"""

import asyncio
import sys

from agent import port
from agent.console.levels import LATER, ROLES, SERVICE, CommandError
from agent.console.session import IDLE_MS, Session, answer
from agent.console.texts import Texts
from agent.const import const

PIECE = 64  # bytes at a time: 6 ms at 115200 baud
STALL_MS = 30000
_WAIT_MS = const(500)  # between two looks at the clock
_BUSY_MS = const(1)  # while output goes out
_FULL_MS = const(50)  # while the line takes none
_WATCH_MS = const(1000)  # between two pictures
_WATCH_LIMIT_MS = const(1800000)  # nobody looks for longer, and on a plain line no end is seen
_LAST_PIECES = const(32)  # 2 KB: longer than the answer to what ends the agent
_MAX_ECHO = const(2048)  # bytes waiting; noise beyond it is not echoed
_MAX_TEXT = const(80)
# What a session is made of, and what orders from the room use as well: modules below `agent.`,
# in one text each, as a tuple of texts takes a chip five times the memory.
_OWN = "console.shell console.session console.editor console.texts console.login"
_SHARED = "console.levels console.limits"
CAR = ("dtc", "freeze", "ready", "vin", "monitor", "scan")
LIVE = ("watch", "obd")
# What a command and its picture take, besides what forgets itself; and what orders use of that.
# A release makes obd.monitors and obd.readiness parts of obd.scan (tools/release/link.py), which
# imports further ones.
_SEEN = (
    "console.grammar console.lines console.faults packed obd.scan obd.freeze obd.vehicle_info"
    " obd.monitors obd.names obd.readiness"
)
_SEEN_SHARED = "duties console.commands"


def forget(has_orders):
    """The technician has gone: all of this leaves the memory, but for what orders still need."""
    _forget(_SEEN, _OWN)
    if not has_orders:
        _forget(_SEEN_SHARED, _SHARED)


def _forget(*lists):
    for names in lists:
        for name in names.split():
            name = "agent." + name
            if name in sys.modules:
                port.forget(name)


class Shell:
    """line: `await read(ms)`, `write(data)` -> bytes taken; raises UartError when it is gone.
    lock: as login.Login has it."""

    def __init__(self, app, line, lock, event):
        self._app = app
        self._line = line
        self._lock = lock
        self._event = event
        config = app.config["console"]
        self._texts = Texts(config["language"], config["charset"])
        self._session = Session(app.config["vehicle"], self._texts)
        self._login = None
        self._out = b""
        self._stalled = None  # since when the line takes nothing
        self._waiting = None  # the call that somebody else carries out
        self._watch = None  # the call that is made again and again
        self._next = self._watch_end = 0
        self._is_over = False
        self._is_tidy = True

    async def run(self, data):
        """Until the technician goes, or is gone; data: what he has typed already."""
        try:
            await self._serve(data)
        except asyncio.CancelledError:
            self._say_rest()
            raise

    def _say_rest(self):
        """The agent ends, perhaps as it was told to here: who told it so sees the answer, as far as
        the line takes it at once."""
        for _ in range(_LAST_PIECES):
            self._out = self._out or self._session.output(self._app.now())
            count = self._line.write(self._out[:PIECE]) if self._out else 0
            if not count:
                return
            self._out = self._out[count:]

    async def _serve(self, data):
        app, session = self._app, self._session
        self._out = session.greet(app.now())
        # The key that woke us is no part of a command, unless it is the begin of one.
        self._take(data.lstrip(b"\r\n"), app.now())
        while not self._is_over or self._out:
            wait = self._send(app.now())
            if self._stalled is not None and app.now() - self._stalled > STALL_MS:
                break
            data = await self._line.read(wait)
            now = app.now()
            if data:
                self._take(data, now)
            if self._watch and not self._out and now >= self._next:
                self._picture(now)
            if session.tick(now):
                break
        self._log_out()

    def _send(self, now):
        """Writes a piece of what waits; ms to wait for input then."""
        if not self._out:
            self._out = self._session.output(now)
            if not self._out:
                if self._session.is_idle:
                    self._tidy()
                    self._take(b"", now)  # what was typed meanwhile
                if not self._out:
                    return _WAIT_MS
        count = self._line.write(self._out[:PIECE])
        if not count:
            self._stalled = now if self._stalled is None else self._stalled
            return _FULL_MS
        self._stalled = None
        self._out = self._out[count:]
        return _BUSY_MS

    def _tidy(self):
        """What a command took is forgotten, but for what orders from the room use as well."""
        if self._is_tidy:
            return
        self._is_tidy = True
        self._forget()

    def _forget(self):
        _forget(_SEEN)
        if not self._app.ordering.has_begun:
            _forget(_SEEN_SHARED)

    def _take(self, data, now):
        if data:
            self._is_tidy = False
        out, calls = self._session.feed(data, now)
        self._echo(out)
        if calls:
            self._forget()  # what it took to understand the line
        for call in calls:
            self._do(call, now)

    def _echo(self, out):
        if len(self._out) < _MAX_ECHO:
            self._out += out

    # Calls

    def _do(self, call, now):
        kind = call[0]
        try:
            handler = {
                "call": self._on_call, "cancel": self._on_cancel, "help": self._on_help,
                "complete": self._on_complete, "end": self._on_end, "logout": self._on_logout,
                "login": self._on_login, "answer": self._on_answer,
            }[kind]  # fmt: skip
            handler(*call[1:], now)
        except CommandError as e:
            self._refuse(call, str(e))
        except Exception as e:
            self._app.log.fault(now, "console", type(e).__name__, str(e))
            self._refuse(call, "%s: %s" % (type(e).__name__, e))

    def _on_call(self, call, now):
        if call.level >= SERVICE:
            self._report(call)
        data = self._duty(call, now)
        if data is LATER:
            self._waiting = call
        elif call.name == "watch":
            self._watch = call
            self._watch_end = now + _WATCH_LIMIT_MS
            self._show_picture(data, now)
        else:
            self._show(call, data)

    def _duty(self, call, now):
        if call.is_look:
            from agent.console import look

            port.forget("agent.console.look")
            return look.run(self._app, call.name, call.arguments, now, self._ended)
        return self._app.ordering.duties(self._ended).run(call.name, call.arguments, now)

    def _report(self, call):
        """What changes something is told: in the log, and to the room. `restart` ends us, so it is
        told before."""
        given = ["%s=%s" % (key, _told(call.arguments[key])) for key in sorted(call.arguments)]
        text = " ".join([call.name] + given)[:_MAX_TEXT]  # noqa: RUF005
        self._tell(self._session.who, text)

    def _tell(self, who, text):
        self._app.log.line(self._app.now(), "console: %s: %s" % (who, text))
        self._event("console", who, text)

    def _show(self, call, data):
        self._session.show(self._answered(call, data))

    def _answered(self, call, data):
        """Generator of lines, or of pieces of one. What makes them comes when the first is wanted:
        what got the data has left the memory by then."""
        if not call.as_json:
            yield from drawn(call.name, data, self._texts)
            return
        from agent.console import written

        port.forget("agent.console.written")
        yield from written.line(call.name, call.id, data)

    def _refuse(self, call, why):
        session = self._session
        self._waiting = self._watch = None
        if session.is_answer_json:
            name = call[1].name if call[0] == "call" else call[0]
            session.show([answer(name, session.answer_id, None, why)])
        else:
            session.show([self._texts.get("failed", self._texts.fit(why))])

    def _ended(self, name, data, why):
        """Whoever carries out what was begun has come to an end."""
        call, self._waiting = self._waiting, None
        if call is None or self._is_over:
            return
        if why is None:
            self._show(call, data)
        else:
            self._refuse(("call", call), why)

    # Pictures

    def _picture(self, now):
        call = self._watch
        try:
            data = self._duty(call, now)
        except CommandError as e:
            self._refuse(("call", call), str(e))
            return
        if now >= self._watch_end:
            self._on_cancel(now)
            return
        self._show_picture(data, now)

    def _show_picture(self, data, now):
        call = self._watch
        self._next = now + _WATCH_MS
        self._out += self._session.refresh(self._answered(call, data))

    def _on_cancel(self, now):
        session = self._session
        was_watching, self._watch, self._waiting = self._watch, None, None
        if was_watching:
            session.show(())
        else:
            self._refuse(("cancel",), self._texts.get("stopped"))

    # The session's own

    def _on_help(self, words, now):
        from agent.console import help

        port.forget("agent.console.help")
        lines = help.about(words, self._texts) if words else help.overview(self._texts)
        if lines is None:
            raise CommandError("no command %s; help lists them" % " ".join(words)[:24])
        self._session.show(lines)

    def _on_complete(self, text, now):
        from agent.console import help

        port.forget("agent.console.help")
        self._echo(self._session.completed(help.ends(text)))

    def _on_end(self, now):
        self._is_over = True

    def _on_logout(self, now):
        self._log_out()
        self._session.show([self._say("login.out")])

    def _log_out(self):
        if self._session.who is not None:
            self._tell(self._session.who, "logout")
        self._session.log_out()

    def _on_login(self, words, now):
        from agent.console import login

        session = self._session
        if not 1 <= len(words) <= 2:
            raise CommandError(self._texts.get("login.usage"))
        self._login = login.Login(
            session.name, self._app.session.sid, self._app.config["console"]["technicians"],
            self._lock,
        )  # fmt: skip
        try:
            text = self._login.challenge(words[0], words[1] if len(words) > 1 else None, now)
        except login.LoginError as e:
            raise CommandError(self._texts.get(*e.args))
        if session.is_answer_json:
            lines = [answer("login", session.answer_id, {"challenge": text})]
        else:
            get = self._texts.get
            lines = [get("login.challenge", login.LIFE_MS // 1000), get("login.how", text)]
        session.ask(lines)

    def _on_answer(self, text, now):
        from agent.console import login

        session, asked = self._session, self._login
        session.answered()
        self._login = None
        try:
            role = asked.answer(text, now)
        except login.LoginError as e:
            self._tell(asked.who, "login refused")
            raise CommandError(self._texts.get(*e.args))
        finally:
            port.forget("agent.console.login")
        session.role, session.who = role, asked.who
        self._tell(asked.who, "login " + ROLES[role])
        session.show([self._say("login.in", asked.who, ROLES[role], IDLE_MS // 1000)])

    def _say(self, name, *values):
        session = self._session
        if session.is_answer_json:
            return answer(name.split(".")[0], session.answer_id, list(values))
        return self._texts.get(name, *values)


def _told(value):
    """An argument as log and room may have it: of settings the keys, as a password may be one of
    the values; of what is signed the size."""
    if isinstance(value, dict):
        return ",".join(sorted(value))
    return "%d bytes" % len(value) if isinstance(value, bytes) else value


def drawn(name, data, texts):
    """An iterator of lines. What makes them is in memory until they are made."""
    if name in CAR:
        from agent.console import show_car as show
    elif name in LIVE:
        from agent.console import show_live as show
    else:
        from agent.console import show
    port.forget(show.__name__)
    return show.render(name, data, texts)
