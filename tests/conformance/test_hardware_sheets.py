"""The committed sheets: every part can be ordered, every sheet can be read, every export is fresh.

Most of it runs without KiCad. Where KiCad 9 is installed, `make schematics`' own check runs too:
rule check, netlist, bill of materials, pictures and overlapping texts.
"""

import csv
import re
import subprocess
import sys

import pytest

from hardware import kicad, netlist, overlaps
from hardware.catalogue.own_symbols import HARNESS_PINS
from hardware.draw.symbols import FOOTPRINTS, footprint_exists
from tests.support import hardware_sheets as sheets

ROOT = netlist.HERE.parent
needs_kicad = pytest.mark.skipif(not kicad.is_there(), reason=kicad.HOW_TO_GET_IT)


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_references_are_unique(board):
    references = [part.reference for part in sheets.parts(board)]
    assert len(references) > 150
    assert sorted(references) == sorted(set(references))


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_every_part_can_be_ordered(board):
    missing = [
        part.reference
        for part in sheets.parts(board)
        if part.is_bought() and not (part.fields.get("MPN") and part.fields.get("Manufacturer"))
    ]
    assert missing == []
    nothing_to_buy = {p.reference[:2] for p in sheets.parts(board) if not p.is_bought()}
    assert nothing_to_buy == {"TP"}  # copper pads


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_every_part_has_a_footprint(board):
    named = {part.fields["Footprint"] for part in sheets.parts(board)}
    assert all(re.fullmatch(r"[\w.-]+:[\w.,+-]+", name) for name in named), named


@pytest.mark.skipif(not FOOTPRINTS.exists(), reason=kicad.HOW_TO_GET_IT)
@pytest.mark.parametrize("board", sheets.BOARDS)
def test_every_footprint_is_in_kicads_libraries(board):
    named = {part.fields["Footprint"] for part in sheets.parts(board)}
    assert [name for name in sorted(named) if not footprint_exists(name)] == []


@pytest.mark.skipif(not FOOTPRINTS.exists(), reason=kicad.HOW_TO_GET_IT)
@pytest.mark.parametrize("board", sheets.BOARDS)
def test_every_pin_has_a_pad_in_its_footprint(board):
    """A symbol's pin that the footprint has not would be lost on the way to the layout."""
    pads = {}
    lost = []
    numbers = {}
    for pins in netlist.Netlist(board).nets.values():
        for reference, pin in pins:
            numbers.setdefault(reference, set()).add(pin)
    for part in sheets.parts(board):
        name = part.fields["Footprint"]
        if name not in pads:
            library, _, footprint = name.partition(":")
            text = (FOOTPRINTS / f"{library}.pretty" / f"{footprint}.kicad_mod").read_text()
            pads[name] = set(re.findall(r'\(pad "([^"]*)"', text))
        without = numbers[part.reference] - pads[name]
        if without:
            lost.append(f"{part.reference} {part.value}: no pad for {sorted(without)}")
    assert lost == []


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_active_parts_tell_their_second_source(board):
    silent = [part.reference for part in sheets.parts(board)
              if part.reference[0] in "UQ" and not part.fields.get("Second source")]  # fmt: skip
    assert silent == []


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_bill_of_materials_lists_every_part_once(board):
    rows = list(csv.DictReader((ROOT / "hardware" / "bom" / f"{board}.csv").open()))
    listed = []
    for row in rows:
        found = _references(row["Reference"])
        assert len(found) == int(row["QUANTITY"]), row
        listed += found
        assert row["MPN"] and row["Manufacturer"] and row["Footprint"], row
    bought = [part for part in sheets.parts(board) if part.is_bought()]
    assert sorted(listed) == sorted(part.reference for part in bought)
    unfitted = {r for row in rows if row["DNP"] for r in _references(row["Reference"])}
    assert unfitted == {part.reference for part in bought if not part.is_fitted} != set()


def _references(cell):
    """['C1', 'C2', 'C3'] from 'C1-C3' or 'C1,C2,C3'."""
    found = []
    for item in cell.split(","):
        first, _, last = item.partition("-")
        prefix, start = re.fullmatch(r"([A-Z]+)(\d+)", first).groups()
        end = re.sub(r"\D", "", last) or start
        found += [f"{prefix}{n}" for n in range(int(start), int(end) + 1)]
    return found


