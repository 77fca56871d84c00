"""Drawn with characters: the sky with its satellites, and the rose that shows the heading.

A cell is about twice as high as it is wide, so a circle of radius r rows is 2 r columns wide.
"""

import math

from rich.text import Text

# C/N0 in dB-Hz from which on a satellite is that good: a receiver tracks from some 15, fixes well
# from some 30; above 40 is a free sky.
STRENGTHS = ((40, "bold green"), (30, "green"), (20, "yellow"), (0, "red"))
UNTRACKED = "dim"
_RING = "grey37"
_WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
_ARROWS = "↑↗→↘↓↙←↖"
_BARS = "▁▂▃▄▅▆▇█"


def strength(snr):
    """The style of a satellite of that strength, dB-Hz or None."""
    if snr is None:
        return UNTRACKED
    return next(style for least, style in STRENGTHS if snr >= least)


def wind(degrees):
    """ "NW" of 315."""
    return _WINDS[round(degrees / 45) % 8]


class _Canvas:
    def __init__(self, width, height):
        self._cells = [[(" ", "")] * width for _ in range(height)]
        self.width, self.height = width, height

    def put(self, x, y, text, style, is_over=True):
        """Writes if all of it fits and, unless `is_over`, is free. Whether it did."""
        if not (0 <= y < self.height and x >= 0 and x + len(text) <= self.width):
            return False
        row = self._cells[y]
        if not is_over and any(row[x + i][1] not in ("", _RING) for i in range(len(text))):
            return False
        for i, c in enumerate(text):
            row[x + i] = (c, style)
        return True

    def text(self):
        found = Text(no_wrap=True, overflow="crop")
        for y, row in enumerate(self._cells):
            if y:
                found.append("\n")
            for c, style in row:
                found.append(c, style)
        return found


def plot(satellites, width, height):
    """The sky seen from above, north on top, as Text of that size; zenith in the middle.

    satellites: rows of `answers.satellites`."""
    canvas = _Canvas(max(1, width), max(1, height))
    cx, cy = (canvas.width - 1) / 2, (canvas.height - 1) / 2
    ry = max(0.0, min(cy, (cx - 1) / 2))
    if ry < 1.5:
        return canvas.text()
    for part in (1, 2 / 3, 1 / 3):  # 0, 30 and 60 degrees high
        steps = max(8, int(ry * part * 14))
        for i in range(steps):
            a = 2 * math.pi * i / steps
            x, y = cx + 2 * ry * part * math.sin(a), cy - ry * part * math.cos(a)
            canvas.put(round(x), round(y), "·", _RING)
    for text, x, y in (("N", 0, -1), ("E", 1, 0), ("S", 0, 1), ("W", -1, 0)):
        canvas.put(round(cx + 2 * ry * x), round(cy + ry * y), text, "bold cyan")
    canvas.put(round(cx), round(cy), "+", _RING)
    # The strongest first: where two fall together it is the one that is seen.
    for sat in sorted(satellites, key=lambda s: -(s.snr or 0)):
        if sat.elevation is None or sat.azimuth is None or sat.elevation < 0:
            continue
        part = (90 - sat.elevation) / 90
        a = math.radians(sat.azimuth)
        x, y = round(cx + 2 * ry * part * math.sin(a)), round(cy - ry * part * math.cos(a))
        label, style = sat.label, strength(sat.snr)
        x = min(max(0, x - len(label) // 2), canvas.width - len(label))
        places = ((x, y), (x, y - 1), (x, y + 1))
        if not any(canvas.put(*place, label, style, is_over=False) for place in places):
            canvas.put(x + len(label) // 2, y, "•", style, is_over=False)
    return canvas.text()


def bars(satellites, height):
    """[Text, ...]: the strongest satellites, one a line: "G12 ▆ 41"."""
    rows = []
    tracked = sorted(satellites, key=lambda s: (s.snr is None, -(s.snr or 0), s.label))
    for sat in tracked[: max(0, height)]:
        style = strength(sat.snr)
        bar = " " if sat.snr is None else _BARS[min(7, max(0, (sat.snr - 10) // 5))]
        shown = "--" if sat.snr is None else f"{sat.snr:2d}"
        rows.append(Text.assemble((f"{sat.label:>4} ", style), (bar, style), (f" {shown}", style)))
    return rows


def rose(heading):
    """Five lines of nine columns: north on top, a dot where the car heads; None: no dot."""
    canvas = _Canvas(9, 5)
    for i in range(16):
        a = math.radians(i * 22.5)
        canvas.put(round(4 + 4 * math.sin(a)), round(2 - 2 * math.cos(a)), "·", _RING)
    for text, x, y in (("N", 4, 0), ("E", 8, 2), ("S", 4, 4), ("W", 0, 2)):
        canvas.put(x, y, text, "cyan")
    if heading is None:
        canvas.put(4, 2, "?", "dim")
    else:
        a = math.radians(heading)
        canvas.put(round(4 + 4 * math.sin(a)), round(2 - 2 * math.cos(a)), "●", "bold yellow")
        canvas.put(4, 2, _ARROWS[round(heading / 45) % 8], "bold yellow")
    return canvas.text()
