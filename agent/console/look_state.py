"""How car and gateway are: all on one screen, and part by part."""

from agent import port, signals
from agent.console.levels import CommandError


def run(app, name, arguments, now, done):
    if name == "events":
        return _events(app, now, arguments["count"])
    from agent.console.states import States

    port.forget("agent.console.states")
    states = States(app, now)
    if name == "status":
        return _status(app, now, states)
    if name == "selftest":
        return {"parts": _judged(states)[0]}
    found = states[{"time": "clock", "update-state": "update"}.get(name, name)]
    if name == "time":
        found["uptime"] = now
    elif name == "update-state":
        if found is None:
            raise CommandError(
                "update: this agent runs from no slot, so nothing updates it from afar"
            )
        found["version"] = app.version
    return found


def _judged(states):
    """(all parts with their verdicts, those with a problem)"""
    from agent.console import selftest

    port.forget("agent.console.selftest")
    rows = selftest.examine(states)
    return rows, selftest.problems(rows)


def _status(app, now, states):
    _, problems = _judged(states)
    power = states["power"]
    position = None if app.tracking.is_private else app.tracking.position
    car = {"state": None}
    if app.obd and not app.tracking.is_private:
        car = {"state": states["obd"]["state"]}
        for key in ("rpm", "speed", "coolant", "fuel"):
            signal = signals.by_name(key)
            raw = app.obd.reading(signal)
            if raw is not None:
                car[key] = signals.rounded(signal, raw)
    return {
        "vehicle": app.config["vehicle"],
        "version": app.version,
        "port": port.NAME,
        "uptime": now,
        "profile": app.tracking.profile.name,
        "position": None if position is None else [position[2], position[3]],
        "position_age": None if position is None else now - position[1],
        "gps": states["gps"],
        "car": car,
        "battery": power["battery"],
        "ignition": power["ignition"],
        "power": power["machine"] and power["machine"]["state"],
        "link": states["link"],
        "storage": states["storage"],
        "clock": states["clock"],
        "update": states["update"],
        "problems": problems,
    }


def _events(app, now, count):
    rows = app.log.events[-count:]
    return {"events": [[now - row[0], row[1]] + [_plain(f) for f in row[2:]] for row in rows]}


def _plain(value):
    return value.hex() if isinstance(value, bytes) else value
