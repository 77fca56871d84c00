"""Nothing but reading goes to the car: every service from 00 to FF by every public way, and every
byte that poller and scan write to a car and an adapter that say whatever they like; on CAN, too.

The commands for a laptop are in tests/integration/test_obd_scan_command.py, the port that puts
frames on the bus in test_socketcan.py there.
"""

import os

from agent.obd import can_frames, freeze, replies, services, uds
from agent.obd.can_bus import CanBus
from agent.obd.elm327 import Elm
from agent.obd.poller import Obd
from agent.obd.scan import Scan
from agent.obd.scanner import Scanner
from tests.support import obd_can, obd_car

# Written here once more, by hand: what may be on the wire. Service -> first bytes (None: any).
READING = {
    0x01: None,
    0x02: None,
    0x03: None,
    0x06: None,
    0x07: None,
    0x09: None,
    0x0A: None,
    0x19: (0x02, 0x04, 0x06, 0x0A),
    0x22: None,
}
# Commands that are the adapter's own business: whole, or begun so and then digits only.
ADAPTER = (
    "ATZ", "ATWS", "ATE0", "ATL0", "ATS0", "ATH0", "ATH1", "ATAT1", "ATI", "STI", "STDI", "ATRV",
    "ATDPN", "ATFE", "ATAR", "ATLP", "STSLEEP",
)  # fmt: skip
ADAPTER_BEGIN = ("ATSP", "ATST", "ATCRA", "ATBRT", "ATBRD", "STBRT", "STBR")
DIGITS = "0123456789ABCDEF"


def is_hex(text):
    return all([character in DIGITS for character in text])


def reads(out):
    """Is a command of those that only read, or set up the adapter?"""
    if out == b" ":
        return True
    text = out[:-1].decode()
    if out[-1:] != b"\r" or "\r" in text:
        return False
    if text == "":
        return True  # the answer to a new rate: it repeats nothing, as the name came in between
    if text[:2] in ("AT", "ST"):
        if text in ADAPTER:
            return True
        return any([text.startswith(word) and is_hex(text[len(word) :]) for word in ADAPTER_BEGIN])
    return is_hex(text) and reads_payload(text)


def reads_payload(text):
    """Is a request (hexadecimal text) one that reads?"""
    service = int(text[:2], 16)
    if service not in READING:
        return False
    return READING[service] is None or int(text[2:4], 16) in READING[service]


def reads_frame(can_id, data):
    """Is a CAN frame a request that reads, or flow control to one ECU?"""
    if can_id in (0x7DF, 0x18DB33F1 | 0x80000000):
        size = data[0]
        if len(data) != 8 or not 1 <= size <= 7 or data[1 + size :] != bytes(7 - size):
            return False
        return reads_payload(obd_car.text_of(data[1 : 1 + size]))
    to_one = 0x7E0 <= can_id <= 0x7E7 or can_id & 0xFFFF00FF == 0x98DA00F1
    return to_one and data in (b"\x30" + bytes(7), b"\x32" + bytes(7))


def ready():
    """A driver whose car has answered."""
    elm = Elm({}, {})
    elm.start(0)
    adapter = obd_car.Elm327(obd_car.answers())
    now = 0
    while not elm.idle:
        out = elm.poll(now)
        if out:
            elm.feed(adapter.command(out), now)
        now += 50
    elm.take()
    return elm


def test_the_judge():
    assert reads(b"010C1\r") and reads(b"ATSP6\r") and reads(b"22F190\r") and reads(b"1902FF\r")
    for out in (b"04\r", b"04", b"03\r04\r", b"1003\r", b"2701\r", b"1901FF\r", b"ATSH7E0\r",
                b"ATSP6\r04\r", b"14FFFFFF\r", b"2EF19000\r", b"3E00\r", b"03 04\r"):  # fmt: skip
        assert not reads(out), out


def test_the_judge_of_frames():
    assert reads_frame(0x7DF, b"\x02\x01\x0c" + bytes(5)) and reads_frame(0x7E3, b"\x30" + bytes(7))
    for can_id, data in ((0x7DF, b"\x01\x04" + bytes(6)), (0x7DF, b"\x02\x01\x0c"),
                         (0x7E0, b"\x02\x01\x0c" + bytes(5)), (0x123, b"\x30" + bytes(7)),
                         (0x7DF, b"\x02\x10\x03" + bytes(5)), (0x7DF, b"\x01\x03\x04" + bytes(5)),
                         (0x7E8, b"\x30" + bytes(7)), (0x7E0, b"\x10\x08" + bytes(6))):  # fmt: skip
        assert not reads_frame(can_id, data), data


