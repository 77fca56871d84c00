from agent import port
from agent.comms import batch, columns, unbatch
from agent.comms.columns import Kind
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
    assert unbatch.decode(plaintext) == records
    assert len(plaintext) < 400
    b.clear()
    assert b.records == 0 and not b.is_full() and b.encode() == b"\x90"


def there_and_back(records):
    b = batch.Batch()
    for record in records:
        b.add(record, 0)
    plaintext = b.encode()
    assert unbatch.decode(plaintext) == records
    return plaintext


def test_what_is_not_known_comes_back_as_that_and_costs_nothing():
    full = [position(i, speed=1400 + i * i % 7) for i in range(30)]
    bare = [position(i, alt=None, speed=None, heading=None, sats=None, flags=1) for i in range(30)]
    assert len(there_and_back(bare)) < len(there_and_back(full))
    there_and_back([full[0], bare[1], full[2], bare[3], bare[4], full[5]])
    there_and_back([bare[0], full[1], bare[2], bare[3], full[4]])
    there_and_back(full[:1])
    there_and_back(bare[:1])
    # A value whose flag is off is not known, whatever stands there.
    b = batch.Batch()
    b.add(position(0), 0)
    b.add(position(1, speed=9999, heading=123, flags=0x45), 0)
    b.add(position(2), 0)
    assert unbatch.decode(b.encode()) == [
        position(0), position(1, speed=None, heading=None, flags=0x45), position(2),
    ]  # fmt: skip


def test_a_standing_car_costs_less_than_a_driving_one():
    held = [position(i, lat=7, lon=8, speed=0, heading=777, flags=0xFD) for i in range(60)]
    assert len(there_and_back(held)) < 40
    # Positions kept rarely: the car drove in between, and each heading is held.
    turned = [position(i, heading=100 * i, flags=0x7D) for i in range(60)]
    there_and_back(turned)


def test_one_position_fits_into_24_bytes():
    assert len(there_and_back([position(3600)])) <= 24


TRACK = columns.pack(
    [[1], [1], [5], [6], [2], [3], [4], [7]],
    tuple([Kind(k) for k in (8, 24, 11, 15, 25, 25, 13, 4)]),
)


def test_what_is_no_batch_is_refused():
    assert len(unbatch.decode(port.packb([[POSITION, 1, TRACK]]))) == 1
    bad = (
        1, [1], [[]], [[9]], [["x"]], [[ANCHOR, 1, 2]], [[ANCHOR, "1", 2, 3, 4]],
        [[POSITION, 1]], [[POSITION, 100000, TRACK]], [[POSITION, 0, TRACK]],
        [[POSITION, 1, TRACK[:-1]]], [[POSITION, 1, TRACK + b"0"]],
        [[POSITION, 1, []]], [[POSITION, "1", TRACK]], [[POSITION, 1, TRACK, 0]],
        [[VALUE, 1, 0, b""]], [[VALUE, "s", 1, b""]], [[VALUE, 1, 1, b"\xff"]], [[VALUE]],
        [[EVENT, 1]], [[EVENT, "t", 3]],
        [[GAP, 1, "t", b"abcd", 5, 9]],
    )  # fmt: skip
    for value in bad:
        try:
            unbatch.decode(port.packb(value))
            raise AssertionError(value)
        except unbatch.BatchError:
            pass
    for data in (b"", b"\xc1", b"\xdd\xff\xff\xff\xff"):
        try:
            unbatch.decode(data)
            raise AssertionError(data)
        except unbatch.BatchError:
            pass


def test_a_plaintext_holds_so_many_records_and_no_more():
    still = columns.pack([[1] * 600, [1] * 600], (Kind(24), Kind(9)))
    assert len(unbatch.decode(port.packb([[VALUE, 1, 600, still]] * 6))) == 3600
    try:
        unbatch.decode(port.packb([[VALUE, 1, 600, still]] * 7))
        raise AssertionError
    except unbatch.BatchError:
        pass


def test_noise_raises_nothing_else():
    x = 5
    good = 0
    for i in range(3000):
        data = []
        for _ in range(i % 60):
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF
            # A low byte now and then: noise alone is nothing but jumps.
            data.append(x >> 8 & (255 if x >> 20 & 3 else 7))
        section = [POSITION, 1 + i % 20, bytes(data)]
        if i % 3:
            section = [VALUE, 1, 1 + i % 20, bytes(data)]
        try:
            good += len(unbatch.decode(port.packb([section])))
        except unbatch.BatchError:
            pass
    assert good
