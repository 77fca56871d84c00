"""agent/vehicle/inputs.py and agent/port/inputs.py: levels become events."""

import os

from agent.port.inputs import FileBattery, FileInputs
from agent.vehicle.inputs import DEBOUNCE_MS, MAX_CHANGES, STUCK_MS, Inputs
from tests.support.files import temporary


def feed(inputs, name, levels, step=10, start=0):
    """[(time, level)] of the events from a list of levels, one each step."""
    found = []
    for i, level in enumerate(levels):
        now = start + i * step
        for who, what in inputs.feed({name: level}, now):
            assert who == name
            found.append((now, what))
    return found


def test_a_level_counts_when_it_has_held():
    assert DEBOUNCE_MS == 50
    inputs = Inputs()
    assert feed(inputs, "siren", [True] * 8) == [(50, True)]
    assert inputs.level("siren") is True
    assert feed(inputs, "siren", [False] * 8, start=100) == [(150, False)]
    assert inputs.level("siren") is False


def test_a_bounce_does_not_count():
    inputs = Inputs()
    assert feed(inputs, "siren", [True, False] * 20 + [True] * 6) == [(450, True)]
    assert feed(inputs, "siren", [False] * 5 + [True] * 5 + [False] * 5, start=1000) == []
    assert inputs.level("siren") is True


def test_the_first_level_is_an_event_only_if_it_is_on():
    inputs = Inputs()
    assert inputs.level("ignition") is None
    assert feed(inputs, "ignition", [False] * 10) == [] and inputs.level("ignition") is False
    assert feed(inputs, "ignition", [True] * 10, start=100) == [(150, True)]


def test_panic_counts_at_once_and_its_release_when_it_has_held():
    inputs = Inputs()
    assert feed(inputs, "panic", [True]) == [(0, True)]
    assert feed(inputs, "panic", [False, True, False, True, True], start=10) == []
    assert feed(inputs, "panic", [False] * 8, start=100) == [(150, False)]
    assert feed(inputs, "panic", [False, True, False], start=200) == [(210, True)]


def test_an_input_that_cannot_be_read_from_the_start_is_told_once():
    inputs = Inputs()
    assert feed(inputs, "siren", [None] * 8) == [(50, None)]
    assert feed(inputs, "siren", [None] * 8, start=100) == []


def test_a_level_that_can_no_longer_be_read_is_an_event():
    inputs = Inputs()
    feed(inputs, "siren", [True] * 8)
    assert feed(inputs, "siren", [None] * 4, start=100) == []
    assert feed(inputs, "siren", [None] * 4, start=140) == [(150, None)]
    assert inputs.level("siren") is None
    assert feed(inputs, "siren", [False] * 8, start=200) == [(250, False)]


def test_inputs_do_not_disturb_each_other():
    inputs = Inputs()
    inputs.feed({"siren": True, "panic": False}, 0)
    assert inputs.feed({"siren": True, "panic": True}, 50) == [("panic", True), ("siren", True)]
    assert inputs.feed({"siren": True}, 100) == []


def test_a_supply_that_fails_counts_at_once():
    inputs = Inputs()
    assert feed(inputs, "power_fail", [True]) == [(0, True)]


def test_a_loose_contact_is_told_a_few_times_a_minute_and_then_as_it_is():
    inputs = Inputs()
    feed(inputs, "ignition", [True] * 8)
    told = feed(inputs, "ignition", ([False] * 10 + [True] * 10) * 150, start=100)
    minutes = [0] * 4
    for t, _ in told:
        minutes[(t - 150) // 60000] += 1
    assert minutes[0] == MAX_CHANGES and sum(minutes) == len(told) == MAX_CHANGES
    # The last level that holds is told, if late.
    assert feed(inputs, "ignition", [False] * 100, step=1000, start=31000) == [(61000, False)]


def test_panic_is_never_held_back():
    inputs = Inputs()
    told = feed(inputs, "panic", ([True] * 10 + [False] * 10) * 50)
    assert len(told) == 100


def test_an_input_that_is_on_for_too_long_is_stuck_and_told_once():
    inputs = Inputs()
    limit = STUCK_MS["panic"]
    feed(inputs, "panic", [True] * 2)
    assert inputs.stuck(limit - 1) == [] and inputs.newly_stuck(limit - 1) == []
    assert inputs.stuck(limit) == ["panic"] and inputs.newly_stuck(limit) == ["panic"]
    assert inputs.stuck(limit + 1) == ["panic"] and inputs.newly_stuck(limit + 1) == []
    feed(inputs, "panic", [False] * 8, start=limit + 100)
    assert inputs.stuck(limit + 200) == []
    feed(inputs, "panic", [True] * 2, start=limit + 300)
    assert inputs.newly_stuck(2 * limit + 300) == ["panic"]


def test_an_ignition_is_never_stuck():
    inputs = Inputs()
    feed(inputs, "ignition", [True] * 8)
    assert inputs.stuck(10**10) == []


def test_an_input_that_woke_the_gateway_is_on_until_it_is_seen_off():
    inputs = Inputs()
    inputs.woke("panic", 0)
    assert inputs.level("panic") is True
    assert feed(inputs, "panic", [True] * 8) == []
    assert feed(inputs, "panic", [False] * 8, start=100) == [(150, False)]


def test_inputs_are_files_that_hold_0_or_1():
    names = {name: temporary(name) for name in ("panic", "siren", "light_bar", "none")}
    for name, text in (("panic", "1\n"), ("siren", "0\n"), ("light_bar", "")):
        with open(names[name], "w") as f:
            f.write(text)
    try:
        assert FileInputs(names).read() == {
            "panic": True,
            "siren": False,
            "light_bar": None,
            "none": None,
        }
    finally:
        for name in ("panic", "siren", "light_bar"):
            os.remove(names[name])


def test_an_input_may_be_active_low_and_a_battery_is_a_file_of_millivolts():
    path = temporary("level")
    try:
        for text, level, volts in (("0\n", True, 0), ("1\n", False, 1), ("", None, None)):
            with open(path, "w") as f:
                f.write(text)
            assert FileInputs({"panic": "!" + path}).read() == {"panic": level}
            assert FileBattery(path).read() == volts
        with open(path, "w") as f:
            f.write("12650\n")
        assert FileBattery(path).read() == 12650
    finally:
        os.remove(path)
    assert FileInputs({"panic": "!" + path}).read() == {"panic": None}
    assert FileBattery(path).read() is None
