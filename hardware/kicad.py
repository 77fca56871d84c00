"""Runs KiCad 9's command line: rule check, netlist, bill of materials, plots."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from hardware.draw.symbols import FOOTPRINTS, SYSTEM

HOW_TO_GET_IT = (
    "KiCad 9 is not installed (kicad-cli 9 and its symbol and footprint libraries). Debian 13: "
    "apt install kicad kicad-symbols kicad-footprints poppler-utils. Debian 12: the same from "
    "bookworm-backports (kicad/bookworm-backports and so on). Else: https://www.kicad.org/download/"
)
_TEMPLATES = (SYSTEM.parent / "template", Path("/usr/share/kicad/template"))
_BOM_FIELDS = "Reference,Value,Footprint,Manufacturer,MPN,Second source,${QUANTITY},${DNP}"


class KicadError(Exception):
    """KiCad said no; the text is what it said."""


def version():
    """KiCad's version, for example '9.0.8'; '' without kicad-cli."""
    if shutil.which("kicad-cli") is None:
        return ""
    done = subprocess.run(["kicad-cli", "version"], capture_output=True, text=True)
    return done.stdout.strip()


def is_there():
    """True when kicad-cli 9 and the symbol and footprint libraries are installed."""
    has_libraries = (SYSTEM / "Device.kicad_sym").exists() and FOOTPRINTS.exists()
    return has_libraries and version().startswith("9.")


def painter():
    """The version of poppler's pdftoppm; '' without it."""
    if shutil.which("pdftoppm") is None:
        return ""
    done = subprocess.run(["pdftoppm", "-v"], capture_output=True, text=True)
    return re.search(r"version (\S+)", done.stdout + done.stderr).group(1)


def _configuration():
    """A folder with KiCad's own library tables: without them every part gives a warning."""
    folder = Path(tempfile.mkdtemp(prefix="kicad-"))
    (folder / "9.0").mkdir()
    for table in ("sym-lib-table", "fp-lib-table"):
        for templates in _TEMPLATES:
            if (templates / table).exists():
                shutil.copy(templates / table, folder / "9.0" / table)
                break
    return folder


def run(*arguments, codes=(0,)):
    """Runs `kicad-cli sch ...`. Raises KicadError for another exit code than expected."""
    configuration = _configuration()
    try:
        done = subprocess.run(
            ["kicad-cli", "sch", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "KICAD_CONFIG_HOME": str(configuration)},
        )
    finally:
        shutil.rmtree(configuration)
    if done.returncode not in codes:
        raise KicadError(f"kicad-cli sch {arguments[0]}: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def rule_check(schematic, report):
    """[(severity, kind, sheet, text)] of every violation, warnings included; the report is JSON."""
    run("erc", "--severity-all", "--format", "json", "-o", report, schematic)
    found = []
    for sheet in json.loads(Path(report).read_text())["sheets"]:
        for violation in sheet["violations"]:
            items = "; ".join(item["description"] for item in violation["items"])
            found.append((violation["severity"], violation["type"], sheet["path"], items))
    return found


def netlist(schematic, path):
    """Writes KiCad's XML netlist and gives its rows: (net, reference, pin, function, type)."""
    run("export", "netlist", "--format", "kicadxml", "-o", path, schematic)
    rows = []
    for net in ElementTree.parse(path).getroot().iter("net"):
        for node in net.iter("node"):
            pin = (node.get("ref"), node.get("pin"), node.get("pinfunction", ""))
            rows.append((net.get("name").lstrip("/"), *pin, node.get("pintype", "")))
    return sorted(rows, key=_natural)


def _natural(row):
    return [[int(p) if p.isdigit() else p for p in re.split(r"(\d+)", str(cell))] for cell in row]


def bill(schematic, path):
    """Writes the bill of materials as CSV, one line for each different part."""
    run("export", "bom", "--fields", _BOM_FIELDS, "--group-by", "Value,Footprint,MPN,${DNP}",
        "--sort-field", "Reference", "-o", path, schematic)  # fmt: skip


def plot(schematic, folder):
    """One PDF of all pages, and an SVG of each."""
    run("export", "pdf", "-o", folder / (schematic.stem + ".pdf"), schematic)
    run("export", "svg", "-o", folder / "svg", schematic)


def pictures(pdf, folder, stem):
    """Each page of a PDF as PNG (pdftoppm of poppler); gives the files, none without poppler."""
    if not painter():
        return []
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{stem}-*.png"):
        old.unlink()
    command = ["pdftoppm", "-r", "90", "-png", str(pdf), str(folder / stem)]
    subprocess.run(command, check=True)
    return sorted(folder.glob(f"{stem}-*.png"))
