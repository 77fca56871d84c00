"""How each part is, as plain data: what the self-test judges and the first screen shows.

    States(app, now)["gps"]    ->    {"open": True, ...}, None for a part that is not there

Times are ages in ms at `now`, None where the thing never happened; UTC is in ms.
"""

from agent import port, signals
from agent.comms.link import ONLINE
from agent.const import const
from agent.tables import beside

_RPM = "rpm"
_MEASURED_MS = const(10000)  # an own measurement is made each second
_ASIDE = ("UartError", "TcpError")  # told by the parts themselves


class States:
    """Each part's state when it is asked for, and not kept: all of them at once take 4 KB."""

    def __init__(self, app, now):
        self._app = app
        self._now = now

    def __getitem__(self, part):
        if part == "storage":
            return storage(self._app)
        if part == "update":
            return update()
        state = {
            "gps": gps, "obd": obd, "link": link, "clock": clock, "inputs": inputs, "power": power,
            "agent": agent,
        }[part]  # fmt: skip
        return state(self._app, self._now)


def _age(t, now):
    return None if t is None else max(0, now - t)


def gps(app, now):
    """open, heard, said, valid: ages of the last byte, sound sentence and fix that holds."""
    part = app.gps
    if part is None:
        return None
    position = app.tracking.position
    fix = part.fix
    setup = part.receiver.setup if part.receiver else None
    return {
        "open": part.is_open,
        "heard": _age(part.heard, now),
        "said": _age(part.said, now),
        "fixed": None if position is None else _age(position[1], now),
        "valid": bool(fix and fix.valid),
        "quality": fix.quality if fix else 0,
        "reason": fix.reason if fix else None,
        "satellites": fix.sats if fix else None,
        "hdop": fix.hdop if fix else None,
        "in_view": len(part.sky.satellites(now)) if part.sky else None,
        "searching": bool(setup and setup.version is None and part.said is None),
        "antenna": setup.antenna if setup else None,
        "jamming": setup.jamming if setup else None,
        "receiver": setup.version if setup else None,
    }


def obd(app, now):
    part = app.obd
    if part is None:
        return None
    return {
        "open": part.is_open,
        "heard": _age(part.heard, now),
        "state": part.state,
        "adapter": part.adapter,
        "protocol": part.protocol,
        "rpm": part.reading(signals.by_name(_RPM)),
        "values": len(part.readings()),
    }


def link(app, now):
    part = app.link
    trouble = app.uplink.trouble
    broker = app.uplink.broker
    flying, unproved = part.outstanding()
    return {
        "state": part.state,
        "proved": part.proved,
        "broker": "%s:%d" % (broker["host"], broker["port"]),
        "tls": bool(broker["tls"]),
        "cause": trouble[0] if trouble else None,
        "detail": trouble[1] if trouble else None,
        "trouble": _age(trouble[2], now) if trouble else None,
        "wait": part.wake(now) if part.state != ONLINE else None,
        "round_trip": part.pace.base,
        "queue": part.pace.queue(),
        "window": part.pace.size,
        "pubacks_outstanding": flying,
        "unproved": unproved,
        "certificates": certificates(broker["tls"]),
        "ways": app.uplinking.state(now) if app.uplinking else None,
    }


def certificates(tls):
    """[[which, begins, ends], ...] of the files, ends None where one cannot be read."""
    found = []
    if not tls:
        return found
    from agent.console import certificate

    for which in ("cert", "ca"):
        if tls.get(which):
            try:
                with open(tls[which], "rb") as f:
                    begins, ends = certificate.validity(certificate.begin(f))
            except (OSError, ValueError):
                begins = ends = None
            found.append([which, begins, ends])
    port.forget("agent.console.certificate")
    return found


def clock(app, now):
    part = app.clock
    return {
        "utc": part.utc(now),
        "source": part.source(),
        "uncertainty": part.anchor[4] if part.anchor else None,
        "machine": port.wall_ms(),
        "refused": part.counters["refused"],
        "not_before": app.config["time"]["not_before_utc_ms"],
        "gps": app.gps.quality.time if app.gps else None,
    }


