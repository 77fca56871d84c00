"""The self-test: each part's state judged, with the name of what is wrong; a pure function.

    examine(states)    ->    [{"part", "verdict", "fault", "about"}, ...]

states: a States of `states.py`, which is asked part by part. verdict: "ok"; "warn" where the part
works and something speaks against it; "fail"; "wait" while it cannot be told yet; "none" where the
car has no such part. fault: a name that `texts.txt` explains (`f.`) and says a remedy for (`d.`),
None where all is well. about: what to put into the text.

Rules stand in the order of what has to be mended first: of each part only the first one is told.
"""

from agent.comms.link import ONLINE
from agent.console.faults import (
    CHARGED_MV,
    DAY_MS,
    FREE_BYTES,
    LOW_MV,
    SILENT_MS,
    SKEW_MS,
    START_MS,
)

OK = "ok"
WARN = "warn"
FAIL = "fail"
WAIT = "wait"
NONE = "none"
PARTS = ("gps", "obd", "power", "inputs", "clock", "link", "storage", "update", "agent")


def examine(states):
    found = []
    for part in PARTS:
        state = states[part]
        row = (NONE, None) if state is None else _RULES[part](state, states)
        about = [str(value) for value in row[2:]]
        found.append({"part": part, "verdict": row[0], "fault": row[1], "about": about})
    return found


def problems(rows):
    """Those that somebody must do something about, the worst first."""
    return [r for r in rows if r["verdict"] == FAIL] + [r for r in rows if r["verdict"] == WARN]


def _is_late(age, limit):
    return age is None or age > limit


def _gps(s, states):
    is_new = states["agent"]["uptime"] < START_MS
    if not s["open"]:
        return (WAIT, None) if is_new else (FAIL, "gps_port")
    if s["antenna"] in ("open", "short"):
        return FAIL, "antenna_off", s["antenna"]
    if _is_late(s["heard"], SILENT_MS):
        return (WAIT, None) if is_new else (FAIL, "gps_silent")
    if _is_late(s["said"], SILENT_MS):
        return (WAIT, None) if is_new else (FAIL, "wrong_baud", "gps")
    if s["jamming"] == "critical":
        return FAIL, "gps_jammed"
    if not s["valid"]:
        return (WAIT, None) if is_new else (FAIL, "no_fix", s["in_view"] or 0)
    if s["reason"] == "settling":
        return WAIT, None
    if s["quality"] != 1:
        return WARN, "gps_poor", s["reason"]
    return OK, None


def _obd(s, states):
    is_new = states["agent"]["uptime"] < START_MS
    if not s["open"]:
        return (WAIT, None) if is_new else (FAIL, "adapter_port")
    if s["state"] == "polling":
        return OK, None
    if s["state"] == "lost":
        if not _is_late(s["heard"], SILENT_MS):
            return FAIL, "wrong_baud", "obd"
        return FAIL, "adapter_dead"
    if s["state"] == "asleep":
        return WARN, "ecu_asleep"
    return (WAIT, None) if is_new or not s["adapter"] else (WARN, "ecu_asleep")


def _power(s, states):
    volts = s["battery"]
    if volts is None:
        return WAIT, None
    machine = s["machine"]
    batteries = machine["battery_v"] // 12 if machine else 1  # a lorry has two in a row
    if volts < LOW_MV * batteries:
        return FAIL, "battery_low", _volts(volts)
    if s["rpm"] and volts < CHARGED_MV * batteries:
        return WARN, "not_charging", _volts(volts)
    if machine and machine["low"]:
        return WARN, "battery_cutout", _volts(machine["cutout"])
    return OK, None


def _volts(mv):
    return "%d.%d" % (mv // 1000, mv % 1000 // 100)


def _inputs(s, states):
    if not s:
        return NONE, None
    for name in sorted(s):
        level, since, is_stuck = s[name]
        if level is None:
            return (WAIT, None) if since is None else (FAIL, "input_unread", name)
        if name == "ignition":
            # An engine that turns without its ignition: the wire, not the car.
            is_stuck = level is False and bool(states["power"]["rpm"]) and since is not None
        if is_stuck:
            return FAIL, "input_stuck", name
    return OK, None


def _clock(s, states):
    best = s["utc"]
    if best is None:
        if s["machine"] < s["not_before"] or s["refused"]:
            return FAIL, "clock_wrong"
        return WARN, "clock_unknown"
    if s["refused"] and s["source"] != 1:
        return FAIL, "clock_wrong"  # the receiver says a date that cannot be
    off = abs(best - s["machine"])
    if off > DAY_MS:
        return FAIL, "clock_wrong"
    if off > SKEW_MS:
        return WARN, "clock_off", off // 1000
    return OK, None


def _link(s, states):
    if s["state"] == ONLINE:
        if s["proved"]:
            return OK, None
        return (WAIT, None) if states["agent"]["uptime"] < START_MS else (FAIL, "room_silent")
    now = states["clock"]["utc"] or states["clock"]["machine"]
    for which, begins, ends in s["certificates"]:
        if ends is None:
            return FAIL, "certificate_unread", which
        if now > ends:
            return FAIL, "certificate_expired", which
        if now < begins:
            return FAIL, "certificate_early", which
    cause = s["cause"]
    if cause is None:
        return WAIT, None
    if cause == "refused":
        return FAIL, "broker_refuses", s["detail"]
    if cause == "tls":
        if "expired" in (s["detail"] or ""):
            return FAIL, "certificate_expired", "broker"
        return FAIL, "tls_refused", s["detail"]
    return FAIL, "broker_unreachable", s["broker"]


def _storage(s, states):
    if s["full"] or (s["free"] is not None and s["free"] < FREE_BYTES):
        return FAIL, "storage_full", s["free"]
    if s["write_errors"]:
        return FAIL, "storage_fails", s["write_errors"]
    if s["bytes"] * 10 > s["quota"] * 9:
        return WARN, "journal_full", s["left"]
    return OK, None


def _update(s, states):
    if s["outcome"] in ("crashed", "unwell", "broken"):
        return FAIL, "update_failed", s["outcome"]
    if s["trial"]:
        return WARN, "update_trial"
    return OK, None


def _agent(s, states):
    for name in sorted(s["faults"]):
        return WARN, "agent_fault", name, s["faults"][name]
    return OK, None


_RULES = {
    "gps": _gps,
    "obd": _obd,
    "power": _power,
    "inputs": _inputs,
    "clock": _clock,
    "link": _link,
    "storage": _storage,
    "update": _update,
    "agent": _agent,
}
