"""What `patrol obd scan` shows: the scan's result as JSON and as tables.

The scan itself is the agent's (agent/obd/scanner.py). JSON, all of it plain:

    adapter, protocol (its name), protocol_number (as ATDPN has it), voltage (V or null), vin,
    ecus [{id, name, acronym, calibrations, verifications, obd_standard, fuel, supported_pids,
           readiness, this_cycle, dtcs, freeze_frame, in_use, tests}]: what an ECU has not is null
    supported_pids   of all ECUs together, two hexadecimal digits each
    dtcs             {stored, pending, permanent: [{code, text, ecu}]}
    readiness        of the first ECU that tells it, as a rule the engine's, or null
    freeze_frame     the first one that there is, or null
    missing          [{what, ecu, reason}]: what was asked for and not had
"""

from rich.table import Table
from rich.text import Text

from agent.obd import monitors, names
from tools.obd import words

KINDS = ("stored", "pending", "permanent")


def report(result):
    """A Scanner's result -> the JSON object above."""
    ecus = [_ecu(entry) for entry in result["ecus"]]
    dtcs = {kind: [] for kind in KINDS}
    for entry in result["ecus"]:
        for kind in KINDS:
            dtcs[kind] += [words.code(code, entry["id"]) for code in entry.get(kind, ())]
    volts = result["voltage"]
    return {
        "adapter": result["adapter"],
        "protocol": words.protocol(result["protocol"]),
        "protocol_number": result["protocol"],
        "voltage": None if volts is None else volts / 1000,
        "vin": result["vin"],
        "ecus": ecus,
        "supported_pids": sorted({pid for ecu in ecus for pid in ecu["supported_pids"]}),
        "dtcs": dtcs,
        "readiness": next((ecu["readiness"] for ecu in ecus if ecu["readiness"]), None),
        "freeze_frame": next((ecu["freeze_frame"] for ecu in ecus if ecu["freeze_frame"]), None),
        "missing": [
            {**row, "ecu": None if row["ecu"] is None else words.ecu(row["ecu"])}
            for row in result["missing"]
        ],
    }


def _ecu(entry):
    number = entry["id"]
    codes = {k: [words.code(c) for c in entry[k]] if k in entry else None for k in KINDS}
    return {
        "id": words.ecu(number),
        "name": entry.get("name"),
        "acronym": entry.get("acronym"),
        "calibrations": entry.get("calibrations"),
        "verifications": entry.get("verifications"),
        "obd_standard": _named("S", entry.get("standard")),
        "fuel": _named("F", entry.get("fuel")),
        "supported_pids": [f"{pid:02X}" for pid in entry["pids"]],
        "readiness": _readiness(entry.get("readiness")),
        "this_cycle": _readiness(entry.get("cycle"), this_cycle=True),
        "dtcs": codes,
        "freeze_frame": _freeze(entry.get("freeze"), number),
        "in_use": dict(entry["tracking"]) if "tracking" in entry else None,
        "tests": [_test(*row) for row in entry["tests"]] if "tests" in entry else None,
    }


def _named(group, number):
    """A code of the standard by its name; its number where the name is not known."""
    return None if number is None else names.name(group, number) or str(number)


def _readiness(decoded, this_cycle=False):
    if decoded is None:
        return None
    row = {"ignition": decoded["ignition"], "monitors": dict(decoded["monitors"])}
    # Lamp and number of codes mean nothing in PID 41.
    return row if this_cycle else {"mil": decoded["mil"], "codes": decoded["codes"], **row}


def _freeze(frame, number):
    if frame is None or frame["code"] is None:
        return None
    values = [words.value(signal, raw) for signal, raw in frame["values"]]
    return {**words.code(frame["code"], number), "values": values}


