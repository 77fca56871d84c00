"""A short form of `boot_cuts.py`, and that its laws can be broken."""

import os
import shutil

import pytest

from tests.faults import boot_cuts
from tests.faults.boot_cuts import Boots, Broken
from tests.support import esp_board, micropython
from tests.support.esp_flash import Flash

pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]
BOOTS, RELEASES = (500, 6) if os.environ.get("PATROL_LONG") else (9, 1)
SEED = 6


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """(figures, folder) after all boots."""
    folder = tmp_path_factory.mktemp("boots")
    return boot_cuts.run(folder, BOOTS, RELEASES, SEED), folder


def test_each_boot_comes_up_and_nothing_is_lost(driven):
    figures, _ = driven
    assert figures["boots"] == BOOTS and figures["missing"] == 0, figures
    assert figures["cut_in_a_write"] >= BOOTS // 5, figures
    # What a boot meets depends on the machine: of few nothing can be said.
    assert BOOTS < 100 or len(figures["phases"]) == len(boot_cuts.PHASES), figures
    assert figures["kept"] > 0 and figures["crashes_told"] == figures["minimal_boots"] == 0


class Still:
    """Of a FlashGateway what `Boots` asks for, with a flash that nobody writes."""

    def __init__(self, flash):
        self.flash = flash


@pytest.fixture
def flash(driven, tmp_path):
    shutil.copy(driven[1] / "flash.bin", tmp_path / "flash.bin")
    return Flash(tmp_path / "flash.bin"), Boots(Still(tmp_path / "flash.bin"), ())


def spoil(volume, name, at):
    data = bytearray(volume.read(name))
    data[at] ^= 1
    volume.replace(name, bytes(data))


def test_what_is_not_sound_is_found(flash):
    made, boots = flash
    boots._check()
    image = made.volume.image()
    journal = next(n for n in made.volume.names("journal") if n[8:9] in "abt" and n[9:].isdigit())
    good = made.good_slot()
    for name, at, text in (
        (f"{good}/app/agent/app.mpy", 100, f"slot {good} is not whole"),
        (journal, 10, "a bad frame amid"),
    ):
        spoil(made.volume, name, at)
        made.save()
        with pytest.raises(AssertionError, match=text):
            boots._check()
        made.volume = type(made.volume)(made.place.size, image)
    made.volume.replace("crashes", b"")
    made.save()
    with pytest.raises(Broken, match="counted as a crash"):
        boots._check()


def test_a_boot_that_does_not_come_up_is_found(driven):
    """Its log says that it ended by itself, or has no session."""
    boots = Boots(None, ())
    for log, text in (
        ("Traceback (most recent call last):\n", "Traceback"),
        ("  0.1 session 00112233, boot 3\n  0.1 session 00112233, boot 3", "comes after 3"),
    ):
        with pytest.raises(Broken, match=text):
            boots._note(log)
