"""agent/comms/rice.py: columns of integers, there and back, in few bytes."""

from agent.comms import rice


def there_and_back(columns, moduli):
    data = rice.pack(columns, moduli)
    assert rice.unpack(data, len(columns[0]), moduli) == columns
    return data


def noise(seed):
    x = seed
    while True:
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        yield x >> 8


def test_the_example_in_the_document():
    assert there_and_back([[500, 1500, 2498, 3496, 4494]], (0,)).hex() == EXAMPLE


EXAMPLE = "40e807d00fe0"


def test_edges():
    for values in (
        [0], [7], [-7], [1 << 50], [5, 5], [5, -5], [0, 1 << 50, -(1 << 50), 3], [3] * 600,
        list(range(0, 60000, 1000)), [9, 9, 9, 10, 9, 9], [0, 10**6, 0, 10**6, 0],
    ):  # fmt: skip
        there_and_back([values], (0,))


def test_several_columns_share_one_stream():
    source = noise(1)
    columns = [[next(source) % 50 for _ in range(61)] for _ in range(8)]
    there_and_back(columns, (0,) * 8)


def test_a_column_that_does_not_change_or_is_steady_takes_its_head_only():
    assert len(there_and_back([[9] * 60], (0,))) == 2
    assert len(there_and_back([[500 + 1000 * i for i in range(60)]], (0,))) == 5


def test_decimetres_cost_no_more_than_their_steps():
    source = noise(5)
    steps = [next(source) % 7 for _ in range(60)]
    coarse = there_and_back([[7503 + 10 * v for v in steps]], (0,))
    fine = there_and_back([[7503 + v for v in steps]], (0,))
    assert len(coarse) == len(fine)
    there_and_back([[0, -10, 20, -30, 5 * 10]], (0,))
    there_and_back([[0, -10, 20, -30, 5]], (0,))


def test_an_angle_wraps():
    values = [(35950 + 17 * i) % 36000 for i in range(60)]
    assert len(there_and_back([values], (36000,))) < len(there_and_back([values], (0,)))
    jumping = [0, 35999, 0, 18000, 17999, 0]
    there_and_back([jumping], (36000,))


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
            there_and_back([values, walk], (0, 0))


def test_every_cut_and_every_flipped_bit_is_refused_or_gives_rows():
    source = noise(3)
    columns = [[next(source) % 300 for _ in range(20)], [1000 * i for i in range(20)]]
    data = rice.pack(columns, (0, 36000))
    for cut in range(len(data)):
        try:
            rice.unpack(data[:cut], 20, (0, 36000))
            raise AssertionError(cut)
        except rice.RiceError:
            pass
    for bit in range(len(data) * 8):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            assert [len(c) for c in rice.unpack(bytes(bad), 20, (0, 36000))] == [20, 20]
        except rice.RiceError:
            pass


def test_noise_raises_nothing_else():
    source = noise(11)
    for _ in range(2000):
        data = bytes([next(source) & 255 for _ in range(next(source) % 40)])
        try:
            rice.unpack(data, next(source) % 30 + 1, (0, 0, 36000))
        except rice.RiceError:
            pass


def test_a_jump_beyond_all_measure_is_an_error():
    try:
        rice.pack([[0, 0, 1 << 70, 0, 5]], (0,))
        raise AssertionError
    except rice.RiceError:
        pass
