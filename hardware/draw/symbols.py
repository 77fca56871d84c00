"""Symbols of KiCad's libraries and of the project's own, ready to be copied into a sheet.

A sheet carries a full copy of each symbol it uses, so that it opens without any library. KiCad's
libraries are looked for where `KICAD9_SYMBOL_DIR` says, else where Debian puts them.
"""

import os
from functools import cache
from pathlib import Path

from hardware.draw.sexpr import Text, child, children, parse

SYSTEM = Path(os.environ.get("KICAD9_SYMBOL_DIR", "/usr/share/kicad/symbols"))
FOOTPRINTS = Path(os.environ.get("KICAD9_FOOTPRINT_DIR", "/usr/share/kicad/footprints"))
OWN = Path(__file__).resolve().parents[1] / "schematics" / "lib"


class SymbolError(Exception):
    """A symbol or pin that is not there; the text names it."""


class Pin:
    """A pin as the library draws it: position in mm (y up), angle in degrees, electrical type."""

    def __init__(self, number, name, kind, x, y, angle, is_hidden):
        self.number = number
        self.name = name
        self.kind = kind
        self.x = x
        self.y = y
        self.angle = angle
        self.is_hidden = is_hidden


@cache
def _library(name):
    """{symbol: its text} of a library. KiCad writes each symbol on lines of its own, one tab deep:
    cutting there and parsing only what is used takes a fiftieth of the time of parsing it all."""
    for folder in (OWN, SYSTEM):
        path = folder / f"{name}.kicad_sym"
        if path.exists():
            pieces = path.read_text().split('\n\t(symbol "')[1:]
            return {piece.partition('"')[0]: piece.partition("\n\t)")[0] for piece in pieces}
    raise SymbolError(f"no symbol library {name} in {OWN} or {SYSTEM}")


@cache
def symbol(lib_id):
    """The symbol with what it inherits folded in; lib_id: 'Device:R'. Raises SymbolError."""
    library_name, name = lib_id.split(":")
    library = _library(library_name)
    if name not in library:
        raise SymbolError(f"no symbol {name} in {library_name}")
    own = parse('(symbol "' + library[name] + ")")
    extends = child(own, "extends")
    if extends is None:
        return own
    return _inherit(own, symbol(f"{library_name}:{extends[1]}"), extends[1])


def _inherit(own, base, base_name):
    """`own` with the graphics and pins of `base`, as KiCad flattens a derived symbol."""
    name = own[1]
    properties = {item[1]: item for item in children(base, "property")}
    properties.update({item[1]: item for item in children(own, "property")})
    units, flags, fonts = [], [], []
    for item in base[2:]:
        if item[0] == "symbol":
            units.append([item[0], Text(item[1].replace(base_name, name, 1)), *item[2:]])
        elif item[0] == "embedded_fonts":
            fonts.append(item)
        elif item[0] != "property":
            flags.append(item)
    return ["symbol", Text(name), *flags, *properties.values(), *units, *fonts]


def renamed(lib_id):
    """The copy for a sheet's lib_symbols, under its full name."""
    body = symbol(lib_id)
    return [body[0], Text(lib_id), *body[2:]]


@cache
def pins(lib_id):
    """{number: Pin} of all units."""
    found = {}
    for unit in children(symbol(lib_id), "symbol"):
        for item in children(unit, "pin"):
            x, y, angle = (float(v) for v in child(item, "at")[1:4])
            hide = child(item, "hide")
            is_hidden = "hide" in item or (hide is not None and "yes" in hide)
            number = str(child(item, "number")[1])
            name = str(child(item, "name")[1])
            found[number] = Pin(number, name, item[1], x, y, angle, is_hidden)
    return found


def property_of(lib_id, name):
    """The text of a symbol's property, or ''."""
    for item in children(symbol(lib_id), "property"):
        if item[1] == name:
            return str(item[2])
    return ""


def footprint_exists(name):
    """True when KiCad's libraries hold the footprint 'Library:Name'."""
    library, _, part = name.partition(":")
    return (FOOTPRINTS / f"{library}.pretty" / f"{part}.kicad_mod").exists()
