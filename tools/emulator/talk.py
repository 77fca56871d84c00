"""What an adapter does with a request: find the protocol, ask, wait, and tell.

    request(adapter, data, count, start) -> (lines, end)

`lines` are Lines in the order in which they come to be said, `end` is the second before which
the prompt must not come. ELM327: without a frame count the adapter waits ATST after the last
frame (adaptive timing may shorten that); with an automatic protocol it searches first.
"""

from typing import NamedTuple

from tools.emulator import legacy, show
from tools.emulator.at_commands import TIMEOUT_UNIT, Protocol

_BUS_FAILURE = 0.06  # s until an error of the bus is reported
_INIT_FAILURE = {"3": 3.2, "4": 3.2, "5": 0.42}  # s until an initialization is given up
_SHORTEST_WAIT = 0.032  # s that adaptive timing leaves at least
_PENDING_WAIT = 5.0  # s after 7F xx 78 (ISO 14229-2: P2*)
_KNOWN = 0.1  # s that the search takes where the protocol of last time fits
_CAN = "6789ABC"
# What a fixed protocol says when the car speaks another one.
_WRONG_PROTOCOL = {
    **dict.fromkeys("12", "NO DATA"),
    **dict.fromkeys("34", "BUS INIT: ...ERROR"),
    "5": "BUS INIT: ERROR",
    **dict.fromkeys(_CAN, "CAN ERROR"),
}
# J1939 on a car whose CAN has the same rate: nobody takes notice.
_SAME_RATE = {"A": "89"}


class Line(NamedTuple):
    at: float
    text: str  # with its carriage return, where it has one
    rows: tuple = ()
    is_data: bool = False


def request(adapter, data, count, start):
    failure = adapter.faults.active("obd", "error", start)
    if failure is not None:
        return _said(adapter, start + _BUS_FAILURE, failure.values["text"])
    protocol, car = adapter.protocol, adapter.obd.protocol
    if protocol.automatic and not protocol.found:
        return _search(adapter, data, count, start)
    if protocol.number != car:
        text = "NO DATA" if car in _SAME_RATE.get(protocol.number, "") else None
        text = text or _WRONG_PROTOCOL[protocol.number]
        seconds = _INIT_FAILURE.get(protocol.number, _BUS_FAILURE)
        return _said(adapter, start + (seconds if text != "NO DATA" else _wait(adapter)), text)
    lines = []
    if car in legacy.INITIALIZATION and not adapter.initialized:
        lines, start = initialize(adapter, start)
        if not adapter.initialized:
            return lines, start
    more, end = _answered(adapter, data, count, start)
    return lines + more, end


def initialize(adapter, start):
    """BUS INIT of ISO 9141 and ISO 14230: (lines, second at which it is over)."""
    number = adapter.protocol.number
    dots = "..." if number in "34" else ""
    adapter.initialized = number == adapter.obd.protocol and adapter.bus.awake(start)
    seconds = (legacy.INITIALIZATION if adapter.initialized else _INIT_FAILURE)[number]
    lines = [Line(start, "BUS INIT: ")]
    lines += [Line(start + seconds * (i + 1) / 4, dot) for i, dot in enumerate(dots)]
    lines.append(Line(start + seconds, "OK\r" if adapter.initialized else "ERROR\r"))
    return lines, start + seconds


def _search(adapter, data, count, start):
    """The first request with an automatic protocol: find out what the car speaks."""
    car = adapter.obd.protocol
    said = [Line(start, "SEARCHING...")]
    blocked = adapter.can_blocked and car in _CAN
    if blocked or not adapter.bus.awake(start):
        end = start + max(adapter.obd.search, adapter.obd.search_in_vain)
        return [*said, Line(end, "\rUNABLE TO CONNECT\r")], end
    known = adapter.protocol.number == car  # it is tried first
    start += min(adapter.obd.search, _KNOWN) if known else adapter.obd.search
    if known:
        start += legacy.INITIALIZATION.get(car, 0.0)
    adapter.initialized = True
    adapter.choose(Protocol(car, True, found=True), keep=adapter.settings.memory)
    lines, end = _answered(adapter, data, count, start)
    return [*said, Line(start, "\r"), *lines], end


def _answered(adapter, data, count, start):
    if not adapter.settings.responses:
        return [], start
    lines, end = _exchange(adapter, data, count, start)
    if lines:
        adapter.can_errors = max(0, adapter.can_errors - 1)
        return lines, end
    # A bus before CAN is lost with its keep-alive messages and has to be opened anew.
    adapter.initialized = adapter.bus.awake(end)
    return [Line(end, "NO DATA\r")], end


def _exchange(adapter, data, count, start):
    settings, number = adapter.settings, adapter.obd.protocol
    wait = _wait(adapter)
    lines, heard = [], None
    arrivals = adapter.bus.ask(data, start, settings, number)
    deadline = start + wait
    if number in legacy.TIMINGS and arrivals:
        deadline += legacy.TIMINGS[number].rest  # the clock runs from the request's last byte
    for arrival in arrivals:
        if arrival.at > deadline:
            break  # too late: nobody listens any more
        heard = arrival.at if heard is None else heard
        text = show.line(arrival, settings, number) + "\r"
        lines.append(Line(arrival.at, text, arrival.rows, True))
        pending = adapter.kind.waits and bytes((0x7F, data[0], 0x78)) in arrival.frame[:4]
        deadline = arrival.at + (max(wait, _PENDING_WAIT) if pending else wait)
        if len(lines) == count:
            return lines, arrival.at
    if heard is not None:
        adapter.slowest = max(adapter.slowest, heard - start)
    return lines, deadline


def _wait(adapter):
    settings = adapter.settings
    wait = settings.timeout * TIMEOUT_UNIT if settings.wait is None else settings.wait
    if adapter.obd.protocol in _CAN:
        wait *= settings.multiplier
    if not adapter.kind.adaptive or not settings.adaptive or not adapter.slowest:
        return wait
    learned = adapter.slowest * (4 if settings.adaptive == 1 else 2)
    return min(wait, max(_SHORTEST_WAIT, learned))


def _said(adapter, at, text):
    if text == "CAN ERROR":
        adapter.can_errors += 8
    return [Line(at, text + "\r")], at
