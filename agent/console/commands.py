"""The one registry of commands, whoever gives them: rows of data, and the check of a call.

A row: name, role that it takes, arguments, what it does, an example. An argument: name, kind,
default (REQUIRED: none), lowest and highest value or length. Kinds: "int", "text", "name" (a text
that may be null), "rows" (a list of lists, checked by whoever uses it), "map" (names and values, as
well), "bytes" (also as hexadecimal text, from whoever has a keyboard only), "names" (a list of
short texts).

What a command does is not here: the application hands the checked call on by its name. Commands
that only look are in a table of their own, `look_rows.py`.
"""

from agent import port
from agent.console.levels import DANGER, LOOK, ROLES, SERVICE, CommandError
from agent.log import MAX_LINES
from agent.reporting import MAX_ZONES

# As in agent/settings.py and agent/update/, which few drives import.
MAX_SETTINGS = 32
SECONDS, MIN_SECONDS, MAX_SECONDS = 300, 5, 3600
MAX_KEY_SET = 1200
MAX_WIPE = 1300
MAX_UPDATE = 3900  # bytes of a signed manifest (agent/update/manifest.py)
MAX_ATTEMPT = 255  # one byte of the slots' record
REQUIRED = ()  # stands for "no default": no argument has this value
MAX_TEXT = 480  # a message to the crew: three times what an SMS holds
AT_THE_VEHICLE = ("read",)  # the room cannot say that the crew has read something

COMMANDS = (
    ("ping", LOOK, (), "answers with uptime and state", "ping"),
    ("report", LOOK, (), "records where the car is and sends it now", "report"),
    (
        "profile",
        SERVICE,
        (("name", "name", None, 1, 24),),
        "reports by this profile until told otherwise; null: as configured",
        "profile pursuit",
    ),
    (
        "zones",
        SERVICE,
        (("rows", "rows", REQUIRED, 0, MAX_ZONES),),
        "these zones take the place of the ones in force, also after a restart",
        "zones []",
    ),
    (
        "scan",
        LOOK,
        (),
        "everything about the car, between the polls: some seconds to minutes",
        "scan",
    ),
    (
        "clear",
        SERVICE,
        (),
        "clears the trouble codes; only while the engine is known to stand still",
        "clear",
    ),
    ("journal", LOOK, (), "what is kept, sent, acknowledged and lost", "journal"),
    (
        "log",
        LOOK,
        (("lines", "int", 10, 1, MAX_LINES),),
        "the last lines of the log",
        "log 20",
    ),
    ("counters", LOOK, (), "every part's counters", "counters"),
    (
        "message",
        LOOK,
        (("text", "text", REQUIRED, 1, MAX_TEXT),),
        "a message to the crew; done when it was handed to the display",
        "message call the room",
    ),
    ("read", LOOK, (), "the crew has read the messages; the room is told", "read"),
    ("settings", LOOK, (), "what the room has set, and what of it is on trial", "settings"),
    (
        "config",
        DANGER,
        (
            ("values", "map", None, 1, MAX_SETTINGS),
            ("drop", "name", None, 1, 64),
            ("seconds", "int", SECONDS, MIN_SECONDS, MAX_SECONDS),
        ),
        "sets keys of the configuration and starts anew; back if the room is not reached in time; "
        "drop: a key, or *, as provisioned again",
        'config {"reporting.profile": "pursuit"}',
    ),
    (
        "keys",
        DANGER,
        (("signed", "bytes", REQUIRED, 1, MAX_KEY_SET),),
        "the room's keys, as the fleet root signed them; sealed to from the next session on",
        "keys 93 01 c4 ...",
    ),
    (
        "wipe",
        DANGER,
        (("signed", "bytes", REQUIRED, 1, MAX_WIPE),),
        "erases the vehicle's secrets for good; signed by two of the update keys",
        "wipe 93 01 c4 ...",
    ),
    ("restart", DANGER, (), "ends the agent cleanly; the system starts it anew", "restart"),
    (
        "update",
        DANGER,
        (("signed", "bytes", REQUIRED, 1, MAX_UPDATE), ("attempt", "int", 1, 1, MAX_ATTEMPT)),
        "fetches a signed release, and starts it on trial",
        "update 9301c4...",
    ),
)
MAX_NAME = 24


def row(name):
    """The command's row, or None."""
    for found in COMMANDS:
        if found[0] == name:
            return found
    for found in more().ROWS:
        if found[0] == name:
            return found
    return None


def rows():
    """All rows, in the order of their names."""
    return sorted(COMMANDS + more().ROWS)


def more():
    """The module with the rows that only look, out of memory again with whoever asked."""
    from agent.console import look_rows

    port.forget("agent.console.look_rows")
    return look_rows


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
