"""The driver without an adapter: finding the car, exchanges, what is sent, and what is above it."""

from agent.obd import can_frames, replies, services
from agent.obd.can_bus import BEGUN_MS, LEAST_REPLY_MS, OTHERS_MS, REPLY_MS, WAIT_MS, CanBus
from agent.obd.can_frames import BEGUN, ERROR, EXTENDED, FRAME, MESSAGE, record
from tests.support import obd_can, obd_car
from tests.support.obd_car import ENGINE, GEARBOX, VIN


def made(memory=None):
    return CanBus({}, {} if memory is None else memory, 5000)


def connected(car, memory=None):
    """A driver that has found its car, and the time."""
    bus = made(memory)
    _, now = obd_can.run(bus, car, 5000, lambda: bus.idle)
    assert bus.idle
    return bus, now


def ask(bus, car, service, data, frames, now):
    """One exchange -> (kind, messages without time, clean, how long it took)."""
    out = bus.request(service, data, frames, now)
    began = now
    while True:
        while out:
            car.feed(out, now)
            out = bus.poll(now)
        bus.feed(car.due(now), now)
        out = bus.poll(now)
        if out:
            continue
        for event in bus.take():
            if event[0] == "reply":
                found = [message[:2] for message in event[2]]
                return event[1], found, event[3], now - began
        now += 1
        assert now < began + 60000


def test_a_car_with_short_identifiers():
    car = obd_can.CanCar(obd_car.answers())
    bus = made()
    events, now = obd_can.run(bus, car, 5000, lambda: bus.idle)
    assert events == [("found",), ("adapter", "CAN", "can"), ("bus", "6")] and now < 300
    assert car.log == [(0x7DF, b"\x02\x01\x00\x00\x00\x00\x00\x00")]
    assert bus.memory["protocol"] == "6" and bus.can


def test_a_car_with_long_identifiers():
    car = obd_can.CanCar(obd_car.answers(), True)
    memory = {}
    bus, now = connected(car, memory)
    assert [row[0] for row in car.log] == [0x7DF, 0x18DB33F1 | EXTENDED] and REPLY_MS < now < 500
    assert memory["protocol"] == "7"
    bus, now = connected(car, memory)  # next time at once
    assert now <= REPLY_MS


def test_the_rate_gives_the_protocols_name():
    bus = CanBus({}, {}, 5000, "can0", 250000)
    obd_can.run(bus, obd_can.CanCar(obd_car.answers()), 5000, lambda: bus.idle)
    assert bus.memory["protocol"] == "8"
    try:
        CanBus({}, {}, 5000, "can0", 125000)
    except ValueError as e:
        assert "125000" in str(e)
    else:
        raise AssertionError


def test_nobody_there():
    car = obd_can.CanCar({})
    bus = made()
    events, _ = obd_can.run(bus, car, 12000)
    assert events == [("found",), ("adapter", "CAN", "can"), ("nobus",), ("nobus",), ("nobus",)]
    assert [can_id for can_id, _ in car.log] == [0x7DF, 0x18DB33F1 | EXTENDED] * 3
    assert not bus.idle


def test_a_wrong_answer_is_no_car():
    for payload in ("4120BE3FA813", "4100BE3F", "7F0111", "41000000000000"):
        bus = made()
        obd_can.run(bus, obd_can.CanCar({"0100": {ENGINE: payload}}), 2000)
        assert not bus.idle, payload


def test_an_exchange_of_several_ecus_and_frames():
    for is_extended in (False, True):
        car = obd_can.CanCar(obd_car.answers(), is_extended)
        bus, now = connected(car)
        car.log.clear()
        kind, found, clean, took = ask(bus, car, 0x09, b"\x0a", 0, now)
        assert kind == replies.DONE and clean
        assert OTHERS_MS < took < OTHERS_MS + 50
        assert [ecu for ecu, _ in found] == [car.named(ENGINE), car.named(GEARBOX)]
        for _, payload in found:
            assert len(payload) == 23 and payload[:3] == b"\x49\x0a\x01"
        told = [can_frames.physical(car.named(ecu)) for ecu in (ENGINE, GEARBOX)]
        assert [row[0] for row in car.log[1:]] == told
        assert [row[1] for row in car.log[1:]] == [b"\x30\x00\x00\x00\x00\x00\x00\x00"] * 2


def test_counted_frames_end_an_exchange():
    car = obd_can.CanCar(obd_car.answers())
    bus, now = connected(car)
    kind, found, clean, took = ask(bus, car, 0x01, b"\x00", 2, now)
    assert len(found) == 2 and clean and took == obd_can.LATENCY
    kind, found, clean, took = ask(bus, car, 0x09, b"\x02", 3, now + 500)
    assert found == [(ENGINE, b"\x49\x02\x01" + VIN.encode())]
    assert took == obd_can.LATENCY + 2 * obd_can.GAP
    # One more than come: the exchange ends when the ECUs have had their time.
    kind, found, clean, took = ask(bus, car, 0x01, b"\x00", 3, now + 1000)
    assert len(found) == 2 and clean and took == obd_can.LATENCY + OTHERS_MS


