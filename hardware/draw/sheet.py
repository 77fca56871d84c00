"""One sheet: parts on the grid, wires from pin to pin, ports to other sheets, notes.

All positions are in squares of 2.54 mm. Every pin of every part must end on a wire, a port, a
power symbol or a no-connect cross: `finish` raises DrawingError and names the pin otherwise.
"""

from hardware.draw import items
from hardware.draw.geometry import SQUARE, Point, junctions, pin_place, split
from hardware.draw.symbols import pins


class DrawingError(Exception):
    """What is drawn cannot be meant; the text names the part and the pin."""


_STEP = {"r": (1, 0), "l": (-1, 0), "u": (0, -1), "d": (0, 1)}
_OPPOSITE = {"r": "l", "l": "r", "u": "d", "d": "u"}


class Placed:
    """A part on the sheet; `part['VIN']` or `part['3']` is the Point of that pin."""

    def __init__(self, reference, spec, places):
        self.reference = reference
        self.spec = spec
        self._places = places  # number -> Point
        self._names = {}
        for number, pin in pins(spec.symbol).items():
            self._names.setdefault(pin.name, []).append(number)

    def numbers(self, name):
        """Pin numbers of a name (or of a number)."""
        if name in self._names:
            return self._names[name]
        if name in self._places:
            return [name]
        known = ", ".join(sorted(self._names))
        raise DrawingError(
            f"{self.reference} ({self.spec.symbol}) has no pin {name}; it has {known}"
        )

    def __getitem__(self, name):
        return self._places[self.numbers(name)[0]]

    def all(self, name):
        """Points of all pins of that name, stacked ones once."""
        found = {}
        for number in self.numbers(name):
            found.setdefault(self._places[number].key(), self._places[number])
        return list(found.values())

    def places(self):
        return self._places


