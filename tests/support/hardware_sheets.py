"""What the committed sheets hold, read without KiCad: parts, title blocks, the room parts take."""

from functools import cache

from hardware.draw.geometry import _TURNS
from hardware.draw.sexpr import child, children, parse
from hardware.netlist import SCHEMATICS, sheets

BOARDS = ("esp32-gateway", "pi-hat")


class Part:
    """A part as its sheet has it; `fields` are all its properties, `box` is its room in mm."""

    def __init__(self, sheet, node, library):
        self.sheet = sheet
        self.fields = {p[1]: str(p[2]) for p in children(node, "property")}
        self.reference = self.fields["Reference"]
        self.value = self.fields["Value"]
        self.in_bom = child(node, "in_bom")[1] == "yes"
        self.is_fitted = child(node, "dnp")[1] == "no"
        self.box = _box(node, library[child(node, "lib_id")[1]])

    def is_bought(self):
        return self.in_bom and not self.reference.startswith("#")


def read(path):
    return parse(path.read_text())


@cache
def parts(board):
    """All parts of a board, supply symbols left out."""
    found = []
    for path in sheets(board):
        root = read(path)
        library = {symbol[1]: symbol for symbol in children(child(root, "lib_symbols"), "symbol")}
        for node in children(root, "symbol"):
            part = Part(path.stem, node, library)
            if not part.reference.startswith("#"):
                found.append(part)
    return found


def title_block(path):
    """{field: text} of a sheet's title block; comments are 'comment 1' and so on."""
    found = {}
    for item in child(read(path), "title_block")[1:]:
        key = item[0] if len(item) == 2 else f"{item[0]} {item[1]}"
        found[key] = str(item[-1])
    return found


def _corners(symbol):
    """Points of a symbol's outlines and pins' inner ends, in its own mm."""
    for unit in children(symbol, "symbol"):
        for item in unit[2:]:
            if not isinstance(item, list):
                continue
            if item[0] == "rectangle":
                yield from (_xy(child(item, "start")), _xy(child(item, "end")))
            elif item[0] == "polyline":
                yield from (_xy(point) for point in children(child(item, "pts"), "xy"))
            elif item[0] == "circle":
                x, y = _xy(child(item, "center"))
                radius = float(child(item, "radius")[1])
                yield from ((x - radius, y - radius), (x + radius, y + radius))


def _xy(node):
    return float(node[1]), float(node[2])


def _box(node, symbol):
    """(x1, y1, x2, y2) on the sheet."""
    at = child(node, "at")
    x, y, turn = float(at[1]), float(at[2]), int(float(at[3]))
    points = [_TURNS[turn](*point) for point in _corners(symbol)]
    if child(node, "mirror"):
        points = [(-dx, dy) for dx, dy in points]
    xs, ys = [x + p[0] for p in points] or [x], [y + p[1] for p in points] or [y]
    return min(xs), min(ys), max(xs), max(ys)


def overlapping(board):
    """Pairs of parts that are drawn on each other."""
    found = []
    everything = parts(board)
    for i, part in enumerate(everything):
        for other in everything[i + 1 :]:
            if part.sheet == other.sheet and _overlap(part.box, other.box):
                found.append(f"{part.sheet}: {part.reference} lies on {other.reference}")
    return found


def _overlap(a, b):
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.1 and min(a[3], b[3]) - max(a[1], b[1]) > 0.1


def all_sheets():
    return [path for board in BOARDS for path in sorted((SCHEMATICS / board).glob("*.kicad_sch"))]
