"""agent/update/starts.py: what counts as a crash, when the minimal boot is due, what is kept."""

from agent.update import starts
from agent.update.starts import (
    COUNTED,
    ENDED,
    EVERY,
    EXCEPTION,
    MAX_ROW,
    MAX_TEXT,
    NOTHING,
    RESET,
    WATCHDOG,
    Record,
    Starts,
)


class Memory:
    """Files in RAM; `is_full`: what is written is refused."""

    def __init__(self):
        self.files = {}
        self.writes = 0
        self.is_full = False

    def size(self, name):
        return len(self.files[name]) if name in self.files else None

    def read(self, name):
        return self.files[name]

    def replace(self, name, data):
        if self.is_full:
            raise OSError(28)
        self.writes += 1
        self.files[name] = bytes(data)

    def remove(self, name):
        self.writes += 1
        self.files.pop(name, None)


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5

    def __init__(self, cause):
        self._cause = cause

    def reset_cause(self):
        return self._cause


def start(storage, how, slot=0, is_trial=False, was_trial=False, whole=(0, 1)):
    """One start of slot `slot`: (Starts, place of the slot that it starts)."""
    made = Starts(storage, how, was_trial, slot)
    return made, made.choose(slot, is_trial, lambda other: other in whole)


def crashes(storage, count, how=WATCHDOG, **options):
    """So many starts, each after a crash: the last of them."""
    for _ in range(count):
        found = start(storage, how, **options)
    return found


def test_what_ended_the_last_run():
    rows = (
        (1, b"", NOTHING),  # power, a brown-out
        (1, b"meant", NOTHING),  # the power failed amid a restart
        (2, b"", RESET),  # the interpreter itself
        (2, b"meant", NOTHING),  # an order
        (2, b"counted", COUNTED),  # main.py has seen the exception
        (2, b"[null, [], null]", RESET),  # of a sleep that never came
        (3, b"", WATCHDOG),
        (3, b"meant", WATCHDOG),  # it hung while it ended
        (4, b"[1, [], null]", NOTHING),
        (5, b"", NOTHING),  # somebody at the prompt
        (0, b"", NOTHING),
    )
    for cause, mark, how in rows:
        assert starts.ended_by(Machine(cause), mark) == how, (cause, mark)


def test_a_gateway_that_never_crashed_writes_nothing():
    storage = Memory()
    for _ in range(10):
        made, slot = start(storage, NOTHING)
        assert slot == 0 and not made.is_minimal and not made.has_record and made.wait_s == 0
    assert storage.files == {}


def test_three_crashes_in_a_row_lead_to_the_minimal_boot():
    for how in (WATCHDOG, RESET):
        storage = Memory()
        for row in range(1, MAX_ROW):
            made, _ = start(storage, how)
            assert not made.is_minimal and starts.load(storage).row == row
        made, slot = start(storage, how)
        assert made.is_minimal and slot == 0 and starts.load(storage).kind == how


def test_an_exception_is_counted_by_who_saw_it_and_once():
    storage = Memory()
    for row in range(1, MAX_ROW + 1):
        made, _ = start(storage, COUNTED if row > 1 else NOTHING)
        assert not made.is_minimal
        assert made.crashed(EXCEPTION, "ValueError: %d" % row)
        assert starts.load(storage).row == row
    made, _ = start(storage, COUNTED)
    found = starts.load(storage)
    assert made.is_minimal and (found.row, found.text) == (MAX_ROW, "ValueError: 3")


def test_power_cuts_restarts_and_sleeps_never_count():
    storage = Memory()
    crashes(storage, MAX_ROW - 1)
    for _ in range(20):
        made, _ = start(storage, NOTHING)
        assert not made.is_minimal and starts.load(storage).row == MAX_ROW - 1
    # Nor do they make it forgotten.
    assert start(storage, WATCHDOG)[0].is_minimal


def test_an_agent_that_was_healthy_begins_a_new_row():
    storage = Memory()
    for _ in range(5):
        crashes(storage, MAX_ROW - 1)
        starts.told(storage)
        starts.healthy(storage, False)
        assert storage.files == {}
    assert not crashes(storage, MAX_ROW - 1)[0].is_minimal


def test_what_nobody_was_told_survives_health():
    storage = Memory()
    crashes(storage, 2)
    starts.healthy(storage, False)
    made, _ = start(storage, NOTHING)
    assert made.has_record and starts.load(storage).is_untold and starts.load(storage).row == 0
    starts.told(storage)
    starts.healthy(storage, False)
    assert storage.files == {}


