"""What everybody knows who deals with commands: the roles, and how a call may end.

By itself, as the tables of commands come and go (`commands.py`), and an error must stay the same.
"""

LOOK = 0  # changes nothing
SERVICE = 1  # changes how the gateway works
DANGER = 2  # may cost the gateway its work for a while
ROLES = ("look", "service", "danger")

LATER = ()  # stands for a result that is still to come: what takes time was begun


class CommandError(Exception):
    """A call that cannot be carried out; one line that says why."""
