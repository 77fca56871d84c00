from agent import port
from agent.comms import batch
from agent.records import ANCHOR, EVENT, GAP, POSITION, VALUE


def position(i, **changes):
    row = {"t": 1000 * i, "lat": 33990000 + 12 * i, "lon": -6850000 - i * i, "alt": 7500,
           "speed": 1400, "heading": 35990, "sats": 9, "flags": 0x5D}  # fmt: skip
    row.update(changes)
    return (POSITION, row["t"], row["lat"], row["lon"], row["alt"], row["speed"], row["heading"],
            row["sats"], row["flags"])  # fmt: skip


def test_columns_there_and_back():
    for values in (
        [], [0], [5], [-5], [1, 1, 1], [0, 1000, 2000, 3000], [3, -3, 3, -3],
        [1 << 40, 0, -(1 << 40)], [7, 7, 9, 100, 100, 100],
    ):  # fmt: skip
        packed = batch.pack_column(values)
        assert all([z >= 0 for z in packed])
        assert batch.unpack_column(packed, len(values)) == values


def test_a_steady_column_costs_nothing():
    assert batch.pack_column([500 + 1000 * i for i in range(60)]) == [1000, 2000]
    assert batch.pack_column([9] * 60) == [18]


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
    assert len(plaintext) < 700
    b.clear()
    assert b.records == 0 and not b.is_full() and b.encode() == b"\x90"


def test_what_is_no_batch_is_refused():
    bad = (
        1, [1], [[]], [[9]], [["x"]], [[ANCHOR, 1, 2]], [[ANCHOR, "1", 2, 3, 4]],
        [[POSITION, 1]], [[POSITION, 100000, [], [], [], [], [], [], [], []]],
        [[POSITION, 1, [1, 2], [], [], [], [], [], [], []]],
        [[POSITION, 1, ["a"], [], [], [], [], [], [], []]],
        [[POSITION, 1, [-1], [], [], [], [], [], [], []]],
        [[POSITION, 1, 5, [], [], [], [], [], [], []]],
        [[VALUE, 1, 0, [], []]], [[VALUE, "s", 1, [], []]], [[EVENT, 1]], [[EVENT, "t", 3]],
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
