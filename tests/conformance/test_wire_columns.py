"""The agent's columns against the reader that was written from docs/wire.md; and hostile bytes."""

import contextlib

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.comms import batch, columns, unbatch
from agent.records import HAS_ALT, HAS_HEADING, HAS_SATS, HAS_SPEED, POSITION, VALUE
from tests.conformance import test_wire_format as reader
from tools.bench import wire

numbers = st.one_of(st.integers(-9, 9), st.integers(-40000, 40000), st.integers(-(2**50), 2**50))


@st.composite
def walks(draw):
    """A column that steps, rests, is steady or jumps, in some unit."""
    unit = draw(st.sampled_from((1, 10, 100, 1000, 7)))
    value, step, out = draw(numbers), 0, []
    for _ in range(draw(st.integers(1, 70))):
        kind = draw(st.integers(0, 9))
        if kind == 9:
            step = draw(st.integers(-300, 300))
        value += unit * (step + (draw(st.integers(-3, 3)) if kind > 4 else 0))
        if kind == 8:
            value += unit * draw(numbers)
        out.append(value)
    return out


@given(walks())
@settings(max_examples=300, deadline=None)
def test_a_column_reads_the_same_by_the_document(values):
    data = columns.pack([values], (columns.Kind(9),))
    assert unbatch.unpack(data, len(values), (columns.Kind(9),)) == [values]
    assert reader.columns(data, len(values), [(9, 0)]) == [values]


@st.composite
def tracks(draw):
    rows = []
    t, lat, lon = draw(st.integers(0, 10**8)), 34000000, -6800000
    alt, speed, heading, sats = 4000, 0, draw(st.integers(0, 35999)), 9
    for _ in range(draw(st.integers(1, 40))):
        flags = draw(st.integers(0, 255))
        t += draw(st.sampled_from((1000, 1000, 1000, 200, 1003, 30000)))
        lat += draw(st.integers(-200, 200))
        lon += draw(st.integers(-200, 200))
        alt += 10 * draw(st.integers(-9, 9))
        speed = max(0, speed + draw(st.integers(-300, 300)))
        if draw(st.integers(0, 3)):
            heading = (heading + draw(st.integers(-4000, 4000))) % 36000
        sats += draw(st.sampled_from((0, 0, 0, 1, -1)))
        rows.append((
            POSITION, t, lat, lon, alt if flags & HAS_ALT else None,
            speed if flags & HAS_SPEED else None, heading if flags & HAS_HEADING else None,
            sats if flags & HAS_SATS else None, flags,
        ))  # fmt: skip
    return rows


def encoded(rows):
    gathered = batch.Batch()
    for row in rows:
        gathered.add(row, 0)
    return gathered.encode()


@given(tracks())
@settings(max_examples=300, deadline=None)
def test_a_track_reads_the_same_by_the_document(rows):
    plaintext = encoded(rows)
    assert unbatch.decode(plaintext) == rows
    assert reader.records(plaintext) == [list(row) for row in rows]


def test_an_hour_of_driving_reads_the_same_by_the_document():
    rows = list(wire.records(wire.SCENARIO))
    for size in (60, 7):
        for i in range(0, len(rows), size):
            part = rows[i : i + size]
            assert reader.records(encoded(part)) == [list(row) for row in part]


@given(st.binary(max_size=80), st.integers(1, 600))
@example(b"\xff" * 80, 600)
@example(bytes(80), 600)
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_records_or_a_batch_error(data, n):
    for section in ([POSITION, n, data], [VALUE, 1, n, data]):
        with contextlib.suppress(unbatch.BatchError):
            assert len(unbatch.decode(msgpack.packb([section]))) == n


@given(tracks(), st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_track_is_records_or_a_batch_error(rows, data):
    plaintext = bytearray(encoded(rows))
    at = data.draw(st.integers(0, len(plaintext) - 1))
    plaintext[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(unbatch.BatchError):
        unbatch.decode(bytes(plaintext))


def test_what_claims_more_rows_than_a_frame_has_is_refused_before_it_fills_the_memory():
    still = columns.pack([[1] * 600] * 2, (columns.Kind(24), columns.Kind(9)))
    plaintext = msgpack.packb([[VALUE, 1, 600, still]] * 200)
    with pytest.raises(unbatch.BatchError, match="4096"):
        unbatch.decode(plaintext)
