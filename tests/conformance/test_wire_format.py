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

    def number(self, k):
        u = 0
        while self.take(1):
            u += 1
        assert u <= 60
        if u < 4:
            return (u << k) + self.take(k)
        return (2 << k) + (1 << k + u - 3) + self.take(k + u - 3)


SHAPES = [(1, False), (2, False), (1, True), (2, True), (0, False), (0, True)]
# Parameter of the first value, and the flag of a row with a value.
TRACK = [(8, 0), (24, 0), (11, 0x08), (15, 0x10), (25, 0), (25, 0), (13, 0x04), (4, 0x40)]
SERIES = [(24, 0), (9, 0)]
HEADING = 3


def residuals(bits, n, k, sparse):
    found = []
    while len(found) < n:
        if not sparse:
            is_after_large = found and found[-1] >= 6 << k
            found.append(bits.number(k + 3 if is_after_large else k))
            continue
        gap = bits.number(2)
        found += [0] * (gap - 1 if gap else n - len(found))
        if gap:
            found.append(bits.number(k) + 1)
    assert len(found) == n
    return found


def columns(data, n, kinds):
    bits, found = Bits(data), []
    for index, (parameter, known) in enumerate(kinds):
        is_heading = kinds is TRACK and index == HEADING
        values = [unzigzag(bits.number(parameter))]
        held = 0x20 if is_heading and n > 1 and bits.take(1) else 0
        found.append(values)
        flags = found[0] if index else [0] * n
        coded = [i for i in range(1, n) if flags[i] & known == known and not flags[i] & held]
        at = {}
        if coded:
            order, sparse = SHAPES[bits.number(0)]
            unit, k = 10 ** bits.number(0), bits.take(4)
            y = step = 0
            for row, z in zip(coded, residuals(bits, len(coded), k, sparse), strict=True):
                d = unzigzag(z)
                y = d + (0, y, y + step)[order]
                step += d if z >= 6 << k or row == coded[0] else d // 2
                at[row] = values[0] + unit * y
                if is_heading:
                    at[row] %= 36000
        for i in range(1, n):
            values.append(at.get(i, values[-1]))
    assert len(bits.text) - bits.at < 8 and not bits.take(len(bits.text) - bits.at)
    return found


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
            track = columns(data, n, TRACK)
            flags, t, speed, heading, lat, lon, alt, sats = track
            add_the_way(t, lat, lon, speed, heading)
            for column, (_, known) in zip(track, TRACK, strict=True):
                for i in range(n):
                    if flags[i] & known != known:
                        column[i] = None
            for row in zip(t, lat, lon, alt, speed, heading, sats, flags, strict=True):
                found.append([2, *row])
        elif section[0] == 3:
            _, signal, n, data = section
            for t, value in zip(*columns(data, n, SERIES), strict=True):
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
    assert len(vectors["frames"]) == 5
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


def test_the_examples_in_the_document():
    text = (VECTORS.parents[2] / "docs" / "wire.md").read_text()
    for data, values in (
        ("bd08d98e1f8014", [500, 530, 560, 540, 580, 980, 1030]),
        ("bd1a1680", [500, 500, 500, 510, 510, 510, 510, 510]),
    ):
        assert columns(bytes.fromhex(data), len(values), [(9, 0)]) == [values]
        assert data in text and ", ".join(map(str, values)) in text


def test_the_file_is_what_the_agent_writes_now(vectors):
    from tests.vectors import make_wire

    assert make_wire.make() == vectors
