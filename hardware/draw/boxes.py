"""The project's own symbols: plain boxes made from pin tables.

A table: {"left": [row, ...], "right": [...]}; a row is (pin numbers, name, electrical type) or None
for a gap. Several numbers share one place: the first is drawn, the others are hidden beneath.
"""

from hardware.draw.sexpr import Text, dump, number

_STEP = 2.54
_LENGTH = 2.54


def _effects(*more):
    return ["effects", ["font", ["size", "1.27", "1.27"]], *more]


def _property(name, value, x, y, *more):
    return ["property", Text(name), Text(value), ["at", number(x), number(y), "0"], _effects(*more)]


def _pin(kind, x, y, angle, name, pin_number, is_hidden):
    node = ["pin", kind, "line", ["at", number(x), number(y), str(angle)]]
    node.append(["length", number(_LENGTH)])
    if is_hidden:
        node.append(["hide", "yes"])
    node.append(["name", Text(name), _effects()])
    node.append(["number", Text(pin_number), _effects()])
    return node


def _side(rows, x, angle, top):
    for i, row in enumerate(rows):
        if row is None:
            continue
        numbers, name, kind = row
        for j, pin_number in enumerate(numbers.split()):
            shown = kind if j == 0 else "passive"
            yield _pin(shown, x, top - i * _STEP, angle, name, pin_number, j > 0)


def box(name, prefix, description, width, table, datasheet="~"):
    """One symbol; width in mm."""
    rows = max(len(table["left"]), len(table["right"]))
    half = width / 2
    top = (rows - 1) / 2 * _STEP
    top = round(top / _STEP) * _STEP
    high, low = top + _STEP, top - rows * _STEP
    body = ["rectangle", ["start", number(-half), number(high)], ["end", number(half), number(low)],
            ["stroke", ["width", "0.254"], ["type", "default"]],
            ["fill", ["type", "background"]]]  # fmt: skip
    pins = list(_side(table["left"], -half - _LENGTH, 0, top))
    pins += list(_side(table["right"], half + _LENGTH, 180, top))
    return [
        "symbol",
        Text(name),
        ["exclude_from_sim", "no"],
        ["in_bom", "yes"],
        ["on_board", "yes"],
        _property("Reference", prefix, -half, high + 1.27, ["justify", "left"]),
        _property("Value", name, -half, low - 1.27, ["justify", "left"]),
        _property("Footprint", "", 0, 0, ["hide", "yes"]),
        _property("Datasheet", datasheet, 0, 0, ["hide", "yes"]),
        _property("Description", description, 0, 0, ["hide", "yes"]),
        ["symbol", Text(name + "_0_1"), body],
        ["symbol", Text(name + "_1_1"), *pins],
        ["embedded_fonts", "no"],
    ]


def library(symbols):
    """The text of a .kicad_sym file."""
    node = ["kicad_symbol_lib", ["version", "20241209"], ["generator", Text("patrol_hardware")]]
    return dump([*node, ["generator_version", Text("9.0")], *symbols]) + "\n"
