"""Another implementer's receiver: docs/wire.md, msgpack and cryptography, nothing of this project.

Kept free of imports from `agent` on purpose: what it takes to write a receiver stands in this file.
"""

import hashlib
import hmac
import json
import math
from pathlib import Path

import msgpack
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

VECTORS = Path(__file__).parents[1] / "vectors" / "wire-v1.json"


# HPKE, RFC 9180: mode_psk, suite 0x0020 / 0x0001 / 0xFFFF


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(key, info, length):
    out = block = b""
    while len(out) < length:
        block = hmac256(key, block + info + bytes([len(out) // 32 + 1]))
        out += block
    return out[:length]


def labeled_extract(suite, salt, label, key):
    return hmac256(salt or bytes(32), b"HPKE-v1" + suite + label + key)


def labeled_expand(suite, key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def exporter(room_private, enc, info, psk, psk_id):
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\xff\xff"
    private = X25519PrivateKey.from_private_bytes(room_private)
    public = private.public_key().public_bytes_raw()
    dh = private.exchange(X25519PublicKey.from_public_bytes(enc))
    eae = labeled_extract(kem, b"", b"eae_prk", dh)
    shared = labeled_expand(kem, eae, b"shared_secret", enc + public, 32)
    context = b"\x01" + labeled_extract(suite, b"", b"psk_id_hash", psk_id)
    context += labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", psk)
    exporter_secret = labeled_expand(suite, secret, b"exp", context, 32)
    return lambda name, length: labeled_expand(suite, exporter_secret, b"sec", name, length)


class Receiver:
    def __init__(self, vehicle, room_private, psk):
        self.vehicle, self.room_private, self.psk = vehicle.encode(), room_private, psk

    def open_session(self, payload):
        assert len(payload) == 59 and payload[0] == 0x10
        self.enc, key_id, generation, boot = (
            payload[1:33], payload[33:37], payload[37:39], payload[39:43],
        )  # fmt: skip
        info = b"pv1" + self.vehicle + key_id + generation + boot
        self.export = exporter(
            self.room_private, self.enc, info, self.psk, self.vehicle + generation
        )
        mac = hmac256(self.export(b"open mac", 32), payload[:43])[:16]
        if not hmac.compare_digest(mac, payload[43:]):
            raise ValueError("MAC")
        self.sid = hashlib.sha256(self.enc).digest()[:4]

    def open_frame(self, frame, direction):
        kind = {"up": 0x11, "down": 0x12}[direction]
        assert frame[0] == kind and frame[1:5] == self.sid
        iv = self.export(f"{direction} iv".encode(), 13)
        nonce = (int.from_bytes(iv, "big") ^ int.from_bytes(frame[5:9], "big")).to_bytes(13, "big")
        aad = b"pv1" + self.vehicle + self.enc + frame[:9]
        box = AESCCM(self.export(f"{direction} key".encode(), 32), tag_length=16)
        return box.decrypt(nonce, frame[9:], aad)


def unzigzag(z):
    return -(z + 1) // 2 if z % 2 else z // 2


class Bits:
    def __init__(self, data):
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def take(self, n):
        self.at += n
        assert self.at <= len(self.text)
        return int(self.text[self.at - n : self.at] or "0", 2)

    def residual(self, k):
        q = 0
        while q < 24 and self.take(1):
            q += 1
        return unzigzag(self.take(self.take(6)) if q == 24 else q << k | self.take(k))


def columns(data, n, moduli):
    heads, at = [], 0

    def varint():
        nonlocal at
        z = shift = 0
        while True:
            byte = data[at]
            at += 1
            z |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return unzigzag(z)

    for _ in moduli:
        head = data[at]
        at += 1
        values = [varint()]
        if head >> 5 & 3 == 2 and n > 1:
            values.append(values[0] + varint())
        heads.append((head, values))
    bits = Bits(data[at:])
    for (head, values), modulus in zip(heads, moduli, strict=True):
        order, k, unit = head >> 5 & 3, head & 31, 10 if head & 128 else 1
        while len(values) < n:
            base = values[0] if order == 0 else values[-1]
            if order == 2:
                base += values[-1] - values[-2]
            value = base + (0 if k == 31 else unit * bits.residual(k))
            values.append(value % modulus if modulus else value)
    return [values for _, values in heads]


def sine(angle):
    angle %= 36000
    if angle >= 18000:
        return -sine(angle - 18000)
    if angle > 9000:
        return sine(18000 - angle)
    whole = [round(math.sin(math.radians(d)) * 32768) for d in range(92)]
    d, c = divmod(angle, 100)
    return (whole[d] * (100 - c) + whole[d + 1] * c) // 100


def add_the_way(t, lat, lon, speed, heading):
    narrowing = max(572, sine(9000 - abs(lat[0]) // 10000))
    north = east = 0
    for i in range(1, len(t)):
        turn = (heading[i] - heading[i - 1] + 18000) % 36000 - 18000
        middle = heading[i - 1] + turn // 2
        way = (speed[i - 1] + speed[i]) * (t[i] - t[i - 1])
        north += way * sine(middle + 9000)
        east += way * sine(middle)
        lat[i] += north // 728727552
        lon[i] += east * 32768 // (728727552 * narrowing)


def records(plaintext):
    found = []
    for section in msgpack.unpackb(plaintext):
        if section[0] == 2:
            _, n, data = section
            track = columns(data, n, (0, 0, 0, 0, 0, 36000, 0, 0))
            t, lat, lon, _, speed, heading = track[:6]
            add_the_way(t, lat, lon, speed, heading)
            for row in zip(*track, strict=True):
                row = list(row)
                for index, flag in ((3, 0x04), (4, 0x08), (5, 0x10), (6, 0x40)):
                    if not row[7] & flag:
                        row[index] = None
                found.append([2, *row])
        elif section[0] == 3:
            _, signal, n, data = section
            for t, value in zip(*columns(data, n, (0, 0)), strict=True):
                found.append([3, t, signal, value])
        else:
            found.append([f.hex() if isinstance(f, bytes) else f for f in section])
    return found


@pytest.fixture
def vectors():
    return json.loads(VECTORS.read_text())


@pytest.fixture
def receiver(vectors):
    unhex = bytes.fromhex
    r = Receiver(vectors["vehicle"], unhex(vectors["room_private"]), unhex(vectors["psk"]))
    r.open_session(unhex(vectors["session_open"]))
    return r


def test_the_session_opens(vectors, receiver):
    assert receiver.sid.hex() == vectors["session_id"]
    assert receiver.export(b"up key", 32).hex() == vectors["keys"]["up_key"]


def test_every_frame_opens_to_its_records(vectors, receiver):
    assert len(vectors["frames"]) == 4
    for frame in vectors["frames"]:
        plaintext = receiver.open_frame(bytes.fromhex(frame["frame"]), "up")
        assert plaintext.hex() == frame["plaintext"]
        assert sorted(map(str, records(plaintext))) == sorted(map(str, frame["records"]))


def test_the_acknowledgement_opens(vectors, receiver):
    ack = vectors["acknowledgement"]
    plaintext = receiver.open_frame(bytes.fromhex(ack["frame"]), "down")
    assert msgpack.unpackb(plaintext) == [
        1, ack["utc"], [[receiver.sid, ack["upto"], ack["ranges"]]],
    ]  # fmt: skip


def test_what_was_changed_does_not_open(vectors, receiver):
    frame = bytearray.fromhex(vectors["frames"][1]["frame"])
    for i in range(5, len(frame)):
        frame[i] ^= 1
        with pytest.raises(InvalidTag):
            receiver.open_frame(bytes(frame), "up")
        frame[i] ^= 1
    opening = bytearray.fromhex(vectors["session_open"])
    for i in range(33, len(opening)):
        opening[i] ^= 1
        with pytest.raises(ValueError, match="MAC"):
            receiver.open_session(bytes(opening))
        opening[i] ^= 1


def test_the_example_in_the_document():
    data = bytes.fromhex("40 e807 d00f e0")
    assert columns(data, 5, (0,)) == [[500, 1500, 2498, 3496, 4494]]


def test_the_file_is_what_the_agent_writes_now(vectors):
    from tests.vectors import make_wire

    assert make_wire.make() == vectors
