"""The gateway's own self-test after it was flashed, by its console on the line that it was flashed
by: the first look at antenna, adapter, inputs and storage while the board is still on the bench.
"""

import time
from contextlib import suppress

from tools.console import ConsoleError, answers
from tools.console.client import Client
from tools.console.line import open_line
from tools.flash import FlashError

_PRESS_S = 120  # where somebody must press RESET first
_START_S = 60  # from a reset to the agent's prompt; a chip's own takes some 10 s
_SETTLE_S = 40  # until each part has found what it looks for, or has not: the agent waits 20
_AGAIN_S = 2.0
_BYTES = 4096  # of what came last; the greeting is shorter
_WAITING = "wait"


class NoAnswer(FlashError):
    """The board was written and is right, and its agent does not speak."""


def run(port, vehicle, told=None):
    """[answers.Verdict] as the gateway judges itself. told: called with a line for people when the
    console is there. Raises NoAnswer."""
    limit = _START_S if port.has_lines else _PRESS_S
    with _greeted(port.path, f"{vehicle}> ", time.monotonic() + limit, limit) as line:
        if told:
            told("the gateway speaks; its self-test takes up to a minute")
        try:
            return _judged(Client(line))
        except ConsoleError as error:
            raise NoAnswer(f"written and verified; the self-test broke off: {error}") from None


def lines(verdicts):
    """A table for people, with what to do where something is wrong."""
    found = []
    for v in verdicts:
        found.append(f"  {v.part:<9}{v.verdict:<6}{v.text}")
        if v.todo:
            found.append(f"{'':17}{v.todo}")
    return found


def _greeted(path, prompt, end, limit):
    """The open line, on which the agent has shown its prompt. A key is all that is typed until
    then: Ctrl-C would end what the firmware is just starting."""
    line, seen = None, b""
    while time.monotonic() < end:
        try:
            if line is None:
                line, seen = open_line(path), b""
            line.write(b"\r")
            until = time.monotonic() + 1
            while time.monotonic() < until:
                seen = (seen + line.read(0.2))[-_BYTES:]
                if seen.rstrip(b" ").endswith(prompt.strip().encode()):
                    return line
        except ConsoleError:  # a chip's own USB goes away at its reset
            if line is not None:
                with suppress(ConsoleError, OSError):
                    line.close()
            line = None
            time.sleep(_AGAIN_S / 4)
    if line is not None:
        line.close()
    raise NoAnswer(
        f"written and verified, but no console answers on {path} within {limit} s: press RESET and "
        "look at it with patrol console; --no-selftest leaves it out"
    )


def _judged(client):
    end = time.monotonic() + _SETTLE_S
    while True:
        found = answers.verdicts(client.command("selftest"))
        if time.monotonic() >= end or all(v.verdict != _WAITING for v in found):
            return found
        time.sleep(_AGAIN_S)
