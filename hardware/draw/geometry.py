"""Points on the schematic grid, turned symbols, and where wires need a junction dot.

A square of the grid is 2.54 mm; half squares are allowed. x runs right, y runs down.
"""

SQUARE = 2.54  # mm


class Point:
    """A place on the sheet in squares; `facing` is where a pin's free end looks: l, r, u or d."""

    def __init__(self, x, y, facing=None):
        self.x = round(x * 2) / 2
        self.y = round(y * 2) / 2
        self.facing = facing

    def key(self):
        return (self.x, self.y)

    def right(self, n=1):
        return Point(self.x + n, self.y)

    def left(self, n=1):
        return Point(self.x - n, self.y)

    def up(self, n=1):
        return Point(self.x, self.y - n)

    def down(self, n=1):
        return Point(self.x, self.y + n)

    def at(self, x=None, y=None):
        """The same point with another x or y."""
        return Point(self.x if x is None else x, self.y if y is None else y)

    def __repr__(self):
        return f"({self.x:g}, {self.y:g})"


# How a symbol's own coordinates (mm, y up) land on the sheet (mm, y down) for each turn.
_TURNS = {
    0: lambda x, y: (x, -y),
    90: lambda x, y: (-y, -x),
    180: lambda x, y: (-x, y),
    270: lambda x, y: (y, x),
}
_FACING = {0: "l", 90: "d", 180: "r", 270: "u"}  # of a pin at turn 0, by its angle
_TURNED = {"l": "d", "d": "r", "r": "u", "u": "l"}  # by 90 degrees to the left
_MIRRORED = {"l": "r", "r": "l", "u": "u", "d": "d"}


def pin_place(x, y, turn, mirror, pin):
    """Point of a pin's free end for a symbol at (x, y) squares; mirror: left and right swapped."""
    dx, dy = _TURNS[turn](pin.x, pin.y)
    facing = _FACING[int(pin.angle)]
    for _ in range(turn // 90):
        facing = _TURNED[facing]
    if mirror:
        dx, facing = -dx, _MIRRORED[facing]
    return Point(x + dx / SQUARE, y + dy / SQUARE, facing)


def on_segment(point, start, end):
    """True when the key `point` lies strictly inside the straight line between two keys."""
    (x, y), (x1, y1), (x2, y2) = point, start, end
    if x1 == x2 == x:
        return min(y1, y2) < y < max(y1, y2)
    if y1 == y2 == y:
        return min(x1, x2) < x < max(x1, x2)
    return False


def split(segments, points):
    """Segments cut at every end, pin or label that lies on them; no doubles."""
    stops = set(points)
    for start, end in segments:
        stops.update((start, end))
    pieces = []
    for start, end in segments:
        inside = sorted(p for p in stops if on_segment(p, start, end))
        if start > end:
            inside.reverse()
        chain = [start, *inside, end]
        for a, b in zip(chain, chain[1:], strict=False):
            piece = (min(a, b), max(a, b))
            if a != b and piece not in pieces:
                pieces.append(piece)
    return pieces


def junctions(pieces, pins):
    """Where three or more wire ends and pins meet."""
    meeting = {}
    for start, end in pieces:
        meeting[start] = meeting.get(start, 0) + 1
        meeting[end] = meeting.get(end, 0) + 1
    for place in pins:
        if place in meeting:
            meeting[place] += 1
    return sorted(place for place, n in meeting.items() if n >= 3)
