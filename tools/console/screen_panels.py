"""The panels of the screen: each draws what the visit holds of one subject, with its age.

A panel is told `show(visit, now)` four times a second. What it shows is Text, never markup: the
car's and the room's words cannot colour, link or break anything.
"""

from textwrap import wrap

from rich.text import Text
from textual.widgets import Static

from tools.console import answers, plan
from tools.console import answers_car as car
from tools.console.language import t, word
from tools.console.language import verdict as verdict_word
from tools.console.screen_sky import bars, plot, rose, wind
from tools.console.words import plain, seconds

_WIDE = 60  # columns from which on a code and its meaning stand on one line
_BAD, _WARN, _GOOD, _FAINT = "bold red", "yellow", "green", "dim"
WORDS_STYLES = {"bad": _BAD, "warn": _WARN, "good": _GOOD, None: ""}


class Panel(Static):
    """A titled box. `sources`: the commands whose answers it shows."""

    sources = ()
    name_shown = ""
    unasked = "no answer yet"

    def __init__(self, id_):
        super().__init__("", markup=False, id=id_)
        self.border_title = t(self.name_shown)
        self._shown = Text()

    def show(self, visit, now):
        ages = [visit.age(name, now) for name in self.sources]
        known = [age for age in ages if age is not None]
        limit = max(plan.fresh_s(name) for name in self.sources)
        is_stale = bool(known) and (visit.line != "open" or min(known) > limit)
        self.set_class(is_stale, "stale")
        self.set_class(not known, "empty")
        self.border_subtitle = t("stale %s", seconds(min(known) * 1000)) if is_stale else ""
        if known:
            text = self.draw(visit, now, is_stale)
            # Nothing that is not of now has a colour.
            self.put(Text(text.plain, _FAINT) if is_stale else text)
        else:
            why = next((visit.refusals[n] for n in self.sources if n in visit.refusals), None)
            self.put(Text(plain(why) if why else t(self.unasked), _FAINT))

    def put(self, text):
        """Shows this; only a change costs a redraw, and the panel's size never depends on it."""
        if text != self._shown or text.spans != self._shown.spans:
            self._shown = text
            self.update(text, layout=False)

    def draw(self, visit, now, is_stale):
        """The content as Text, of answers that are there."""
        raise NotImplementedError

    @property
    def room(self):
        """(columns, rows) inside the border."""
        return max(1, self.content_size.width), max(1, self.content_size.height)


class Gauge(Panel):
    """One value of the car: number, unit, a bar over its range, and its age when it is old."""

    sources = ("obd",)

    def __init__(self, id_, title, names, low, high, digits=0, warn=None, bad=None):
        """names: signals, the first that is there is shown; low, high: ends of the bar;
        warn, bad: (lowest, highest) that are still well, either may be None."""
        self.name_shown = title
        self._names = names
        self._low, self._high, self._digits = low, high, digits
        self._warn, self._bad = warn, bad
        super().__init__(id_)

    def draw(self, visit, now, is_stale):
        values = answers.readings(visit.data("obd"))
        found = next((values[name] for name in self._names if name in values), None)
        if found is None:
            return Text("--\n", _FAINT).append(t("no value"), _FAINT)
        age = (found.age_ms or 0) + visit.age("obd", now) * 1000
        is_old = is_stale or age > answers.GAUGE_FRESH_MS.get(self._names[0], 35_000)
        self.set_class(is_old, "stale")
        style = _FAINT if is_old else self._style(found.value)
        text = Text(no_wrap=True, overflow="crop")
        text.append(f"{found.value:.{self._digits}f}", f"{style} bold" if style else "bold")
        text.append(f" {plain(found.unit, 8)}\n", _FAINT)
        if is_old:
            self.border_subtitle = ""
            return text.append(t("stale %s", seconds(age)), "dim italic")
        width = self.room[0]
        part = (found.value - self._low) / (self._high - self._low)
        full = round(width * min(1.0, max(0.0, part)))
        return text.append("━" * full, style or "cyan").append("─" * (width - full), "grey30")

    def _style(self, value):
        for limits, style in ((self._bad, _BAD), (self._warn, _WARN)):
            if limits:
                low, high = limits
                if (low is not None and value < low) or (high is not None and value > high):
                    return style
        return ""


