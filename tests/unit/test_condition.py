"""The car's condition: what becomes of OBD's events, and what is kept for the next start."""

import json

from agent import config, port
from agent.condition import Condition
from agent.log import Log


class Files:
    """Storage in RAM."""

    def __init__(self):
        self.files = {}
        self.writes = 0
        self.fails = False

    def names(self):
        return sorted(self.files)

    def read(self, name):
        return self.files[name]

    def replace(self, name, data):
        if self.fails:
            raise port.StorageError("full")
        self.writes += 1
        self.files[name] = data


class Line:
    def __init__(self):
        self.rates = []

    def set_baud(self, rate):
        self.rates.append(rate)


OBD = {"port": "/dev/ttyUSB0", "baud": 38400, "set_baud": 115200, "bitrate": 500000,
       "signals": None, "sleep": True}  # fmt: skip


class Bench:
    def __init__(self, files=None, **settings):
        self.files = files or Files()
        self.time = 0
        self.log = Log(lambda text: None)
        self.told = []
        self.values = []
        self.line = Line()
        self.part = Condition(
            dict(OBD, **settings), lambda: self.time, self.log, self.files,
            lambda *value: self.values.append(value), lambda *event: self.told.append(event),
        )  # fmt: skip

    def take(self, *events):
        self.told.clear()
        self.part._take(events, self.line)
        return self.told


def test_events_of_the_car_become_events_of_the_agent():
    bench = Bench()
    for event, told in (
        (("state", "searching", 5), ("obd_state", 5, "searching")),
        (("adapter", "STN1110 v4", "stn", 6), ("obd_adapter", 6, "STN1110 v4", "stn")),
        (("vin", "VF1RFB00X56789012", 7), ("vin", 7, "VF1RFB00X56789012")),
        (("dtc", "stored", ("P0301",), 8), ("dtc", 8, "stored", "P0301")),
        (("dtc", "pending", (), 8), ("dtc", 8, "pending")),
        (("freeze", 2024, "P0301", ((31, 6904), (32, 50)), 9),
         ("freeze_frame", 9, 2024, "P0301", 31, 6904, 32, 50)),
        (("readiness", 2024, 0x8107E500, 10), ("readiness", 10, 2024, 0x8107E500)),
        (("cleared", True, "", 11), ("dtc_cleared", 11, 1, "")),
        (("cleared", False, "why", 12), ("dtc_cleared", 12, 0, "why")),
    ):  # fmt: skip
        assert bench.take(event) == [told], event
    assert bench.take(("value", 31, 6904, 13)) == [] and bench.values == [(31, 6904, 13)]
    assert bench.take(("error", "adapter_reset", "LV RESET", 14)) == []
    assert bench.log.counters == {"obd.adapter_reset": 1}
    assert bench.take(("baud", 115200, 15)) == [] and bench.line.rates == [115200]


def test_codes_are_told_when_they_change():
    bench = Bench()
    assert len(bench.take(("dtc", "stored", ("P0301",), 1), ("dtc", "stored", ("P0301",), 2))) == 1
    assert len(bench.take(("dtc", "pending", ("P0301",), 3))) == 1
    assert len(bench.take(("dtc", "stored", (), 4), ("dtc", "stored", (), 5))) == 1


def test_what_was_learned_is_kept_for_the_next_start():
    bench = Bench()
    bench.part.obd.memory["protocol"] = "6"
    bench.take(("state", "polling", 1000))
    assert json.loads(bench.files.files["obd"])["protocol"] == "6"
    bench.take(("dtc", "stored", (), 2000))
    assert bench.files.writes == 1  # nothing new
    bench.part.obd.memory["digit"] = True
    bench.take(("dtc", "stored", (), 3000))
    assert bench.files.writes == 1  # the flash is not written every second
    bench.take(("dtc", "stored", (), 70000))
    assert bench.files.writes == 2
    again = Bench(bench.files)
    assert again.part.obd.memory["protocol"] == "6" and again.part.obd.memory["digit"] is True


def test_a_memory_that_cannot_be_read_or_written_costs_nothing():
    for data in (b"", b"{", b"[]", b"5", b'{"protocol": "6"' + b" " * 2000 + b"}", b"\xff\xfe"):
        files = Files()
        files.files["obd"] = data
        assert Bench(files).part.obd.memory["protocol"] is None, data
    bench = Bench()
    bench.files.fails = True
    bench.part.obd.memory["protocol"] = "6"
    bench.take(("state", "polling", 1000))
    assert bench.log.counters == {"obd.StorageError": 1}


def test_values_have_an_age():
    bench = Bench()
    bench.part.obd.readings.take(31, 6904, 1000, 3000)
    bench.time = 4000
    assert bench.part.reading(31) == 6904 and bench.part.readings() == [(31, 6904, 3000)]
    bench.time = 4001
    assert bench.part.reading(31) is None and bench.part.readings() == []


def test_settings():
    bench = Bench(signals=["rpm", "speed"], sleep=False)
    assert bench.part.obd.settings["asleep_ms"] == 0
    assert bench.part.obd.settings["rates"] == (38400, 115200)


def test_configuration():
    def checked(**values):
        group = config.SCHEMA["obd"].group
        return config.check_group(group, dict({"port": "/dev/ttyUSB0"}, **values), "obd.")

    assert checked() == dict(OBD)
    assert checked(signals=["rpm"], set_baud=None)["set_baud"] is None
    for values, text in (
        ({"signals": []}, "obd.signals must be a list of 1 to 64 names"),
        ({"signals": [5]}, "obd.signals: 5 is no name"),
        ({"bitrate": 125000}, "obd.bitrate: 125000 is none of 250000, 500000"),
    ):
        try:
            checked(**values)
        except config.ConfigError as e:
            assert str(e) == text
        else:
            raise AssertionError(values)
    try:
        config._check_obd({"signals": ["warp"]})
    except config.ConfigError as e:
        assert str(e) == "obd.signals: no PID gives signal 'warp'"
    else:
        raise AssertionError


def test_an_order_that_is_under_way_ends_when_the_line_is_opened_anew():
    bench = Bench()
    done = []
    bench.part.on_done = lambda *what: done.append(what)

    class Under:
        event = None

        def lost(self, reason):
            self.event = ("scan", {"missing": [reason]})

    bench.part.obd._order = Under()
    bench.part.obd.start(5)
    bench.part._take(bench.part.obd.take(), bench.line)
    reason = "the line to the adapter was opened anew"
    assert done == [("scan", {"missing": [reason]}, None)]
    assert bench.part.obd._order is None
