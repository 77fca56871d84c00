"""What bytes from outside may reach, as functions for a fuzzer; on both interpreters.

TARGETS: {name: make}; `make()` gives (call, seeds). `call(data)` may raise nothing at all: whatever
a part is allowed to refuse with is caught here, by its name. It also asserts what must hold of what
was not refused. seeds: inputs that are right, to begin from.

A target keeps its machine from one input to the next, as the agent does: what one leaves behind
meets the next one.
"""

from agent import port
from agent.comms import inbox, mqtt_packets, seal
from agent.comms.batch import Batch
from agent.comms.modem import CHATTING, DATA, Modem
from agent.comms.mqtt import Mqtt, MqttOptions
from agent.comms.orders import MAX_EVENTS, MAX_KNOWN, MAX_WAITING, Orders
from agent.comms.seal import FrameBox, FrameError
from agent.comms.unbatch import BatchError, decode
from agent.comms.uplinks import BACKOFF
from agent.console import commands, levels
from agent.console.session import Session
from agent.console.texts import Texts
from agent.gps.gpsd import MAX_LINE, Gpsd
from agent.gps.receiver import Receiver
from agent.gps.settings import Settings
from agent.obd.poller import Obd
from agent.records import EVENT, POSITION, VALUE
from agent.update import boot, manifest
from agent.update.errors import UpdateError

ENC = bytes(range(32))
SID = port.sha256(ENC)[:4]
_MAX_PENDING = 2048  # bytes that a line may hold back: the longest binary frame and a read more


def frame():
    """A down frame and a session's open, as a broker may send them."""
    room = FrameBox("v-fuzz", ENC, bytes(32), bytes(13), seal.DOWN)
    car = FrameBox("v-fuzz", ENC, bytes(32), bytes(13), seal.DOWN)
    texts = [b"", b"\x93\x01\x00\x90", bytes(200)]
    sealed = {}
    for number, text in enumerate(texts):
        sealed[room.seal(number, text)] = (number, text)

    def call(data):
        try:
            found = car.open(data)
        except FrameError:
            found = None
        # Nothing opens but what was sealed.
        assert (found is None) == (data not in sealed) and (found is None or found == sealed[data])
        for read in (seal.header, seal.parse_open):
            try:
                read(data)
            except FrameError:
                pass

    opening = b"\x10" + ENC + b"room" + b"\x00\x01" + b"\x00\x00\x00\x07" + bytes(16)
    return call, [opening] + list(sealed)


def msgpack():
    """Any MessagePack, and that what is read can be written and read again."""

    def call(data):
        try:
            value = port.unpackb(data)
        except (ValueError, TypeError):
            return
        try:
            again = port.packb(value)
        except (ValueError, TypeError, OverflowError):
            return  # what only others write: floats on one side, large maps
        again = port.unpackb(again)
        assert again == value or value != value or "nan" in repr(value)

    values = (None, True, 5, -70000, "text", b"bytes", [1, [2, [3, [4]]]], {"a": 1, "b": [b"", ""]})
    return call, [port.packb(v) for v in values] + [b"\xc7\x05\x01hello", b"\xcb" + bytes(8)]


def message():
    """The plaintext of a down frame: acknowledgements, questions, orders, parts of releases."""
    orders = Orders(commands.check, levels.DANGER)
    now = [0]

    def call(data):
        found = inbox.parse(data)
        now[0] += 7
        if found is None:
            return
        assert found[0] in ("ack", "again", "open", "order", "chunk")
        if found[0] == "chunk":
            _, order, file, offset, part = found
            assert len(order) == 8 and file <= 256 and offset < 1 << 20
            assert 0 < len(part) <= len(data)
        if found[0] == "order":
            orders.take(*(found[1:] + (now[0],)))
            order = orders.next(now[0])
            if order:
                assert commands.row(order.name) is not None
                orders.done(order)
        assert len(orders._waiting) <= MAX_WAITING and len(orders._known) <= MAX_KNOWN
        assert len(orders.take_events()) <= MAX_EVENTS

    rows = [
        [1, 1790000000000, [[SID, 7, [[9, 12]]]]],
        [2, SID, [[1, 2]]],
        [3, SID],
        [4, 9, 1 << 40, 2, "profile", {"name": "pursuit"}],
        [4, 10, 1 << 40, 2, "zones", {"rows": [["a", None, 0, 0, [1, 2, 50]]]}],
        [4, 11, 1 << 40, 2, "message", {"text": "come in"}],
        [4, 12, 1 << 40, 0, "log", {"lines": 5}],
        [4, 13, 1 << 40, 2, "update", {"signed": b"not a manifest", "attempt": 2}],
        [17, b"12345678", 3, 4047, bytes(40)],
    ]
    return call, [port.packb(row) for row in rows]


