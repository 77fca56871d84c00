"""What the commands of `look_rows.py` do: questions to the parts, answered as plain data.

    run(app, name, arguments, now, done)   the data, or LATER: then done(name, data, why) is called

Imported for one command and forgotten again (`agent/duties.py`); what it imports itself as well.
"""

from agent import port, signals
from agent.console.levels import LATER, CommandError
from agent.console.limits import MAX_RAW_LINES, MAX_TRACE_BYTES

# Questions to the car: name -> (parts of a scan, None: all; what of each ECU is the answer)
_SCANS = {
    "dtc": (("codes",), ("stored", "pending", "permanent")),
    "freeze": (("freeze",), ("freeze",)),
    "ready": (("status",), ("readiness", "cycle")),
    "vin": (("identity",), ("acronym", "name", "calibrations", "verifications", "tracking")),
    "monitor": (("tests",), ("tests",)),
}
_SECRETS = ("psk", "password", "passphrase", "pin")
HIDDEN = "(secret)"


# What tells where the car is or how it is driven, which nobody is told of a crew off duty.
_PRIVATE = ("gps", "obd", "watch", "trace")


def run(app, name, arguments, now, done):
    if app.tracking.is_private and (name in _PRIVATE or name in _SCANS):
        raise CommandError("%s: the crew is off duty" % name)
    if name in _SCANS:
        return _scan(app, name, done)
    return _CALLS[name](app, now, done, **arguments)


def _scan(app, name, done):
    if app.obd is None:
        raise CommandError("%s: there is no OBD line in the configuration" % name)
    parts, keys = _SCANS[name]
    why = app.obd.scan(parts)
    if why is not None:
        raise CommandError("%s: %s" % (name, why))

    def ended(_, result, failed):
        done(name, None if result is None else _answer(name, result, keys), failed)

    app.obd.on_done = ended
    return LATER


def _answer(name, result, keys):
    ecus = []
    for ecu in result["ecus"]:
        row = {"id": ecu["id"]}
        for key in keys:
            if key in ecu:
                row[key] = ecu[key]
        ecus.append(row)
    found = {"ecus": ecus, "missing": result["missing"]}
    if name == "vin":
        found["vin"] = result["vin"]
    return found


# On one screen


def _states(app, now):
    from agent.console.states import states

    try:
        return states(app, now)
    finally:
        port.forget("agent.console.states")


def _examined(found):
    from agent.console import selftest

    try:
        rows = selftest.examine(found)
        return rows, selftest.problems(rows)
    finally:
        port.forget("agent.console.selftest")


def _status(app, now, done):
    found = _states(app, now)
    _, problems = _examined(found)
    position = None if app.tracking.is_private else app.tracking.position
    car = {"state": None}
    if app.obd and not app.tracking.is_private:
        car = {"state": found["obd"]["state"]}
        for key in ("rpm", "speed", "coolant", "fuel"):
            signal = signals.by_name(key)
            raw = app.obd.reading(signal)
            if raw is not None:
                car[key] = _physical(signal, raw)
    return {
        "vehicle": app.config["vehicle"],
        "version": app.version,
        "port": port.NAME,
        "uptime": now,
        "profile": app.tracking.profile.name,
        "position": None if position is None else [position[2], position[3]],
        "position_age": None if position is None else now - position[1],
        "gps": found["gps"],
        "car": car,
        "battery": found["power"]["battery"],
        "ignition": found["power"]["ignition"],
        "link": found["link"],
        "storage": found["storage"],
        "clock": found["clock"],
        "update": found["update"],
        "problems": problems,
    }


def _selftest(app, now, done):
    rows, _ = _examined(_states(app, now))
    return {"parts": rows}


def _part(name):
    """A handler that gives one part's state."""

    def handler(app, now, done):
        from agent.console import states

        try:
            return getattr(states, name)(app, now)
        finally:
            port.forget("agent.console.states")

    return handler


# GPS and OBD


def _gps(app, now, done, raw):
    part = app.gps
    if part is None:
        raise CommandError("gps: there is no receiver in the configuration")
    found = _part("gps")(app, now, done)
    fix = part.fix
    if fix is not None:
        found["fix"] = [fix.lat, fix.lon, fix.alt, fix.speed, fix.heading]
    found["sky"] = [list(row) for row in part.sky.satellites(now)] if part.sky else None
    if not raw:
        return found
    from agent.console.capture import Sentences

    port.forget("agent.console.capture")
    sentences = Sentences(part, raw * 1000, MAX_RAW_LINES)

    def ended(lines):
        found["raw"] = lines
        done("gps", found, None)

    sentences.start(ended)
    return LATER


def _trace(app, now, done, part, seconds):
    source = {"gps": app.gps, "obd": app.obd}.get(part)
    if source is None:
        raise CommandError("trace: there is no line %r; gps and obd can be traced" % part)
    if source.tap is not None:
        raise CommandError("trace: %s is being traced" % part)
    from agent.console.capture import Trace

    port.forget("agent.console.capture")
    trace = Trace(source, part, app.journal.storage, app.now, seconds * 1000, MAX_TRACE_BYTES)
    trace.start(lambda found, why: done("trace", found, why))
    return LATER


def _physical(signal, raw):
    """A value for people and JSON: rounded, as the raw one has all of the source's digits."""
    return round(signals.physical(signal, raw) * 1000) / 1000


def _obd(app, now, done):
    if app.obd is None:
        raise CommandError("obd: there is no OBD line in the configuration")
    found = _part("obd")(app, now, done)
    found["values"] = _values(app.obd.readings())
    return found


def _values(readings):
    """[[name, value, unit, age in ms], ...]"""
    return [[signals.name(s), _physical(s, raw), signals.unit(s), age] for s, raw, age in readings]


def _watch(app, now, done, names):
    if app.obd is None:
        raise CommandError("watch: there is no OBD line in the configuration")
    readings = app.obd.readings()
    if names:
        live = {s: (raw, age) for s, raw, age in readings}
        found = []
        for name in names:
            signal = signals.by_name(name)
            if signal is None:
                raise CommandError("watch: no signal %r; obd shows those of this car" % name)
            raw, age = live.get(signal, (None, None))
            value = None if raw is None else _physical(signal, raw)
            found.append([signals.name(signal), value, signals.unit(signal), age])
    else:
        found = _values(readings)
    return {"state": app.obd.state, "values": found}


# The gateway


def _events(app, now, done, count):
    rows = app.log.events[-count:]
    return {"events": [[now - row[0], row[1]] + [_plain(f) for f in row[2:]] for row in rows]}


def _plain(value):
    return value.hex() if isinstance(value, bytes) else value


def _time(app, now, done):
    found = _part("clock")(app, now, done)
    found["uptime"] = now
    return found


def _config_get(app, now, done, key):
    found = hidden(app.config)
    for name in key.split(".") if key else ():
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise CommandError("config get: no key %s" % key[:48])
    return {"key": key, "value": found}


def _config_diff(app, now, done):
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


_CALLS = {
    "status": _status,
    "selftest": _selftest,
    "gps": _gps,
    "obd": _obd,
    "watch": _watch,
    "inputs": _part("inputs"),
    "power": _part("power"),
    "link": _part("link"),
    "events": _events,
    "config-get": _config_get,
    "config-diff": _config_diff,
    "trace": _trace,
    "time": _time,
}
