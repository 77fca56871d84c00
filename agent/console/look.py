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
    if name in _SCANS:
        from agent.console import look_scan as answers
    elif name in _PRIVATE:
        from agent.console import look_live as answers
    elif name[:7] == "config-":
        from agent.console import look_config as answers
    else:
        from agent.console import look_state as answers
    port.forget(answers.__name__)
    return answers.run(app, name, arguments, now, done)