def test_every_service_and_sub_function_through_the_builder():
    allowed = set()
    for service in range(256):
        for first in range(256):
            for data in (bytes([first]), bytes([first, 0x55]), bytes([first, 1, 2, 3, 4])):
                try:
                    text = services.request(service, data)
                except services.ServiceRefused:
                    continue
                assert reads(text + b"\r"), text
                allowed.add(service)
        for size in range(10):
            try:
                text = services.request(service, bytes(size))
            except services.ServiceRefused:
                continue
            assert reads(text + b"\r"), text
            allowed.add(service)
    assert allowed == set(READING)
    for service in (-1, 256, 0x101, None, 1.5, True):
        try:
            text = services.request(service, b"\x0c")
        except (services.ServiceRefused, TypeError):
            continue
        assert text == b"010C", service  # True is 1


def test_frames_through_the_ports_gate():
    """can_frames.is_permitted(): the second look, at the very frame."""
    for service in range(256):
        for first in range(256):
            payload = bytes([service, first])
            for can_id in (0x7DF, 0x18DB33F1 | can_frames.EXTENDED):
                frame = can_frames.single(payload)
                permitted = can_frames.is_permitted(can_id, frame)
                assert not permitted or reads_frame(can_id, frame), payload
        for can_id in (0x7E0, 0x7E7, 0x7DF, 0x123, 0x18DA10F1 | can_frames.EXTENDED):
            for payload in (bytes([service]), bytes([service, 1, 2, 3, 4, 5, 6])):
                frame = can_frames.single(payload)
                if can_frames.is_permitted(can_id, frame):
                    assert reads_frame(can_id, frame) or payload == b"\x04", payload
    for first in range(256):
        for can_id in (0x7DF, 0x7E0, 0x7E8, 0x123, 0x18DA10F1 | can_frames.EXTENDED):
            for frame in (bytes([first]) + bytes(7), bytes([first]), bytes([first]) + bytes(8)):
                permitted = can_frames.is_permitted(can_id, frame)
                assert not permitted or reads_frame(can_id, frame), frame


DATA = (b"", b"\x02", b"\x02\xff", b"\x0a", b"\x0c\x0d\x05", b"\x04\x03\x01\x11\xff")


def test_every_service_through_the_driver():
    elm = ready()
    for service in range(256):
        for data in DATA:
            before = dict(elm.counters)
            try:
                out = elm.request(service, data, 0, 100000)
            except services.ServiceRefused:
                # not a byte, not a count, and the driver is as ready as before
                assert elm.idle and elm.poll(100000) is None and elm.counters == before
                continue
            assert reads(out), out
            elm = ready()


def can_ready():
    bus = CanBus({}, {})
    _, now = obd_can.run(bus, obd_can.CanCar(obd_car.answers()), 5000, lambda: bus.idle)
    return bus, now


def frames_of(out):
    """[(identifier, bytes)] of what a driver writes on CAN."""
    found = can_frames.Records().feed(out)
    assert found and all([row[0] == can_frames.FRAME for row in found])
    return [row[1:] for row in found]


def test_every_service_through_the_driver_on_can():
    bus, now = can_ready()
    for service in range(256):
        for data in DATA:
            before = dict(bus.counters)
            try:
                out = bus.request(service, data, 0, now)
            except services.ServiceRefused:
                assert bus.idle and bus.poll(now) is None and bus.counters == before
                continue
            for can_id, frame in frames_of(out):
                assert reads_frame(can_id, frame) and can_frames.is_permitted(can_id, frame)
            now += 1000
            bus.feed(b"", now)
            assert bus.idle


def test_sub_functions_of_service_19():
    for function in range(256):
        for size in range(1, 8):
            data = (bytes([function]) + bytes(7))[:size]
            try:
                text = services.request(0x19, data)
            except services.ServiceRefused:
                continue
            assert reads(text + b"\r"), text


def test_what_the_decoders_ask():
    for pid in range(256):
        assert reads(services.request(2, freeze.ask(bytes([pid]))) + b"\r")
    for did in range(0, 65536, 251):
        assert reads(services.request(0x22, uds.identifier(did)) + b"\r")
    for data in (uds.by_status(), uds.supported(), uds.snapshot("P0301-11"),
                 uds.extended("P0301-11")):  # fmt: skip
        assert reads(services.request(0x19, data) + b"\r")


