"""Draws the simulations as SVG for docs/hardware.md: python -m hardware.spice.plots"""

from pathlib import Path

from hardware.spice import holdup, ignition, pulses, rails

FOLDER = Path(__file__).resolve().parent / "plots"
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 300, 56, 34, 16, 44
_COLOURS = ("#1f5fa8", "#c0392b", "#2e8b57", "#8e5ea2")


def _ticks(low, high, count=6):
    step = 10.0 ** len(str(int((high - low) / count))) / 10 if high - low > count else 1.0
    while (high - low) / step > count:
        step *= 2 if str(step)[0] in "15" else 2.5
    while (high - low) / step < count / 2.5:
        step /= 2
    first = int(low / step) * step
    ticks = []
    while first <= high + step * 1e-6:
        if first >= low - step * 1e-6:
            ticks.append(round(first, 9))
        first += step
    return ticks


class Plot:
    """Lines over one axis; texts are escaped by the caller's care: plain words only."""

    def __init__(self, title, across, up):
        self.title, self.across, self.up = title, across, up
        self.curves = []  # (name, [(x, y)])
        self.limits = []  # (name, y)

    def line(self, name, xs, ys):
        points = list(zip(xs, ys, strict=True))
        step = max(1, len(points) // 600)
        kept = []
        for i in range(0, len(points), step):
            part = points[i : i + step]
            kept += sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])})
        self.curves.append((name, kept))

    def svg(self):
        xs = [x for _, points in self.curves for x, _ in points]
        ys = [y for _, points in self.curves for _, y in points] + [y for _, y in self.limits]
        self._x = (min(xs), max(xs))
        spread = max(ys) - min(ys) or 1
        self._y = (min(ys) - 0.05 * spread, max(ys) + 0.05 * spread)
        body = [*self._axes(), *self._limits(), *self._curves()]
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
                f'font-family="sans-serif" font-size="11">')  # fmt: skip
        back = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
        title = f'<text x="{_LEFT}" y="16" font-weight="bold">{self.title}</text>'
        return "\n".join([head, back, title, *body, "</svg>"]) + "\n"

    def _at(self, x, y):
        width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return (_LEFT + (x - self._x[0]) / (self._x[1] - self._x[0]) * width,
                _TOP + (self._y[1] - y) / (self._y[1] - self._y[0]) * height)  # fmt: skip

    def _axes(self):
        low, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        for value in _ticks(*self._x):
            x, _ = self._at(value, 0)
            yield f'<path d="M{x:.1f} {_TOP}V{low}" stroke="#ddd"/>'
            yield f'<text x="{x:.1f}" y="{low + 14}" text-anchor="middle">{value:g}</text>'
        for value in _ticks(*self._y):
            _, y = self._at(0, value)
            yield f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
            yield f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        middle = (_LEFT + right) / 2
        yield f'<text x="{middle:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{self.across}</text>'
        yield f'<text x="{_LEFT}" y="{_TOP - 6}">{self.up}</text>'

    def _limits(self):
        for name, value in self.limits:
            _, y = self._at(0, value)
            end = _WIDTH - _RIGHT
            yield f'<path d="M{_LEFT} {y:.1f}H{end}" stroke="#888" stroke-dasharray="5 4"/>'
            yield f'<text x="{end}" y="{y - 3:.1f}" text-anchor="end" fill="#666">{name}</text>'

    def _curves(self):
        for i, (name, points) in enumerate(self.curves):
            places = [self._at(x, y) for x, y in points]
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
            colour = _COLOURS[i % len(_COLOURS)]
            yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
            x = _LEFT + 150 + i * 120
            yield f'<text x="{x}" y="{_TOP - 6}" fill="{colour}">{name}</text>'


def _pulse(name):
    row = pulses.PULSES[name]
    found = pulses.run(row)
    short = row[4] < 0.02
    scale, unit = (1e6, "µs") if row[4] < 1e-3 else (1e3, "ms") if short else (1, "s")
    plot = Plot(row[0], unit, "V")
    times = [t * scale for t in found["time"]]
    plot.line("at the clamps", times, found["v(line)"])
    plot.line("+VIN", times, found["v(vin)"])
    plot.limits = [("60 V: highest +VIN", 60)] if max(found["v(vin)"]) > 20 else []
    return plot


def _ignition():
    plot = Plot("Ignition: buffer's input over the car's voltage", "V in the car", "V")
    for temperature in ignition.TEMPERATURES:
        points = ignition.curve(temperature, 3.4, ignition.TOLERANCE)
        plot.line(f"{temperature} C", *zip(*points, strict=True))
    plot.limits = [("on above", ignition.ON_MAX), ("off below", ignition.OFF_MIN)]
    return plot


def _holdup(board):
    row = holdup.BOARDS[board]
    first = f"{holdup.WAIT:.0f} s at {row['full_watts']:.0f} W"
    title = f"{board}: cells, {first}, then {row['watts']:.0f} W"
    plot = Plot(title, "s", "V")
    for name, aged in (("new", False), ("end of life", True)):
        points = holdup.discharge(board, aged, 80 if row["farad"] > 10 else 25)
        plot.line(name, *zip(*points, strict=True))
    plot.limits = [("converter stops being counted on", holdup.STOP)]
    return plot


def _rails(profile):
    found = rails.run("esp32-gateway", profile)
    plot = Plot(f"ESP32 gateway: {pulses.PULSES[profile][0]}", "s", "V")
    for name, vector in (
        ("+VIN", "v(vin)"),
        ("held 5 V", "v(held)"),
        ("always-on 3.3 V", "v(always)"),
    ):
        plot.line(name, found["time"], found[vector])
    return plot


def main():
    FOLDER.mkdir(exist_ok=True)
    for name in ("pulse-1", "pulse-2a", "load-dump", "jump-start"):
        (FOLDER / f"{name}.svg").write_text(_pulse(name).svg())
    (FOLDER / "ignition.svg").write_text(_ignition().svg())
    for board in holdup.BOARDS:
        (FOLDER / f"holdup-{board}.svg").write_text(_holdup(board).svg())
    for profile in ("crank-2", "crank-3"):
        (FOLDER / f"{profile}.svg").write_text(_rails(profile).svg())
    print(*sorted(path.name for path in FOLDER.glob("*.svg")))


if __name__ == "__main__":
    main()
