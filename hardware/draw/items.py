"""The items of a sheet in KiCad's form: components, power symbols, wires, labels, texts."""

from hardware.draw.geometry import SQUARE
from hardware.draw.sexpr import Text, child, children, number
from hardware.draw.symbols import pins, property_of, symbol

_FONT = ["font", ["size", "1.27", "1.27"]]
_PLAIN = ["effects", _FONT]
_NO = "no"
_CHARACTER = 1.17  # mm: mean advance of KiCad's stroke font at 1.27 mm
# A label's text runs away from its point: side -> (angle, justification).
_RUNS = {"r": ("0", "left"), "l": ("180", "right"), "u": ("90", "left"), "d": ("270", "right")}


class Where:
    """Centre in mm, turn in degrees, mirrored or not, and where reference and value stand."""

    def __init__(self, x, y, turn, mirror, text):
        self.x = x
        self.y = y
        self.turn = turn
        self.mirror = mirror
        self.text = text


def beside(spec, direction, side):
    """Offsets in squares of a two-pin part's texts: (x, y of reference, x, y of value, anchor)."""
    if direction in "ud":
        if side == "l":
            return (-1, -0.5, -1, 0.5, "right")
        return (1, -0.5, 1, 0.5, "left")
    if side in ("u", "d"):
        return (0, -2.2, 0, -1.4, "middle") if side == "u" else (0, 1.45, 0, 2.25, "middle")
    if spec.symbol == "Device:LED":
        return (0, 1.05, 0, 1.9, "middle")  # its arrows are above
    off = 1.4 if spec.prefix == "C" else 0.95  # a capacitor's plates stand wider
    return (0, -off, 0, off + 0.05, "middle")


def _at(x, y, angle=0):
    return ["at", number(x), number(y), str(angle)]


def _uid(sheet, key):
    return ["uuid", Text(sheet.project.uuid(f"{sheet.name}/{key}"))]


def _key(point):
    return f"{point[0]:g},{point[1]:g}"


def _property(name, value, at, is_hidden, justify=()):
    effects = list(_PLAIN)
    if justify:
        effects.append(["justify", *justify])
    if is_hidden:
        effects.append(["hide", "yes"])
    return ["property", Text(name), Text(value), at, effects]


def _place_text(where, dx, dy, anchor, value):
    """(at, justification) that make a field stand upright at the offset, whatever the turn."""
    width = len(value) * _CHARACTER
    x, y = where.x + dx * SQUARE, where.y + dy * SQUARE
    angle = 90 if where.turn in (90, 270) else 0
    x += {"left": width / 2, "right": -width / 2, "middle": 0}[anchor]
    return _at(x, y, angle), ()


def _library_text(spec, where, name):
    """(at, justification) where the library puts a field; for parts that are not turned."""
    for item in children(symbol(spec.symbol), "property"):
        if item[1] == name:
            x, y, angle = (float(v) for v in child(item, "at")[1:4])
            justify = child(child(item, "effects"), "justify")
            sign = -1 if where.mirror else 1
            words = list(justify[1:]) if justify else []
            if where.mirror:
                words = [{"left": "right", "right": "left"}.get(w, w) for w in words]
            return _at(where.x + sign * x, where.y - y, int(angle)), words
    return _at(where.x, where.y), []


def _visible(spec, where, name, value):
    if where.text is None:
        return _library_text(spec, where, name)
    if len(where.text) == 2:
        dx, dy = where.text
        dy += 0 if name == "Reference" else 0.9
        return _place_text(where, dx, dy, "left", value)
    rx, ry, vx, vy, anchor = where.text
    dx, dy = (rx, ry) if name == "Reference" else (vx, vy)
    return _place_text(where, dx, dy, anchor, value)


def component(sheet, placed, where, is_fitted):
    """A part with all its fields."""
    spec = placed.spec
    reference = placed.reference
    node = ["symbol", ["lib_id", Text(spec.symbol)], _at(where.x, where.y, where.turn)]
    if where.mirror:
        node.append(["mirror", "y"])
    node += [
        ["unit", "1"],
        ["exclude_from_sim", _NO],
        ["in_bom", "yes" if spec.in_bom else _NO],
        ["on_board", "yes"],
        ["dnp", _NO if is_fitted else "yes"],
        _uid(sheet, reference),
    ]
    for name, value in (("Reference", reference), ("Value", spec.value)):
        at, justify = _visible(spec, where, name, value)
        node.append(_property(name, value, at, False, justify))
    hidden = {
        "Footprint": spec.footprint,
        "Datasheet": property_of(spec.symbol, "Datasheet"),
        "Description": property_of(spec.symbol, "Description"),
        "Manufacturer": spec.manufacturer,
        "MPN": spec.mpn,
        "Second source": spec.second,
    }
    for name, value in hidden.items():
        node.append(_property(name, value, _at(where.x, where.y), True))
    for pin in pins(spec.symbol):
        node.append(["pin", Text(pin), _uid(sheet, f"{reference}.{pin}")])
    node.append(_instances(sheet, reference))
    return node


