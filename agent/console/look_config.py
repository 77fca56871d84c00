"""The settings in force, and what the file says of them; secrets never."""

from agent.console.levels import CommandError

_SECRETS = ("psk", "password", "passphrase", "pin")
HIDDEN = "(secret)"


def run(app, name, arguments, now, done):
    return _diff(app) if name == "config-diff" else _get(app, arguments["key"])


def _get(app, key):
    found = hidden(app.config)
    for name in key.split(".") if key else ():
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise CommandError("config get: no key %s" % key[:48])
    return {"key": key, "value": found}


def _diff(app):
    """What the file says otherwise than what is in force; only of what the file says at all."""
    import json

    if app.config_path is None:
        raise CommandError("config diff: it is not known where the file is")
    try:
        with open(app.config_path) as f:
            said = json.loads(f.read())
    except (OSError, ValueError) as e:
        raise CommandError("config diff: %s: %s" % (app.config_path, e))
    rows = []
    _differences(hidden(said), hidden(app.config), "", rows)
    return {"differences": rows}


def _differences(said, held, prefix, rows):
    """Appends [key, in the file, in force] of what differs."""
    for key in sorted(said):
        has, want = held.get(key), said[key]
        if isinstance(want, dict) and isinstance(has, dict):
            _differences(want, has, prefix + key + ".", rows)
        elif want != has and not (has == () and want == []):
            rows.append([prefix + key, want, has])


def hidden(value, key=""):
    """A copy as JSON can hold it, without secrets."""
    if key in _SECRETS and value is not None:
        return HIDDEN
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: hidden(value[name], name) for name in value}
    if isinstance(value, (list, tuple)):
        return [hidden(item) for item in value]
    return value
