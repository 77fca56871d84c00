"""agent/comms/inbox.py: what of the broker's bytes becomes a message, and why not."""

import gc

from agent import port
from agent.comms import inbox
from agent.comms.inbox import BURST, MAX_RANGES, MAX_SESSIONS, RATE, WINDOW, Inbox, ReplayWindow
from agent.comms.seal import DOWN, MAX_FRAME, OVERHEAD, UP, FrameBox

ENC = bytes(range(32))
KEY = bytes(range(32, 64))
IV = bytes(13)
SID = b"\x01\x02\x03\x04"
ASK = port.packb([3, SID])


class DownOnly:
    """A session, of which the inbox needs no more than this; `opened` counts."""

    def __init__(self, enc=ENC):
        self._box = FrameBox("car-7", enc, KEY, IV, DOWN)
        self.sid = self._box.sid
        self.opened = 0

    def open_down(self, frame):
        self.opened += 1
        return self._box.open(frame)


def room(kind=DOWN, enc=ENC):
    return FrameBox("car-7", enc, KEY, IV, kind)


def ready():
    box = Inbox()
    session = DownOnly()
    box.set_session(session)
    return box, session


def down(number, plaintext=ASK):
    return room().seal(number, plaintext)


def refused(box):
    return {why: n for why, n in box.counters.items() if n and why != "received"}


# Messages


def test_the_three_messages():
    box, _ = ready()
    ack = [1, 1790000000000, [[SID, 7, [[9, 12], [20, 20]]], [b"abcd", 0, []]]]
    assert box.take(down(0, port.packb(ack)), 0) == (
        "ack",
        1790000000000,
        [(SID, 7, [[9, 12], [20, 20]]), (b"abcd", 0, [])],
    )
    again = [2, SID, [[3, 4]]]
    assert box.take(down(1, port.packb(again)), 0) == ("again", SID, [[3, 4]])
    assert box.take(down(2), 0) == ("open", SID)
    assert box.counters["received"] == 3 and not refused(box)


def test_what_is_no_message_is_refused():
    bad = (
        None, 1, "ack", {}, [], [0], [5, SID], [None, SID], ["1", 0, []],
        [1], [1, 0], [1, 0, []], [1, 0, None], [1, 0, {}], [1, None, [[SID, 1, []]]],
        [1, "0", [[SID, 1, []]]], [1, 0, [[SID, 1, []]], 0], [1, 0, [SID, 1, []]],
        [1, 0, [[SID, 1]]], [1, 0, [[SID, 1, [], 0]]], [1, 0, [["abcd", 1, []]]],
        [1, 0, [[b"abc", 1, []]]], [1, 0, [[SID, -1, []]]], [1, 0, [[SID, 1 << 32, []]]],
        [1, 0, [[SID, "1", []]]], [1, 0, [[SID, 1, None]]], [1, 0, [[SID, 1, [1, 2]]]],
        [1, 0, [[SID, 1, [[1]]]]], [1, 0, [[SID, 1, [[1, 2, 3]]]]], [1, 0, [[SID, 1, [[2, 1]]]]],
        [1, 0, [[SID, 1, [[-1, 1]]]]], [1, 0, [[SID, 1, [[0, 1 << 32]]]]],
        [1, 0, [[SID, 1, [[0, None]]]]],
        [1, 0, [[SID, 1, []]] * (MAX_SESSIONS + 1)],
        [1, 0, [[SID, 1, [[1, 1]] * (MAX_RANGES + 1)]]],
        [2], [2, SID], [2, b"abc", []], [2, SID, None], [2, SID, [[2, 1]]], [2, SID, [], 0],
        [2, SID, [[1, 1]] * (MAX_RANGES + 1)],
        [3], [3, b"abcde"], [3, "abcd"], [3, SID, 0],
        [4], [4, 0, 9, 0, "ping", {}], [4, 1 << 31, 9, 0, "ping", {}], [4, "1", 9, 0, "ping", {}],
        [4, 1, -1, 0, "ping", {}], [4, 1, 1 << 45, 0, "ping", {}], [4, 1, None, 0, "ping", {}],
        [4, 1, 9, 3, "ping", {}], [4, 1, 9, "0", "ping", {}], [4, 1, 9, 0, b"ping", {}],
        [4, 1, 9, 0, "p" * 25, {}], [4, 1, 9, 0, "ping", []], [4, 1, 9, 0, "ping", {1: 2}],
        [4, 1, 9, 0, "ping", {str(i): i for i in range(9)}], [4, 1, 9, 0, "ping", {}, 0],
    )  # fmt: skip
    for value in bad:
        assert inbox.parse(port.packb(value)) is None, value
    for data in (b"", b"\xc1", b"\x93\x01", b"\xdd\xff\xff\xff\xff", ASK + b"\x00"):
        assert inbox.parse(data) is None, data
    assert inbox.parse(ASK) == ("open", SID)


