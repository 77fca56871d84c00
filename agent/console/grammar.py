"""What a typed line means: a name, its arguments, and how the answer is wanted.

    parse("watch rpm speed --json", rows)   ->   Call("watch", {"names": ["rpm", "speed"]}, ...)

A line is words parted by blanks; quotes hold blanks together. Arguments follow in the order of the
command's row, or as KEY=VALUE. The last argument takes the words that are left, where it is a text
or a list of names. `--json`: the answer is one line of JSON; `--json=17`: and carries that number,
by which a program knows it again.
"""

import json

from agent.console.commands import aliases, check, row
from agent.console.levels import Call, CommandError

MAX_ID = 1000000000


def words(line):
    """The words of a line. Raises CommandError where a quote is not closed."""
    found = []
    word = None
    quote = None
    for c in line:
        if quote:
            if c == quote:
                quote = None
            else:
                word += c
        elif c in "\"'":
            quote = c
            word = word or ""
        elif c in " \t":
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or "") + c
    if quote:
        raise CommandError("a quote is not closed")
    if word is not None:
        found.append(word)
    return found


def options(found):
    """(words without options, as_json, id)."""
    rest = []
    as_json, id_ = False, None
    for word in found:
        if word == "--json":
            as_json = True
        elif word[:7] == "--json=":
            as_json = True
            try:
                id_ = int(word[7:])
            except ValueError:
                id_ = -1
            if not 0 <= id_ <= MAX_ID:
                raise CommandError("--json= wants a number from 0 to %d" % MAX_ID)
        elif word[:2] == "--":
            raise CommandError("no option %s; there is --json" % word[:24])
        else:
            rest.append(word)
    return rest, as_json, id_


def alias(found):
    """The same in the registry's words, where the console's are others."""
    two = " ".join(found[:2])
    for words_, name, form, _ in aliases():
        if two == words_:
            given = _setting(words_, form, found[2:]) if form else found[2:]
            return [name] + given  # noqa: RUF005 MicroPython has no [x, *y]
    name = "-".join(found[:2])
    if len(found) > 1 and row(name):
        return [name] + found[2:]  # noqa: RUF005 MicroPython has no [x, *y]
    return found


def _setting(words_, form, given):
    """KEY VALUE as the map that the registry takes: a value is JSON where it is some, else text."""
    if len(given) < len(form.split(" ")):
        raise CommandError("%s wants %s" % (words_, form))
    if form == "KEY":
        return ["drop=" + given[0]] + given[1:]  # noqa: RUF005
    text = " ".join(given[1:])
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return [json.dumps({given[0]: value})]


def call(rest, role, as_json, id_):
    """The Call that the words (without options) mean. Raises CommandError."""
    name = rest[0]
    found = row(name)
    if found is None:
        raise CommandError("no command %s; help lists them" % name[:24])
    arguments = check(name, _arguments(name, found[2], rest[1:]), role)
    return Call(name, found[1], found[4], arguments, as_json, id_)


def _arguments(name, columns, given):
    """{argument: value}, unchecked, of words."""
    values = {}
    names = [column[0] for column in columns]
    place = 0
    while given:
        key, sign, text = given[0].partition("=")
        if sign and key in names:
            values[key] = _read(name, columns[names.index(key)], text)
            given = given[1:]
            continue
        while place < len(columns) and columns[place][0] in values:
            place += 1
        if place >= len(columns):
            raise CommandError("%s takes no %s" % (name, given[0][:24]))
        column = columns[place]
        if column[1] == "names":
            values[column[0]] = given
            break
        if column[1] in ("text", "rows", "map") and place == len(columns) - 1:
            values[column[0]] = _read(name, column, " ".join(given))
            break
        values[column[0]] = _read(name, column, given[0])
        given = given[1:]
    return values


def _read(name, column, text):
    key, kind = column[:2]
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise CommandError("%s: %s must be a whole number" % (name, key))
    if kind in ("rows", "map"):
        try:
            return json.loads(text)
        except ValueError:
            raise CommandError("%s: %s must be JSON" % (name, key))
    if kind == "names":
        return [part for part in text.split(",") if part]
    if kind == "name" and text in ("null", "-"):
        return None
    return text
