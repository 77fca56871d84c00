"""What everybody knows who deals with commands: the roles, and how a call may end.

By itself, as what reads a line comes and goes (`grammar.py`, `commands.py`): an error must stay the
same, and a call must not keep in memory what made it.
"""

LOOK = 0  # changes nothing
SERVICE = 1  # changes how the gateway works
DANGER = 2  # may cost the gateway its work for a while
ROLES = ("look", "service", "danger")

LATER = ()  # stands for a result that is still to come: what takes time was begun


class CommandError(Exception):
    """A call that cannot be carried out; one line that says why."""


class Call:
    """name; level: number of the role that it takes; is_look: it only asks;
    arguments: checked; as_json; id: of the call, or None."""

    def __init__(self, name, level, is_look, arguments, as_json, id_):
        self.name = name
        self.is_look = is_look
        self.level = level
        self.arguments = arguments
        self.as_json = as_json
        self.id = id_