def test_clearing_is_the_one_exception():
    assert services.clear_request(services.CLEAR_ORDER, 0, 0) == b"04"
    assert not reads(services.clear_request(services.CLEAR_ORDER, 0, 0) + b"\r")
    for order in (None, "", 1, True, "Clear trouble codes"):
        try:
            services.clear_request(order, 0, 0)
        except services.ServiceRefused:
            continue
        raise AssertionError(order)


def test_clearing_through_the_drivers():
    """Engine running, speed unknown or old, words that are not the order: nothing is written."""
    said = services.CLEAR_ORDER
    elm = ready()
    bus, now = can_ready()
    for order, rpm, age in ((said, 1, 0), (said, 0xFFFF, 0), (said, None, 0), (said, 0, None),
                            (said, 0, 2001), (said, 0, -1), ("", 0, 0), (None, 0, 0)):  # fmt: skip
        for driver in (elm, bus):
            try:
                out = driver.clear(order, rpm, age, now)
            except services.ServiceRefused:
                assert driver.idle and driver.poll(now) is None
                continue
            raise AssertionError(out)
    assert elm.clear(said, 0, 2000, now) == b"04\r"
    assert frames_of(bus.clear(said, 0, 2000, now)) == [(0x7DF, b"\x01\x04" + bytes(6))]


class Engine(obd_car.Elm327):
    """A car whose engine turns as told: {ecu: answer to 010C}."""

    def __init__(self, speeds):
        table = obd_car.answers()
        table["010C"] = speeds
        table["04"] = {obd_car.ENGINE: "44", obd_car.GEARBOX: "44"}
        obd_car.Elm327.__init__(self, table)

    def _reply(self, text):
        # The number of frames is the poller's, the table has none.
        whole = text[0] in "AS" or len(text) % 2 == 0
        return obd_car.Elm327._reply(self, text if whole else text[:-1])


def ordered(adapter, order):
    """A poller on this adapter that is ordered to clear -> its event "cleared"."""
    obd = Obd({"voltage_ms": 0, "signals": ["load"], "periods": {"load": 60000}})
    obd.start(0)
    now = 0
    events = []
    is_ordered = False
    while now < 60000:
        out = obd.poll(now)
        events.extend(obd.take())
        if out:
            data = adapter.command(out) if out.endswith(b"\r") else b""
            events.extend(obd.feed(data, now + 1))
        now += 20
        if not is_ordered and ("state", "polling") in [event[:2] for event in events]:
            is_ordered = True
            obd.order_clear(order, now)
        for event in events:
            if event[0] == "cleared":
                return event
    raise AssertionError("no end")


def test_clearing_by_order_to_the_poller():
    still = {obd_car.ENGINE: "410C0000", obd_car.GEARBOX: "410C0000"}
    adapter = Engine(still)
    assert ordered(adapter, services.CLEAR_ORDER)[1] is True
    assert adapter.log.count("04") == 1
    # Of two that have an engine speed the one that is not heard may be the one whose engine runs.
    for speeds in ({obd_car.ENGINE: "410C0004"}, {}, {obd_car.ENGINE: "410D00"},
                   {obd_car.GEARBOX: "410C0000"}, {obd_car.ENGINE: "410C0000"},
                   {obd_car.ENGINE: "410C0000", obd_car.GEARBOX: "410C0BB8"},
                   {obd_car.ENGINE: "7F0112"}):  # fmt: skip
        adapter = Engine(speeds)
        assert ordered(adapter, services.CLEAR_ORDER)[1] is False
        assert "04" not in adapter.log
    adapter = Engine(still)
    try:
        ordered(adapter, "clear")
    except services.ServiceRefused:
        assert "04" not in adapter.log and "010C" not in adapter.log
    else:
        raise AssertionError


def test_there_is_no_other_way_to_clear():
    """By reading the source: who speaks of clearing."""
    speakers = []
    for name in os.listdir("agent/obd"):
        if name.endswith(".py"):
            with open("agent/obd/" + name) as file:
                text = file.read()
            if "clear_request(order" in text:
                speakers.append(name)
    assert sorted(speakers) == ["can_bus.py", "elm327.py", "services.py"]