def batch():
    """The plaintext of an up frame, as the room reads it."""

    def call(data):
        try:
            records = decode(data)
        except BatchError:
            return
        assert len(records) <= 4096

    made = Batch()
    for i in range(20):
        t = 1000 * i
        made.add((POSITION, t, 33_990_000 + 90 * i, -6_850_000, 7500, 1400, 9000, 9, 0x5D), t)
        made.add((VALUE, t, 31, 3200 + i), t)
    made.add((EVENT, 5, 2, 1), 0)
    return call, [made.encode(), port.packb([[4, 1, 2, 1]]), port.packb([])]


def _line(text):
    n = 0
    for byte in text.encode():
        n ^= byte
    return ("$%s*%02X\r\n" % (text, n)).encode()


_EPOCH = (
    _line("GNRMC,141420.00,A,3401.24024,N,00650.21038,W,10.130,344.98,210926,,,A")
    + _line("GNGGA,141420.00,3401.24024,N,00650.21038,W,1,11,0.82,42.2,M,46.0,M,,")
    + _line("GNGSA,A,3,02,05,07,13,15,20,30,,,,,,1.60,0.90,1.30,1")
    + _line("GPGSV,1,1,03,02,40,120,35,05,61,210,41,07,22,300,30,1")
)


def _fixes_hold(fixes):
    for fix in fixes:
        assert fix.valid or fix.lat is None
        if fix.lat is not None:
            assert -90_000_000 <= fix.lat <= 90_000_000 and -180_000_000 <= fix.lon <= 180_000_000
            assert fix.lat or fix.lon
        assert fix.heading is None or 0 <= fix.heading < 36000
        assert fix.speed is None or fix.speed >= 0


def nmea():
    """A receiver's line, with its set-up listening."""
    receiver = Receiver(Settings(), has_sky=True)
    now = [0]

    def call(data):
        middle = len(data) // 2
        for part in (data[:middle], data[middle:]):
            now[0] += 40
            _fixes_hold(receiver.feed(part, now[0]))
            receiver.output(now[0])
        now[0] += 90
        _fixes_hold(receiver.poll(now[0]))
        receiver.take_events()
        receiver.quality.take_events()
        assert receiver._framer.pending <= _MAX_PENDING
        receiver.sky.satellites(now[0])

    ubx = b"\xb5\x62\x0a\x04\x00\x00\x0e\x34"
    return call, [_EPOCH, _EPOCH[:70] + ubx + _EPOCH[70:], ubx, b"\xd3\x00\x13" + bytes(22)]


def gpsd():
    """gpsd's reports."""
    machine = Gpsd()
    machine.connected(0)
    now = [0]

    def call(data):
        now[0] += 100
        _fixes_hold(machine.feed(data, now[0]))
        machine.poll(now[0])
        assert len(machine._tail) <= MAX_LINE

    return call, [
        b'{"class":"TPV","device":"/dev/ttyS0","mode":3,"time":"2026-09-21T14:14:20.000Z",'
        b'"lat":34.02067,"lon":-6.836839,"altMSL":42.2,"speed":5.21,"track":344.9}\r\n',
        b'{"class":"SKY","hdop":0.82,"uSat":11,"satellites":[{"PRN":2,"used":true}]}\r\n',
        b'{"class":"VERSION","release":"3.22"}\r\n{"class":"ERROR","message":"x"}\r\n',
    ]


def obd():
    """An adapter's text, whatever the driver has asked for."""
    machine = Obd()
    machine.start(0)
    now = [0]

    def call(data):
        for part in (data[:3], data[3:]):
            now[0] += 60
            machine.poll(now[0])
            machine.feed(part, now[0])
        now[0] += 400
        machine.poll(now[0])
        machine.take()
        assert 0 <= machine.wake(now[0]) <= 1000

    return call, [
        b"\r\rELM327 v1.5\r\r>", b"OK\r\r>", b"7E8064100BE3FA813\r\r>", b"A6\r>", b"12.6V\r>",
        b"7E804410C0FA0\r7E903410D32\r>", b"SEARCHING...\rUNABLE TO CONNECT\r\r>",
        b"7E81014490201314434\r7E82147503030523535\r7E82242313233343536\r>", b"CAN ERROR\r>",
        b"NO DATA\r\r>", b"?\r>", b"<RX ERROR\r>", b"BUFFER FULL\r>", b"7E8037F0112\r>", b"ERR94\r",
    ]  # fmt: skip


