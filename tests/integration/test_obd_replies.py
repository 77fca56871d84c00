"""The table of replies and the table of adapters: what came, and what the driver did.

Every row runs the whole machine against the emulated adapter in virtual time, on a car whose state
does not change: a value that is not the first one is a wrong one. `python -m pytest -s` prints
what each row led to.
"""

import pytest

from agent import signals
from tests.support.obd_bench import fault, scenario
from tests.support.obd_virtual import Drive
from tools.emulator import adapters

RPM = signals.by_name("rpm")
WATCHED = [signals.by_name(name) for name in ("rpm", "speed", "load", "throttle", "coolant")]
FROM, LONG = 20, 6  # the fault
FAST = 2  # values a second of RPM and speed


def error(text):
    return [fault("obd", "error", FROM, LONG, text=text)]


def spoilt(kind, **values):
    return [fault("obd", kind, FROM, LONG, **values)]


def headers_off(drive):
    drive.elm.settings.headers = False


def stop(drive):
    """Somebody else's character in the middle of each request."""
    feed = drive.elm.feed

    def fed(data, now, rate):
        if data[:2] == b"01" and FROM < now < FROM + LONG:
            drive._sent.insert(0, (now + 0.004, b"x", rate))
        return feed(data, now, rate)

    drive.elm.feed = fed


# What comes; how; counters that must tell of it; states that follow polling while it lasts;
# seconds after its end until values come again; words that must have been written after it began
REPLIES = (
    ("?", error("?"), ("unsupported",), (), 2, ()),
    ("NO DATA", spoilt("no-data"), ("no_data", "silent_pids"), ("searching",), 5, ("ATSP6",)),
    ("UNABLE TO CONNECT", error("UNABLE TO CONNECT"), ("no_bus",), ("searching",), 5, ("ATSP0",)),
    ("NOT CONNECTED", error("NOT CONNECTED"), ("no_bus",), ("searching",), 5, ()),
    ("BUS INIT: ERROR", error("BUS INIT: ERROR"), ("no_bus",), ("searching",), 5, ()),
    ("BUS INIT: ...ERROR", error("BUS INIT: ...ERROR"), ("no_bus",), ("searching",), 5, ()),
    ("BUS BUSY", error("BUS BUSY"), ("bus_errors",), ("searching",), 5, ()),
    ("BUS ERROR", error("BUS ERROR"), ("bus_errors",), ("searching",), 5, ()),
    ("CAN ERROR", error("CAN ERROR"), ("bus_errors",), ("searching",), 5, ()),
    ("FB ERROR", error("FB ERROR"), ("bus_errors",), ("searching",), 5, ()),
    ("ERR71", error("ERR71"), ("bus_errors",), ("searching",), 5, ()),
    ("DATA ERROR", error("DATA ERROR"), ("corrupt_lines",), None, 5, ()),
    ("<DATA ERROR", spoilt("line-error"), ("corrupt_lines",), None, 5, ()),
    ("<RX ERROR", spoilt("line-error", text="<RX ERROR"), ("corrupt_lines",), None, 5, ()),
    ("BUFFER FULL", error("BUFFER FULL"), ("overflows",), None, 5, ()),
    ("STOPPED", stop, ("stopped",), None, 5, ()),
    ("LV RESET", [fault("obd", "reset", FROM, 0, text="LV RESET")], ("resets",), ("searching",), 0,
     ("ATZ", "ATH1")),
    ("ERR94", [fault("obd", "reset", FROM, 0, text="ERR94")], ("resets",), ("searching",), 0,
     ("ATZ", "ATFE")),
    ("the banner", [fault("obd", "reset", FROM, 0)], ("resets",), ("searching",), 0, ("ATZ",)),
    ("ACT ALERT", [fault("obd", "alert", FROM, 0)], ("alerts",), (), 0, ()),
    ("!LP ALERT", [fault("obd", "alert", FROM, 0, text="!LP ALERT")], ("alerts",), (), 0, ()),
    ("sleep after it", [fault("obd", "alert", FROM, 0, sleep=0.0)], ("alerts",), None, 5, ()),
    ("NUL and 0xFF", spoilt("noise"), ("noise",), None, 5, ()),
    ("no OK", spoilt("no-ok"), (), (), 2, ()),
    ("no prompt", spoilt("no-prompt"), ("no_prompt",), (), 2, ()),
    ("half a reply", spoilt("mid-reply"), ("timeouts", "lost"), ("lost",), 5, ()),
    ("silence", spoilt("silent"), ("timeouts", "lost"), ("lost",), 5, ("ATI",)),
    ("7F 01 78", spoilt("pending", wait=1.5), ("negative",), None, 5, ()),
    ("an unknown ECU", spoilt("foreign", id="7EA"), ("incomplete",), None, 5, ()),
    ("another tester's ECU", spoilt("foreign", id="18DAF210"), (), (), 2, ()),
    ("no hexadecimal", spoilt("corrupt", hex=False, rate=0.05), ("unknown_reply",), None, 5, ()),
    ("no headers", headers_off, ("headerless",), ("searching",), 0, ("ATZ",)),
)  # fmt: skip


def still(drive):
    """Nothing in the car changes, but that it is there or not."""
    moment = drive.elm._state_at(15.0)
    live = drive.elm._state_at
    drive.elm.bus._state_at = lambda t: moment._replace(ignition=live(t).ignition)


def right(drive, since=0.0):
    """No value but the first of its signal -> how many came since."""
    first, count = {}, 0
    for event in drive.of("value"):
        if event[1] in WATCHED:
            assert event[2] == first.setdefault(event[1], event[2]), event
            count += event[3] >= since * 1000
    return count


