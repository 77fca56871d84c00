"""agent/recorder.py: when records become a frame in the journal, and what is in it."""

from agent.clock import Clock
from agent.comms import batch, unbatch
from agent.comms.journal import Journal, JournalError
from agent.recorder import OFFLINE_MS, Recorder
from agent.records import ALERT, ANCHOR, CRUMB, EVENT, FINE, GAP, POSITION, VALUE
from tests.support.sessions import PlainSession, frames, numbers
from tests.support.simdisk import EIO, NONE, SimDisk

UTC = 1790000000000


class Car:
    def __init__(self, quota=1 << 20, segment=4096):
        self.disk = SimDisk()
        self.journal = Journal(self.disk, quota, segment, 1000)
        self.session = PlainSession("now")
        self.journal.begin(self.session)
        self.clock = Clock()
        self.recorder = Recorder(self.journal, self.clock)
        self.recorder.is_online = True

    def records(self, lane):
        """One list of records for each frame of the lane."""
        return [unbatch.decode(text) for _, _, text in frames(self.journal, lane)]


def value(t, raw=1):
    return (VALUE, t, 21, raw)


def event(t):
    return (EVENT, t, 2, 1)


def position(t):
    return (POSITION, t, 1, 2, None, None, None, None, 1)


def test_an_alert_is_a_frame_at_once_and_on_the_medium():
    car = Car()
    assert car.recorder.add(ALERT, event(5), 7) is True
    assert car.records(ALERT) == [[event(5)]]
    after = Journal(car.disk.power_cut(NONE), 1 << 20, 4096, 1000)
    assert after.recover() == 1


def test_routine_records_wait_for_company_each_lane_for_itself():
    car = Car()
    car.recorder.report_ms = 5000
    assert not car.recorder.add(FINE, value(0), 100)
    assert not car.recorder.add(CRUMB, event(1), 2000)
    assert not car.recorder.add(FINE, value(9), 5099)
    assert not car.recorder.poll(5099) and car.records(FINE) == []
    assert car.recorder.poll(5100)
    assert car.records(FINE) == [[value(0), value(9)]] and car.records(CRUMB) == []
    assert car.recorder.poll(7000) and car.records(CRUMB) == [[event(1)]]
    assert not car.recorder.poll(99999) and car.recorder.records == 3


def test_without_a_link_a_batch_waits_until_it_is_full_or_a_minute_old():
    car = Car()
    car.recorder.is_online = False
    for t in range(59):
        assert not car.recorder.add(FINE, position(1000 * t), 1000 * t)
    assert not car.recorder.poll(OFFLINE_MS - 1)
    assert car.recorder.add(FINE, position(59000), 59000)
    assert [len(records) for records in car.records(FINE)] == [batch.MAX_POSITIONS]
    car.recorder.add(FINE, position(61000), 61000)
    assert not car.recorder.poll(61000 + OFFLINE_MS - 1) and car.recorder.poll(61000 + OFFLINE_MS)


def test_all_that_waits_can_be_closed():
    car = Car()
    car.recorder.add(FINE, value(0), 0)
    car.recorder.add(CRUMB, event(1), 1)
    car.recorder.close_all(2)
    assert car.records(FINE) == [[value(0)]] and car.records(CRUMB) == [[event(1)]]
    assert not car.recorder.poll(99999)


def test_each_lane_carries_the_clocks_anchor_when_it_is_new_or_old():
    car = Car()
    car.clock.room(UTC, 1000)
    anchor = (ANCHOR, 1000, UTC, 2, 2000)
    for t in (1000, 2000, 602000):
        for lane, record in ((ALERT, event(t)), (FINE, value(t)), (CRUMB, event(t))):
            car.recorder.add(lane, record, t)
        car.recorder.close_all(t)
    for lane in (ALERT, CRUMB, FINE):
        has = [records[0] == anchor for records in car.records(lane)]
        assert has == [True, False, True], lane