def _test(mid, tid, uasid, value, lowest, highest):
    scale = monitors.scale(uasid)
    low, now, high = (
        raw if scale is None else round(monitors.physical(uasid, raw), 6)
        for raw in (lowest, value, highest)
    )
    return {
        "monitor": f"{mid:02X}",
        "monitor_name": monitors.monitor_name(mid),
        "test": f"{tid:02X}",
        "test_name": monitors.test_name(tid),
        "value": now,
        "lowest": low,
        "highest": high,
        "unit": scale[3] if scale else f"raw, scale {uasid:02X}",
        "passed": monitors.passed(value, lowest, highest),
    }


# For people


def tables(seen):
    """A report() as rich renderables, in the order of a technician's questions."""
    yield _car(seen)
    yield codes_table(seen["dtcs"])
    if seen["freeze_frame"]:
        yield _freeze_table(seen["freeze_frame"])
    if any(ecu["readiness"] for ecu in seen["ecus"]):
        yield _readiness_table(seen["ecus"])
    tests = [(ecu["id"], test) for ecu in seen["ecus"] for test in ecu["tests"] or ()]
    if tests:
        yield _tests_table(tests)
    if seen["missing"]:
        yield _missing_table(seen["missing"])


def _car(seen):
    table = Table(title="Car", show_header=False)
    volts = "-" if seen["voltage"] is None else f"{seen['voltage']:.1f} V"
    for row in (
        ("VIN", seen["vin"] or "-"),
        ("adapter", f"{seen['adapter'] or '-'}, {volts}"),
        ("protocol", seen["protocol"] or "-"),
    ):
        table.add_row(*row)
    for ecu in seen["ecus"]:
        name = " ".join(filter(None, (ecu["acronym"], ecu["name"]))) or "no name"
        parts = [name, f"{len(ecu['supported_pids'])} PIDs"]
        parts += [f"calibration {text}" for text in ecu["calibrations"] or ()]
        parts += [f"CVN {text}" for text in ecu["verifications"] or ()]
        table.add_row(f"ECU {ecu['id']}", Text(", ".join(parts)))
    return table


def codes_table(dtcs):
    """{kind: [{code, text, ecu}]} as a table."""
    table = Table("kind", "code", "ECU", "meaning", title="Trouble codes")
    for kind in KINDS:
        for row in dtcs[kind]:
            table.add_row(kind, row["code"], row["ecu"], row["text"] or "maker's own")
    if not table.row_count:
        table.add_row("none", "", "", "")
    return table


def _freeze_table(frame):
    title = f"Freeze frame of {frame['code']}, ECU {frame['ecu']}"
    table = Table("signal", "value", "unit", title=title)
    table.columns[1].justify = "right"
    for row in frame["values"]:
        table.add_row(row["signal"], f"{row['value']:g}", row["unit"])
    return table


def _readiness_table(ecus):
    table = Table("monitor", title="Readiness since the codes were cleared")
    told = [ecu for ecu in ecus if ecu["readiness"]]
    for ecu in told:
        lamp = "MIL on" if ecu["readiness"]["mil"] else "MIL off"
        table.add_column(f"{ecu['id']} ({lamp}, {ecu['readiness']['codes']} codes)")
    labels = dict.fromkeys(name for ecu in told for name in ecu["readiness"]["monitors"])
    for name in labels:
        table.add_row(name, *(ecu["readiness"]["monitors"].get(name, "-") for ecu in told))
    return table


def _tests_table(tests):
    table = Table("ECU", "monitor", "test", "value", "from", "to", "unit", "", title="Test results")
    for ecu, row in tests:
        table.add_row(
            ecu,
            f"{row['monitor']} {row['monitor_name'] or ''}",
            f"{row['test']} {row['test_name'] or ''}",
            *(f"{row[key]:g}" for key in ("value", "lowest", "highest")),
            row["unit"],
            "passed" if row["passed"] else "FAILED",
        )
    return table


def _missing_table(missing):
    table = Table("what", "ECU", "why", title="Not had")
    for row in missing:
        table.add_row(row["what"], row["ecu"] or "all", row["reason"])
    return table
