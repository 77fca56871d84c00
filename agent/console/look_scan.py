"""What is asked of the car itself, between two polls."""

from agent.console.levels import LATER, CommandError

# name -> (parts of a scan, what of each ECU is the answer)
_SCANS = {
    "dtc": (("codes",), ("stored", "pending", "permanent")),
    "freeze": (("freeze",), ("freeze",)),
    "ready": (("status",), ("readiness", "cycle")),
    "vin": (("identity",), ("acronym", "name", "calibrations", "verifications", "tracking")),
    "monitor": (("tests",), ("tests",)),
}


def run(app, name, arguments, now, done):
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