def test_a_clock_that_becomes_known_while_records_gather_dates_them():
    car = Car()
    car.recorder.add(FINE, value(500), 500)
    car.clock.room(UTC, 1000)
    car.recorder.poll(9000)
    assert car.records(FINE) == [[(ANCHOR, 1000, UTC, 2, 2000), value(500)]]


def test_a_loss_is_reported_in_gap_records():
    car = Car(quota=700, segment=100)  # a frame a segment, of about 110 bytes
    for t in range(9):
        car.journal.append(FINE, b"some fine telemetry", t)
    for now in (10, 20000, 20010):
        car.recorder.poll(now)
    car.recorder.close_all(20020)
    # What these reports pushed out themselves is still to be reported.
    waiting = [n for gap in car.journal.take_gaps() for n in range(gap[2], gap[3] + 1)]
    left = numbers(car.journal, FINE)
    found = [r for records in car.records(CRUMB) for r in records if r[0] == GAP]
    assert found[0][2:5] == (FINE, car.session.sid, 0) and found[0][6] == "full"
    reported = [n for r in found for n in range(r[4], r[5] + 1)]
    assert sorted(reported + waiting + left) == list(range(9)) and len(reported) > 2


def test_a_failing_storage_keeps_the_records_of_all_lanes_and_says_so():
    car = Car()
    car.disk.broken = EIO
    try:
        car.recorder.add(ALERT, event(1), 1)
        raise AssertionError("no error")
    except JournalError:
        pass
    for lane in (CRUMB, FINE):
        car.recorder.add(lane, value(2), 2)
    try:
        car.recorder.flush(3)
        raise AssertionError("no error")
    except JournalError:
        pass
    assert car.records(ALERT) == [[event(1)]]
    assert car.records(CRUMB) == car.records(FINE) == [[value(2)]]
    car.disk.broken = None
    car.recorder.flush(4)
    after = Journal(car.disk.power_cut(NONE), 1 << 20, 4096, 1000)
    assert after.recover() == 3


def test_a_batch_too_large_for_a_frame_does_not_keep_the_other_lanes_from_closing():
    car = Car()
    car.recorder.add(CRUMB, (EVENT, 1, 13, "x" * 5000), 1)
    car.recorder.add(FINE, value(2), 2)
    try:
        car.recorder.close_all(3)
        raise AssertionError("no error")
    except JournalError as e:
        assert "is no frame" in str(e)
    assert car.records(FINE) == [[value(2)]] and car.records(CRUMB) == []


def test_a_batch_too_large_for_a_frame_becomes_two():
    car = Car(segment=16384)
    wild = [(VALUE, i * i * 7919 % 97 << 40, i, i * i % 89 << 50) for i in range(239)]
    for record in wild:
        car.recorder.add(FINE, record, 0)
    car.recorder.flush(0)
    batches = car.records(FINE)
    assert len(batches) == 2
    assert sorted(sum(batches, [])) == sorted(wild)


def test_it_says_beforehand_when_a_batch_is_due():
    car = Car()
    assert not car.recorder.is_due(99999)
    car.recorder.add(FINE, value(100), 100)
    assert not car.recorder.is_due(100 + car.recorder.report_ms - 1)
    assert car.recorder.is_due(100 + car.recorder.report_ms)
    car.recorder.is_online = False
    assert not car.recorder.is_due(100 + OFFLINE_MS - 1)
    assert car.recorder.is_due(100 + OFFLINE_MS)


def test_each_session_is_dated_by_an_anchor_of_its_own():
    car = Car()
    car.clock.room(UTC, 0)
    car.recorder.add(ALERT, event(1000), 1000)
    car.recorder.add(ALERT, event(2000), 2000)
    car.session = PlainSession("next")
    car.journal.begin(car.session)
    car.recorder.new_session()
    car.recorder.add(ALERT, event(3000), 3000)
    anchors = [[r[0] for r in frame].count(ANCHOR) for frame in car.records(ALERT)]
    assert anchors == [1, 0, 1]
