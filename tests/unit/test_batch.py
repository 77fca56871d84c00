from agent import port
from agent.comms import batch, rice
from agent.records import ANCHOR, EVENT, GAP, POSITION, VALUE


def position(i, **changes):
    row = {"t": 1000 * i, "lat": 33990000 + 12 * i, "lon": -6850000 - i * i, "alt": 7500,
           "speed": 1400, "heading": 35990, "sats": 9, "flags": 0x5D}  # fmt: skip
    row.update(changes)
    return (POSITION, row["t"], row["lat"], row["lon"], row["alt"], row["speed"], row["heading"],
            row["sats"], row["flags"])  # fmt: skip


def test_records_there_and_back():
    records = [(ANCHOR, 4000, 1790000000000, 1, 50)]
    records += [position(i) for i in range(60)]
    records[7] = position(6, alt=None, speed=None, heading=None, sats=None, flags=1)
    records += [(VALUE, 500 * i, 21, 3000 + i) for i in range(20)]
    records += [(EVENT, 4200, 2, 1), (EVENT, 4300, 8, "stored", "P0301")]
    records += [(GAP, 4300, "t", b"abcd", 5, 9, "full")]
    b = batch.Batch()
    for record in records:
        b.add(record, 70000)
    assert b.records == len(records) and b.is_full() and b.started == 70000
    plaintext = b.encode()
    assert batch.decode(plaintext) == records
    assert len(plaintext) < 400
    b.clear()
    assert b.records == 0 and not b.is_full() and b.encode() == b"\x90"


TRACK = rice.pack([[1], [2], [3], [4], [5], [6], [7], [1]], (0, 0, 0, 0, 0, 36000, 0, 0))


def test_what_is_no_batch_is_refused():
    assert len(batch.decode(port.packb([[POSITION, 1, TRACK]]))) == 1
    bad = (
        1, [1], [[]], [[9]], [["x"]], [[ANCHOR, 1, 2]], [[ANCHOR, "1", 2, 3, 4]],
        [[POSITION, 1]], [[POSITION, 100000, TRACK]], [[POSITION, 0, TRACK]],
        [[POSITION, 1, TRACK[:-1]]], [[POSITION, 1, TRACK + b"0"]],
        [[POSITION, 1, []]], [[POSITION, "1", TRACK]], [[POSITION, 1, TRACK, 0]],
        [[VALUE, 1, 0, b""]], [[VALUE, "s", 1, b""]], [[VALUE, 1, 1, b"\x1f"]], [[VALUE]],
        [[EVENT, 1]], [[EVENT, "t", 3]],
        [[GAP, 1, "t", b"abcd", 5, 9]],
    )  # fmt: skip
    for value in bad:
        try:
            batch.decode(port.packb(value))
            raise AssertionError(value)
        except batch.BatchError:
            pass
    for data in (b"", b"\xc1", b"\xdd\xff\xff\xff\xff"):
        try:
            batch.decode(data)
            raise AssertionError(data)
        except batch.BatchError:
            pass