def test_one_start_of_ten_tries_the_full_agent():
    storage = Memory()
    kinds = [crashes(storage, MAX_ROW)[0].is_minimal]
    for _ in range(2 * EVERY):
        kinds.append(start(storage, NOTHING)[0].is_minimal)
    full = [i for i, is_minimal in enumerate(kinds) if not is_minimal]
    assert full == [EVERY - 1, 2 * EVERY - 1]


def test_a_minimal_boot_that_ends_on_purpose_is_followed_by_one_try():
    storage = Memory()
    crashes(storage, MAX_ROW)
    starts.again(storage)
    assert not start(storage, NOTHING)[0].is_minimal
    assert start(storage, WATCHDOG)[0].is_minimal  # it crashed: not once more
    starts.again(storage)
    start(storage, NOTHING)
    starts.healthy(storage, False)
    assert not start(storage, NOTHING)[0].is_minimal


def test_a_try_that_cannot_be_written_down_is_not_made():
    storage = Memory()
    crashes(storage, MAX_ROW)
    starts.again(storage)
    storage.is_full = True
    assert start(storage, NOTHING)[0].is_minimal
    # And a crash that cannot be counted keeps nothing from starting.
    storage = Memory()
    storage.is_full = True
    made, slot = crashes(storage, 5)
    assert slot == 0 and not made.is_minimal and not made.crashed(EXCEPTION, "")


def test_minimal_boots_that_crash_take_turns_between_slots_that_are_whole():
    storage = Memory()
    slots = [crashes(storage, 1, slot=1)[1] for _ in range(MAX_ROW + 4)]
    assert slots == [1, 1, 1, 0, 1, 0, 1]
    assert starts.load(storage).slot == 0  # the last crash was of the start before
    storage = Memory()
    crashes(storage, MAX_ROW)
    for _ in range(4):
        made, slot = start(storage, WATCHDOG, whole=(0,))
        assert made.is_minimal and slot == 0


def test_a_release_on_trial_has_its_own_count():
    storage = Memory()
    start(storage, NOTHING, slot=1, is_trial=True)
    for _ in range(4):
        made, slot = start(storage, WATCHDOG, slot=1, is_trial=True, was_trial=True)
        assert slot == 1 and not made.is_minimal
    found = starts.load(storage)
    assert (found.row, found.slot, found.is_untold) == (0, 1, True)
    # One that is ordered in the minimal boot is started, and its end leads back there.
    crashes(storage, MAX_ROW)
    made, slot = start(storage, NOTHING, slot=1, is_trial=True)
    assert slot == 1 and not made.is_minimal
    made, slot = start(storage, WATCHDOG, slot=0, was_trial=True)
    assert made.is_minimal


def test_crashes_of_the_minimal_boot_are_waited_after_and_no_others():
    storage = Memory()
    waits = [crashes(storage, 1)[0].wait_s for _ in range(12)]
    assert waits == [0, 0, 0, 10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert start(storage, NOTHING)[0].wait_s == 0
    starts.healthy(storage, True)
    assert starts.load(storage).row == MAX_ROW
    assert start(storage, WATCHDOG)[0].wait_s == 10


def test_a_row_is_counted_to_its_end():
    storage = Memory()
    assert crashes(storage, 300)[0].wait_s == 600 and starts.load(storage).row == 255


def test_of_a_traceback_the_end_is_kept_until_it_is_told():
    storage = Memory()
    made, _ = start(storage, NOTHING)
    made.crashed(EXCEPTION, "x" * 1000 + "\u00e9\x00\nValueError: end\n")
    text = starts.load(storage).text
    assert len(text) == MAX_TEXT and text.endswith("x??\nValueError: end\n")
    start(storage, WATCHDOG)  # which says nothing by itself
    assert starts.load(storage).text == text and starts.load(storage).kind == WATCHDOG
    starts.told(storage)
    assert starts.load(storage).text == "" and not starts.load(storage).is_untold


def test_a_record_is_sound_or_counts_as_none():
    record = Record()
    record.row, record.kind, record.minimals, record.slot, record.text = 7, ENDED, 3, 1, "code 2"
    record.is_untold = record.is_again = record.is_other = record.is_minimal = True
    data = record.encode()
    assert starts.decode(data).encode() == data and len(data) == 8 + 6 + 4
    for i in range(len(data)):
        for bit in range(8):
            assert starts.decode(data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :]) is None
        assert starts.decode(data[:i]) is None
    storage = Memory()
    storage.files[starts.NAME] = data[:-1]
    assert starts.load(storage).row == 0
