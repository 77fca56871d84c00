"""The one registry of commands, whoever gives them, and the check of a call.

The rows are text, `commands.txt` beside this file, of which one at a time is in memory:

    NAME ROLE WHO ARGUMENT ... | EXAMPLE        gps look look raw:int:0:0:30 | gps 5

WHO carries it out: `look`: `look.py`, which only asks; `duty`: `agent/duties.py`. An argument is
name:kind:default:least:most; the default `*` is none; least and most are of the value or of its
length. Kinds: "int", "text", "name" (a text that may be null), "rows" (a list of lists, checked by
whoever uses it), "map" (names and values, as well), "bytes" (also as hexadecimal text, from whoever
has a keyboard only), "names" (a list of short texts). What a command does is said in `texts.txt`,
as c.NAME.
"""

from agent.console.levels import ROLES, CommandError
from agent.tables import Table, beside

REQUIRED = ()  # stands for "no default": no argument has this value
AT_THE_VEHICLE = ("read",)  # the room cannot say that the crew has read something
MAX_NAME = 24
# What is typed at the console otherwise than it stands in the table: all words of the line, or its
# first two; name there; arguments where they are not the row's (see `grammar.alias`); example.
# "config get" is config-get without being named. One text takes a fifth of what tuples take.
_ALIASES = """\
config drop|config|KEY|config drop reporting.profile
config set|config|KEY VALUE|config set reporting.profile pursuit
dtc clear|clear||dtc clear
update|update-state||update"""
_LOOK = "look"
_END = "|"
_TABLE = Table(beside(__file__, "commands.txt"))


def aliases():
    """Generator of (words, name, arguments or "", example)."""
    for line in _ALIASES.split("\n"):
        yield line.split("|")


def row(name):
    """(name, number of the role, arguments, example, whether it only looks), or None. arguments:
    list of (name, kind, default, least, most)."""
    rest = _TABLE.find(name) if name and " " not in name and "#" not in name else None
    return None if rest is None else _row(name, rest)


def rows():
    """Generator of all rows, in the order of their names."""
    for name, rest in _TABLE.rows():
        yield _row(name, rest)


def _row(name, rest):
    head, _, example = rest.partition(" %s " % _END)
    words = head.split(" ")
    arguments = [_argument(word.split(":")) for word in words[2:]]
    return name, ROLES.index(words[0]), arguments, example, words[1] == _LOOK


def _argument(parts):
    name, kind, default, least, most = parts
    if default == "*":
        default = REQUIRED
    elif default == "null":
        default = None
    elif kind == "int":
        default = int(default)
    return name, kind, default, int(least), int(most)


def check(name, arguments, role):
    """{argument: value} with the defaults filled in. Raises CommandError.

    arguments: dict as it came; role: what the caller may do."""
    found = row(name)
    if found is None:
        raise CommandError("no command %s" % _short(name))
    if role < found[1]:
        raise CommandError("%s takes the role %s" % (name, ROLES[found[1]]))
    known = [a[0] for a in found[2]]
    for key in arguments:
        if key not in known:
            raise CommandError("%s has no argument %s" % (name, _short(key)))
    values = {}
    for argument in found[2]:
        key, _, default, _, _ = argument
        if key in arguments:
            values[key] = _value(name, argument, arguments[key])
        elif default is REQUIRED:
            raise CommandError("%s wants %s" % (name, key))
        else:
            values[key] = default
    return values


def check_from_room(name, arguments, role):
    """The same for orders of the room."""
    if name in AT_THE_VEHICLE:
        raise CommandError("%s is for the crew at the vehicle" % name)
    return check(name, arguments, role)


def _value(name, argument, value):
    key, kind, default, low, high = argument
    where = "%s: %s" % (name, key)
    if value is None and default is None:
        return None
    if kind == "int":
        if not isinstance(value, int) or isinstance(value, bool):
            raise CommandError("%s must be a whole number" % where)
        size = value
    elif kind == "rows":
        if not isinstance(value, list) or not all([isinstance(r, list) for r in value]):
            raise CommandError("%s must be a list of rows" % where)
        size = len(value)
    elif kind == "map":
        if not isinstance(value, dict) or not all([isinstance(k, str) for k in value]):
            raise CommandError("%s must be names with their values" % where)
        size = len(value)
    elif kind == "names":
        value = _names(where, value)
        size = len(value)
    elif kind == "bytes":
        value = _bytes(where, value)
        size = len(value)
    else:
        if not isinstance(value, str):
            raise CommandError("%s must be a text" % where)
        size = len(value)
    if not low <= size <= high:
        raise CommandError("%s is not within %d to %d" % (where, low, high))
    return value


def _names(where, value):
    if not isinstance(value, (list, tuple)):
        raise CommandError("%s must be a list of names" % where)
    for item in value:
        if not isinstance(item, str) or not 0 < len(item) <= MAX_NAME:
            raise CommandError("%s: %s is no name" % (where, _short(item)))
    return list(value)


def _bytes(where, value):
    try:
        return value if isinstance(value, bytes) else bytes.fromhex(value)
    except (ValueError, TypeError):
        raise CommandError("%s must be bytes, or hexadecimal text" % where)


def _short(text):
    """What a stranger sent, fit for one line."""
    return "%r" % (str(text)[:MAX_NAME],)
