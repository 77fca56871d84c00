"""What `python -m agent` can be told, and the text that says so."""

USAGE = """usage: python -m agent --config FILE [--attached] [--status SECONDS] [--drain SECONDS]
                       [--crashes FOLDER] [--minimal]

Runs the patrol agent until it is interrupted.

  --config FILE     configuration of this vehicle (JSON), as `patrol provision vehicle` writes it
  --attached        end cleanly when standard input is closed, for programs that start the agent
  --status SECONDS  print a JSON line with the agent's state on standard output so often
  --drain SECONDS   how long to wait for the room's acknowledgements at the end (default 10)
  --crashes FOLDER  where the boot code has written down a crash that the room is to know of
  --minimal         link, console and orders alone, after crashes in a row (docs/starting.md)

example: python -m agent --config /etc/patrol/config.json
"""


_FLAGS = ("--attached", "--minimal")
_TEXTS = ("--config", "--crashes")


class UsageError(Exception):
    pass


def arguments(argv):
    """{option: value}. MicroPython's own argparse is not on every board."""
    found = {"config": None, "attached": False, "status": None, "drain": 10.0, "crashes": None}
    found["minimal"] = False
    i = 0
    while i < len(argv):
        name = argv[i]
        i += 1
        if name in _FLAGS:
            found[name[2:]] = True
            continue
        if not name.startswith("--") or name[2:] not in found:
            raise UsageError("unknown argument %s" % name)
        if i >= len(argv):
            raise UsageError("%s wants a value" % name)
        value = argv[i]
        i += 1
        if name not in _TEXTS:
            try:
                value = float(value)
            except ValueError:
                raise UsageError("%s wants a number, not %s" % (name, value))
        found[name[2:]] = value
    if not found["config"]:
        raise UsageError("--config is missing")
    return found
