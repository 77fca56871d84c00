"""Finds texts of a plotted sheet that lie on each other or on a line.

python -m hardware.overlaps SVG...

KiCad plots each text as a group of strokes with the text in `desc`; the box around the strokes is
what the eye sees. Prints one line for each overlap and ends with their number.
"""

import re
import sys
from pathlib import Path

_TEXT = re.compile(r'<g class="stroked-text"><desc>(.*?)</desc>(.*?)</g>', re.S)
_HIDDEN = re.compile(r"<text .*?</text>", re.S)
_PATH = re.compile(r'<path [^>]*?d="([^"]+)"', re.S)
_RECT = re.compile(r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"')
_PAGE = re.compile(r'viewBox="\S+ \S+ (\S+) (\S+)"')
_MARGIN = 12  # mm: the inner line of KiCad's frame
_NUMBER = re.compile(r"-?\d+\.?\d*")
_AIR = 0.18  # mm around the strokes' middle: half a pen, and what the eye needs beside it
_LINE = _AIR + 0.05  # mm: a line may come nearer to a text than another text, not into it
_TOUCH = 0.05  # mm: less than that is a rounding of the plot


class Box:
    """The ink of one text."""

    def __init__(self, text, x1, y1, x2, y2):
        self.text = text
        self.x1, self.y1, self.x2, self.y2 = x1, y1, x2, y2

    def overlaps(self, other):
        across = min(self.x2, other.x2) - max(self.x1, other.x1)
        down = min(self.y2, other.y2) - max(self.y1, other.y1)
        return across > _TOUCH and down > _TOUCH

    def is_next_line(self, other):
        """True for two lines of one note: a bracket there may reach the next line's height."""
        height = min(self.y2 - self.y1, other.y2 - other.y1)
        return abs(self.x1 - other.x1) < 0.5 and abs(self.y1 - other.y1) > 0.9 * height

    def is_cut_by(self, line):
        """True when a straight line from the plot runs through the ink's box."""
        x1, y1, x2, y2 = line
        if max(x1, x2) < self.x1 or min(x1, x2) > self.x2:
            return False  # most lines are far away: the cheap question first
        if max(y1, y2) < self.y1 or min(y1, y2) > self.y2:
            return False
        low, high = 0.0, 1.0
        sides = ((x2 - x1, self.x1 + _LINE - x1, self.x2 - _LINE - x1),
                 (y2 - y1, self.y1 + _LINE - y1, self.y2 - _LINE - y1))  # fmt: skip
        for step, start, end in sides:
            if abs(step) < 1e-9:
                if not start < 0 < end:
                    return False
                continue
            near, far = sorted((start / step, end / step))
            low, high = max(low, near), min(high, far)
        return low < high

    def __str__(self):
        return f"{self.text!r} at {self.x1:.1f}, {self.y1:.1f}"


def _points(path):
    numbers = [float(n) for n in _NUMBER.findall(path)]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def texts(svg):
    """Boxes of all visible texts. KiCad plots some twice in the same place: that counts once."""
    found = {}
    for words, strokes in _TEXT.findall(svg):
        points = [p for path in _PATH.findall(strokes) for p in _points(path)]
        if points:
            xs, ys = [p[0] for p in points], [p[1] for p in points]
            box = Box(words, min(xs) - _AIR, min(ys) - _AIR, max(xs) + _AIR, max(ys) + _AIR)
            found[str(box)] = box
    return list(found.values())


def _is_mark(a, b):
    across, down = abs(a[0] - b[0]), abs(a[1] - b[1])
    return min(across, down) > _TOUCH and across + down < 3


def lines(svg):
    """All straight lines that are no text: wires, pins, outlines. Short slanted strokes are left
    out: no-connect crosses and clock marks, which KiCad itself draws close to pin numbers."""
    drawing = _HIDDEN.sub("", _TEXT.sub("", svg))
    found = []
    for path in _PATH.findall(drawing):
        if "A" in path or "C" in path:
            continue
        points = _points(path)
        found += [(*a, *b) for a, b in zip(points, points[1:], strict=False) if not _is_mark(a, b)]
    for x, y, width, height in _rectangles(drawing):
        right, low = x + width, y + height
        found += [(x, y, right, y), (right, y, right, low), (right, low, x, low), (x, low, x, y)]
    return found


def _rectangles(svg):
    """(x, y, width, height) of all but the page itself."""
    found = [tuple(float(v) for v in match) for match in _RECT.findall(svg)]
    return [r for r in found if r[0] or r[1]]


def outside(svg, boxes):
    """Texts that leave the drawing frame; the frame's own marks have one or two characters."""
    width, height = (float(v) for v in _PAGE.search(svg).groups())
    for box in boxes:
        is_in = box.x1 > _MARGIN and box.y1 > _MARGIN
        is_in = is_in and box.x2 < width - _MARGIN and box.y2 < height - _MARGIN
        if not is_in and len(box.text) > 2:
            yield f"{box} is outside the frame"


def _from_to(line):
    x1, y1, x2, y2 = line
    return f"{x1:.1f}, {y1:.1f} to {x2:.1f}, {y2:.1f}"


def overlaps(svg):
    """[line that tells of an overlap]"""
    boxes = texts(svg)
    out = list(outside(svg, boxes))
    for i, box in enumerate(boxes):
        for other in boxes[i + 1 :]:
            if box.overlaps(other) and not box.is_next_line(other):
                out.append(f"{box} lies on {other}")
    for line in lines(svg):
        for box in boxes:
            if box.is_cut_by(line):
                out.append(f"{box} is cut by a line " + _from_to(line))
    return sorted(set(out))


def main(paths):
    total = 0
    for path in paths:
        for line in overlaps(Path(path).read_text()):
            print(f"{path}: {line}")
            total += 1
    print(f"{len(paths)} pages, {total} overlaps")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
