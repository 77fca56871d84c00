"""agent/comms/mqtt.py and mqtt_packets.py: given these bytes and times, this comes out."""

from agent.comms import mqtt_packets as packets
from agent.comms.mqtt import MAX_SUBSCRIBES, WRITE_BUFFER, Mqtt, MqttOptions
from agent.comms.mqtt_packets import MAX_INCOMING, MqttLocalError, MqttProtocolError

CONNACK = b"\x20\x02\x00\x00"
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"


def raises(error, function, *arguments, **named):
    """The error's text; fails when there was none, or one of another class."""
    try:
        function(*arguments, **named)
    except error as e:
        return str(e)
    raise AssertionError("%s was not raised" % error.__name__)


def options(**named):
    return MqttOptions("broker", 1883, "car-1", **named)


def opened(**named):
    machine = Mqtt(options(**named))
    machine.open(0)
    machine.next_output(0)
    return machine


def connected(now=0, **named):
    machine = opened(**named)
    assert machine.feed(CONNACK, now) == [("connected",)]
    return machine


def outputs(machine, now=0):
    found = []
    while True:
        packet = machine.next_output(now)
        if packet is None:
            return found
        found.append(packet)


def length_field(n):
    out = []
    while n > 127:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n])


def message(topic, payload, qos=0, packet_id=1, first=None):
    body = bytes((0, len(topic))) + topic
    if qos:
        body += bytes((packet_id >> 8, packet_id & 255))
    body += payload
    return bytes((0x30 | qos << 1 if first is None else first,)) + length_field(len(body)) + body


def puback(packet_id):
    return bytes((0x40, 2, packet_id >> 8, packet_id & 255))


def feed_error(stream):
    """A connected machine refuses `stream` as a protocol error; the text of it."""
    machine = connected()
    events = machine.feed(stream, 1)
    assert events == [("closed", "protocol")], (stream, events)
    assert machine.counters["protocol_errors"] == 1
    assert machine.detail
    assert not machine.connected
    return machine.detail


