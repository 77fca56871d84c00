"""The language of screen and report: English, French or Arabic; texts.txt beside this file.

    use("fr"); t("%s more", 3)    ->    "3 autres"

A row of the file is `name.language text`, as in the console's own (agent/console/texts.txt); a text
is asked for by its English. One language holds for the process: there is one technician before it.
What the gateway itself has words for (faults, states, inputs) is said in its words. Trouble codes
and names of tests have English words only: they are those of the standards.
"""

import contextlib
from functools import lru_cache
from pathlib import Path

from agent.console.texts import LANGUAGES, Texts

PATH = Path(__file__).with_name("texts.txt")
_RIGHT_TO_LEFT = ("ar",)
_now = ["en"]


@lru_cache
def table():
    """{English text: {language: text}}"""
    rows = {}
    for line in PATH.read_text(encoding="utf-8").splitlines():
        if line[:1] != "#":
            key, _, text = line.partition(" ")
            name, _, language = key.rpartition(".")
            rows.setdefault(name, {})[language] = text
    return {row["en"]: row for row in rows.values()}


def use(language):
    """From now on; what is none is English."""
    _now[0] = language if language in LANGUAGES else "en"


@contextlib.contextmanager
def using(language):
    before = _now[0]
    use(language)
    try:
        yield
    finally:
        _now[0] = before


def language():
    return _now[0]


def direction():
    return "rtl" if _now[0] in _RIGHT_TO_LEFT else "ltr"


def t(text, *values):
    """The text in the language, with the values put in for its "%s"."""
    found = table().get(text, {}).get(_now[0], text)
    return found % values if values else found


def gateway():
    """The gateway's own Texts."""
    return Texts(_now[0], "utf-8")


def word(value):
    """A word that the gateway uses for a state, a part or an input; others are left as they are."""
    if value is None or _now[0] == "en":
        return "-" if value is None else str(value)
    texts = gateway()
    for kind in ("w.", "l."):
        found = texts.get(kind + str(value))
        if found != kind + str(value):
            return found.strip()
    return t(str(value))


def verdict(value):
    """ "FAIL" of "fail" """
    if _now[0] == "en":
        return str(value)
    found = gateway().get(f"v.{value}")
    return str(value) if found.startswith("v.") else found


def of_gateway(client):
    """What the gateway's configuration says, by a Client that is connected; English where it does
    not tell. Raises ConsoleError where the line is lost."""
    from tools.console import Refused
    from tools.console.fields import texts as text_of

    try:
        return text_of(client.command("config get console.language", 5), "value") or "en"
    except Refused:
        return "en"
