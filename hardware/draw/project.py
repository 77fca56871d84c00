"""A KiCad project: a root sheet with one block for each sheet below it."""

import json
import uuid
from pathlib import Path

from hardware.draw.geometry import SQUARE, Point
from hardware.draw.items import _at, _property
from hardware.draw.sexpr import Text, dump, number
from hardware.draw.sheet import DrawingError, Sheet
from hardware.draw.symbols import renamed

_SPACE = uuid.UUID("7f0c1c5e-95a4-4c1e-9f0e-2f3a5b9d6c11")
_FORMAT = "20250114"  # of KiCad 9
COMPANY = "Patrol gateway"


class Project:
    """`sheet()` makes the sheets, `write(folder)` draws everything and returns the files' texts."""

    def __init__(self, name, title, date, revision):
        self.name = name
        self.title = title
        self.date = date
        self.revision = revision
        self.sheets = []
        self._blocks = []
        self.root = Sheet(self, "", title, 1, "A3")

    def uuid(self, key):
        return str(uuid.uuid5(_SPACE, f"{self.name}/{key}"))

    def path_of(self, sheet):
        root = f"/{self.uuid('root')}"
        return root if sheet is self.root else f"{root}/{self.uuid('sheet/' + sheet.name)}"

    def sheet(self, name, title, paper="A4"):
        sheet = Sheet(self, name, title, len(self.sheets) + 2, paper)
        self.sheets.append(sheet)
        return sheet

    def block(self, sheet, x, y, width=16):
        """Puts a sheet's block on the root page; what it takes in stands left, the rest right."""
        left = sorted(n for n, kind in sheet.ports.items() if kind == "input")
        right = sorted(n for n, kind in sheet.ports.items() if kind != "input")
        height = max(len(left), len(right)) + 1
        self._blocks.append((sheet, x, y, width, height, left, right))
        for names, at, side in ((left, x, "l"), (right, x + width, "r")):
            for i, name in enumerate(names):
                self.root.label(name, Point(at, y + i + 1), side, lead=1)
        return y + height

    def _block_item(self, sheet, x, y, width, height, left, right):
        node = [
            "sheet",
            ["at", number(x * SQUARE), number(y * SQUARE)],
            ["size", number(width * SQUARE), number(height * SQUARE)],
            *[[flag, value] for flag, value in _SHEET_FLAGS],
            ["stroke", ["width", "0.1524"], ["type", "solid"]],
            ["fill", ["color", "255", "255", "225", "1.0000"]],
            ["uuid", Text(self.uuid("sheet/" + sheet.name))],
        ]
        title = _property("Sheetname", sheet.name, _at(x * SQUARE, y * SQUARE - 0.7), False)
        title[-1].append(["justify", "left", "bottom"])
        below = _at(x * SQUARE, (y + height) * SQUARE + 0.6)
        file = _property("Sheetfile", sheet.name + ".kicad_sch", below, False)
        file[-1].append(["justify", "left", "top"])
        node += [title, file]
        for names, at, angle, justify in ((left, x, 180, "left"), (right, x + width, 0, "right")):
            for i, name in enumerate(names):
                place = _at(at * SQUARE, (y + i + 1) * SQUARE, angle)
                effects = ["effects", ["font", ["size", "1.27", "1.27"]], ["justify", justify]]
                key = ["uuid", Text(self.uuid(f"pin/{sheet.name}/{name}"))]
                node.append(["pin", Text(name), sheet.ports[name], place, key, effects])
        path = ["path", Text("/" + self.uuid("root")), ["page", Text(str(sheet.page))]]
        node.append(["instances", ["project", Text(self.name), path]])
        return node

    def _text_of(self, sheet, more=()):
        key = "root" if sheet is self.root else "file/" + sheet.name
        total = len(self.sheets) + 1
        comments = (f"Sheet {sheet.page} of {total}: {sheet.title}", "Not laid out, not EMC tested")
        block = [
            "title_block",
            ["title", Text(f"{self.title}: {sheet.title}" if sheet.name else self.title)],
            ["date", Text(self.date)],
            ["rev", Text(self.revision)],
            ["company", Text(COMPANY)],
            *[["comment", str(i + 1), Text(words)] for i, words in enumerate(comments)],
        ]
        node = [
            "kicad_sch",
            ["version", _FORMAT],
            ["generator", Text("patrol_hardware")],
            ["generator_version", Text("9.0")],
            ["uuid", Text(self.uuid(key))],
            ["paper", Text(sheet.paper)],
            block,
            ["lib_symbols", *[renamed(lib_id) for lib_id in sorted(sheet.symbols)]],
            *sheet.finish(),
            *more,
        ]
        if sheet is self.root:
            node.append(["sheet_instances", ["path", Text("/"), ["page", Text("1")]]])
        node.append(["embedded_fonts", "no"])
        return dump(node) + "\n"

    def files(self):
        """{file name: text} of the whole project. Raises DrawingError."""
        self._check_references()
        blocks = [self._block_item(*block) for block in self._blocks]
        out = {f"{self.name}.kicad_sch": self._text_of(self.root, blocks)}
        for sheet in self.sheets:
            out[f"{sheet.name}.kicad_sch"] = self._text_of(sheet)
        out[f"{self.name}.kicad_pro"] = self._settings()
        out["sym-lib-table"] = _TABLE.format(kind="sym", type="KiCad", name="patrol.kicad_sym")
        return out

    def _check_references(self):
        seen = set()
        for sheet in self.sheets:
            for part in sheet.parts:
                if part.reference in seen:
                    raise DrawingError(f"two parts are called {part.reference}")
                seen.add(part.reference)

    def _settings(self):
        pages = [[self.uuid("root"), "Root"]]
        pages += [[self.uuid("sheet/" + sheet.name), sheet.name] for sheet in self.sheets]
        meta = {"filename": f"{self.name}.kicad_pro", "version": 3}
        settings = {"meta": meta, "sheets": pages, "text_variables": {}}
        return json.dumps(settings, indent=2) + "\n"

    def write(self, folder):
        """Writes all files; files of sheets that are gone are removed."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = self.files()
        for old in folder.glob("*.kicad_sch"):
            if old.name not in files:
                old.unlink()
        for name, text in files.items():
            (folder / name).write_text(text)


_SHEET_FLAGS = (("exclude_from_sim", "no"), ("in_bom", "yes"), ("on_board", "yes"), ("dnp", "no"))
_TABLE = (
    "({kind}_lib_table\n  (version 7)\n"
    '  (lib (name "patrol")(type "{type}")(uri "${{KIPRJMOD}}/../lib/{name}")'
    '(options "")(descr "Symbols of this project"))\n)\n'
)