class Position(Panel):
    sources = ("gps",)
    name_shown = "Position"

    def draw(self, visit, now, is_stale):
        fix = answers.position(visit.data("gps"))
        if fix is None:
            return self._last_known(visit, now)
        age = (fix.age_ms or 0) + visit.age("gps", now) * 1000
        is_old = is_stale or age > answers.FIX_FRESH_MS
        self.set_class(is_old, "stale")
        width, height = self.room
        faint = _FAINT if is_old else ""
        left = Text(no_wrap=True, overflow="ellipsis")
        left.append(fix.place() + "\n", faint or "bold")
        quality = {"good": _GOOD, "none": _BAD}.get(fix.quality, _WARN)
        for label, value, style in (
            ("speed", fix.words("speed"), faint),
            ("heading", self._heading(fix), faint),
            ("quality", fix.quality_words(), faint or quality),
            ("sats", fix.words("sats"), faint),
            ("hdop", fix.words("hdop"), faint),
            ("altitude", fix.words("altitude"), faint),
        )[: max(1, height - 2)]:
            left.append(f"{t(label):<8} ", _FAINT).append(value + "\n", style)
        left.append(f"{t('age'):<8} ", _FAINT)
        shown = t("stale %s", seconds(age)) if is_old else seconds(age)
        left.append(shown, _WARN if is_old else faint)
        if width < 34 or height < 5:
            return left
        return _beside(left, rose(None if is_old else fix.heading), width, 9)

    def _last_known(self, visit, now):
        """No fix now: where the car was last, which must not look like where it is."""
        self.set_class(True, "stale")
        text = Text(t("no fix") + "\n", _BAD)
        last = answers.last_position(visit.data("status"))
        if last is None:
            return text.append(t("no position since the start"), _FAINT)
        place, age = last
        age = (age or 0) + visit.age("status", now) * 1000
        return text.append(t("last known, %s ago:", seconds(age)) + f"\n{place}", _FAINT)

    def _heading(self, fix):
        return "-" if fix.heading is None else f"{fix.heading:.0f}° {wind(fix.heading)}"


class Sky(Panel):
    sources = ("gps",)
    name_shown = "Sky"

    def draw(self, visit, now, is_stale):
        satellites = answers.satellites(visit.data("gps"))
        if not satellites:
            return Text(t("no satellites are told"), _FAINT)
        width, height = self.room
        used = 11 if width >= 30 else 0
        sky = plot(satellites, width - used, height)
        return _beside(sky, bars(satellites, height), width, 10) if used else sky


class Codes(Panel):
    sources = ("dtc",)
    name_shown = "Trouble codes"

    def draw(self, visit, now, is_stale):
        codes = car.codes(visit.data("dtc"))
        told = car.lamp(visit.data("ready"))
        width, height = self.room
        lines = []
        if told is not None:
            style = _BAD if told else _GOOD
            lines.append(
                Text.assemble(t("engine lamp") + " ", (t("ON") if told else t("off"), style))
            )
        if not codes:
            lines.append(Text(t("no trouble codes"), _GOOD))
        left = len(codes)
        for row in codes:
            own = _code_lines(row, width)
            # The last line is for the number of those that have no room.
            if len(lines) + len(own) > height - (left > 1):
                more = t("… %s more: key c") if width < _WIDE else t("… %s more")
                lines.append(Text(more % left, _WARN))
                break
            lines += own
            left -= 1
        return Text("\n").join(lines)


