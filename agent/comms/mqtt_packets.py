"""MQTT 3.1.1 control packets: encode what a client sends, parse what a server sends.

Standard: OASIS MQTT Version 3.1.1 (29 October 2014); sections in brackets. QoS 0 and 1 only.
Encoders return one packet as `bytes`; `header()` and `parse()` read the other way.
`MqttLocalError`: the caller broke a rule. `MqttProtocolError`: the peer did.
"""

# The largest packet taken, by its remaining length. The largest thing the room sends is a sealed
# update manifest (4 KiB and some header); an ESP32's largest free block is about 50 KiB, so a
# length field that a broken or hostile broker made up must not become an allocation.
MAX_INCOMING = 8192
# Bytes of packets that wait for the socket; also the largest packet sent. Some seconds of a slow
# mobile link: what does not fit stays in the journal, where order and priority are still open.
WRITE_BUFFER = 16384

CONNACK = 0x20
PUBLISH = 0x30
PUBACK = 0x40
SUBACK = 0x90
PINGRESP = 0xD0

PINGREQ_PACKET = b"\xc0\x00"  # [3.12]
DISCONNECT_PACKET = b"\xe0\x00"  # [3.14]

# What a server may send to a client that asks for no QoS 2 and never unsubscribes [2.2.1]:
# first byte without PUBLISH's flags -> (name, remaining length or None for any).
_INCOMING = {
    CONNACK: ("CONNACK", 2),
    PUBLISH: ("PUBLISH", None),
    PUBACK: ("PUBACK", 2),
    SUBACK: ("SUBACK", 3),  # one topic filter a SUBSCRIBE, so one return code
    PINGRESP: ("PINGRESP", 0),
}
# Rows: first byte from, to, bytes that follow, lowest and highest second byte. Unicode 15.0
# table 3-7; interpreters differ in what they let pass, and [1.5.3] refuses all of it.
_UTF8 = (
    b"\xc2\xdf\x01\x80\xbf"
    b"\xe0\xe0\x02\xa0\xbf"
    b"\xe1\xec\x02\x80\xbf"
    b"\xed\xed\x02\x80\x9f"
    b"\xee\xef\x02\x80\xbf"
    b"\xf0\xf0\x03\x90\xbf"
    b"\xf1\xf3\x03\x80\xbf"
    b"\xf4\xf4\x03\x80\x8f"
)


class MqttError(Exception):
    """Anything wrong with MQTT; the message is one line that names the thing."""


class MqttLocalError(MqttError):
    """This side asked for something that MQTT 3.1.1 or this client does not allow."""


class MqttProtocolError(MqttError):
    """The peer sent something that MQTT 3.1.1 does not allow or that was never asked for."""


def well_formed(data):
    """True when `data` is UTF-8 as [1.5.3] wants it: no surrogates, no U+0000."""
    i = 0
    n = len(data)
    while i < n:
        first = data[i]
        if first < 0x80:
            if first == 0:
                return False
            i += 1
            continue
        row = 0
        while row < len(_UTF8) and not _UTF8[row] <= first <= _UTF8[row + 1]:
            row += 5
        if row == len(_UTF8):
            return False
        more, low2, high2 = _UTF8[row + 2 : row + 5]
        if i + more >= n or not low2 <= data[i + 1] <= high2:
            return False
        for k in range(i + 2, i + 1 + more):
            if data[k] & 0xC0 != 0x80:
                return False
        i += 1 + more
    return True


def _u16(number):
    return bytes((number >> 8, number & 0xFF))


