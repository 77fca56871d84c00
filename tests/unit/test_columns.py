"""agent/comms/columns.py: columns of integers, there and back, in few bytes."""

from agent.comms import columns, unbatch
from agent.comms.columns import Kind
from agent.comms.rice import RiceError

PLAIN = (Kind(9),)
ANGLE = (Kind(15, modulus=36000),)


def there_and_back(values, kinds):
    data = columns.pack(values, kinds)
    assert unbatch.unpack(data, len(values[0]), kinds) == values
    return data


def size(values, kind=PLAIN):
    return len(there_and_back([values], kind))


def noise(seed):
    x = seed
    while True:
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        yield x >> 8


def test_the_examples_in_the_document():
    values = [500, 530, 560, 540, 580, 980, 1030]
    assert there_and_back([values], PLAIN).hex() == "bd08d98e1f8014"
    assert there_and_back([[500] * 3 + [510] * 5], PLAIN).hex() == "bd1a1680"


def test_edges():
    for values in (
        [0], [7], [-7], [1 << 50], [5, 5], [5, -5], [0, 1 << 50, -(1 << 50), 3], [3] * 600,
        list(range(0, 60000, 1000)), [9, 9, 9, 10, 9, 9], [0, 10**6, 0, 10**6, 0],
        [0, 0, 0, 0, 5], [0, 5, 0, 0, 0, 0], [0, -1, -3, -6, -10, -15],
    ):  # fmt: skip
        there_and_back([values], PLAIN)


def test_several_columns_share_one_stream():
    source = noise(1)
    rows = [[next(source) % 50 for _ in range(61)] for _ in range(8)]
    there_and_back(rows, PLAIN * 8)


def test_a_column_that_does_not_change_or_is_steady_takes_next_to_nothing():
    assert size([9] * 60) == 3
    assert size([500 + 1000 * i for i in range(60)]) == 4
    assert size([500]) == 2


def test_rare_changes_cost_little_each():
    level = [9] * 60
    for row in (11, 30, 31, 52):
        level[row:] = [level[row - 1] + 1] * (60 - row)
    assert size(level) <= 3 + 4 * 9 // 8


def test_large_jumps_in_a_quiet_column_cost_twice_their_length():
    source = noise(9)
    quiet = [next(source) % 5 for _ in range(60)]
    jumping = list(quiet)
    for row in range(30, 60):
        jumping[row] += 20000
    assert size(jumping) <= size(quiet) + 5


def test_steps_of_ten_or_a_thousand_cost_no_more_than_their_number():
    source = noise(5)
    steps = [next(source) % 7 for _ in range(60)]
    for unit in (10, 100, 1000):
        assert size([7503 + unit * v for v in steps]) <= size([7503 + v for v in steps]) + 2
    there_and_back([[0, -10, 20, -30, 5 * 10]], PLAIN)
    there_and_back([[0, -10, 20, -30, 5]], PLAIN)


def test_an_angle_wraps():
    values = [(35950 + 17 * i) % 36000 for i in range(60)]
    assert size(values, ANGLE) < size(values)
    there_and_back([[0, 35999, 0, 18000, 17999, 0]], ANGLE)
    there_and_back([[35990, 0, 10, 35980, 17990, 0]], ANGLE)
    there_and_back([[35000, 0, 1000, 34000, 17000, 0]], ANGLE)


def test_braking_and_leaving_do_not_make_the_noise_dear():
    """A car that drives steadily, brakes, stands and leaves; a few cm/s of noise."""
    source = noise(13)
    speed = [1400] * 20 + [1400 - 200 * i for i in range(7)] + [0] * 10
    speed += [190 * i for i in range(8)] + [1520] * 15
    speed = [max(0, v + next(source) % 13 - 6) for v in speed]
    assert size(speed) <= 48  # 6.5 bits a row; 60 if all steps were halved, or none


def test_rows_without_a_value_take_no_bits():
    kinds = (Kind(8), Kind(9, known=4))
    source = noise(2)
    flags = [4 if i % 3 else 0 for i in range(60)]
    values = []
    for flag in flags:
        values.append(next(source) % 1000 if flag else (values[-1] if values else 0))
    some = len(there_and_back([flags, values], kinds))
    alone = size([0] + [v for flag, v in zip(flags, values) if flag])  # noqa: B905
    assert some <= alone + len(columns.pack([flags], kinds[:1]))
    there_and_back([[0] * 60, [0] * 60], kinds)
    assert len(there_and_back([[0] * 60, [0] * 60], kinds)) == 4


def test_rows_that_repeat_while_held_take_no_bits():
    kinds = (Kind(8), Kind(15, 36000, 16, 32))
    source = noise(4)
    flags = [16] * 30 + [48] * 30
    driven = [next(source) % 9000 for _ in range(30)]
    held = len(there_and_back([flags, driven + driven[-1:] * 30], kinds))
    assert held <= len(there_and_back([flags[:30], driven], kinds)) + 2
    # Where they do not all repeat they are told.
    moved = driven + driven[-1:] * 10 + [5] * 20
    assert len(there_and_back([flags, moved], kinds)) > held
    there_and_back([[48] * 5, [7] * 5], kinds)
    there_and_back([[32] * 5, [7] * 5], kinds)
    there_and_back([[48], [7]], kinds)


def test_random_columns_of_every_width():
    source = noise(7)
    for width in range(0, 40, 3):
        for n in (1, 2, 3, 17, 60):
            values = [(next(source) << 20 | next(source)) % (1 << width) for _ in range(n)]
            walk = []
            total = 0
            for value in values:
                total += value - (1 << width >> 1)
                walk.append(total)
            there_and_back([values, walk], PLAIN * 2)
            there_and_back([[v % 36000 for v in walk]], ANGLE)


def test_every_cut_and_every_flipped_bit_is_refused_or_gives_rows():
    source = noise(3)
    kinds = (Kind(8), Kind(24), Kind(15, 36000, 16, 32), Kind(4, known=64))
    flags = [80, 80, 112, 112, 64] * 4
    heading = [next(source) % 300 for _ in range(20)]
    rows = [flags, [1000 * i for i in range(20)], heading, [7, 7, 8, 9, 9] * 4]
    for i in range(4, 20, 5):
        rows[2][i] = rows[2][i - 1]
    data = there_and_back(rows, kinds)
    for cut in range(len(data)):
        try:
            unbatch.unpack(data[:cut], 20, kinds)
            raise AssertionError(cut)
        except RiceError:
            pass
    for bit in range(len(data) * 8):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            assert [len(c) for c in unbatch.unpack(bytes(bad), 20, kinds)] == [20] * 4
        except RiceError:
            pass


def test_noise_raises_nothing_else():
    source = noise(11)
    kinds = (Kind(2), Kind(3), Kind(4, 36000, 16, 32), Kind(1, known=64))
    good = 0
    for _ in range(3000):
        data = bytes([next(source) & 255 for _ in range(next(source) % 30)])
        n = next(source) % 30 + 1
        try:
            assert [len(c) for c in unbatch.unpack(data, n, kinds)] == [n] * 4
            good += 1
        except RiceError:
            pass
    assert good


def test_a_jump_beyond_all_measure_is_an_error():
    try:
        columns.pack([[0, 0, 1 << 90, 0, 5]], PLAIN)
        raise AssertionError
    except RiceError:
        pass