class Sheet:
    """`page`: its number, which also leads its references (R201 is on page 2)."""

    def __init__(self, project, name, title, page, paper="A3"):
        self.project = project
        self.name = name
        self.title = title
        self.page = page
        self.paper = paper
        self.parts = []
        self.ports = {}  # name -> direction
        self.symbols = set()
        self._items = []
        self._segments = []
        self._ends = []  # keys of label, port, power and no-connect points
        self._crossed = set()
        self._counts = {}

    # Parts

    def part(self, spec, x, y, turn=0, mirror=False, fitted=None, text=None):
        """Places a part by its centre. fitted=False overrides the catalogue; `text` moves its
        reference and value: (dx, dy) in squares from the centre, left-aligned."""
        reference = self._reference(spec.prefix)
        places = {
            number: pin_place(x, y, turn, mirror, pin) for number, pin in pins(spec.symbol).items()
        }
        placed = Placed(reference, spec, places)
        placed.is_fitted = spec.is_fitted if fitted is None else fitted
        self.parts.append(placed)
        self.symbols.add(spec.symbol)
        where = items.Where(x * SQUARE, y * SQUARE, turn, mirror, text)
        self._items.append(items.component(self, placed, where, placed.is_fitted))
        return placed

    def _reference(self, prefix):
        self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}{self.page}{self._counts[prefix]:02d}"

    def _two_pin(self, spec, start, direction, first, fitted, side):
        dx, dy = _STEP[direction]
        x, y = start.x + 1.5 * dx, start.y + 1.5 * dy
        pin = pins(spec.symbol)[first]
        for turn in (0, 90, 180, 270):
            if pin_place(x, y, turn, False, pin).key() == start.key():
                break
        else:
            raise DrawingError(f"{spec.symbol} is no two-pin part with pin {first}")
        text = items.beside(spec, direction, side)
        placed = self.part(spec, x, y, turn, fitted=fitted, text=text)
        other = next(n for n in pins(spec.symbol) if n != first)
        return placed[other]

    def series(self, spec, start, direction="r", first="1", fitted=None, side=None):
        """A two-pin part that begins at `start`; returns the Point of its other end.
        `side`: 'l' puts a vertical part's texts to its left, 'u' or 'd' a lying part's both above
        or both below."""
        return self._two_pin(spec, start, direction, first, fitted, side)

    def shunt(self, spec, start, to="GND", first="1", fitted=None, side=None, lead=0):
        """A two-pin part hanging from `start` to ground, after `lead` squares of wire."""
        top = self.wire(start, start.down(lead)) if lead else start
        self.gnd(self._two_pin(spec, top, "d", first, fitted, side), 0, to)

    def pull_up(self, spec, start, rail, fitted=None, side=None, lead=0):
        """A resistor standing on `start`, its other end at a rail."""
        foot = self.wire(start, start.up(lead)) if lead else start
        self.rail(rail, self._two_pin(spec, foot, "u", "2", fitted, side), 0)

    # Wires

    def wire(self, *points):
        """Straight from point to point; where two are not in line, first across, then up or down.
        Returns the last point."""
        for a, b in zip(points, points[1:], strict=False):
            if a.x != b.x and a.y != b.y:
                corner = Point(b.x, a.y)
                self._segment(a, corner)
                self._segment(corner, b)
            else:
                self._segment(a, b)
        return points[-1]

    def _segment(self, a, b):
        if a.key() != b.key():
            self._segments.append((a.key(), b.key()))

    def gnd(self, point, lead=1, name="GND"):
        """Ground under `point`."""
        end = self.wire(point, point.down(lead))
        self._power("power:GND", name, end, 0)

    def gnd_right(self, point, lead=1, name="GND"):
        """Ground lying to the right of `point`, for rows of connector pins."""
        self._power("power:GND", name, self.wire(point, point.right(lead)), 90)

    def gnd_left(self, point, lead=1, name="GND"):
        self._power("power:GND", name, self.wire(point, point.left(lead)), 270)

    def rail_left(self, name, point, lead=1):
        """Supply symbol lying to the left of `point`, where there is no room above."""
        self._power("power:+5V", name, self.wire(point, point.left(lead)), 90)

    def rail(self, name, point, lead=1):
        """Supply symbol above `point`."""
        end = self.wire(point, point.up(lead))
        self._power("power:+5V", name, end, 0)

    def flag(self, point, turn=0):
        """Tells the rule check that this net is fed through a connector or a filter."""
        self._power("power:PWR_FLAG", "PWR_FLAG", point, turn)

    def _power(self, lib_id, name, point, turn):
        kind = "#FLG" if "FLAG" in lib_id else "#PWR"
        reference = self._reference(kind)
        self.symbols.add(lib_id)
        self._ends.append(point.key())
        self._items.append(items.power(self, reference, lib_id, name, point, turn))

    # Names

    def port(self, name, point, direction, lead=2, side=None):
        """A label that leads to another sheet; direction: input, output, bidirectional, passive."""
        side = side or point.facing or "r"
        if side not in _STEP:
            raise DrawingError(f"port {name}: side {side}")
        dx, dy = _STEP[side]
        end = Point(point.x + dx * lead, point.y + dy * lead)
        self.wire(point, end)
        if self.ports.setdefault(name, direction) != direction:
            raise DrawingError(f"sheet {self.name}: port {name} is both {direction} and another")
        self._ends.append(end.key())
        self._items.append(items.hierarchical_label(self, name, direction, end, side))
        return end

    def label(self, name, point, side="r", lead=0):
        """A name for a net of this sheet."""
        dx, dy = _STEP[side]
        end = self.wire(point, Point(point.x + dx * lead, point.y + dy * lead))
        self._ends.append(end.key())
        self._items.append(items.label(self, name, end, side))

    def leave(self, part, *names):
        """Crosses on pins that stay open on purpose."""
        for name in names:
            for point in part.all(name):
                if point.key() not in self._crossed:
                    self._crossed.add(point.key())
                    self._ends.append(point.key())
                    self._items.append(items.no_connect(self, point))

    # Words

    def heading(self, text, x, y):
        self._items.append(items.text(self, text, x * SQUARE, y * SQUARE, 2.2, bold=True))

    def note(self, text, x, y):
        """Lines of explanation; the arithmetic stands beside the parts it sets."""
        self._items.append(items.text(self, text, x * SQUARE, y * SQUARE, 1.5))

    def frame(self, x1, y1, x2, y2):
        """A dashed box around what belongs together."""
        corners = [v * SQUARE for v in (x1, y1, x2, y2)]
        self._items.append(items.rectangle(self, *corners))

    # End

    def finish(self):
        """The sheet's items in KiCad's form. Raises DrawingError where a pin hangs in the air."""
        places = [p.key() for part in self.parts for p in _once(part)]
        pieces = split(self._segments, places + self._ends)
        touched = {end for piece in pieces for end in piece} | set(self._ends)
        shared = {key for key in places if places.count(key) > 1}
        for part in self.parts:
            for number, point in part.places().items():
                pin = pins(part.spec.symbol)[number]
                if pin.kind == "no_connect":
                    continue
                if point.key() not in touched and point.key() not in shared:
                    where = f"{self.name}: pin {number} ({pin.name}) of {part.reference}"
                    raise DrawingError(f"{where} {part.spec.value} at {point} hangs in the air")
        drawn = list(self._items)
        drawn += [items.wire(self, *piece) for piece in pieces]
        drawn += [items.junction(self, key) for key in junctions(pieces, places)]
        return drawn


def _once(part):
    """The part's pin places, stacked pins once."""
    return {p.key(): p for p in part.places().values()}.values()
