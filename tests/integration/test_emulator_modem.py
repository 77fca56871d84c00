"""tools/emulator/modem: the emulated modem and the agent's chat understand each other, with every
fault; simulated time. The command at the end is a process."""

import json
import subprocess
import sys

import pytest

from agent.comms.modem import CHATTING, DATA, Modem
from tools.demo.children import Child
from tools.emulator.modem.chat import CLOSE, CLOSED, OPEN, REFUSED, UP, ModemChat, StateError


def talk(states=(), events=(), seconds=300, piece=None, **options):
    """(the agent's Modem, the emulated one, seconds). events: (second, name of a method)."""
    there, modem = ModemChat(), Modem("internet", **options)
    for name, value in states:
        there.set(name, value)
    modem.start(0)
    waiting = sorted(events)
    t = 0.0
    while t < seconds and modem.state == CHATTING:
        while waiting and waiting[0][0] <= t:
            getattr(there, waiting.pop(0)[1])(t)
        for action, value in modem.poll(round(t * 1000)):
            if action == "write":
                there.feed(value, t)
            elif action == "press":
                there.set("power", "on")
                there.reset(t)
        for _, data in there.poll(t):
            for at in range(0, len(data), piece or len(data)):
                modem.feed(data[at : at + (piece or len(data))], round(t * 1000))
        t += 0.05
    return modem, there, t


@pytest.mark.parametrize("piece", [None, 1, 5])
def test_a_modem_that_is_well(piece):
    modem, there, t = talk(piece=piece)
    assert modem.state == DATA and t < 3 and modem.signal == -71
    assert there.asked == ["AT", "ATE0", "AT+CMEE=1", "AT+CPIN?", 'AT+CGDCONT=1,"IP","internet"',
                           "AT+CSQ", "AT+CEREG?", "ATD*99#"]  # fmt: skip


@pytest.mark.parametrize(
    "states, cause",
    [
        ([("sim", "none")], "sim"),
        ([("sim", "busy")], "sim"),
        ([("sim", "pin")], "pin"),
        ([("sim", "puk")], "pin"),
        ([("network", "searching")], "away"),
        ([("network", "denied")], "denied"),
        ([("dial", "no-carrier")], "dial"),
        ([("dial", "error")], "dial"),
        ([("dial", "silent")], "dial"),
        ([("power", "hangs")], "silent"),
    ],
)
def test_a_modem_that_is_not(states, cause):
    modem, _, t = talk(states)
    assert modem.cause == cause and t < 170


def test_a_pin_opens_the_sim_and_a_wrong_one_is_given_once():
    states = [("sim", "pin"), ("pin", "4711")]
    modem, there, _ = talk(states, pin="4711")
    assert modem.state == DATA and there.asked.count('AT+CPIN="..."') == 1
    modem, there, _ = talk(states, pin="0000")
    assert modem.cause == "pin" and there.asked.count('AT+CPIN="..."') == 1
    modem.start(0)
    for now in range(0, 60000, 100):
        for action, value in modem.poll(now):
            assert action == "write"
            there.feed(value, now / 1000)
        for _, data in there.poll(now / 1000):
            modem.feed(data, now)
    assert there.asked.count('AT+CPIN="..."') == 1 and "4711" not in str(there.asked)


def test_roaming_and_a_weak_signal():
    modem, _, _ = talk([("network", "roaming"), ("signal", "3")])
    assert modem.state == DATA and modem.signal == -107


def test_a_modem_that_is_off_is_switched_on_by_its_key():
    modem, _, t = talk([("power", "off")], presses=("power_key",))
    assert modem.state == DATA and t < 30


def test_a_reset_and_noise_in_the_middle():
    modem, there, _ = talk([("network", "searching")], [(4.0, "reset"), (9.0, "garbage")], 12)
    assert modem.counters["resets"] == 1 and there.asked.count("ATE0") == 2
    modem, _, _ = talk(events=[(0.1, "garbage"), (0.4, "garbage")])
    assert modem.state == DATA


def test_a_slow_modem():
    modem, _, _ = talk([("delay", "0.9")])
    assert modem.state == DATA


# In a call


def called():
    _, there, t = talk()
    there.feed(OPEN, t)
    assert [data for _, data in there.poll(t + 1)] == [UP] and there.carries
    return there, t + 2


def test_a_call_ends_by_either_side():
    there, t = called()
    there.feed(CLOSE, t)
    assert [data for _, data in there.poll(t + 1)][0] == CLOSED and not there.carries
    there, t = called()
    there.hang_up(t)
    assert [data for _, data in there.poll(t + 1)] == [CLOSED, b"\r\nNO CARRIER\r\n"]
    there, t = called()
    there.reset(t)
    assert not there.carries and there.poll(t + 1) == []  # without a word


def test_a_call_that_ppp_does_not_make():
    for ppp, words in (("refused", [REFUSED]), ("silent", [])):
        _, there, t = talk([("ppp", ppp)])
        there.feed(OPEN, t)
        assert [data for _, data in there.poll(t + 1)][:1] == words and not there.carries


def test_a_call_that_a_restart_left_behind_is_called_back():
    there, t = called()
    modem = Modem("internet")
    modem.start(0)
    start = t
    while modem.state == CHATTING and t < start + 60:
        now = round((t - start) * 1000)
        for action, value in modem.poll(now):
            if action == "write":
                there.feed(value, t)
        for _, data in there.poll(t):
            modem.feed(data, now)
        t += 0.05
    assert modem.state == DATA and "ATH" in there.asked


def test_states_that_there_are_not():
    with pytest.raises(StateError, match="there are power, sim"):
        ModemChat().set("colour", "red")
    with pytest.raises(StateError, match="sim: gone is none of"):
        ModemChat().set("sim", "gone")


def test_the_command(tmp_path):
    command = [sys.executable, "-m", "tools.emulator.modem", "--relay", "9", "--json", "--attached"]
    child = Child("modem", [*command, "--state", "sim=pin"], tmp_path / "log")
    try:
        where = json.loads(child.first_line())
        assert where["modem"].startswith("/dev/") and where["relay"] > 0
        child.process.stdin.write(b"sim=none\nreset\nhangup\ngarbage\nnonsense\nsim=gone\n")
        child.process.stdin.flush()
    finally:
        assert child.stop() == 0
    log = (tmp_path / "log").read_text()
    assert "nonsense: no such command" in log and "sim: gone is none of" in log
    assert json.loads(child.lines[-1])["calls"] == 0
    done = subprocess.run([*command, "--state", "x=1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "there are power" in done.stderr