def _code_lines(row, width):
    """A trouble code as one line where there is room, else with its meaning below."""
    style = {"stored": _BAD, "pending": _WARN, "permanent": "magenta"}.get(row.kind, "")
    meaning = row.text or t(car.NO_TEXT)
    kind = word(row.kind)
    if width >= _WIDE:
        parts = ((f"{row.code:<6}", style), (f"{kind:<10}{row.ecu:<9}", _FAINT), meaning)
        return [Text.assemble(*parts)]
    head = Text.assemble((row.code, style), (f" {kind}, {row.ecu}", _FAINT))
    return [head] + [Text(" " + line) for line in wrap(meaning, max(8, width - 1))]


class Rows(Panel):
    """Labels and values, one a line; after the first, what is not well comes before the rest."""

    def __init__(self, id_, title, command, rows):
        """rows: data of the command -> [(label, value, "good" | "warn" | "bad" | None), ...]"""
        self.sources = (command,)
        self.name_shown = title
        self._rows = rows
        super().__init__(id_)

    def draw(self, visit, now, is_stale):
        text = Text(no_wrap=True, overflow="ellipsis")
        first, *rest = self._rows(visit.data(self.sources[0]))
        rest.sort(key=lambda row: ("bad", "warn").index(row[2]) if row[2] in ("bad", "warn") else 2)
        for i, (label, value, judged) in enumerate([first, *rest]):
            text.append(("\n" if i else "") + f"{label:<11} ", _FAINT)
            text.append(plain(value), _FAINT if is_stale else WORDS_STYLES[judged])
        return text


class SelfTest(Panel):
    """The verdicts of the last self-test, the bad ones first; before it what the gateway says is
    wrong by itself."""

    sources = ("selftest",)
    name_shown = "Self-test"
    unasked = "not run yet: key t"

    def show(self, visit, now):
        super().show(visit, now)
        told = answers.problems(visit.data("status"))
        if told and visit.data("selftest") is None:
            text = Text(t(self.unasked), _FAINT)
            for judged, problem in told:
                text.append("\n" + problem, WORDS_STYLES[judged])
            self.put(text)

    def draw(self, visit, now, is_stale):
        self.set_class(False, "stale")  # a verdict is of its time, which is told
        self.border_subtitle = t("%s ago", seconds(visit.age("selftest", now) * 1000))
        return verdict_text(answers.verdicts(visit.data("selftest")), is_short=True)


def verdict_text(verdicts, is_short=False):
    """Verdicts as Text: all with what to do, or a summary and what is not well."""
    text = Text(overflow="fold")
    bad = [v for v in verdicts if v.judged in ("bad", "warn")]
    if not verdicts:
        return text.append(t("no verdicts"), _WARN)
    if is_short and not bad:
        return text.append(t("all %s parts are well", len(verdicts)), _GOOD)
    for v in sorted(verdicts, key=lambda v: ("bad", "warn", "good", None).index(v.judged)):
        if is_short and v not in bad:
            continue
        said = {"none": "-", "wait": "..."}.get(v.verdict) or verdict_word(v.verdict)
        text.append(f"{said:<5}", WORDS_STYLES[v.judged])
        part = word(v.part)
        text.append(f"{part}: " if is_short else f"{part:<10} ", "bold")
        text.append(v.text + "\n")
        if v.todo and not is_short:
            text.append(f"{'':<16}→ {v.todo}\n", "cyan")
    return text


def _beside(left, right, width, right_width):
    """Two blocks of lines next to each other; the right one in its last columns."""
    a = left.split("\n", allow_blank=True)
    b = right.split("\n", allow_blank=True) if isinstance(right, Text) else right
    found = Text(no_wrap=True, overflow="crop")
    for i in range(max(len(a), len(b))):
        line = a[i] if i < len(a) else Text("")
        line.truncate(width - right_width - 1, overflow="ellipsis", pad=True)
        if i:
            found.append("\n")
        found.append_text(line)
        if i < len(b):
            found.append(" ").append_text(b[i])
    return found
