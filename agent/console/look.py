"""What the commands that only look do: questions to the parts, answered as plain data.

    run(app, name, arguments, now, done)   the data, or LATER: then done(name, data, why) is called

Imported for one command and forgotten again (`agent/duties.py`), and so is the one module of those
below that answers it.
"""

from agent import port
from agent.console.levels import CommandError

_SCANS = ("dtc", "freeze", "ready", "vin", "monitor")
# What tells where the car is or how it is driven, which nobody is told of a crew off duty.
_PRIVATE = ("gps", "obd", "watch", "trace")


def run(app, name, arguments, now, done):
    if app.tracking.is_private and (name in _PRIVATE or name in _SCANS):
        raise CommandError("%s: the crew is off duty" % name)
    # By their functions: a release makes one module of several (tools/release/link.py).
    if name in _SCANS:
        from agent.console.look_scan import run as scan

        answer = scan
    elif name in _PRIVATE:
        from agent.console.look_live import run as live

        answer = live
    elif name[:7] == "config-":
        from agent.console.look_config import run as settings

        answer = settings
    else:
        from agent.console.look_state import run as state

        answer = state
    for module in ("scan", "live", "config", "state"):
        port.forget("agent.console.look_" + module)
    return answer(app, name, arguments, now, done)
