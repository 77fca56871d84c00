"""Crashes of a gateway that runs from its flash, made for real: it comes back by itself, tells the
room why, and what the room orders mends it (docs/starting.md)."""

import os
import signal
from pathlib import Path

import pytest

from agent import port
from tests.support import esp_board, micropython
from tests.support.esp_flash import Flash
from tests.support.esp_gateway import FlashGateway, Shop
from tests.support.system import order

pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]
PATIENCE_S = 60
LONG = bool(os.environ.get("PATROL_LONG"))


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


def is_empty(system):
    """True while no crash is written down in the flash."""
    return "crashes" not in Flash(system.flash).volume.names()


def test_three_crashes_lead_to_the_minimal_boot_which_the_room_mends(gateway, shop):
    system = gateway(shop.make("crash", 1))
    system.start_gateway()
    system.wait(lambda: system.told("minimal_boot"), PATIENCE_S, "the minimal boot")
    assert system.told("minimal_boot") == [[3, "a"]]
    [[kind, row, slot, text]] = system.told("crash")
    assert (kind, row, slot) == ("exception", 3, "a")
    assert text.endswith("ValueError: no such driver\n") and "agent.app" in text, text
    assert [f[1] for f in system.told("boot")] == ["crash-1"]  # the others got no session
    lines = order(system, "log", "lines=20")
    assert lines["state"] == "done" and "minimal boot: 3 crashes in a row" in str(lines)

    system.update(shop.make("good", 2))
    system.wait(lambda: system.positions(), PATIENCE_S, "a position by the good release")
    assert system.told("boot")[-1][1] == "good-2"
    system.wait(lambda: "good" in system.update_states(), PATIENCE_S, "the commit")
    system.wait(lambda: is_empty(system), 20, "an empty record")
    assert Flash(system.flash).good_slot() == "b"
    assert len(system.told("crash")) == 1


def test_an_agent_that_hangs_is_ended_by_the_watchdog_and_one_that_ends_well_forgets_it(
    gateway, shop
):
    """The room sees one bite; the third leads to the minimal boot, and its restart by order to one
    more try."""
    system = gateway(shop.make("hang", 1))
    system.start_gateway(hurry=20)
    system.wait(lambda: system.told("minimal_boot"), PATIENCE_S, "the minimal boot")
    assert system.told("crash") == [["watchdog", 3, "a", ""]]
    assert system.told("boot")[-1][3] == "watchdog"
    if not LONG:
        return
    assert order(system, "restart")["state"] == "done"
    system.wait(lambda: len(system.told("minimal_boot")) == 2, PATIENCE_S, "the minimal boot")
    assert system.told("crash")[-1] == ["watchdog", 4, "a", ""]


def test_a_crash_is_told_by_the_next_start_and_forgotten_when_it_is_healthy(gateway, shop):
    system = gateway(shop.make("good", 2))
    system.start_gateway()
    system.wait(lambda: system.told("boot"), PATIENCE_S, "the first session")
    kill_interpreter(system)
    system.wait(lambda: system.told("crash"), PATIENCE_S, "what ended it")
    assert system.told("crash") == [["reset", 1, "a", ""]]
    assert system.told("boot")[-1][3] == "reset" and not system.told("minimal_boot")
    system.wait(lambda: is_empty(system), 20, "an empty record")
    # By order: nothing is counted.
    assert order(system, "restart")["state"] == "done"
    system.wait(lambda: len(system.told("boot")) == 3, PATIENCE_S, "the third session")
    assert len(system.told("crash")) == 1 and is_empty(system)


@pytest.mark.skipif(not LONG, reason="PATROL_LONG=1: twenty seconds of back-off")
def test_where_nothing_of_a_release_can_be_imported_the_one_before_it_takes_over(gateway, shop):
    """First as the minimal boot; when that is well, as a whole."""
    system = gateway(shop.make("broken", 3))
    flash = Flash(system.flash)
    other = shop.make("good", 2)
    for path in other.rglob("*"):
        name = str(path.relative_to(other))
        if path.is_file() and (name.startswith("app/") or name == "files"):
            flash.volume.replace(f"b/{name}", path.read_bytes())
    flash.volume.replace("b/whole", port.sha256((other / "files").read_bytes()))
    flash.save()
    system.start_gateway()
    system.wait(lambda: system.told("minimal_boot"), PATIENCE_S, "the minimal boot")
    [[kind, row, slot, text]] = system.told("crash")
    assert (kind, row, slot) == ("exception", 4, "a") and "no such module" in text
    system.wait(lambda: system.positions(), PATIENCE_S, "a position")
    assert [f[:2] for f in system.told("boot")] == [[1, "good-2"], [2, "good-2"]]
    system.wait(lambda: is_empty(system), 20, "an empty record")
    assert Flash(system.flash).good_slot() == "b" and len(system.told("minimal_boot")) == 1


def kill_interpreter(system):
    """What a chip's panic handler makes a reset of."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0")
        if str(system.flash).encode() in words and b"-X" in words:
            os.kill(int(path.parent.name), signal.SIGSEGV)