@pytest.mark.parametrize("row", REPLIES, ids=[row[0] for row in REPLIES])
@pytest.mark.parametrize("ecus", [["engine"], ["engine", "transmission"]], ids=["one", "two"])
def test_reply(row, ecus):
    text, how, counted, states, back, words = row
    faults = how if isinstance(how, list) else []
    with Drive(scenario(faults=faults, obd={"ecus": ecus}), settings={"dtc_ms": 0}) as drive:
        still(drive)
        drive.run(FROM)
        assert drive.states() == ["searching", "polling"] and right(drive) > 50
        before = dict(drive.peer.obd.counters)
        if callable(how):
            how(drive)
        drive.run(FROM + LONG)
        during = drive.states()[2:]
        changed = {key: n - before[key] for key, n in drive.peer.obd.counters.items()
                   if n != before[key] and key not in ("requests", "values")}  # fmt: skip
        drive.run(FROM + LONG + back + 10)
        print(f"\n{text}: {changed}, {during or 'polled on'}, {drive.commands(FROM)[:8]}")
        for key in counted:
            if key != "other_ecu" or len(ecus) == 1:
                assert changed.get(key), (key, changed)
        if states is not None:
            assert tuple(during[: len(states)]) == states, during
        for word in words:
            assert word in drive.commands(FROM), word
        assert right(drive, FROM + LONG + back) > 10 * 2 * FAST, "and then all is as before"
        assert drive.states()[-1] == "polling"
        gaps = [b - a for (a, _), (b, _) in zip(drive.written, drive.written[1:], strict=False)
                if a > FROM]  # fmt: skip
        assert max(gaps) <= 10.5, "no command is waited for beyond its deadline"


# Adapter; what it is; PIDs a request and the digit as they were learned; one ECU alone
ADAPTERS = {
    "clone": ("clone", 6, True, True),
    "elm327-1.5": ("clone", 6, True, True),  # there has never been a genuine one
    "elm327-2.2": ("elm327", 6, True, True),
    "stn1110": ("stn", 6, True, True),
    "stn2120": ("stn", 6, True, True),
    "clone-no-digit": ("clone", 6, False, None),
    "clone-ignores-digit": ("clone", 6, False, None),
    "clone-one-pid": ("clone", 1, True, True),
    "clone-first-pid": ("clone", 1, True, True),
    "clone-two-bytes": ("elm327", 1, True, True),  # nothing that it is asked gives it away
    "clone-lost-prompt": ("clone", 6, True, True),
    "clone-echo": ("clone", 6, True, True),
    "clone-lies": ("clone", 6, True, False),
    "clone-spaces": ("elm327", 6, True, True),
    "clone-linefeeds": ("clone", 6, True, True),
}


def test_all_kinds_of_adapters_are_in_the_table():
    assert set(ADAPTERS) == set(adapters.KINDS)


@pytest.mark.parametrize("name", list(ADAPTERS))
def test_adapter(name):
    kind, batch, digit, focus = ADAPTERS[name]
    with Drive(scenario(obd={"adapter": name}), settings={"rates": [38400, 115200]}) as drive:
        still(drive)
        drive.run(60)
        memory = drive.peer.obd.memory
        asked = [data for _, data in drive.asked if data[0] == 1]
        print(f"\n{name}: {drive.of('adapter')[0][1:3]}, {memory}, {len(drive.values(RPM))} RPM")
        assert drive.of("adapter")[0][2] == kind
        assert (memory["batch"], memory["digit"], memory["focus"]) == (batch, digit, focus)
        assert right(drive) > 200 and drive.states() == ["searching", "polling"]
        assert len(drive.values(RPM, 20)) >= 40 * FAST * 0.8
        refused = [data for data in drive.commands() if len(data) & 1 and data[:2] == "01"]
        assert digit or len(refused) <= 2, "probed, then remembered"
        assert all(len(data) - 1 <= 6 for data in asked)


@pytest.mark.parametrize("protocol", "123456789")
@pytest.mark.parametrize("adapter", ["clone", "stn1110"])
def test_protocol(protocol, adapter):
    """11 and 29 bits, and the headers of J1850, ISO 9141 and ISO 14230."""
    car = {"protocol": protocol, "adapter": adapter, "stored": ["P0133", "P0420", "U0100", "C0035"]}
    with Drive(scenario(obd=car)) as drive:
        still(drive)
        drive.run(90)
        memory = drive.peer.obd.memory
        print(f"\n{protocol}: {len(drive.values(RPM))} RPM of {len(drive.asked)} requests")
        assert memory["protocol"] == protocol and drive.states() == ["searching", "polling"]
        assert right(drive) > 100 and len(drive.values(RPM, 30)) > 30
        assert drive.of("vin")[0][1] == "VF1RFB00X56789012"
        stored = [event for event in drive.of("dtc") if event[1] == "stored"]
        assert stored[0][2] == ("P0133", "P0420", "U0100", "C0035")
        assert drive.peer.obd.counters["isotp_malformed"] == 0


def test_without_headers():
    """An adapter that cannot show them: one ECU is read, several are too mixed to be."""
    with Drive(scenario(obd={"ecus": ["engine"]})) as drive:
        drive.peer.obd.memory["unsupported"].append("ATH1")
        drive.peer.obd.memory["identity"] = "ELM327 v1.5"
        still(drive)
        drive.run(40)
        assert "ATH1" not in drive.commands()
        assert right(drive) > 100 and drive.of("vin") and drive.states()[-1] == "polling"
