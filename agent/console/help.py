"""`help`: the registry as people read it, and the ends of words that Tab may add."""

from agent import signals
from agent.console.commands import ALIASES, REQUIRED, rows
from agent.console.levels import ROLES
from agent.console.lines import wrap

OWN = ("exit", "help", "login", "logout", "page")  # no commands of the registry: of the session
_ROLE_AT = 22
_TEXT_AT = 31
_NAMED = "watch"  # its arguments are signals


def typed(name):
    """A command as it is typed: some are two words."""
    for words, known in ALIASES:
        if known == name:
            return words
    return name.replace("-", " ")


def overview(texts):
    for name, role, arguments, _, _ in rows():
        shown = [typed(name)] + [_form(a) for a in arguments]  # noqa: RUF005
        yield from _line(" ".join(shown), ROLES[role], texts.get("c." + name))
    for name in OWN:
        yield from _line(name, "", texts.get("h." + name))
    yield ""
    yield from wrap(texts.get("help"), "", 0)


def _line(left, role, text):
    if len(left) >= _ROLE_AT:
        yield left
        left = ""
    head = left + " " * (_ROLE_AT - len(left)) + role
    return (yield from wrap(text, head, _TEXT_AT))


def _form(argument):
    name, kind, default = argument[:3]
    shown = name.upper() + (" ..." if kind == "names" else "")
    return shown if default is REQUIRED else "[%s]" % shown


def about(words, texts):
    """All about one command; None where there is none."""
    wanted = " ".join(words)
    for name, role, arguments, example, _ in rows():
        if wanted not in (name, typed(name)):
            continue
        form = " ".join([typed(name)] + [_form(a) for a in arguments])  # noqa: RUF005
        lines = ["%s %s" % (texts.get("usage"), form), texts.get("c." + name)]
        for key, kind, default, low, high in arguments:
            shown = "" if default in (REQUIRED, None, ()) else " (%s)" % default
            lines.append("  " + texts.get("wants", key.upper(), kind + shown, low, high))
        lines.append("%s %s" % (texts.get("role"), ROLES[role]))
        lines.append("%s %s" % (texts.get("example"), example))
        return lines
    if wanted in OWN:
        return [texts.get("h." + wanted), texts.get("login.usage") if wanted == "login" else ""]
    return None


def ends(text):
    """How the last word of a text may go on: a list of what to add."""
    begun = text.split(" ")
    word, before = begun[-1], [w for w in begun[:-1] if w]
    if not before:
        found = [typed(row[0]) for row in rows()] + list(OWN)
    elif before == ["help"]:
        found = [typed(row[0]) for row in rows()]
    elif before[0] == _NAMED:
        found = [row[signals.NAME] for row in signals.rows() if row[signals.NAME]]
    else:
        line = " ".join(before) + " "
        found = [typed(r[0])[len(line) :] for r in rows() if typed(r[0]).startswith(line)]
    matching = []
    for name in found:
        name = name.split(" ")[0]
        if name.startswith(word) and name[len(word) :] not in matching:
            matching.append(name[len(word) :])
    return matching
