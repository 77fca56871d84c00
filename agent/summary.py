"""What people ask of the whole agent: how it stands, and how often what happened."""


def status(app):
    """What a person wants to know at a glance, as a dict."""
    flying, unproved = app.link.outstanding()
    sky = app.gps.sky if app.gps else None
    return {
        "uptime_ms": app.now(),
        "session": app.session.sid.hex() if app.session else None,
        "records": app.recorder.records,
        "frames": app.journal.counters["frames_journalled"],
        "acknowledged": app.journal.counters["frames_acknowledged"],
        "left": app.journal.frames_left(),
        "lost": app.journal.counters["frames_lost"],
        "sent": app.link.counters["sent"],
        "delivered": app.link.counters["pubacks"],
        "link": app.link.state,
        "pubacks_outstanding": flying,
        "unproved": unproved,
        "inbox": app.inbox.counters,
        "orders": app.ordering.counters,
        "messages": app.ordering.messages,
        "satellites_in_view": len(sky.satellites(app.now())) if sky else None,
        "faults": app.log.counters,
    }


def counters(app):
    """{part: {counter: how often}} of every part."""
    found = {
        "journal": app.journal.counters,
        "link": app.link.counters,
        "link_causes": app.link.causes,
        "inbox": app.inbox.counters,
        "orders": app.ordering.counters,
        "clock": app.clock.counters,
        "faults": app.log.counters,
    }
    if app.uplinking:
        found["uplink"] = app.uplinking.counters()
    if app.updating:
        found["update"] = app.updating.counters
    if app.budget:
        found["budget"] = app.budget.counters
    if app.gps:
        found["gps"] = app.gps.counters
        found["gps_quality"] = app.gps.quality.counters
    if app.obd:
        found["obd"] = app.obd.counters
    if app.powering:
        found["power"] = app.powering.counters
    return found
