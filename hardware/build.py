"""Makes everything from the schematics: python -m hardware.build [--check | --draw].

Draws the sheets (--draw: only that), runs KiCad's rule check, and writes netlist, bill of
materials, PDF, pictures and the README's power budget. What is committed lies in
hardware/schematics, netlist, bom and pages, the rest in hardware/build. --check writes into
hardware/build only and tells whether what is committed is what would be made now. Exit code 1 when
KiCad 9 is missing or anything is wrong.
"""

import shutil
import sys
from pathlib import Path

from hardware import budget, kicad, netlist, overlaps
from hardware.catalogue.own_symbols import symbols
from hardware.draw.boxes import library
from hardware.draw.symbols import OWN

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
BOM = HERE / "bom"
PAGES = HERE / "pages"
BOARDS = ("esp32-gateway", "pi-hat")


def projects():
    """The boards, drawn. Imported here: no sheet can be drawn where KiCad's symbols are not."""
    from hardware.boards import esp32_gateway, pi_hat

    return [esp32_gateway.draw(), pi_hat.draw()]


def drawn():
    """{path: text} of every file that is drawn."""
    files = {OWN / "patrol.kicad_sym": library(symbols())}
    for project in projects():
        for name, text in project.files().items():
            files[netlist.SCHEMATICS / project.name / name] = text
    return files


def draw():
    OWN.mkdir(parents=True, exist_ok=True)
    (OWN / "patrol.kicad_sym").write_text(library(symbols()))
    for project in projects():
        project.write(netlist.SCHEMATICS / project.name)


def differences():
    """Paths of drawn files that are not what is committed."""
    files = drawn()
    wrong = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    strays = [path for board in BOARDS for path in netlist.sheets(board) if path not in files]
    return sorted(wrong + strays)


def is_same_kicad():
    """True where KiCad is the one that the committed files were made with.

    Another one of the 9 series may bring other copies of its symbols: then the sheets cannot be
    compared byte by byte."""
    recorded = {(PAGES / f"{board}.txt").read_text().splitlines()[1] for board in BOARDS}
    return recorded == {kicad.version()}


def rule_violations(schematic, report, may_differ):
    """Lines of KiCad's rule check. may_differ: symbols' copies may be others than the library's."""
    found = kicad.rule_check(schematic, report)
    if may_differ:
        found = [violation for violation in found if violation[1] != "lib_symbol_mismatch"]
    return [": ".join(violation) for violation in found]


def make(name, out, may_differ=False):
    """Checks and exports one board into `out`; gives its problems as lines."""
    schematic = netlist.SCHEMATICS / name / f"{name}.kicad_sch"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    problems = rule_violations(schematic, out / "erc.json", may_differ)
    rows = kicad.netlist(schematic, out / "netlist.xml")
    (out / f"{name}.csv").write_text(netlist.text(name, rows))
    kicad.bill(schematic, out / "bom.csv")
    kicad.plot(schematic, out)
    pages = sorted((out / "svg").glob("*.svg"))
    lying = [line for page in pages for line in overlaps.overlaps(page.read_text())]
    parts = {row[1] for row in rows}
    print(f"{name}: {len(pages)} pages, {len(parts)} parts, {len({r[0] for r in rows})} nets, "
          f"{len(problems)} rule violations, {len(lying)} overlapping texts")  # fmt: skip
    return problems + lying


def publish(name, out):
    """Puts netlist, bill of materials and pictures where they are committed."""
    for folder in (netlist.NETLISTS, BOM, PAGES):
        folder.mkdir(exist_ok=True)
    shutil.copy(out / f"{name}.csv", netlist.NETLISTS)
    shutil.copy(out / "bom.csv", BOM / f"{name}.csv")
    if kicad.pictures(out / f"{name}.pdf", PAGES, name):
        (PAGES / f"{name}.txt").write_text(made_from(name))


def made_from(name):
    """What a board's pictures were made from: its sheets, KiCad and poppler, a line each."""
    return f"{netlist.fingerprint(name)}\n{kicad.version()}\n{kicad.painter()}\n"


def stale_pictures(name, out):
    """Pictures of other sheets; or, where the same programs are installed, any other picture."""
    old, new = (PAGES / f"{name}.txt").read_text(), made_from(name)
    if old.splitlines()[0] != new.splitlines()[0]:
        return [f"pages of {name} show other sheets"]
    if old != new:
        return []
    fresh = kicad.pictures(out / f"{name}.pdf", out / "pages", name)
    return [f"pages/{page.name} is stale" for page in fresh
            if (PAGES / page.name).read_bytes() != page.read_bytes()]  # fmt: skip


def stale(name, out):
    """Committed exports that are not what `make` has just made."""
    pairs = ((netlist.NETLISTS / f"{name}.csv", out / f"{name}.csv"),
             (BOM / f"{name}.csv", out / "bom.csv"))  # fmt: skip
    return [f"{old.relative_to(HERE)} is stale" for old, new in pairs
            if not old.exists() or old.read_text() != new.read_text()]  # fmt: skip


def main(arguments):
    if not kicad.is_there():
        print(kicad.HOW_TO_GET_IT, file=sys.stderr)
        return 1
    is_check = "--check" in arguments
    problems = []
    may_differ = is_check and not is_same_kicad()
    if may_differ:
        print(f"KiCad {kicad.version()} is not the one of the committed sheets: not drawn anew")
    elif is_check:
        problems += [f"{p.relative_to(HERE)} is not what is drawn" for p in differences()]
    else:
        draw()
    if "--draw" in arguments:
        return 0
    readme = budget.README.read_text()
    if not is_check:
        budget.README.write_text(budget.written(readme))
    elif readme != budget.written(readme):
        problems.append("the power budget in README.md is stale")
    for board in BOARDS:
        out = BUILD / board
        problems += make(board, out, may_differ)
        if is_check:
            problems += stale(board, out) + stale_pictures(board, out)
        else:
            publish(board, out)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
