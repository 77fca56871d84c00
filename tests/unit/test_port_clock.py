"""The machine's own clock, as the port gives it."""

from agent import port


def test_it_says_nothing_or_a_time_with_its_uncertainty():
    clock = port.Rtc()
    found = clock.read()
    assert found is None or (found[0] > 1700000000000 and 0 < found[1] < 1 << 40)
    clock.write(1790000000000)  # on a PC it is not ours to set
    again = clock.read()
    assert (again is None) == (found is None)
