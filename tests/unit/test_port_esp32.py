"""agent/port/esp32.py: deep sleep and what wakes from it, on a machine that writes down what it is
told. The chip itself is not here; the port needs MicroPython's modules."""

import json
import sys

try:
    from unittest import SkipTest as Skip
except ImportError:  # MicroPython has none, and its runner goes by the name

    class Skip(Exception):
        pass


class _Slept(Exception):
    pass


class _Pin:
    IN, OUT, PULL_UP = 0, 1, 2
    levels = {}
    pulses = []

    def __init__(self, number, mode=None, pull=None, value=None):
        self.number = number

    def value(self):
        return self.levels.get(self.number, 0)

    def __call__(self, level):
        self.pulses.append((self.number, level))


class _Rtc:
    kept = b""

    def memory(self, data=None):
        if data is None:
            return _Rtc.kept
        _Rtc.kept = data


class _Machine:
    """`machine` and `esp32` in one."""

    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
    EXT0_WAKE, EXT1_WAKE, TIMER_WAKE = 2, 3, 4
    WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH = False, True
    Pin, RTC = _Pin, _Rtc

    class ADC:
        ATTN_11DB = 3

        def __init__(self, pin, atten):
            self.pin = pin

        def read_uv(self):
            return 1051000

    def __init__(self):
        self.cause = self.PWRON_RESET
        self.reason = 0
        self.asked = []

    def reset_cause(self):
        return self.cause

    def reset(self):
        self.asked.append(("reset", _Rtc.kept))
        raise _Slept

    def wake_reason(self):
        return self.reason

    def wake_on_ext0(self, pin, level):
        self.asked.append(("ext0", pin.number, level))

    def wake_on_ext1(self, pins, level):
        self.asked.append(("ext1", [pin.number for pin in pins], level))

    def deepsleep(self, ms=None):
        self.asked.append(("sleep", ms))
        raise _Slept


def chip():
    """(the port, the machine that it runs on)"""
    if sys.implementation.name == "cpython":
        raise Skip("the port of a chip runs on MicroPython only")
    machine = _Machine()
    sys.modules["machine"] = sys.modules["esp32"] = machine
    _Rtc.kept = b""
    _Pin.levels = {}
    _Pin.pulses = []
    sys.modules.pop("agent.port.esp32", None)
    from agent.port import esp32

    esp32.machine = esp32.esp32 = machine
    return esp32, machine


def asked(machine, call, *arguments):
    """What the machine was asked for until it slept."""
    machine.asked = []
    try:
        call(*arguments)
    except _Slept:
        pass
    return machine.asked


SOURCES = [["panic", "!14"], ["tamper", "!6"], ["ignition", "7"], ["door", "15"]]


def test_a_sleep_asks_for_one_falling_and_all_rising_inputs():
    port, machine = chip()
    assert asked(machine, port.sleep, 60000, SOURCES, None) == [
        ("ext0", 14, False),
        ("ext1", [7, 15], True),
        ("sleep", 60000),
    ]
    assert asked(machine, port.sleep, 0, [["ignition", "7"]], None) == [
        ("ext1", [7], True),
        ("sleep", None),
    ]


def test_an_external_watchdog_is_served_every_nine_minutes():
    port, machine = chip()
    long = 1300000
    assert asked(machine, port.sleep, long, SOURCES, "42")[-1] == ("sleep", 540000)
    assert _Pin.pulses == [(42, 1), (42, 0)]
    machine.cause, machine.reason = machine.DEEPSLEEP_RESET, machine.TIMER_WAKE
    naps = []
    while True:
        found = asked(machine, port.sleep_on)
        if not found:
            break
        assert found[:2] == [("ext0", 14, False), ("ext1", [7, 15], True)]
        naps.append(found[-1][1])
    assert naps == [540000, long - 2 * 540000]
    assert port.wake_cause(SOURCES) == "timer"


def test_a_rest_without_a_timer_naps_for_ever():
    port, machine = chip()
    machine.cause, machine.reason = machine.DEEPSLEEP_RESET, machine.TIMER_WAKE
    asked(machine, port.sleep, 0, SOURCES, "42")
    for _ in range(3):
        assert asked(machine, port.sleep_on)[-1] == ("sleep", 540000)


def test_only_a_nap_is_slept_on():
    port, machine = chip()
    asked(machine, port.sleep, 1200000, SOURCES, "42")
    assert asked(machine, port.sleep_on) == []  # power came
    machine.cause, machine.reason = machine.DEEPSLEEP_RESET, machine.EXT0_WAKE
    assert asked(machine, port.sleep_on) == []
    machine.reason = machine.TIMER_WAKE
    _Rtc.kept = b""
    assert asked(machine, port.sleep_on) == []
    _Rtc.kept = json.dumps({"of": "another program"}).encode()
    assert asked(machine, port.sleep_on) == []


def test_what_began_this_run_is_named():
    port, machine = chip()
    for cause, name in (
        (1, "power"),
        (2, "reset"),
        (3, "watchdog"),
        (5, "restart"),
        (0, "start"),
    ):
        machine.cause = cause
        assert port.wake_cause(SOURCES) == name
    machine.cause = machine.DEEPSLEEP_RESET
    machine.reason = machine.EXT0_WAKE
    assert port.wake_cause(SOURCES) == "panic"
    machine.reason = machine.EXT1_WAKE
    _Pin.levels = {15: 1}
    assert port.wake_cause(SOURCES) == "door"
    _Pin.levels = {}
    assert port.wake_cause(SOURCES) == "input"
    assert port.wake_cause([["ignition", "7"]]) == "ignition"


def test_the_battery_is_what_the_divider_makes_of_it():
    port, machine = chip()
    assert port.Battery("1:1091:91").read() == 12600


def test_a_restart_is_marked_so_that_it_counts_as_no_crash():
    from agent.update.starts import MARK_MEANT

    port, machine = chip()
    assert asked(machine, port.restart) == [("reset", MARK_MEANT)]
