"""agent/starting.py: what the room is told of a crash, when it is forgotten, what the minimal boot
runs with."""

import json

from agent import port, starting
from agent.comms.journal import JournalError
from agent.config import ConfigError
from agent.log import Log
from agent.settings import Settings
from agent.starting import DROPPED, Starting, reduced
from agent.update import starts
from tests.support.files import remove_all, temporary

_made = []


def folder():
    path = temporary("starting")
    _made.append(path)
    port.Storage(path)
    return path


def tidy(test):
    """The same test; its folders are removed."""

    def run():
        try:
            test()
        finally:
            while _made:
                remove_all(_made.pop())

    return run


RAW = {
    "vehicle": "v-test0001",
    "keys": {"room_key_id": "00" * 4, "room_public": "00" * 32, "psk": "00" * 32},
    "mqtt": {"host": "broker.test"},
    "gps": {"port": "uart1:18:17"},
    "obd": {"port": "uart2:40:39"},
    "inputs": {"panic": "!14"},
    "power": {},
    "journal": {"dir": "/journal"},
    "reporting": {"profile": "patrol"},
    "console": {"port": "usb"},
}


class Recorder:
    is_ill = False

    def __init__(self):
        self.flushes = 0

    def flush(self, now):
        if self.is_ill:
            raise JournalError("the storage is full")
        self.flushes += 1


class Busy:
    def __init__(self):
        self.busy = False
        self.adopts = False

    def adopt(self):
        return self.adopts

    def is_busy(self):
        return self.busy


class App:
    """What Starting asks of the application."""

    def __init__(self):
        self.recorder = Recorder()
        self.log = Log(lambda text: None)
        self.config = {"update": None}
        self.ordering, self.updating = Busy(), Busy()
        self.proved = False
        self.restarts = 0
        self.events = []
        self.faults = []

    def now(self):
        return 0

    def is_proved(self):
        return self.proved

    def restart(self):
        self.restarts += 1

    def event(self, name, *fields):
        self.events.append((name,) + fields)

    def fault(self, part, e):
        self.faults.append(part)


def crashed(count, text="ValueError: no\n"):
    """(folder, its storage, Starts) after so many exceptions."""
    where = folder()
    tree = starting.Tree(where)
    made = starts.Starts(tree, starts.NOTHING, False, 1)
    for _ in range(count):
        made.crashed(starts.EXCEPTION, text)
    return where, tree, made


@tidy
def test_a_crash_is_told_once_and_its_text_erased():
    where, tree, _ = crashed(2)
    app = App()
    Starting(where, False).tell(app, app.event, app.fault)
    assert app.events == [("crash", "exception", 2, "b", "ValueError: no\n")]
    assert app.recorder.flushes == 1
    found = starts.load(tree)
    assert (found.row, found.text, found.is_untold) == (2, "", False)
    Starting(where, False).tell(app, app.event, app.fault)
    assert len(app.events) == 1


@tidy
def test_what_is_not_in_the_journal_is_told_again():
    where, tree, _ = crashed(1)
    app = App()
    app.recorder.is_ill = True
    Starting(where, False).tell(app, app.event, app.fault)
    assert app.faults == ["crashes"] and starts.load(tree).is_untold
    app.recorder.is_ill = False
    Starting(where, False).tell(app, app.event, app.fault)
    assert len(app.events) == 2 and not starts.load(tree).is_untold


@tidy
def test_the_full_agent_is_healthy_when_the_room_was_reached_or_after_its_time():
    for proved, due in ((True, 60000), (False, 600000)):
        where, tree, _ = crashed(2)
        app = App()
        app.proved = proved
        made = Starting(where, False)
        made.tell(app, app.event, app.fault)
        assert not made.poll(app, due - 1, app.fault) and starts.load(tree).row == 2
        assert made.poll(app, due, app.fault)
        assert tree.size(starts.NAME) is None


@tidy
def test_the_minimal_boot_says_so_and_ends_after_an_hour_unless_it_is_busy():
    where, tree, _ = crashed(5)
    app = App()
    app.proved = True
    made = Starting(where, True)
    made.tell(app, app.event, app.fault)
    assert app.events[1] == ("minimal_boot", 5, "b")
    assert not made.poll(app, 60000, app.fault)
    assert starts.load(tree).row == starts.MAX_ROW  # so that its next crash is waited after
    for busy in (app.updating, app.ordering):
        busy.busy = True
        assert not made.poll(app, 3600000, app.fault) and not app.restarts
        busy.busy = False
    made.poll(app, 3600000, app.fault)
    made.poll(app, 3600050, app.fault)
    assert app.restarts == 1
    made.ended()
    assert starts.load(tree).is_again


@tidy
def test_a_slot_that_runs_where_the_good_one_cannot_is_the_good_one_and_tried_at_once():
    where, tree, made = crashed(3)
    made.choose(0, False, lambda slot: True)
    made.crashed(starts.EXCEPTION, "")
    assert starts.load(tree).is_other
    app = App()
    app.proved = app.updating.adopts = True
    made = Starting(where, True)
    made.tell(app, app.event, app.fault)
    made.poll(app, 59999, app.fault)
    assert not app.restarts
    made.poll(app, 60000, app.fault)
    assert app.restarts == 1 and not starts.load(tree).is_other


@tidy
def test_the_full_agent_ends_without_a_trace():
    where, tree, _ = crashed(1)
    made = Starting(where, False)
    made.ended()
    assert not starts.load(tree).is_again


def configured(raw):
    path = folder() + "/config.json"
    with open(path, "w") as f:
        json.dump(raw, f)
    return path


@tidy
def test_the_minimal_boot_has_link_console_orders_and_updates_alone():
    found = reduced(configured(RAW), None)
    for name in ("gps", "obd", "inputs", "power"):
        assert name in DROPPED and found[name] is None
    assert found["mqtt"]["brokers"][0]["host"] == "broker.test"
    assert found["console"]["port"] == "usb" and found["journal"]["dir"] == "/journal"
    # What is dropped may be the very cause.
    spoilt = dict(RAW)
    spoilt["reporting"] = {"profile": 7}
    assert reduced(configured(spoilt), None)["reporting"]["profile"] == "patrol"


@tidy
def test_settings_that_hold_are_kept_for_the_link_and_dropped_where_they_do_not_fit():
    settings = Settings(port.Storage(folder()))
    settings.good = {"mqtt.window": 8, "reporting.driving_events": False}
    found = reduced(configured(RAW), settings)
    assert found["mqtt"]["window"] == 8 and found["reporting"]["driving_events"]
    settings.good = {"mqtt.window": 0}
    assert reduced(configured(RAW), settings)["mqtt"]["window"] == 64


@tidy
def test_a_configuration_that_no_agent_can_use_is_named():
    spoilt = dict(RAW)
    spoilt["mqtt"] = {}
    try:
        reduced(configured(spoilt), None)
        raise AssertionError("taken")
    except ConfigError as e:
        assert "mqtt.host" in str(e)
