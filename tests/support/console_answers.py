"""Answers of a console as agent/console/look.py gives them: a car that is well, one that is not."""

import copy

_SKY = [
    [0, 2, 71, 40, 46], [0, 5, 52, 290, 44], [0, 12, 34, 120, 41], [0, 25, 18, 215, 33],
    [0, 29, 8, 330, 22], [6, 3, 61, 170, 42], [6, 14, 27, 60, 31], [2, 7, 45, 230, 39],
    [2, 19, 12, 95, 18], [3, 21, 30, 10, None],
]  # fmt: skip
DAY_MS = 86_400_000
NOW_MS = 1_770_000_000_000

_MONITORS = [
    ["misfire", "complete"], ["fuel system", "complete"], ["components", "complete"],
    ["catalyst", "incomplete"], ["heated catalyst", "not supported"],
    ["evaporative system", "incomplete"], ["oxygen sensor", "complete"],
    ["oxygen sensor heater", "complete"], ["EGR or VVT", "complete"],
]  # fmt: skip
PARTS = ("gps", "obd", "power", "inputs", "clock", "link", "storage", "update", "agent")


def parts(**faults):
    """An answer to `selftest`; faults: part -> (verdict, fault, [about])."""
    found = []
    for part in PARTS:
        verdict, fault, about = faults.get(part, ("none" if part == "update" else "ok", None, []))
        found.append({"part": part, "verdict": verdict, "fault": fault, "about": about})
    return {"parts": found}


def healthy():
    """{command: data}"""
    return copy.deepcopy({
        "status": {
            "vehicle": "v-casa0042", "version": "0.1.0", "port": "micropython", "uptime": 5_025_000,
            "profile": "patrol", "problems": [], "position": [33_595_060, -7_618_800],
            "position_age": 340, "storage": {"free": 11_400_000}, "update": None,
        },
        "selftest": parts(),
        "obd": {
            "open": True, "heard": 60, "state": "polling", "adapter": "STN1110 v4.0.4",
            "protocol": "6", "rpm": 6904,
            "values": [
                ["battery", 14.132, "V", 900], ["coolant", 88, "celsius", 4200],
                ["fuel", 61.2, "percent", 6100], ["rpm", 1726, "rpm", 240],
                ["speed", 47, "km/h", 240],
            ],
        },
        "gps": {
            "open": True, "heard": 90, "said": 120, "fixed": 340, "valid": True, "quality": 1,
            "reason": None, "satellites": 9, "hdop": 92, "in_view": 10, "antenna": "ok",
            "jamming": "ok", "receiver": ["u-blox M10", "SPG 5.10"],
            "fix": [33_595_060, -7_618_800, 2700, 1311, 27400], "sky": _SKY,
        },
        "dtc": {"ecus": [{"id": 0x7E8, "stored": [], "pending": [], "permanent": []}],
                "missing": []},
        "ready": {
            "ecus": [{"id": 0x7E8, "readiness": {
                "mil": False, "codes": 0, "ignition": "spark", "monitors": _MONITORS}}],
            "missing": [],
        },
        "freeze": {"ecus": [{"id": 0x7E8}], "missing": []},
        "vin": {
            "ecus": [{"id": 0x7E8, "acronym": "ECM", "name": "EngineControl",
                      "calibrations": ["237102N40A"], "verifications": ["1791BC82"]}],
            "missing": [], "vin": "VF1RFB00X56789012",
        },
        "monitor": {"ecus": [{"id": 0x7E8, "tests": [[1, 1, 10, 812, 0, 2000],
                                                     [33, 128, 30, 260, 0, 200]]}],
                    "missing": []},
        "link": {
            "state": "online", "proved": True, "broker": "broker.example:8883", "tls": True,
            "cause": None, "detail": None, "trouble": None, "wait": None, "round_trip": 84,
            "queue": 0, "window": 5840, "pubacks_outstanding": 0, "unproved": 1,
            "certificates": [["cert", NOW_MS - 30 * DAY_MS, NOW_MS + 900 * DAY_MS],
                             ["ca", NOW_MS - 30 * DAY_MS, NOW_MS + 3000 * DAY_MS]],
        },
        "journal": {
            "left": 1, "bytes": 61_440,
            "counters": {"frames_journalled": 812, "frames_acknowledged": 811, "frames_lost": 0,
                         "write_errors": 0, "read_errors": 0},
        },
        "power": {
            "battery": 14132, "measured": 14132, "adapter": 14050, "module": None, "rpm": 6904,
            "ignition": True, "obd": "polling",
            "machine": {
                "state": "driving", "why": "moving", "since": 61_000, "sleeps": None, "hold": None,
                "beats": None, "timer": 21_600_000, "wakes": ["panic", "ignition"],
                "unarmed": ["ignition"], "cutout": 12200, "below": None, "low": False,
                "failing": False, "battery_v": 12,
            },
        },
        "inputs": {"panic": [False, 5_025_000, False], "siren": [True, 41_000, False]},
        "time": {"utc": NOW_MS, "source": 1, "uncertainty": 30, "machine": NOW_MS + 400,
                 "refused": 0, "not_before": 0, "gps": 1, "uptime": 5_025_000},
        "events": {"events": [[61_000, "siren", 1], [12_000, "profile", "pursuit"]]},
        "log": {"lines": ["0:00:01 journal: 0 frames of earlier sessions to deliver"]},
    })  # fmt: skip


def faulty():
    """The same gateway with a car that has codes, an expired certificate, no fix."""
    found = healthy()
    found["dtc"]["ecus"][0].update(
        stored=["P0133", "P0301"], pending=["P0420"], permanent=["P1234"]
    )
    found["ready"]["ecus"][0]["readiness"].update(mil=True, codes=2)
    found["freeze"]["ecus"][0]["freeze"] = {
        "code": "P0133", "values": [[31, 6904], [32, 47], [24, 128]],
    }  # fmt: skip
    for row in found["obd"]["values"]:
        if row[0] == "coolant":
            row[1] = 118
        if row[0] == "battery":
            row[1] = 11.6
    found["gps"].update(quality=2, reason="hdop", hdop=610, satellites=4)
    found["selftest"] = parts(
        power=("fail", "battery_low", ["11.6"]), gps=("warn", "gps_poor", ["hdop"]),
        link=("fail", "certificate_expired", ["cert"]),
    )  # fmt: skip
    found["status"]["problems"] = [r for r in found["selftest"]["parts"] if r["fault"]]
    found["link"].update(
        state="waiting", proved=False, cause="tls", detail="certificate has expired",
        trouble=9000, wait=21_000,
    )  # fmt: skip
    found["link"]["certificates"][0][2] = NOW_MS - 2 * DAY_MS
    found["journal"].update(left=214)
    return found
