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
    assert trip >= 100 and found["presses"] == PRESSES
    # Figures are the benchmark's, on a machine that does nothing else. Here several tests run at
    # once: what is asked is that nothing waits for the backlog, which takes tens of seconds.
    assert found["backlog_drain_fraction"] > 0.2
    for key in ("panic_p50_ms", "idle_panic_p50_ms", "reconnect_newest_position_ms"):
        assert found[key] < 10 * trip, key
    assert found["reconnect_position_age_ms"] < 5000  # a fix a second, and its way by the UART
