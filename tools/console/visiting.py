"""Brings a visit together: the line, the log-in, and the screen or the report.

`run_screen` and `run_report` are what `patrol console PORT --screen` and `--report` do.
"""

import contextlib
import importlib.util
import os
import sys
import time

from tools.console import ConsoleError, Refused, language
from tools.console.client import Client
from tools.console.plan import name_of
from tools.console.visit import Visit

NO_TEXTUAL = "the screen needs textual: pip install textual, or use --plain"
# What belongs to the dialogue with a person, and would leave a program without its answer.
_OWN = ("exit", "quit", "page", "answer")


class Access:
    """How to get in. where: port or socket; key: path of the technician's; secret: what opens it;
    name: logs in as this technician at once, also after the line was lost."""

    def __init__(self, where, baud, key=None, name=None, role=None, secret=None):
        self.where, self.baud = where, baud
        self.key, self.name, self.role, self.secret = key, name, role, secret
        self._first = None

    def ask_language(self):
        """What the gateway's configuration says, on a line that `connect` then gives: opening one
        twice would reset some boards twice. English where there is no gateway yet."""
        try:
            self._first = self.connect()
            return language.of_gateway(self._first)
        except ConsoleError:
            self.close()
            return "en"

    def close(self):
        """A line that nobody has taken."""
        first, self._first = self._first, None
        if first is not None:
            first.close()

    def connect(self):
        """An open Line. Raises ConsoleError."""
        first, self._first = self._first, None
        if first is not None:
            return first
        client = Client.open(self.where, self.baud)
        try:
            if self.name:
                client.log_in(self.name, self.key, self.role, self.secret)
        except BaseException:
            client.close()
            raise
        return Line(client, self)


class Line:
    """A Client for whom anything may be typed: also log-in and help."""

    def __init__(self, client, access):
        self._client = client
        self._access = access

    def command(self, text, seconds):
        """Raises Refused, ConsoleError."""
        name = name_of(text)
        if name in ("help", "?"):
            return {"lines": _help(text.split()[1:])}
        if name == "login":
            return self._log_in(text.split()[1:])
        if name == "logout":
            self._client.log_out()
            return {"role": "look"}
        if name in _OWN:
            raise Refused(f"{name} is for the plain console; q ends the screen")
        return self._client.command(text, seconds)

    def _log_in(self, words):
        access = self._access
        if access.key is None:
            raise Refused("start with --key FILE to log in here, or use --plain")
        if not 1 <= len(words) <= 2:
            raise Refused("login NAME [ROLE]")
        role = self._client.log_in(words[0], access.key, (words[1:] or [None])[0], access.secret)
        return {"role": role}

    def close(self):
        with contextlib.suppress(ConsoleError, OSError):
            self._client.close()


def _help(words):
    """The console's own help, which is the same on both sides of the line."""
    from agent.console import help as texts_of_commands

    texts = language.gateway()
    if not words:
        return list(texts_of_commands.overview(texts))
    found = texts_of_commands.about(words, texts)
    if found is None:
        raise Refused(f"no command {' '.join(words)[:24]}; help lists them")
    return list(found)


def can_show():
    """Somebody sits before a terminal on which the screen can be drawn."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    is_able = os.environ.get("TERM", "dumb") != "dumb"
    return is_terminal and is_able and importlib.util.find_spec("textual") is not None


def log_name():
    """Of this visit's file, in the folder where it began."""
    return time.strftime("patrol-console-%Y%m%d-%H%M%S.log")


def run_screen(access, technician="", log=None, language_=None):
    """Until the technician ends it. log: path of the session's file; language_: None: as the
    gateway's configuration says. Raises ConsoleError."""
    if importlib.util.find_spec("textual") is None:
        raise ConsoleError(NO_TEXTUAL)
    from tools.console.report import Reporter
    from tools.console.screen import ConsoleScreen
    from tools.console.session_log import SessionLog
    from tools.console.talker import Talker

    path = log or log_name()
    try:
        kept = SessionLog(path)
    except OSError as e:
        raise ConsoleError(f"{path}: {e.strerror}") from None
    visit = Visit(access.where, technician, time.time())
    language.use(language_ or access.ask_language())
    app = ConsoleScreen(
        visit,
        kept,
        lambda tell: Talker(access.connect, tell),
        Reporter(),
        is_in=access.name is not None,
    )
    try:
        app.run()
    finally:
        access.close()
        kept.close()
    return path


def run_report(access, path, technician="", with_pdf=False, progress=None, language_=None):
    """Asks for everything once and writes it; lines that say where. language_: as in `run_screen`.
    Raises ConsoleError, ReportError."""
    from tools.console import report

    visit = Visit(access.where, technician, time.time())
    line = access.connect()
    try:
        language.use(language_ or language.of_gateway(line))
        report.collect(line, visit, progress=progress)
    except ConsoleError:
        if not visit.answers:
            raise
        # What came before the line was lost is worth its paper; the rest is told as not had.
        for name in report.COLLECTED:
            if name not in visit.answers:
                visit.refusals.setdefault(name, "the line was lost")
    finally:
        if access.name:
            with contextlib.suppress(ConsoleError):
                line.command("logout", 5)
        line.close()
    return report.write(visit, path, with_pdf)
