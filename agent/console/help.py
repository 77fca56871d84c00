"""`help`: the registry as people read it, and the ends of words that Tab may add."""

from agent import signals
from agent.console.commands import REQUIRED, aliases, rows
from agent.console.levels import ROLES
from agent.console.lines import wrap

OWN = "exit help login logout page"  # no commands of the registry: of the session
_ROLE_AT = 22
_TEXT_AT = 31
_NAMED = "watch"  # its arguments are signals


def typed(name):
    """[(words, arguments or None, example or None), ...]: a command as it is typed."""
    found = [(row[0], row[2], row[3]) for row in aliases() if row[1] == name]
    return found or [(name.replace("-", " "), None, None)]


def overview(texts):
    for name, role, arguments, _, _ in rows():
        for words, form, _ in typed(name):
            shown = _shown(words, form, arguments)
            yield from _line(shown, ROLES[role], texts.get("c." + name))
    for name in OWN.split():
        yield from _line(name, "", texts.get("h." + name))
    yield ""
    yield from wrap(texts.get("help"), "", 0)


def _line(left, role, text):
    if len(left) >= _ROLE_AT:
        yield left
        left = ""
    head = left + " " * (_ROLE_AT - len(left)) + role
    return (yield from wrap(text, head, _TEXT_AT))


def _shown(words, form, arguments):
    return " ".join([words] + ([form] if form else [_form(a) for a in arguments]))  # noqa: RUF005


def _form(argument):
    name, kind, default = argument[:3]
    shown = name.upper() + (" ..." if kind == "names" else "")
    return shown if default is REQUIRED else "[%s]" % shown


def about(words, texts):
    """All about one command; None where there is none."""
    wanted = " ".join(words)
    for name, role, arguments, example, _ in rows():
        for words, form, own in typed(name):
            if wanted not in (name, words):
                continue
            lines = ["%s %s" % (texts.get("usage"), _shown(words, form, arguments))]
            lines.append(texts.get("c." + name))
            for key, kind, default, low, high in () if form else arguments:
                shown = "" if default in (REQUIRED, None, ()) else " (%s)" % default
                lines.append("  " + texts.get("wants", key.upper(), kind + shown, low, high))
            lines.append("%s %s" % (texts.get("role"), ROLES[role]))
            lines.append("%s %s" % (texts.get("example"), own or example))
            return lines
    if wanted in OWN.split():
        return [texts.get("h." + wanted), texts.get("login.usage") if wanted == "login" else ""]
    return None


def ends(text):
    """How the last word of a text may go on: a list of what to add."""
    begun = text.split(" ")
    word, before = begun[-1], [w for w in begun[:-1] if w]
    names = [words for row in rows() for words, _, _ in typed(row[0])]
    if not before:
        found = names + OWN.split()
    elif before == ["help"]:
        found = names
    elif before[0] == _NAMED:
        found = [row[signals.NAME] for row in signals.rows() if row[signals.NAME]]
    else:
        line = " ".join(before) + " "
        found = [words[len(line) :] for words in names if words.startswith(line)]
    matching = []
    for name in found:
        name = name.split(" ")[0]
        if name.startswith(word) and name[len(word) :] not in matching:
            matching.append(name[len(word) :])
    return matching