def _instances(sheet, reference):
    path = [
        "path",
        Text(sheet.project.path_of(sheet)),
        ["reference", Text(reference)],
        ["unit", "1"],
    ]
    return ["instances", ["project", Text(sheet.project.name), path]]


def power(sheet, reference, lib_id, name, point, turn):
    """A supply, ground or flag symbol at a Point."""
    x, y = point.x * SQUARE, point.y * SQUARE
    below = lib_id.endswith("GND")
    dy = 1.5 if below else -1.4
    if lib_id.endswith("PWR_FLAG"):
        dy = 1.6 if turn == 180 else -1.5
    place = _at(x, y + dy * SQUARE)
    if turn == 90 and not below:
        place = _at(x - 1.3 * SQUARE - len(name) * _CHARACTER / 2, y, 90)
    node = ["symbol", ["lib_id", Text(lib_id)], _at(x, y, turn), ["unit", "1"]]
    node += [
        ["exclude_from_sim", _NO],
        ["in_bom", "yes"],
        ["on_board", "yes"],
        ["dnp", _NO],
        _uid(sheet, reference),
        _property("Reference", reference, _at(x, y), True),
        _property("Value", name, place, below and name == "GND"),
        _property("Footprint", "", _at(x, y), True),
        _property("Datasheet", property_of(lib_id, "Datasheet"), _at(x, y), True),
        _property("Description", property_of(lib_id, "Description"), _at(x, y), True),
        ["pin", Text("1"), _uid(sheet, f"{reference}.1")],
        _instances(sheet, reference),
    ]
    return node


def wire(sheet, start, end):
    ends = [["xy", number(x * SQUARE), number(y * SQUARE)] for x, y in (start, end)]
    stroke = ["stroke", ["width", "0"], ["type", "default"]]
    return ["wire", ["pts", *ends], stroke, _uid(sheet, f"w{_key(start)}-{_key(end)}")]


def junction(sheet, place):
    at = ["at", number(place[0] * SQUARE), number(place[1] * SQUARE)]
    return ["junction", at, ["diameter", "0"], ["color", "0", "0", "0", "0"],
            _uid(sheet, f"j{_key(place)}")]  # fmt: skip


def no_connect(sheet, point):
    at = ["at", number(point.x * SQUARE), number(point.y * SQUARE)]
    return ["no_connect", at, _uid(sheet, f"x{_key(point.key())}")]


def _named(kind, sheet, name, point, side, extra):
    angle, justify = _RUNS[side]
    at = _at(point.x * SQUARE, point.y * SQUARE, angle)
    effects = [*_PLAIN, ["justify", justify, *(["bottom"] if kind == "label" else [])]]
    return [kind, Text(name), *extra, at, effects, _uid(sheet, f"{kind}{_key(point.key())}")]


def hierarchical_label(sheet, name, direction, point, side):
    return _named("hierarchical_label", sheet, name, point, side, [["shape", direction]])


def label(sheet, name, point, side):
    return _named("label", sheet, name, point, side, [])


def text(sheet, words, x, y, size, bold=False):
    font = ["font", ["size", number(size), number(size)]]
    if bold:
        font.append(["bold", "yes"])
    effects = ["effects", font, ["justify", "left", "top"]]
    key = _uid(sheet, f"t{number(x)},{number(y)}")
    return ["text", Text(words), ["exclude_from_sim", _NO], _at(x, y), effects, key]


def rectangle(sheet, x1, y1, x2, y2):
    return [
        "rectangle",
        ["start", number(x1), number(y1)],
        ["end", number(x2), number(y2)],
        ["stroke", ["width", "0"], ["type", "dash"]],
        ["fill", ["type", "none"]],
        _uid(sheet, f"r{number(x1)},{number(y1)}"),
    ]
