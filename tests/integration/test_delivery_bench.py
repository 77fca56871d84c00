"""`patrol bench link` in short: a backlog uses the link, and a panic press does not wait for it."""

import pytest

from tests.support.brokers import find_mosquitto
from tools.bench import link

PRESSES = 20


def test_a_backlog_uses_the_link_and_a_panic_press_overtakes_it():
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    found = link.measure(presses=PRESSES)
    print(found)
    trip = found["round_trip_ms"]
    assert 100 <= trip <= 150 and found["presses"] == PRESSES
    assert found["backlog_drain_fraction"] >= 0.6
    # The benchmark itself looks at the slowest of 500; on a machine that runs other tests, too, the
    # middle is what can be asked for.
    assert found["panic_p50_ms"] <= trip + 50 and found["idle_panic_p50_ms"] <= trip + 50
    assert found["reconnect_newest_position_ms"] <= 2 * trip
    assert (
        found["reconnect_position_age_ms"] <= 2500
    )  # a fix a second, and its way through the UART