def test_no_answer():
    car = obd_can.CanCar(obd_car.answers())
    bus, now = connected(car)
    assert ask(bus, car, 0x01, b"\x99", 1, now) == (replies.NO_DATA, [], True, REPLY_MS)
    assert bus.idle and bus.counters["no_data"] == 1


def test_response_pending():
    table = obd_car.answers()
    table["03"] = {ENGINE: ["7F0378", "43010301"]}
    car = obd_can.CanCar(table)
    bus, now = connected(car)
    bus.request(0x03, b"", 1, now)
    bus.feed(record(FRAME, ENGINE, b"\x03\x7f\x03\x78\x00\x00\x00\x00"), now + 10)
    bus.feed(b"", now + REPLY_MS)
    assert not bus.take() and bus.wake(now + REPLY_MS) == 10 + WAIT_MS - REPLY_MS
    bus.feed(record(FRAME, ENGINE, b"\x04\x43\x01\x03\x01\x00\x00\x00"), now + 3000)
    (event,) = bus.take()
    assert event[2][1][:2] == (ENGINE, b"\x43\x01\x03\x01") and event[3]
    # And nothing after it: the exchange ends.
    bus.request(0x03, b"", 1, now)
    bus.feed(record(FRAME, ENGINE, b"\x03\x7f\x03\x78\x00\x00\x00\x00"), now + 10)
    bus.feed(b"", now + 10 + WAIT_MS)
    assert bus.take()[0][0] == "reply" and bus.idle


def test_an_ecu_that_puts_off_for_ever():
    bus, now = connected(obd_can.CanCar(obd_car.answers()))
    bus.request(0x03, b"", 1, now)
    at = now
    while not bus.idle:
        at += 1000
        bus.feed(record(FRAME, ENGINE, b"\x03\x7f\x03\x78\x00\x00\x00\x00"), at)
        assert at < now + 40000


def test_other_traffic():
    bus, now = connected(obd_can.CanCar(obd_car.answers()))
    bus.feed(record(FRAME, ENGINE, b"\x03\x41\x0d\x32\x00\x00\x00\x00"), now)  # between exchanges
    bus.request(0x01, b"\x0d", 1, now)
    for can_id in (0x7E0, 0x7DF, 0x7F0, 0x123, 0x7E8 | EXTENDED, 0x18DAF110 | EXTENDED):
        bus.feed(record(FRAME, can_id, b"\x03\x41\x0d\xc8\x00\x00\x00\x00"), now)
    bus.feed(record(FRAME, ENGINE, b"\x03\x41\x0d\x33\x00\x00\x00\x00"), now + 1)
    (event,) = bus.take()
    assert event[2] == [(ENGINE, b"\x41\x0d\x33", now + 1)]
    assert bus.counters["unsolicited"] == 7


def test_records_cut_anywhere():
    stream = record(FRAME, ENGINE, b"\x10\x14\x49\x02\x01W0L") + record(
        FRAME, ENGINE, b"\x21" + b"000051T"
    )
    stream += record(FRAME, ENGINE, b"\x22" + b"2123456")
    for cut in range(len(stream)):
        bus, now = connected(obd_can.CanCar(obd_car.answers()))
        bus.request(0x09, b"\x02", 3, now)
        bus.feed(stream[:cut], now)
        bus.feed(stream[cut:], now)
        (event,) = bus.take()
        assert event[2] == [(ENGINE, b"\x49\x02\x01" + VIN.encode(), now)], cut
    records = can_frames.Records()
    assert records.feed(b"\x00\x00\x00\x07\xe8\x00\x09" + bytes(9)) == []  # no frame has nine
    assert records.feed(b"\x07" + bytes(6)) == []
    assert records.feed(record(FRAME, 1, b"a")) == [(FRAME, 1, b"a")]


def test_the_kernel_puts_messages_together():
    bus, now = connected(obd_can.CanCar(obd_car.answers()))
    bus.request(0x09, b"\x02", 0, now)
    bus.feed(record(BEGUN, ENGINE, b""), now + 10)
    assert bus.poll(now + 10) is None  # flow control is the kernel's
    bus.feed(b"", now + REPLY_MS)
    assert not bus.take()
    bus.feed(record(MESSAGE, ENGINE, b"\x49\x02\x01" + VIN.encode()), now + 300)
    (event,) = bus.take()
    assert event[2] == [(ENGINE, b"\x49\x02\x01" + VIN.encode(), now + 300)] and event[3]
    bus.request(0x09, b"\x02", 0, now)
    bus.feed(record(BEGUN, ENGINE, b""), now + 10)
    bus.feed(record(MESSAGE, ENGINE, b""), now + 20)  # it has lost a frame
    bus.feed(b"", now + 10 + BEGUN_MS)
    (event,) = bus.take()
    assert event[2] == [] and not event[3]