def test_the_largest_message_allowed_is_taken():
    ranges = [[i, i] for i in range(MAX_RANGES)]
    assert inbox.parse(port.packb([1, 0, [[SID, 1, ranges]] * MAX_SESSIONS]))[0] == "ack"


def test_an_order():
    data = port.packb([4, 12, 60000, 1, "profile", {"name": "pursuit"}])
    assert inbox.parse(data) == ("order", 12, 60000, 1, "profile", {"name": "pursuit"})


def test_a_part_of_a_release():
    order = b"12345678"
    chunk = [17, order, 256, (1 << 20) - 1, b"data"]
    assert inbox.parse(port.packb(chunk)) == ("chunk", order, 256, (1 << 20) - 1, b"data")
    box, _ = ready()
    assert box.take(down(0, port.packb([17, order, 0, 0, bytes(4000)])), 0)[4] == bytes(4000)
    bad = (
        [17], [17, order, 1, 0], [17, order, 1, 0, b"data", 0], [17, order, 1, 0, b""],
        [17, order, 1, 0, "data"], [17, order, 1, 0, None], [17, order[:7], 1, 0, b"data"],
        [17, "12345678", 1, 0, b"data"], [17, 5, 1, 0, b"data"], [17, order, 257, 0, b"data"],
        [17, order, -1, 0, b"data"], [17, order, None, 0, b"data"], [17, order, 1, 1 << 20, b"d"],
        [17, order, 1, -1, b"data"], [17, order, 1, "0", b"data"], [16, order, 1, 0, b"data"],
    )  # fmt: skip
    for message in bad:
        assert inbox.parse(port.packb(message)) is None, message


def test_a_malformed_message_is_counted_and_its_number_used_up():
    box, _ = ready()
    assert box.take(down(5, b"\xc1"), 0) is None
    assert refused(box) == {"malformed": 1}
    assert box.take(down(5), 0) is None
    assert refused(box) == {"malformed": 1, "replayed": 1}


# Seals and sizes


def test_what_does_not_open_is_counted_and_uses_up_no_number():
    box, session = ready()
    frame = down(5)
    for bad in (frame[:-1], frame[:-1] + bytes((frame[-1] ^ 1,)), frame + b"\x00"):
        assert box.take(bad, 0) is None
    assert refused(box) == {"seal": 3} and session.opened == 3
    assert box.take(frame, 0) == ("open", SID)


def test_what_its_header_refuses_costs_no_cryptography():
    box, session = ready()
    for bad, why in (
        (b"", "size"), (bytes(OVERHEAD - 1), "size"), (bytes(MAX_FRAME + 1), "size"),
        (room(UP).seal(5, ASK), "type"), (b"\x22" + down(5)[1:], "type"),
        (room(enc=bytes(32)).seal(5, ASK), "session"),
    ):  # fmt: skip
        before = box.counters[why]
        assert box.take(bad, 0) is None
        assert box.counters[why] == before + 1
    assert session.opened == 0


# Replay


def test_a_frame_counts_once():
    box, _ = ready()
    assert box.take(down(0), 0) and box.take(down(0), 0) is None
    assert refused(box) == {"replayed": 1}


def test_interleaved_blocks_are_taken_in_any_order():
    box, _ = ready()
    now = 0
    for number in (200, 100, 201, 101, 0, 202):
        assert box.take(down(number), now) == ("open", SID)
    for number in (200, 100, 201, 101, 0, 202):
        assert box.take(down(number), now) is None
    assert refused(box) == {"replayed": 6}