def _length(number):
    """Remaining length, 7 bits a byte, lowest first [2.2.3]."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(data, what):
    """A length-prefixed field [1.5.3]: text is encoded and checked, bytes go as they are."""
    if not isinstance(data, (bytes, bytearray)):
        try:
            data = data.encode()
        except UnicodeError:  # CPython refuses lone surrogates by itself
            data = b"\x00"
        if not well_formed(data):
            raise MqttLocalError(what + " is not well-formed text")
    if len(data) > 65535:
        raise MqttLocalError("%s has %d bytes, MQTT allows 65535" % (what, len(data)))
    return _u16(len(data)) + data


def _packet(first, body):
    if len(body) > WRITE_BUFFER - 5:  # 5: the longest fixed header [2.2]
        raise MqttLocalError("packet of %d bytes, the cap is %d" % (len(body) + 5, WRITE_BUFFER))
    return bytes((first,)) + _length(len(body)) + body


def _check_qos(qos, what):
    if qos not in (0, 1):
        raise MqttLocalError("%s: QoS %s, this client has 0 and 1" % (what, qos))


def connect(client_id, keepalive, username=None, password=None, will=None):
    """CONNECT with a clean session [3.1]: keepalive in s, will (topic, payload, qos, retain)."""
    flags = 0x02
    body = b"\x00\x04MQTT\x04"
    tail = _field(client_id, "client id")
    if will is not None:
        topic, payload, qos, retain = will
        _check_qos(qos, "will")
        flags |= 0x04 | qos << 3 | (0x20 if retain else 0)
        tail += topic_name(topic) + _field(bytes(payload), "will payload")
    if username is not None:
        flags |= 0x80
        tail += _field(username, "user name")
    if password is not None:
        if username is None:
            raise MqttLocalError("password without user name [MQTT-3.1.2-22]")
        flags |= 0x40
        tail += _field(password, "password")
    return _packet(0x10, body + bytes((flags,)) + _u16(keepalive) + tail)


def topic_name(topic):
    """A topic to publish to, as a field: not empty, no wildcards [3.3.2.1, 4.7.3]."""
    if not topic or "#" in topic or "+" in topic:
        raise MqttLocalError("topic %r: empty or with a wildcard" % topic)
    return _field(topic, "topic")


def publish(topic, payload, qos, retain, packet_id):
    """PUBLISH [3.3]. DUP stays 0: a clean session never sends a packet a second time."""
    _check_qos(qos, "publish")
    body = topic_name(topic)
    if qos:
        body += _u16(packet_id)
    return _packet(PUBLISH | qos << 1 | (1 if retain else 0), body + payload)


def puback(packet_id):
    """PUBACK [3.4]."""
    return b"\x40\x02" + _u16(packet_id)


def subscribe(topic, qos, packet_id):
    """SUBSCRIBE with one topic filter [3.8]."""
    _check_qos(qos, "subscribe")
    if not topic:
        raise MqttLocalError("subscribe: empty topic filter")
    return _packet(0x82, _u16(packet_id) + _field(topic, "topic filter") + bytes((qos,)))


def check(first, length=None):
    """Refuse what no server may send us, as soon as its first byte and length are known."""
    kind = PUBLISH if first & 0xF0 == PUBLISH else first
    if kind not in _INCOMING:
        raise MqttProtocolError("packet type %d, flags %d is not for us" % (first >> 4, first & 15))
    if length is None:
        return
    name, exact = _INCOMING[kind]
    if exact is not None and length != exact:
        raise MqttProtocolError("%s of %d bytes instead of %d" % (name, length, exact))
    if length > MAX_INCOMING:
        raise MqttProtocolError("%s of %d bytes, the cap is %d" % (name, length, MAX_INCOMING))


def check_order(kind, first_packet):
    """CONNACK comes first [MQTT-3.2.0-1] and once."""
    if first_packet and kind != CONNACK:
        raise MqttProtocolError("packet type %d before CONNACK" % (kind >> 4))
    if kind == CONNACK and not first_packet:
        raise MqttProtocolError("a second CONNACK")


def header(buffer, at):
    """The fixed header at `buffer[at:]`: (first byte, body's start, packet's end), or None while
    more bytes are needed. All that can be refused is refused here, before the body is awaited.
    """
    have = len(buffer) - at
    if have < 1:
        return None
    first = buffer[at]
    check(first)
    length = 0
    for i in range(1, 5):
        if have <= i:
            return None
        byte = buffer[at + i]
        length |= (byte & 127) << 7 * (i - 1)
        if byte < 128:
            break
    else:
        raise MqttProtocolError("remaining length of more than 4 bytes [2.2.3]")
    check(first, length)
    start = at + 1 + i
    return first, start, start + length


def parse(first, body):
    """One whole packet as a tuple that begins with its type (a constant above):

    (CONNACK, session present, return code), (PUBLISH, topic, payload, qos, packet id or 0),
    (PUBACK, packet id), (SUBACK, packet id, granted QoS or None), (PINGRESP,).
    """
    if first & 0xF0 == PUBLISH:
        return _parse_publish(first, body)
    if first == CONNACK:
        if body[0] > 1:  # [MQTT-3.2.2-1]
            raise MqttProtocolError("CONNACK with reserved flags 0x%02x" % body[0])
        if body[1] > 5:  # [3.2.2.3]
            raise MqttProtocolError("CONNACK with reserved return code %d" % body[1])
        return CONNACK, body[0], body[1]
    if first == PINGRESP:
        return (PINGRESP,)
    packet_id = body[0] << 8 | body[1]
    if packet_id == 0:
        raise MqttProtocolError("%s with packet id 0 [MQTT-2.3.1-1]" % _INCOMING[first][0])
    if first == PUBACK:
        return PUBACK, packet_id
    if body[2] not in (0, 1, 0x80):  # [MQTT-3.9.3-2]; 2 is more than was asked for [MQTT-3.8.4-6]
        raise MqttProtocolError("SUBACK with return code 0x%02x" % body[2])
    return SUBACK, packet_id, None if body[2] == 0x80 else body[2]


def _parse_publish(first, body):
    qos = first >> 1 & 3
    if qos > 1:
        raise MqttProtocolError("PUBLISH with QoS %d, at most 1 was asked for" % qos)
    if qos == 0 and first & 8:
        raise MqttProtocolError("PUBLISH with DUP at QoS 0 [MQTT-3.3.1-2]")
    end = 2 + (body[0] << 8 | body[1]) if len(body) > 1 else 2
    if len(body) < end + 2 * qos:
        raise MqttProtocolError("PUBLISH of %d bytes is cut short" % len(body))
    name = bytes(body[2:end])
    if not name or not well_formed(name) or b"#" in name or b"+" in name:
        raise MqttProtocolError("PUBLISH with a bad topic name [1.5.3, 3.3.2.1]")
    packet_id = 0
    if qos:
        packet_id = body[end] << 8 | body[end + 1]
        end += 2
        if packet_id == 0:
            raise MqttProtocolError("PUBLISH with packet id 0 [MQTT-2.3.1-1]")
    return PUBLISH, name.decode(), bytes(body[end:]), qos, packet_id
