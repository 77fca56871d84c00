"""How car and gateway are: all on one screen, and part by part."""

from agent import port, signals
from agent.console.levels import CommandError


def run(app, name, arguments, now, done):
    if name == "status":
        return _status(app, now)
    if name == "selftest":
        return _selftest(app, now)
    if name == "events":
        return _events(app, now, arguments["count"])
    from agent.console import states

    port.forget("agent.console.states")
    if name == "time":
        found = states.clock(app, now)
        found["uptime"] = now
        return found
    if name == "update-state":
        found = states.update()
        if found is None:
            raise CommandError(
                "update: this agent runs from no slot, so nothing updates it from afar"
            )
        found["version"] = app.version
        return found
    return {"inputs": states.inputs, "power": states.power, "link": states.link}[name](app, now)


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


def _status(app, now):
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
                car[key] = signals.rounded(signal, raw)
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
        "power": found["power"]["machine"] and found["power"]["machine"]["state"],
        "link": found["link"],
        "storage": found["storage"],
        "clock": found["clock"],
        "update": found["update"],
        "problems": problems,
    }


def _selftest(app, now):
    rows, _ = _examined(_states(app, now))
    return {"parts": rows}


def _events(app, now, count):
    rows = app.log.events[-count:]
    return {"events": [[now - row[0], row[1]] + [_plain(f) for f in row[2:]] for row in rows]}


def _plain(value):
    return value.hex() if isinstance(value, bytes) else value