def test_a_bus_with_errors():
    bus, now = connected(obd_can.CanCar(obd_car.answers()))
    for number in range(3):
        bus.request(0x01, b"\x0d", 1, now)
        for _ in range(50):
            bus.feed(record(ERROR, 0, b"no acknowledgement"), now)
        now += REPLY_MS
        bus.feed(b"", now)
        events = bus.take()
        assert events[0] == ("error", "bus_error", "no acknowledgement")
        assert events[1] == ("reply", replies.BUS_ERROR, [], False)
        assert len(events) == (3 if number == 2 else 2)
    assert events[2] == ("nobus",) and bus.counters["bus_errors"] == 150


def test_clearing_wants_the_order_and_a_standing_engine():
    bus, now = connected(obd_can.CanCar(obd_car.answers()))
    said = services.CLEAR_ORDER
    for order, rpm, age in (("", 0, 0), (said, 1, 0), (said, None, 0), (said, 0, 5000)):
        try:
            bus.clear(order, rpm, age, now)
        except services.ServiceRefused:
            assert bus.idle
            continue
        raise AssertionError(order)
    out = bus.clear(services.CLEAR_ORDER, 0, 0, now)
    assert out == record(FRAME, 0x7DF, b"\x01\x04\x00\x00\x00\x00\x00\x00")
    bus.feed(record(FRAME, ENGINE, b"\x01\x44\x00\x00\x00\x00\x00\x00"), now)
    bus.feed(b"", now + REPLY_MS)
    assert bus.take()[0][2] == [(ENGINE, b"\x44", now)]


def test_the_car_is_left_alone():
    car = obd_can.CanCar(obd_car.answers())
    bus, now = connected(car)
    bus.rest()
    assert bus.parked and not bus.idle and bus.take() == [("parked",)]
    assert bus.poll(now + 60000) is None and bus.wake(now) is None
    bus.release(now)
    car.log.clear()
    obd_can.run_on(bus, car, now + 1000, now)
    assert bus.idle and len(car.log) == 1
    # In the middle of a request it ends first; a silent car is not searched for.
    bus.request(0x01, b"\x0d", 1, now)
    bus.rest()
    assert not bus.parked
    quiet = obd_can.CanCar({})
    bus = made()
    bus.rest()
    obd_can.run(bus, quiet, 60000)
    assert bus.parked and quiet.log == []
    assert not bus.can_sleep and not bus.asleep and bus.sleep(0) is None


def test_how_long_an_answer_is_waited_for():
    bus, now = connected(obd_can.CanCar(obd_car.answers()))
    for units, ms in ((20, 81), (1, LEAST_REPLY_MS), (0, REPLY_MS)):
        assert bus.timeout(units, now) is None and bus.idle
        bus.request(0x01, b"\x99", 1, now)
        assert bus.wake(now) == ms
        bus.feed(record(FRAME, ENGINE, b"\x03\x7f\x01\x31\x00\x00\x00\x00"), now + 7)
        assert bus.latency == 7 and bus.idle


def test_what_was_learned_of_an_adapter_does_not_count():
    memory = {"identity": "ELM327 v1.5", "batch": 1, "digit": False, "focus": True, "protocol": "3"}
    bus, _ = connected(obd_can.CanCar(obd_car.answers()), memory)
    assert memory["batch"] is None and memory["digit"] and memory["focus"] is False
    assert memory["protocol"] == "6" and bus.focus is None and bus.listen(ENGINE, 0) is None
    memory["batch"] = 4
    made(memory)
    assert memory["batch"] == 4


def test_the_poller_on_it():
    from agent.obd.poller import Obd

    for is_extended in (False, True):
        car = obd_can.CanCar(obd_car.answers(), is_extended)
        for pid, data in (("05", "46"), ("0C", "1AF8"), ("0D", "32"), ("04", "80"), ("0F", "3C")):
            car.table["01" + pid] = {ENGINE: "41" + pid + data}
        obd = Obd({"signals": ["rpm", "speed"], "status_ms": 0, "voltage_ms": 0}, CanBus)
        car.answers = lambda request, car=car: live(car.table, request)
        events, _ = obd_can.run(obd, car, 20000)
        values = [event[1:3] for event in events if event[0] == "value"]
        assert len(values) > 60 and set(values) == {(31, 0x1AF8), (32, 0x32)}
        assert ("vin", VIN) in [event[:2] for event in events]
        assert [event[2] for event in events if event[:2] == ("dtc", "stored")][0] == ("P0301",)
        assert not [event for event in events if event[0] == "error"]


def live(table, request):
    """Answers to several PIDs at once, made of those to one."""
    if request[0] != 1:
        return obd_car.messages(table, request[0], request[1:])
    parts = {}
    for pid in request[1:]:
        for ecu, payload, _ in obd_car.messages(table, 1, bytes([pid])):
            parts[ecu] = parts.get(ecu, b"\x41") + payload[1:]
    return [(ecu, parts[ecu], 0) for ecu in sorted(parts)]