def mqtt():
    """What a broker sends after CONNECT."""

    def call(data):
        machine = Mqtt(MqttOptions("broker", 1883, "v-fuzz"))
        machine.open(0)
        while machine.next_output(0):
            pass
        machine.subscribe("p1/v-fuzz/d", 1)
        machine.publish("p1/v-fuzz/t", b"x", 1, False, 1)
        for part in (b"\x20\x02\x00\x00" if data[:1] != b"\x20" else b"", data[:5], data[5:]):
            for event in machine.feed(part, 10):
                if event[0] == "message":
                    assert len(event[2]) <= mqtt_packets.MAX_INCOMING
        machine.poll(100_000)
        assert len(machine._buffer) <= mqtt_packets.MAX_INCOMING + 5

    def publish(topic, payload, qos):
        return mqtt_packets.publish(topic, payload, qos, False, 7 if qos else None)

    return call, [
        b"\x20\x02\x00\x00", b"\x20\x02\x00\x05", b"\x40\x02\x00\x01", b"\x90\x03\x00\x01\x01",
        b"\xd0\x00", publish("p1/v-fuzz/d", bytes(40), 1), publish("p1/v-fuzz/d", b"", 0),
    ]  # fmt: skip


def release():
    """A signed manifest, before anything of it is believed, and an index of files."""
    plain = [1, "1.2.3", ["gateway-s3"], 7, 3, 1, 1900000000, [], 2, 9000, 120, bytes(32)]
    packed = port.packb(plain)
    signed = port.packb([1, packed, [[bytes(8), bytes(384)], [bytes(7) + b"\x01", bytes(384)]]])

    # An index of one file, and the manifest that speaks of it.
    index = (9000).to_bytes(3, "big") + bytes(32) + b"\x08agent/app"
    described = list(plain)
    described[8:12] = [1, 9000, len(index), port.sha256(index)]
    known = manifest.parse(port.packb(described))

    def indexed(data):
        manifest.check_index(data, known)

    def call(data):
        for read in (manifest.parse, manifest.split, boot.decode, indexed):
            try:
                read(data)
            except UpdateError:
                pass
        try:
            for _ in manifest.open_steps(data, {}):
                pass
            raise AssertionError("signed by nobody, and taken")
        except UpdateError:
            pass

    return call, [packed, signed, index]


def console():
    """What a terminal, a bad cable or a stranger types at the console."""
    state = []

    def call(data):
        if not state or data[:1] == b"\x00":
            state[:] = [Session("v-fuzz", Texts("fr"), data[1] % 3 if len(data) > 1 else 0)]
            state[0].greet(0)
        session = state[0]
        out, calls = session.feed(data, 0)
        for _ in range(8):
            for made in calls[:1]:
                if made[0] == "complete":
                    out += session.completed(["a", "ab"])
                elif made[0] == "login":
                    session.ask(["sign"])
                elif made[0] != "end":
                    session.answered()
                    session.show(["%s" % (made,), "x" * 100])
                    assert made[0] != "call" or made[1].level <= session.role
            while True:
                piece = session.output(0)
                out += piece
                if not piece:
                    break
            more, calls = session.feed(b"", 0)
            out += more
        # An answer to each byte is the most that is ever drawn: the line anew, and a page.
        assert len(out) <= 4096 + 700 * len(data), len(out)

    seeds = [b"watch rpm speed --json=4\rq", b"login tech\rQUJD\r", b"\x1b[A\x1b[D\x1b[3~\t\x03"]
    return call, seeds


def modem():
    """The line of a modem, in the middle of the chat. A PIN that was refused is never given again;
    nothing grows."""
    machine = Modem("internet", "4711", ("AT+CGNSSPWR=1",), "ATD*99#", ("power_key",))
    machine.start(0)
    now = [0]
    is_refused = [False]

    def call(data):
        now[0] += 200 * (1 + len(data) % 32)
        if machine.state != CHATTING:
            assert machine.state == DATA or machine.cause in BACKOFF, machine.cause
            machine.start(now[0])
            now[0] += 5000  # its first words are answered, or not
        for _ in range(3):
            machine.feed(data, now[0])
            for action, value in machine.poll(now[0]):
                assert action in ("write", "press", "data")
                assert action != "write" or (len(value) < 128 and value.count(b"\r") <= 1)
                assert action != "write" or not (is_refused[0] and b"CPIN=" in value)
            is_refused[0] = is_refused[0] or machine.pin_refused
        assert machine.signal is None or -113 <= machine.signal <= -51
        assert len(machine._buffer) <= 128 and len(machine._lines) <= 4

    seeds = [b"\r\nOK\r\n", b"\r\n+CPIN: READY\r\n\r\nOK\r\n", b"+CPIN: SIM PIN\r\nOK\r\n",
             b"+CSQ: 21,99\r\nOK\r\n", b"+CEREG: 0,1\r\nOK\r\n", b"CONNECT 115200\r\n",
             b"+CME ERROR: 16\r\n", b"*ATREADY: 1\r\n", b"NO CARRIER\r\n"]  # fmt: skip
    return call, seeds


TARGETS = {
    "frame": frame,
    "msgpack": msgpack,
    "message": message,
    "batch": batch,
    "nmea": nmea,
    "gpsd": gpsd,
    "obd": obd,
    "mqtt": mqtt,
    "release": release,
    "console": console,
    "modem": modem,
}
