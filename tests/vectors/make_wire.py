"""Writes wire-v1.json from fixed keys: python tests/vectors/make_wire.py

Look at the difference before committing it: the file is what other receivers are built against.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from agent import port, records  # noqa: E402
from agent.comms import batch, seal  # noqa: E402
from agent.comms import session as sessions  # noqa: E402
from agent.port import curve25519  # noqa: E402

TARGET = Path(__file__).parent / "wire-v1.json"

# TEST KEYS: fixed for the vectors, good for nothing else.
VEHICLE = "v-test0001"
ROOM_PRIVATE = port.sha256(b"test key: room")
PSK = port.sha256(b"test key: vehicle")
SEED = port.sha256(b"test key: random numbers of the session")
BOOT = 7
GENERATION = 1
ROOM_UTC = 1790000012345


def make_session():
    """The vehicle's Session that the vectors are made of."""
    public = port.x25519(ROOM_PRIVATE)
    identity = sessions.Identity(VEHICLE, port.sha256(public)[:4], public, PSK, GENERATION)
    return identity, curve25519.run(sessions.open_steps(identity, BOOT, SEED, 0))


def town():
    """A track with all that a form can be: braking and leaving, standing with a held heading, a
    time without altitude and satellites, units, rare changes, a position that jumps."""
    full = 1 | records.HAS_ALT | records.HAS_SPEED | records.HAS_HEADING | records.HAS_SATS
    rows, lat, lon, heading = [], 34020000, -6836000, 35990
    for i in range(60):
        speed = min(1000, max(0, 200 * abs(i - 22) - 1000))
        speed += i * 7 % 5 if speed else 0
        heading = (heading + 3 * (i * i % 11) - 15 + (900 if 34 < i < 45 else 0)) % 36000
        held = speed == 0
        if held:
            heading = rows[-1][6]
        lat, lon = lat + speed // 14 + i * 5 % 3, lon + (40000 if i == 50 else i * 3 % 4)
        covered = 45 < i < 52
        flags = full & ~(records.HAS_ALT | records.HAS_SATS) | 1 if covered else full
        rows.append((2, 3600000 + 1000 * i, lat, lon, None if covered else 4600 + 10 * (i * i % 9),
                     speed, heading, None if covered else 9 + (i > 40),
                     flags | (records.HEADING_HELD if held else 0)))  # fmt: skip
    return rows


def frame_records():
    """Records of the vectors' frames, one list a frame."""
    flags = 1 | records.HAS_ALT | records.HAS_SPEED | records.HAS_HEADING | records.HAS_SATS
    track = []
    for i in range(60):
        lat, lon = 33990000 + 118 * i + i % 3, -6849800 - 60 * i + i * i % 7
        heading = (35950 + 7 * i) % 36000
        row = (2, 4000 + 1000 * i, lat, lon, 7500 + 10 * (i % 4), 1388 + i % 11, heading, 9, flags)
        track.append(row)
    still = (2, 64000, 33997000, -6853500, None, None, None, None, 2)
    return (
        [(4, 12, 1, BOOT, "0.1.0", "cpython")],
        [(1, 4000, 1790000004000, 1, 100), *track, *[(3, 500 * i, 31, 3200 + i) for i in range(9)]],
        [(4, 64100, 2, 1)],
        [still, (3, 64000, 32, 0), (4, 64200, 8, "stored", "P0133"),
         (5, 64300, "t", bytes(4), 3, 9, "full")],
        [*town(), *[(3, 3600000 + 70 * i * i, 30, 1400 + i * i % 23) for i in range(20)]],
    )  # fmt: skip


def make():
    """The vectors as a dict of JSON values; bytes are hexadecimal."""
    identity, session = make_session()
    frames = []
    for rows in frame_records():
        gathered = batch.Batch()
        for row in rows:
            gathered.add(row, 0)
        plaintext = gathered.encode()
        number, frame = session.seal(plaintext)
        decoded = [[f.hex() if isinstance(f, bytes) else f for f in r] for r in rows]
        frames.append({"number": number, "plaintext": plaintext.hex(), "frame": frame.hex(),
                       "records": decoded})  # fmt: skip
    opening = seal.parse_open(session.open_bytes)
    private = sessions.ephemeral_private(PSK, BOOT, SEED)
    dh = port.x25519(private, identity.room_public)
    from agent.comms import hpke

    keys = hpke.session_keys(dh, opening.enc, identity.room_public, PSK, VEHICLE,
                             identity.room_key_id, GENERATION, BOOT)  # fmt: skip
    down = seal.FrameBox(VEHICLE, opening.enc, keys.down_key, keys.down_iv, seal.DOWN)
    message = [1, ROOM_UTC, [[opening.sid, 2, [[3, 3]]]]]
    plaintext = port.packb(message)
    return {
        "note": "test keys; see docs/wire.md",
        "vehicle": VEHICLE,
        "room_private": ROOM_PRIVATE.hex(),
        "room_public": identity.room_public.hex(),
        "room_key_id": identity.room_key_id.hex(),
        "psk": PSK.hex(),
        "psk_generation": GENERATION,
        "boot": BOOT,
        "random": SEED.hex(),
        "ephemeral_private": private.hex(),
        "session_open": session.open_bytes.hex(),
        "session_id": session.sid.hex(),
        "keys": {name: getattr(keys, name).hex() for name in keys.__slots__},
        "frames": frames,
        "acknowledgement": {
            "number": 64,
            "plaintext": plaintext.hex(),
            "frame": down.seal(64, plaintext).hex(),
            "upto": 2,
            "ranges": [[3, 3]],
            "utc": ROOM_UTC,
        },
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(make(), indent=1) + "\n")
    print(f"wrote {TARGET.relative_to(ROOT)}")
