"""What comes from the lines of receiver and adapter: values, sentences, bytes."""

from agent import port, signals
from agent.console.levels import LATER, CommandError
from agent.console.limits import MAX_RAW_LINES, MAX_TRACE_BYTES


def run(app, name, arguments, now, done):
    if name == "gps":
        return _gps(app, now, done, arguments["raw"])
    if name == "trace":
        return _trace(app, done, arguments["part"], arguments["seconds"])
    if app.obd is None:
        raise CommandError("%s: there is no OBD line in the configuration" % name)
    return _obd(app, now) if name == "obd" else _watch(app, arguments["names"])


def _gps(app, now, done, raw):
    part = app.gps
    if part is None:
        raise CommandError("gps: there is no receiver in the configuration")
    from agent.console import states

    port.forget("agent.console.states")
    found = states.gps(app, now)
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


def _trace(app, done, part, seconds):
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


def _obd(app, now):
    from agent.console import states

    port.forget("agent.console.states")
    found = states.obd(app, now)
    found["values"] = _values(app.obd.readings())
    return found


def _values(readings):
    """[[name, value, unit, age in ms], ...]"""
    found = []
    for s, raw, age in readings:
        found.append([signals.name(s), signals.rounded(s, raw), signals.unit(s), age])
    return found


def _watch(app, names):
    readings = app.obd.readings()
    if names:
        live = {s: (raw, age) for s, raw, age in readings}
        found = []
        for name in names:
            signal = signals.by_name(name)
            if signal is None:
                raise CommandError("watch: no signal %r; obd shows those of this car" % name)
            raw, age = live.get(signal, (None, None))
            value = None if raw is None else signals.rounded(signal, raw)
            found.append([signals.name(signal), value, signals.unit(signal), age])
    else:
        found = _values(readings)
    return {"state": app.obd.state, "values": found}