def storage(app):
    journal = app.journal
    kept = app.config["journal"]
    return {
        "left": journal.frames_left(),
        "bytes": journal.size(),
        "quota": kept["quota_bytes"],
        "free": journal.storage.free(),
        "lost": journal.counters["frames_lost"],
        "write_errors": journal.counters["write_errors"],
        "full": any(["storage is full" in line for line in app.log.lines]),
    }


def inputs(app, now):
    """{name: [level, since when in ms, whether it is on for too long]}: of each that is wired."""
    part = app.inputs
    stuck = part.stuck(now)
    wired = [name for name, source in (app.config["inputs"] or {}).items() if source is not None]
    return {n: [part.level(n), _age(part.changed.get(n), now), n in stuck] for n in wired}


def power(app, now):
    """battery: mV, by the gateway's own measurement where it has one, else by OBD; None where it is
    not known now. machine: of power states, None where the gateway never sleeps."""
    part = app.obd
    found = {"measured": None, "machine": _machine(app.powering, now) if app.powering else None}
    for key, name in (("adapter", "battery"), ("module", "module_voltage"), ("rpm", _RPM)):
        found[key] = part.reading(signals.by_name(name)) if part else None
    own = app.powering
    if own and own.battery and own.volts is not None and now - own.volts_at < _MEASURED_MS:
        found["measured"] = own.volts
    found["battery"] = found["measured"] or found["adapter"] or found["module"]
    found["ignition"] = app.inputs.level("ignition")
    found["obd"] = part.state if part else None
    return found


def _machine(own, now):
    """since: ms in this state; sleeps: ms until a parked car falls asleep, if nothing comes; hold:
    why not then; beats: ms until the next sign of life, timer: between two of them while asleep;
    wakes: names of the inputs that would wake it; unarmed: of those that would not, being on.
    below: ms since which the battery is below the cut-out; low: for so long that it counts."""
    machine = own.power
    is_parked = machine.state == "parked"
    until = machine.rests_at(now)
    beat, period = machine.beat_at, machine.period()
    wakes = [source[0] for source in own.armed()]
    hold = own.hold()
    return {
        "state": machine.state,
        "why": machine.why,
        "since": now - machine.since,
        "sleeps": max(0, until - now) if is_parked and until is not None else None,
        "hold": "panic" if until is None else None if machine.is_low else hold,
        "beats": max(0, beat + period - now) if is_parked and period else None,
        "timer": period or None,
        "wakes": wakes,
        "unarmed": [source[0] for source in own.sources() if source[0] not in wakes],
        "cutout": machine.cutout_mv,
        "below": _age(machine.low_at, now),
        "low": machine.is_low,
        "failing": machine.is_failing,
        "battery_v": own.battery_v,
    }


def update():
    """order, attempt, outcome and whether a release is on trial, by the pointer beside the slots;
    None where the agent does not run from one."""
    lies = beside(__file__, "")
    if "/app/agent/" not in lies:
        return None  # at once: what knows the slots is 20 KB of a chip's heap
    from agent.update.slots import OUTCOMES, place

    found = place(lies)
    if found is None:
        return None
    from agent.port.tree import Tree
    from agent.update import boot

    try:
        pointer = boot.load(Tree(found[0]))
    except OSError:
        return None
    outcome = OUTCOMES[pointer.outcome] if pointer.outcome < len(OUTCOMES) else "unknown"
    return {"slot": found[1], "order": pointer.order.hex(), "attempt": pointer.attempt,
            "outcome": outcome, "trial": bool(pointer.trial)}  # fmt: skip


def agent(app, now):
    """Faults by name and how often, without those that the parts tell themselves."""
    faults = app.log.counters
    own = [n for n in faults if n[:5] != "link." and n.split(".")[1] not in _ASIDE]
    return {"uptime": now, "faults": {name: faults[name] for name in sorted(own)}}