@pytest.mark.parametrize("path", sheets.all_sheets(), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_sheet_has_a_title_block(path):
    block = sheets.title_block(path)
    assert all(block.get(key) for key in ("title", "date", "rev", "company")), block
    total = len(netlist.sheets(path.parent.name))
    number = re.fullmatch(rf"Sheet (\d+) of {total}: .+", block["comment 1"])[1]
    assert 1 <= int(number) <= total
    assert "Not laid out" in block["comment 2"]


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_sheet_numbers_are_all_different(board):
    numbers = [sheets.title_block(path)["comment 1"].split()[1] for path in netlist.sheets(board)]
    assert sorted(map(int, numbers)) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_no_part_is_drawn_on_another(board):
    assert sheets.overlapping(board) == []


@pytest.mark.parametrize("board", sheets.BOARDS)
def test_netlist_and_pictures_are_those_of_the_sheets(board):
    """By the hash that they carry: this needs no KiCad."""
    now = netlist.fingerprint(board)
    assert netlist.Netlist(board).made_from == now
    pictures = ROOT / "hardware" / "pages"
    assert (pictures / f"{board}.txt").read_text().split()[0] == now
    assert len(list(pictures.glob(f"{board}-*.png"))) == len(netlist.sheets(board))


# With KiCad


@needs_kicad
def test_make_schematics_finds_nothing():
    """0 rule violations, 0 overlapping texts, and all that is committed is what is made now."""
    command = [sys.executable, "-m", "hardware.build", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0 rule violations, 0 overlapping texts") == len(sheets.BOARDS)


def test_without_kicad_the_message_says_how_to_get_it(tmp_path):
    command = [sys.executable, "-m", "hardware.build", "--check"]
    nowhere = {"PATH": str(tmp_path), "KICAD9_SYMBOL_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=nowhere)
    assert done.returncode == 1
    assert "KiCad 9 is not installed" in done.stderr and "apt install kicad" in done.stderr


# The overlap script itself

_TEXT = '<g class="stroked-text"><desc>{words}</desc>\n<path d="M{x1} {y1}\nL{x2} {y2}\n" /></g>'
_PAGE = '<svg viewBox="0 0 297 210">{body}</svg>'


def _words(words, x1, y1, x2, y2):
    return _TEXT.format(words=words, x1=x1, y1=y1, x2=x2, y2=y2)


def test_overlapping_texts_are_found():
    apart = _PAGE.format(body=_words("R1", 20, 20, 25, 22) + _words("10k", 20, 23, 26, 25))
    assert overlaps.overlaps(apart) == []
    touching = _PAGE.format(body=_words("R1", 20, 20, 25, 22) + _words("10k", 24, 21, 30, 23))
    assert overlaps.overlaps(touching) == ["'R1' at 19.8, 19.8 lies on '10k' at 23.8, 20.8"]


def test_texts_that_all_but_touch_are_found():
    """The strokes' middles are apart, the ink is not."""
    close = _PAGE.format(body=_words("3k9", 20, 20, 25, 22) + _words("ID_SD", 23, 22.1, 28, 24))
    assert len(overlaps.overlaps(close)) == 1
    apart = _PAGE.format(body=_words("3k9", 20, 20, 25, 22) + _words("ID_SD", 23, 22.5, 28, 24))
    assert overlaps.overlaps(apart) == []
    # Brackets reach down to the next line of the same note: that is how the font is made.
    note = _PAGE.format(body=_words("(one)", 20, 20, 60, 22.4) + _words("two", 20, 22.3, 60, 24))
    assert overlaps.overlaps(note) == []


def test_a_line_through_a_text_is_found():
    line = '<path d="M22 10\nL22 40\n" />'
    told = overlaps.overlaps(_PAGE.format(body=_words("R1", 20, 20, 25, 22) + line))
    assert told == ["'R1' at 19.8, 19.8 is cut by a line 22.0, 10.0 to 22.0, 40.0"]
    beside = '<path d="M26 10\nL26 40\n" />'
    assert overlaps.overlaps(_PAGE.format(body=_words("R1", 20, 20, 25, 22) + beside)) == []


def test_a_text_outside_the_frame_is_found():
    told = overlaps.overlaps(_PAGE.format(body=_words("lost", 280, 20, 290, 22)))
    assert told == ["'lost' at 279.8, 19.8 is outside the frame"]


# What the README tells

README = (ROOT / "hardware" / "README.md").read_text()


def test_readme_has_the_harness_of_the_symbol():
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", README, re.M)
    assert rows == [(number, name) for number, name in HARNESS_PINS]


def test_readme_names_parts_that_are_there():
    there = {part.reference for board in sheets.BOARDS for part in sheets.parts(board)}
    named = set(re.findall(r"\b(?:TP|SW|[RCDUJLQF])\d{3,4}\b", README))
    named -= {"J1962", "J1850"}  # of SAE
    assert len(named) > 20 and named - there == set()
    points = {p.reference for b in sheets.BOARDS for p in sheets.parts(b) if p.value == "5V_HELD"}
    assert points == {"TP401"}


def test_readme_links_to_pages_that_are_there():
    linked = re.findall(r"\]\((pages/[\w-]+\.png)\)", README)
    assert sorted(set(linked)) == sorted(
        f"pages/{path.name}" for path in (ROOT / "hardware" / "pages").glob("*.png")
    )
