"""Crashes of a gateway that runs from its flash, made for real: it comes back by itself, tells the
room why, and what the room orders mends it (docs/starting.md)."""

import pytest

from tests.support import esp_board, micropython
from tests.support.esp_flash import Flash
from tests.support.esp_gateway import FlashGateway, Shop
from tests.support.system import order

pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]
PATIENCE_S = 60


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def gateway(shop, tmp_path):
    """Function: the release that it leaves the bench with -> the system, its room running."""
    made = []

    def make(release, **settings):
        system = FlashGateway(tmp_path, shop, release, **settings)
        made.append(system)
        system.start_room()
        return system

    yield make
    for system in made:
        system.close()


def test_three_crashes_lead_to_the_minimal_boot_which_the_room_mends(gateway, shop):
    system = gateway(shop.make("crash", 1))
    system.start_gateway()
    system.wait(lambda: system.told("minimal_boot"), PATIENCE_S, "the minimal boot")
    assert system.told("minimal_boot") == [[3, "a"]]
    [[kind, row, slot, text]] = system.told("crash")
    assert (kind, row, slot) == ("exception", 3, "a")
    assert text.endswith("ValueError: no such driver\n") and "agent.app" in text, text
    assert [f[1] for f in system.told("boot")] == ["crash-1"]  # the others got no session
    assert order(system, "ping")["state"] == "done"
    lines = order(system, "log", "lines=20")
    assert lines["state"] == "done" and "minimal boot: 3 crashes in a row" in str(lines)

    # Started again by order it is the full agent, which crashes once more.
    assert order(system, "restart")["state"] == "done"
    system.wait(lambda: len(system.told("minimal_boot")) == 2, PATIENCE_S, "the minimal boot")
    assert system.told("crash")[-1][:2] == ["exception", 4]

    system.update(shop.make("good", 2))
    system.wait(lambda: system.positions(), PATIENCE_S, "a position by the good release")
    assert system.told("boot")[-1][1] == "good-2"
    system.wait(lambda: ["good"] in [f[2:3] for f in system.told("update_state")], PATIENCE_S, "it")
    system.wait(lambda: "crashes" not in Flash(system.flash).volume.names(), 20, "an empty record")
    assert Flash(system.flash).good_slot() == "b"