def test_the_window_reaches_so_far_back_and_no_further():
    window = ReplayWindow()
    assert window.is_fresh(0) and window.is_fresh(0xFFFFFFFF)
    window.mark(5000)
    assert window.is_fresh(5000 - WINDOW + 1) and not window.is_fresh(5000 - WINDOW)
    assert WINDOW == 1024
    window.mark(5000 - WINDOW + 1)
    assert not window.is_fresh(5000 - WINDOW + 1) and window.is_fresh(5000 - WINDOW + 2)
    window.mark(5001)
    assert not window.is_fresh(5000 - WINDOW + 1) and not window.is_fresh(5000)
    assert window.is_fresh(4999) and window.is_fresh(5002)


def test_a_jump_forgets_what_lies_behind_the_window():
    window = ReplayWindow()
    for number in range(10):
        window.mark(number)
    window.mark(9 + WINDOW - 1)
    assert not window.is_fresh(9) and window.is_fresh(10) and not window.is_fresh(8)
    window.mark(0xFFFFFFFF)
    assert not window.is_fresh(0xFFFFFFFF) and window.is_fresh(0xFFFFFFFE)
    assert not window.is_fresh(10)


def test_the_window_agrees_with_a_list_of_all_numbers():
    window = ReplayWindow()
    seen = []
    number = 1
    for _ in range(1500):
        number = (number * 1103515245 + 12345) % 3000
        fresh = number not in seen and (not seen or number > max(seen) - WINDOW)
        assert window.is_fresh(number) == fresh
        if fresh:
            window.mark(number)
            seen.append(number)


def test_a_new_session_begins_a_new_window():
    box, _ = ready()
    assert box.take(down(3), 0)
    box.set_session(DownOnly(bytes(32)))
    assert box.take(down(4), 0) is None
    assert box.take(room(enc=bytes(32)).seal(3, ASK), 0) == ("open", SID)
    assert refused(box) == {"session": 1}


# Flood


def forged(number, size=60):
    """What a broker can make up: the header is right, for it can be seen in every frame."""
    head = bytes((DOWN,)) + room().sid + number.to_bytes(4, "big")
    return head + bytes(size - len(head))


def test_a_flood_is_refused_before_cryptography():
    box, session = ready()
    for number in range(3 * BURST):
        box.take(forged(number), 0)
    assert session.opened == BURST
    assert refused(box) == {"seal": BURST, "flood": 2 * BURST}


def test_a_flood_that_headers_refuse_does_not_hold_up_what_is_genuine():
    """Ten seconds of rubbish, of strangers' frames and of repeated ones, 3,000 a second."""
    box, session = ready()
    first = down(0)
    strange = room(enc=bytes(32)).seal(7, ASK)
    assert box.take(first, 0) == ("open", SID)
    for now in range(1, 10001):
        for bad in (first, strange, b"\x12" * 3):
            assert box.take(bad, now) is None
        if now % 100 == 0:
            assert box.take(down(now), now) == ("open", SID)
    assert refused(box) == {"replayed": 10000, "session": 10000, "size": 10000}
    assert session.opened == 101


def test_after_a_flood_frames_pass_at_the_long_runs_rate():
    box, session = ready()
    for now in range(0, 10001):
        box.take(forged(now), now)
    assert session.opened == BURST + 10 * RATE
    assert box.take(down(1), 10020) is None
    assert box.take(down(1), 10050) == ("open", SID)


def test_a_flood_leaves_nothing_in_memory():
    """What 10,000 messages of each kind leave behind, where the interpreter can tell."""
    box, _ = ready()
    first = down(0)
    assert box.take(first, 0)

    def flood(count):
        for n in range(count):
            box.take(forged(n + 1), n)
            box.take(first, n)
            box.take(b"\x12" * (n % 300), n)

    flood(2000)
    gc.collect()
    before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    flood(10000)
    gc.collect()
    after = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    assert after - before < 1024, after - before


def test_a_quiet_hour_allows_one_burst_and_no_more():
    box, session = ready()
    for number in range(2 * BURST):
        box.take(forged(number), 3600000)
    assert session.opened == BURST
