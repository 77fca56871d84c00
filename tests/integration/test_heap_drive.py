"""`patrol bench heap`: the agent drives in the heap that the documents name; a small one is told.

Half a minute in `make test`; an hour with PATROL_LONG=1, in which nothing may grow.
"""

import os

import pytest

from tests.support.brokers import find_mosquitto
from tools import interpreter
from tools.bench import heap

LONG = bool(os.environ.get("PATROL_LONG"))
MINUTES = 60 if LONG else 0.6
# Between the first fifth of an hour and the last: batches under way when they are looked at.
GROWTH = 8192


@pytest.fixture(autouse=True)
def micropython():
    if interpreter.find() is None:
        pytest.skip(interpreter.HOW_TO_GET_IT)


def test_a_drive_passes_in_the_heap_that_the_documents_name():
    found = heap.run(minutes=MINUTES)
    print(found)
    assert "failed" not in found, found["failed"]
    assert found["tls"] == (find_mosquitto() is not None)
    assert found["heapsize"] == int(heap.HEAPSIZE[:-1]) * 1024
    assert found["peak_bytes"] <= found["heapsize"]
    assert found["free_after_gc_min"] == found["heapsize"] - found["live_max_bytes"] > 0
    assert found["allocated_per_second"] > 0
    # The start is a good part of half a minute.
    assert found["fixes_per_second"] > 4 and found["obd_values_per_second"] > (19 if LONG else 10)
    assert found["positions_in_room"] > 0 and found["values_in_room"] > 0
    assert found["commands_answered"] > 3 and found["commands_missed"] == []
    assert found["rows"][-1]["room"] == "all" and found["rows"][-1]["start"] > 0
    if LONG:
        assert found["free_after_gc_last"] > found["free_after_gc_first"] - GROWTH


@pytest.mark.skipif(not LONG, reason="PATROL_LONG=1 drives with loaded modules as well")
def test_a_drive_passes_with_loaded_modules():
    found = heap.run(minutes=10, is_loaded=True)
    assert "failed" not in found, found["failed"]
    assert found["modules"] == "loaded" and found["commands_missed"] == []


def test_a_heap_that_is_too_small_is_told():
    found = heap.run(minutes=0.5, heapsize="176K")
    assert found["failed"] and found["heapsize"] == 176 * 1024


def test_a_heap_size_that_makes_no_sense_is_wrong_use():
    with pytest.raises(heap.BenchError) as e:
        heap.run(heapsize="much")
    assert e.value.is_wrong_use