class Random:
    """The same numbers on every interpreter (Numerical Recipes' generator)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % n


# ---- packets out ----


def test_connect_is_written_as_the_standard_says():
    assert packets.connect("car-1", 60) == b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05car-1"
    full = packets.connect("c", 300, "u", b"\x00\xff", ("w/p", b"\x00", 1, True))
    head = b"\x10\x1c\x00\x04MQTT\x04\xee\x01\x2c"
    assert full == head + b"\x00\x01c\x00\x03w/p\x00\x01\x00\x00\x01u\x00\x02\x00\xff"


def test_connect_flags_each_alone():
    def flags(**named):
        return packets.connect("c", 1, **named)[9]

    assert flags() == 0x02
    assert flags(username="u") == 0x82
    assert flags(username="u", password="p") == 0xC2
    assert flags(will=("t", b"", 0, False)) == 0x06
    assert flags(will=("t", b"", 1, False)) == 0x0E
    assert flags(will=("t", b"", 0, True)) == 0x26


def test_the_other_packets_are_written_as_the_standard_says():
    assert packets.publish("a/b", b"hi", 0, False, 0) == b"\x30\x07\x00\x03a/bhi"
    assert packets.publish("a/b", b"hi", 1, False, 10) == b"\x32\x09\x00\x03a/b\x00\x0ahi"
    assert packets.publish("a/b", b"", 1, True, 0xFFFE) == b"\x33\x07\x00\x03a/b\xff\xfe"
    assert packets.publish("a", bytearray(b"x"), 0, True, 0) == b"\x31\x04\x00\x01ax"
    assert packets.subscribe("a/+", 1, 0x1234) == b"\x82\x08\x12\x34\x00\x03a/+\x01"
    assert packets.puback(0x0102) == b"\x40\x02\x01\x02"
    assert packets.PINGREQ_PACKET == b"\xc0\x00"
    assert packets.DISCONNECT_PACKET == b"\xe0\x00"


def test_remaining_length_at_its_borders():
    for size, field in ((127, b"\x7f"), (128, b"\x80\x01"), (16378, b"\xfa\x7f")):
        packet = packets.publish("t", bytes(size - 3), 0, False, 0)
        assert packet[: 1 + len(field)] == b"\x30" + field, size
        assert len(packet) == 1 + len(field) + size


def test_what_cannot_be_sent_is_a_local_error():
    wrong = (
        ("wildcard", packets.publish, "a/#", b"", 0, False, 0),
        ("wildcard", packets.publish, "a/+/b", b"", 0, False, 0),
        ("empty", packets.publish, "", b"", 0, False, 0),
        ("QoS 2", packets.publish, "a", b"", 2, False, 1),
        ("well-formed", packets.publish, "a\x00b", b"", 0, False, 0),
        ("cap", packets.publish, "a", bytes(WRITE_BUFFER), 0, False, 0),
        ("65535", packets.connect, bytearray(65536), 60),
        ("user name", packets.connect, "c", 60, None, "secret"),
        ("QoS 2", packets.connect, "c", 60, None, None, ("t", b"", 2, False)),
        ("QoS 2", packets.subscribe, "a", 2, 1),
        ("empty", packets.subscribe, "", 1, 1),
    )
    for row in wrong:
        text = raises(MqttLocalError, *row[1:])
        assert row[0] in text, (row, text)


def test_options_are_checked_with_the_option_named():
    for named in (
        {"keepalive": 0},
        {"keepalive": 65536},
        {"window": 0},
        {"window": 65535},
        {"connect_timeout": 0},
        {"tls": {"cert": "c", "key": "k"}},
        {"tls": {"ca": "ca", "cert": "c"}},
        {"tls": {"ca": "ca", "key": "k"}},
        {"password": "p"},
        {"will": ("a/#", b"", 1, True)},
    ):
        text = raises(MqttLocalError, options, **named)
        name = list(named)[0]
        assert name in text or name == "will" and "a/#" in text, text
    assert options(tls={"ca": "x"}).server_name() == "broker"
    assert options(tls={"ca": "x", "server_name": "b.example"}).server_name() == "b.example"


# ---- packets in ----


def test_publish_comes_in():
    machine = connected()
    assert machine.feed(message(b"p1/car/d", b"\x00\xff"), 1) == [
        ("message", "p1/car/d", b"\x00\xff")
    ]
    assert outputs(machine) == []
    assert machine.feed(message(b"d", b"", first=0x31), 1) == [("message", "d", b"")]
    assert machine.feed(message("d/é€😀".encode(), b"x"), 1) == [("message", "d/é€😀", b"x")]


def test_qos_1_is_acknowledged_once_each_in_order_also_a_duplicate():
    machine = connected()
    stream = message(b"d", b"1", 1, 7) + message(b"d", b"2", 1, 65535)
    stream += message(b"d", b"1", 1, 7, first=0x3A)  # DUP: at least once is the promise
    events = machine.feed(stream, 1)
    assert events == [("message", "d", b"1"), ("message", "d", b"2"), ("message", "d", b"1")]
    assert outputs(machine) == [b"\x40\x02\x00\x07", b"\x40\x02\xff\xff", b"\x40\x02\x00\x07"]
    assert machine.pending == 0


def test_publish_that_breaks_the_standard():
    rows = (
        (message(b"d", b"x", 1, 1, first=0x34), "QoS 2"),
        (message(b"d", b"x", 1, 1, first=0x36), "QoS 3"),
        (message(b"d", b"x", 0, first=0x38), "DUP"),
        (message(b"d", b"x", 1, 0), "packet id 0"),
        (message(b"", b"x"), "topic"),
        (message(b"a/#", b"x"), "topic"),
        (message(b"+", b"x"), "topic"),
        (message(b"a\x00", b"x"), "topic"),
        (b"\x30\x00", "cut short"),
        (b"\x30\x01\x00", "cut short"),
        (b"\x30\x03\x00\x02a", "cut short"),
        (b"\x32\x04\x00\x01a\x00", "cut short"),
    )
    for stream, word in rows:
        assert word in feed_error(stream), (stream, word)


def test_utf_8_as_the_standard_wants_it():
    good = (
        b"",
        b"abc",
        "é".encode(),
        "€".encode(),
        "😀".encode(),
        b"\xed\x9f\xbf",
        b"\xee\x80\x80",
    )
    good += (b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xc2\x80", b"\xe0\xa0\x80", b"\x7f")
    for data in good:
        assert packets.well_formed(data), data
    bad = (b"\x00", b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xff")
    bad += (b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xc3", b"\xe2\x82")
    bad += (b"\xe2\x28\xa1", b"\xe2\x82\x28", b"a\xf0\x9f\x98", b"\xf0\x9f\x98\x28", b"\xc3\xc3")
    for data in bad:
        assert not packets.well_formed(data), data
        feed_error(message(b"t" + data, b""))


def test_packets_that_no_server_may_send():
    for first in range(256):
        fine = first & 0xF0 == 0x30 or first in (0x20, 0x40, 0x90, 0xD0)
        if not fine:
            text = feed_error(bytes((first,)))  # before a single byte of its length is there
            assert "type %d" % (first >> 4) in text, text


def test_lengths_that_no_server_may_send():
    for stream in (b"\x20\x03", b"\x40\x03", b"\x40\x01", b"\x90\x02", b"\x90\x04", b"\xd0\x01"):
        assert "instead of" in feed_error(stream)
    assert "4 bytes" in feed_error(b"\x30\xff\xff\xff\xff")
    # Padded, but MQTT 3.1.1 does not ask for the shortest form.
    assert connected().feed(b"\xd0\x80\x80\x00" + message(b"d", b""), 1) == [("message", "d", b"")]


def test_length_cap():
    largest = message(b"d", bytes(MAX_INCOMING - 3))
    assert connected().feed(largest, 1) == [("message", "d", bytes(MAX_INCOMING - 3))]
    # Refused by the length alone: nothing is gathered first.
    assert "cap" in feed_error(b"\x30" + length_field(MAX_INCOMING + 1))
    assert "cap" in feed_error(b"\x30\xff\xff\xff\x7f")


def test_suback():
    machine = connected()
    assert machine.subscribe("a", 1) and machine.subscribe("b", 0) and machine.subscribe("c", 1)
    ids = [p[2] << 8 | p[3] for p in outputs(machine)]
    assert len(set(ids)) == 3
    stream = b""
    for i, code in ((2, 0x80), (0, 1), (1, 0)):  # in any order
        stream += b"\x90\x03" + bytes((ids[i] >> 8, ids[i] & 255, code))
    assert machine.feed(stream, 1) == [
        ("suback", "c", None),
        ("suback", "a", 1),
        ("suback", "b", 0),
    ]
    assert machine.feed(b"\x90\x03\x00\x77\x00", 1) == []
    assert machine.counters["unknown_suback"] == 1
    for code in (2, 3, 0x7F, 0x81):
        feed_error(b"\x90\x03\x00\x01" + bytes((code,)))
    feed_error(b"\x90\x03\x00\x00\x00")


def test_unanswered_subscribes_are_bounded():
    machine = connected()
    for i in range(MAX_SUBSCRIBES):
        assert machine.subscribe("t%d" % i, 1)
    assert not machine.subscribe("one more", 1)
    first = outputs(machine)[0]
    machine.feed(b"\x90\x03" + first[2:4] + b"\x01", 1)
    assert machine.subscribe("one more", 1)


# ---- connecting ----


def test_connack_codes():
    for code in range(1, 6):
        machine = opened()
        events = machine.feed(b"\x20\x02\x00" + bytes((code,)), 1)
        assert events == [("refused", code), ("closed", "refused")]
        assert not machine.connected and machine.feed(CONNACK, 2) == []
    for stream in (b"\x20\x02\x00\x06", b"\x20\x02\x00\xff", b"\x20\x02\x02\x00"):
        assert opened().feed(stream, 1) == [("closed", "protocol")]


def test_session_present_is_only_counted():
    machine = opened()
    assert machine.feed(b"\x20\x02\x01\x00", 1) == [("connected",)]
    assert machine.counters["session_present"] == 1


def test_connack_first_and_once():
    for stream in (PINGRESP, message(b"d", b""), puback(1), b"\x90\x03\x00\x01\x00"):
        assert opened().feed(stream + CONNACK, 1) == [("closed", "protocol")]
    assert "second CONNACK" in feed_error(CONNACK)


def test_connect_deadline():
    machine = Mqtt(options(connect_timeout=3))
    machine.open(1000)
    assert machine.wake(1000) == 3000
    assert machine.poll(3999) == []
    assert machine.wake(3999) == 1
    assert machine.poll(4000) == [("closed", "timeout")]
    assert "3 s" in machine.detail
    assert machine.poll(5000) == [] and machine.next_output(5000) is None
    assert machine.feed(CONNACK, 5000) == []


def test_nothing_is_sent_before_connack_and_after_the_end():
    machine = opened()
    assert not machine.publish("t", b"", 0, False, None)
    assert not machine.publish("t", b"", 1, False, 1)
    assert not machine.subscribe("t", 1)
    machine.feed(CONNACK, 1)
    assert machine.publish("t", b"", 1, False, 1)
    machine.disconnect()
    assert not machine.publish("t", b"", 0, False, None) and not machine.subscribe("t", 1)
    # What was accepted goes out, DISCONNECT is the last.
    assert outputs(machine) == [b"\x32\x05\x00\x01t\x00\x01", b"\xe0\x00"]
    assert machine.feed(puback(1), 2) == [] and machine.poll(10**9) == []
    assert machine.wake(10**9) > 0
    raises(MqttLocalError, machine.open, 3)


# ---- QoS 1 ----


def publish_many(machine, tokens):
    return [t for t in tokens if machine.publish("t", b"x", 1, False, t)]


def ids_of(machine):
    return [p[5] << 8 | p[6] for p in outputs(machine)]


def test_window_and_puback_out_of_order():
    machine = connected(window=4)
    assert publish_many(machine, range(10)) == [0, 1, 2, 3]
    assert machine.inflight == 4
    ids = ids_of(machine)
    assert machine.feed(puback(ids[2]) + puback(ids[0]), 1) == [("puback", 2), ("puback", 0)]
    assert publish_many(machine, (10, 11, 12)) == [10, 11]
    assert machine.feed(puback(ids[3]), 1) == [("puback", 3)]
    # QoS 0 has no part in the window.
    assert publish_many(machine, (20, 21)) == [20]
    assert machine.publish("t", b"", 0, False, None)


def test_a_missing_puback_is_never_dropped_and_its_id_never_used_again():
    machine = connected(window=3)
    assert machine.publish("t", b"lost", 1, False, "lost")
    lost = ids_of(machine)[0]
    seen = bytearray(65536)
    for i in range(70000):  # more than once around all ids
        assert machine.publish("t", b"", 1, False, i)
        packet = machine.next_output(0)
        packet_id = packet[5] << 8 | packet[6]
        assert packet_id not in (0, lost)
        seen[packet_id] = 1
        assert machine.feed(puback(packet_id), 0) == [("puback", i)]
    assert sum(seen) == 65534
    assert machine.inflight == 1
    assert machine.feed(puback(lost), 0) == [("puback", "lost")]


def test_packet_ids_are_shared_with_subscribe():
    machine = connected(window=65527)
    machine._last_id = 65534
    assert machine.publish("t", b"", 1, False, "a") and machine.subscribe("s", 1)
    machine._last_id = 65534
    assert machine.publish("t", b"", 1, False, "b") and machine.subscribe("s", 1)
    first, second, third, fourth = outputs(machine)
    assert (first[5:7], second[2:4], third[5:7], fourth[2:4]) == (
        b"\xff\xff",
        b"\x00\x01",
        b"\x00\x02",
        b"\x00\x03",
    )


def test_a_puback_nobody_waits_for():
    machine = connected()
    machine.publish("t", b"", 1, False, "a")
    packet_id = ids_of(machine)[0]
    assert machine.feed(puback(packet_id + 1), 1) == []
    assert machine.feed(puback(packet_id) + puback(packet_id), 1) == [("puback", "a")]
    assert machine.counters["unknown_puback"] == 2
    assert machine.connected
    feed_error(puback(0))


def test_write_buffer_is_bounded():
    machine = connected(window=1000)
    accepted = 0
    while machine.publish("t", bytes(1000), accepted & 1, False, accepted):
        accepted += 1
    assert accepted == WRITE_BUFFER // 1008
    assert not machine.subscribe("t" * 1000, 1)
    assert machine.inflight == accepted // 2  # the refused one took no place
    machine.next_output(0)
    assert machine.publish("t", bytes(1000), 1, False, "again")
    written = outputs(machine)
    assert len(written) == accepted and machine.pending == 0
    assert machine.publish("t", bytes(WRITE_BUFFER - 8), 0, False, None)


# ---- every cut ----


def conversation():
    """A stream of everything a server may send, and the events that it means."""
    stream = CONNACK + message(b"p1/c/d", b"first", 1, 9) + puback(2) + PINGRESP
    stream += message("é/x".encode(), bytes(200)) + b"\x90\x03\x00\x04\x01" + puback(1)
    stream += message(b"d", b"", 1, 300) + puback(3)
    events = [("connected",), ("message", "p1/c/d", b"first"), ("puback", 12)]
    events += [("message", "é/x", bytes(200)), ("suback", "s", 1), ("puback", 11)]
    events += [("message", "d", b""), ("puback", 13)]
    return stream, events


def replay(pieces):
    """Feed the pieces; the publishes and the SUBSCRIBE are made right after CONNACK, as far as
    the pieces allow. Events and what was written."""
    machine = opened()
    events = machine.feed(pieces[0][:4], 0)
    for token in (11, 12, 13):
        machine.publish("t", b"", 1, False, token)
    machine.subscribe("s", 1)
    events += machine.feed(pieces[0][4:], 0)
    for piece in pieces[1:]:
        events += machine.feed(piece, 0)
    return events, outputs(machine), machine


def test_every_cut_gives_the_same_events():
    stream, expected = conversation()
    events, written, _ = replay([stream])
    assert events == expected and written[-2:] == [puback(9), puback(300)]
    for cut in range(4, len(stream)):
        assert replay([stream[:cut], stream[cut:]])[:2] == (expected, written), cut
    single = [stream[:4]] + [stream[i : i + 1] for i in range(4, len(stream))]
    assert replay(single)[:2] == (expected, written)
    for size in (2, 3, 5, 7, 64):
        pieces = [stream[:4]] + [stream[i : i + size] for i in range(4, len(stream), size)]
        assert replay(pieces)[:2] == (expected, written), size


def test_connack_byte_by_byte():
    machine = opened()
    assert [machine.feed(CONNACK[i : i + 1], 0) for i in range(4)] == [[], [], [], [("connected",)]]


def test_every_cut_of_a_stream_with_an_error_in_it():
    stream, expected = conversation()
    good = len(stream)
    stream += b"\x62\x02\x00\x01" + message(b"d", b"after")  # PUBREL
    expected = expected + [("closed", "protocol")]
    for cut in range(4, len(stream)):
        assert replay([stream[:cut], stream[cut:]])[0] == expected, cut
    assert good < len(stream)


# ---- fuzz ----


def cut_at_random(stream, random):
    pieces = []
    at = 0
    while at < len(stream):
        size = 1 + random.below(40)
        pieces.append(stream[at : at + size])
        at += size
    return pieces


def check_fuzzed(stream, random):
    whole, written, machine = replay([stream])
    pieces = [stream[:4]] + cut_at_random(stream[4:], random)
    assert replay(pieces)[:2] == (whole, written), stream
    closed = [e for e in whole if e[0] == "closed"]
    assert len(closed) <= 1 and (not closed or whole[-1] == closed[0]), stream
    assert len(machine._buffer) <= MAX_INCOMING + 5
    return bool(closed)


def test_fuzz_changed_bytes():
    stream, _ = conversation()
    closed = 0
    for seed in range(400):
        random = Random(seed)
        data = bytearray(stream)
        for _ in range(1 + random.below(4)):
            data[4 + random.below(len(data) - 4)] = random.below(256)
        closed += check_fuzzed(bytes(data), random)
    assert 50 < closed < 400  # both kinds were tried


def test_fuzz_noise():
    for seed in range(400):
        random = Random(seed)
        noise = bytes([random.below(256) for _ in range(random.below(80))])
        check_fuzzed(CONNACK + noise, random)


def test_fuzz_dropped_and_doubled_pieces():
    stream, _ = conversation()
    for seed in range(300):
        random = Random(seed)
        data = b""
        for piece in cut_at_random(stream[4:], random):
            data += piece * random.below(3)
        check_fuzzed(CONNACK + data, random)


# ---- keepalive ----


def test_a_quiet_line_is_pinged_before_the_broker_gives_up():
    machine = connected(keepalive=60)
    assert machine.wake(0) == 45000
    assert machine.poll(44999) == [] and outputs(machine) == []
    assert machine.poll(45000) == []
    assert outputs(machine, 45000) == [PINGREQ]
    assert machine.poll(45001) == [] and outputs(machine) == []  # one is enough
    assert machine.feed(PINGRESP, 46000) == []
    assert machine.wake(46000) == 44000  # the last packet out is the older one
    assert machine.poll(89999) == [] and outputs(machine) == []
    assert machine.poll(90000) == [] and outputs(machine, 90000) == [PINGREQ]
    assert machine.counters["pings"] == 2


def test_dead_one_and_a_half_keepalives_after_the_last_packet():
    machine = connected(keepalive=60)
    machine.poll(45000)
    outputs(machine, 45000)
    assert machine.wake(45000) == 45000
    assert machine.poll(89999) == []
    assert machine.poll(90000) == [("closed", "keepalive")]
    assert machine.poll(90001) == [] and not machine.connected


def test_publishing_into_a_dead_line_is_noticed_too():
    machine = connected(keepalive=10)
    closed = None
    for now in range(0, 60000, 250):
        machine.publish("t", b"", 0, False, None)
        outputs(machine, now)
        events = machine.poll(now)
        if events:
            closed = (now, events)
            break
    assert closed == (15000, [("closed", "keepalive")])


def test_listening_only_still_pings():
    machine = connected(keepalive=10)
    pings = []
    for now in range(0, 30000, 250):
        assert machine.feed(message(b"d", b""), now) and machine.poll(now) == []
        pings += [now for p in outputs(machine, now) if p == PINGREQ]
    assert pings == [7500, 15000, 22500]  # never more than the keepalive apart [MQTT-3.1.2-23]


def test_any_whole_packet_is_a_sign_of_life_a_trickle_is_not():
    machine = connected(keepalive=10)
    machine.poll(7500)
    machine.feed(message(b"d", b""), 14000)
    assert machine.poll(15000) == []
    machine = connected(keepalive=10)
    machine.poll(7500)
    slow = message(b"d", bytes(500))
    for i in range(300):
        machine.feed(slow[i : i + 1], 7500 + i * 10)
    assert machine.poll(15000) == [("closed", "keepalive")]


def test_a_loop_that_was_held_up_pings_first():
    machine = connected(keepalive=10)
    assert machine.poll(600000) == []  # nobody was asked in all that time
    assert outputs(machine, 600000) == [PINGREQ]
    assert machine.poll(607499) == []
    assert machine.poll(607500) == [("closed", "keepalive")]


def test_wake_is_never_too_late():
    for keepalive in (1, 2, 7, 60):
        machine = opened(keepalive=keepalive, connect_timeout=20)
        assert machine.wake(0) <= keepalive * 750
        machine.feed(CONNACK, 0)
        now = 0
        while not [e for e in machine.poll(now) if e[0] == "closed"]:
            outputs(machine, now)
            step = machine.wake(now)
            assert 0 < step <= keepalive * 750
            now += step
        assert now == keepalive * 1500


def test_errors_have_a_common_class():
    assert issubclass(MqttLocalError, packets.MqttError)
    assert issubclass(MqttProtocolError, packets.MqttError)