class Chance:
    """The same numbers each time, on both interpreters."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


class Liar(obd_car.Elm327):
    """An adapter and a car that answer rightly, oddly, with other answers, or not."""

    ODD = (
        "NO DATA", "?", "STOPPED", "BUS ERROR", "BUFFER FULL", "04", "CAN ERROR", "OK", "<RX ERROR",
        "7E8037F0178", "7E8037F0331", "7E80443010304", "7E906410000FFFFFFFF", "7E80641 00", ">",
        "ATZ\r04", "7E8064100FFFFFFFF", "7E8064120FFFFFFFF", "7E8064200FFFFFFFF",
        "7E8064600FFFFFFFF", "7E8064900FFFFFFFF", "7E8054202000301", "ELM327 v1.5", "LV RESET",
    )  # fmt: skip

    def __init__(self, seed):
        obd_car.Elm327.__init__(self, obd_car.answers())
        self.chance = Chance(seed)
        self.ready = False  # lies once it is set up

    def _reply(self, text):
        if not self.ready or self.chance.below(3):
            return obd_car.Elm327._reply(self, text if len(text) & 1 == 0 else text[:-1])
        lines = [
            self.ODD[self.chance.below(len(self.ODD))] for _ in range(1 + self.chance.below(3))
        ]
        return "\r".join(lines)


def drive(machine, adapter, until, done):
    machine.start(0)
    now = 0
    wrote = 0
    while now < until and not done():
        out = machine.poll(now)
        if out:
            assert reads(out), out
            wrote += 1
            data = adapter.command(out) if len(out) > 1 and out.endswith(b"\r") else b""
            machine.feed(data, now + 1)
            adapter.ready = adapter.ready or out == b"ATDPN\r"
            now += 20
        else:
            now += 50
            machine.feed(b"", now)
    return wrote


def test_a_poller_among_liars():
    for seed in range(4):
        obd = Obd({"status_ms": 1000, "dtc_ms": 1000, "voltage_ms": 5000})
        assert drive(obd, Liar(seed), 60000, lambda: False) > 100


def test_a_scan_among_liars():
    wrote = 0
    for seed in range(8):
        scanner = Scanner(None, True, 120000)
        wrote += drive(scanner, Liar(seed), 1000000, lambda scanner=scanner: scanner.done)
        assert scanner.done
    assert wrote > 300


def test_a_scan_of_a_car_that_claims_everything():
    scan = Scan(True, True)
    asked = 0
    while not scan.done:
        service, data = scan.next()
        assert reads(services.request(service, data) + b"\r")
        asked += 1
        base = bytes([0x40 + service]) + data
        payload = base + b"\xff\xff\xff\xff" if data[:1] in (b"\x00", b"\x20", b"\x40") else base
        scan.reply(replies.DONE, [(obd_car.ENGINE, payload, 0)], True)
    assert 20 < asked < 2000


class CanLiar(obd_can.CanCar):
    """Control units that answer rightly, oddly, not, or for others."""

    ODD = (
        b"\x03\x7f\x01\x78", b"\x03\x7f\x01\x31", b"\x06\x41\x00\xff\xff\xff\xff", b"\x01\x04",
        b"\x10\x14\x49\x02\x01ABC", b"\x21ABCDEFG", b"\x30\x00\x00", b"\x02\x10\x03", b"",
        b"\x06\x41\x20\xff\xff\xff\xff", b"\x06\x41\x40\xff\xff\xff\xff", b"\x1f\xff\x41\x00ABCD",
        b"\x06\x46\x00\xff\xff\xff\xff", b"\x06\x49\x00\xff\xff\xff\xff",
        b"\x05\x42\x02\x00\x03\x01",
    )  # fmt: skip

    def __init__(self, seed):
        obd_can.CanCar.__init__(self, obd_car.answers(), seed % 2 == 1)
        self.chance = Chance(seed)

    def _asked(self, frame, now):
        if len(self.log) < 3 or self.chance.below(3):
            obd_can.CanCar._asked(self, frame, now)
        for _ in range(self.chance.below(4)):
            ecu = self.named(0x7E8 + self.chance.below(8))
            self._send(now + 1 + self.chance.below(80), ecu, self.ODD[self.chance.below(15)])


def judged(car):
    for can_id, frame in car.log:
        assert reads_frame(can_id, frame), frame
    return len(car.log)


def test_a_poller_among_liars_on_can():
    for seed in range(4):
        car = CanLiar(seed)
        obd = Obd({"status_ms": 1000, "dtc_ms": 1000, "voltage_ms": 0}, CanBus)
        obd_can.run(obd, car, 60000)
        assert judged(car) > 50


def test_a_scan_among_liars_on_can():
    wrote = 0
    for seed in range(8):
        car = CanLiar(seed)
        scanner = Scanner(None, True, 120000, CanBus)
        obd_can.run(scanner, car, 1000000, lambda scanner=scanner: scanner.done)
        assert scanner.done
        wrote += judged(car)
    assert wrote > 150
