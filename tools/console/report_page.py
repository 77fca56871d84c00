"""The report of a visit as one HTML page: nothing is fetched, nothing runs, everything is escaped.

`page(visit)` reads the visit alone, so that the same page comes from a running screen and from
`--report`. What was not had is said where it would stand, with the reason.
"""

from datetime import datetime
from pathlib import Path

from tools.console import answers, answers_rows
from tools.console import answers_car as car
from tools.console.html import Html, element, isolated, join, pairs, table, trusted
from tools.console.language import direction, language, t, word
from tools.console.language import verdict as verdict_word
from tools.console.visit import AFTER, BEFORE
from tools.console.words import is_number, plain

_CSS = Path(__file__).with_name("report.css")
# No script, no picture, no address: even a text that came through as markup could fetch nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MAX_SHOWN = 200  # rows of one table: a car with more monitors or a longer visit says how many


def page(visit):
    """The whole page as text."""
    name = answers.vehicle(visit) or t("unknown vehicle")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width"),
        element("title", t("Visit %s %s", name, _day(visit.began))),
        element("style", trusted(_css())),
    )
    body = element(
        "body",
        _head(visit, name),
        _summary(visit),
        *[element("section", element("h2", t(title)), draw(visit)) for title, draw in SECTIONS],
        _signatures(visit),
    )
    html = element("html", head, body, lang=language(), dir=direction())
    return trusted("<!DOCTYPE html>\n") + html + "\n"


def _css():
    """The style sheet; the foot of each printed page is in it."""
    css = _CSS.read_text(encoding="utf-8")
    return css.replace('"Report of the visit"', f'"{t("Report of the visit")}"')


def _sentence(text, *values):
    """The text with the values put in, each isolated: one that is written the other way turns
    nothing else."""
    pieces = t(text).split("%s")
    found = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        found += [element("bdi", value), piece]
    return join(*found)


def _head(visit, name):
    line = [_sentence("%s to %s, by %s", _time(visit.began), _clock(visit.ended), visit.port)]
    if visit.technician:
        line = [_sentence("Technician: %s", visit.technician), " · ", *line]
    return element(
        "header",
        element("h1", _sentence("Report of the visit: %s", name)),
        element("p", *line, class_="faint"),
    )


def _summary(visit):
    """What whoever has ten seconds wants to know."""
    codes = car.codes(visit.data("dtc"))
    stored = sum(row.kind == "stored" for row in codes)
    test = visit.selftests.get(AFTER) or visit.selftests.get(BEFORE)
    verdicts = answers.verdicts(test.data) if test else []
    wrong = [v for v in verdicts if v.judged in ("bad", "warn")]
    fix = answers.position(visit.data("gps"))
    boxes = (
        ("VIN", car.vin(visit) or "-", None),
        (t("trouble codes"), *_counted(visit, "dtc", len(codes), stored)),
        (t("self-test"), *_judged(verdicts, wrong)),
        (t("position"), word(fix.quality) if fix else "-", _fix_judged(fix)),
    )
    shown = [
        element("div", element("span", label), element("b", value, class_=judged, dir="auto"))
        for label, value, judged in boxes
    ]
    return element("div", *shown, class_="summary")


def _counted(visit, name, count, stored):
    if visit.data(name) is None:
        return t("not read"), "warn"
    return (t("%s (%s stored)", count, stored), "bad") if count else (t("none"), "good")


def _judged(verdicts, wrong):
    if not verdicts:
        return t("not run"), "warn"
    if not wrong:
        return t("all well"), "good"
    judged = "bad" if any(v.judged == "bad" for v in wrong) else "warn"
    return t("%s of %s not well", len(wrong), len(verdicts)), judged


def _fix_judged(fix):
    return "warn" if fix is None or fix.quality != "good" else "good"


# Sections


def _car(visit):
    rows = car.car_rows(visit)
    ecus = car.ecus(visit)
    if not rows and not ecus:
        return _missing(visit, "vin", "obd")
    heads = _heads("ECU", "name", "calibration", "verification number")
    found = pairs(rows) if rows else Html("")
    if ecus:
        found = join(found, element("h3", t("Control units")), table(heads, ecus))
    return found


def _codes(visit):
    if visit.data("dtc") is None:
        return _missing(visit, "dtc")
    codes = car.codes(visit.data("dtc"))
    if not codes:
        return element("p", t("The car has no trouble codes."), class_="good")
    styles = {"stored": "bad", "pending": "warn"}
    rows = [
        (styles.get(c.kind), [c.code, word(c.kind), c.ecu, c.text or t(car.NO_TEXT)])
        for c in codes[:_MAX_SHOWN]
    ]  # fmt: skip
    return join(table(_heads("code", "kind", "ECU", "meaning"), rows, class_="codes"), _more(codes))


def _frames(visit):
    if visit.data("freeze") is None:
        return _missing(visit, "freeze")
    frames = car.frames(visit.data("freeze"))
    if not frames:
        return element("p", t("There is no freeze frame."))
    found = []
    for title, values in frames[:16]:
        rows = [[name, _number(value), unit] for name, value, unit in values[:_MAX_SHOWN]]
        half = (len(rows) + 1) // 2
        heads = _heads("signal", "value", "unit")
        sides = [table(heads, part, class_="frame") for part in (rows[:half], rows[half:]) if part]
        found += [element("h3", title), element("div", *sides, class_="two")]
    return join(*found)


def _readiness(visit):
    if visit.data("ready") is None:
        return _missing(visit, "ready")
    ecus = car.readiness(visit.data("ready"))
    if not ecus:
        return element("p", t("No control unit tells its readiness."))
    found = []
    for title, monitors in ecus[:16]:
        rows = [
            ("warn" if not done else None, [t(name), word(state)]) for name, state, done in monitors
        ]
        half = (len(rows) + 1) // 2
        sides = [table(_heads("monitor", "state"), p) for p in (rows[:half], rows[half:]) if p]
        title = element("h3", title)
        found.append(element("div", title, element("div", *sides, class_="two"), class_="whole"))
    return join(*found)


def _tests(visit):
    if visit.data("monitor") is None:
        return _missing(visit, "monitor")
    tests = car.tests(visit.data("monitor"))
    if not tests:
        return element("p", t("The car tells no results of its own tests."))
    rows = [
        (None if x.passed else "bad",
         [x.ecu, x.name, _number(x.value), t("%s to %s", _number(x.lowest), _number(x.highest)),
          x.unit, t("passed") if x.passed else t("FAILED")])
        for x in tests[:_MAX_SHOWN]
    ]  # fmt: skip
    heads = _heads("ECU", "monitor and test", "value", "limits", "unit", "result")
    return join(table(heads, rows, class_="tests"), _more(tests))


def _gateway(visit):
    found = []
    for title, command, rows in answers_rows.GATEWAY:
        data = visit.data(command)
        content = _missing(visit, command) if data is None else _judged_pairs(rows(data))
        found.append(element("div", element("h3", t(title)), content))
    return element("div", *found, class_="two")


def _judged_pairs(rows):
    shown = [
        (label, element("span", isolated(value), class_=judged) if judged else value)
        for label, value, judged in rows
    ]
    return pairs(shown)


def _selftest(visit):
    if BEFORE not in visit.selftests:
        return _missing(visit, "selftest")
    first = {v.part: v for v in answers.verdicts(visit.selftests[BEFORE].data)}
    after = visit.selftests.get(AFTER)
    last = {v.part: v for v in answers.verdicts(after.data)} if after else {}
    rows = []
    for part in dict.fromkeys([*first, *last]):
        old, new = first.get(part), last.get(part)
        newest = new or old
        what = newest.text + (f" → {newest.todo}" if newest.todo else "")
        cells = [word(part), _verdict(old), _verdict(new), what]
        rows.append((newest.judged if newest.judged in ("bad", "warn") else None, cells))
    at = _clock(visit.selftests[BEFORE].wall)
    later = _clock(after.wall) if after else t("not run again")
    heads = (t("part"), t("first (%s)", at), t("last (%s)", later),
             t("what it says, and what to do"))  # fmt: skip
    return table(heads, rows, class_="verdicts")


def _verdict(verdict):
    said = verdict.verdict if verdict else "-"
    return {"-": "-", "none": "-", "wait": t("not yet")}.get(said) or verdict_word(said)


def _done(visit):
    if not visit.done:
        return element("p", t("No command was given; the gateway was only read."))
    rows = [
        (
            "bad" if not result.startswith("done") else None,
            [_clock(wall), command, _result(result), "-" if took is None else f"{took:.1f} s"],
        )
        for wall, command, result, took in visit.done[-_MAX_SHOWN:]
    ]
    return join(
        table(_heads("time", "command", "result", "took"), rows, class_="deeds"), _more(visit.done)
    )


def _result(said):
    """What the visit has noted, in the reader's language."""
    kind, colon, why = said.partition(": ")
    return t(f"{kind}: %s", why) if colon else t(kind)


def _not_had(visit):
    if not visit.refusals:
        return element("p", t("Everything that was asked for was had."))
    rows = [[name, why] for name, why in sorted(visit.refusals.items())]
    return table(_heads("command", "why"), rows)


SECTIONS = (
    ("Car", _car),
    ("Trouble codes", _codes),
    ("Self-test of the gateway", _selftest),
    ("Gateway", _gateway),
    ("Freeze frames", _frames),
    ("Readiness since the codes were cleared", _readiness),
    ("The car's own tests (service 06)", _tests),
    ("What was done", _done),
    ("Not had", _not_had),
)


def _signatures(visit):
    lines = [element("div", "", class_="remarks") for _ in range(3)]
    return element(
        "section",
        element("h2", t("Remarks")),
        *lines,
        element(
            "div",
            element("div", _sentence("Technician: %s", visit.technician or ""), element("br"),
                    t("date, signature")),
            element("div", t("For the fleet"), element("br"), t("name, date, signature")),
            class_="signatures",
        ),
    )  # fmt: skip


# Small parts


def _heads(*texts):
    return [t(text) for text in texts]


def _missing(visit, *names):
    why = next((visit.refusals[name] for name in names if name in visit.refusals), None)
    return element("p", _sentence("Not had: %s", why) if why else t("Not read."), class_="warn")


def _more(rows):
    if len(rows) <= _MAX_SHOWN:
        return Html("")
    return element(
        "p", t("%s more are in the session's file.", len(rows) - _MAX_SHOWN), class_="faint"
    )


def _number(value):
    return f"{value:g}" if is_number(value) else plain(value)


def _local(wall):
    return datetime.fromtimestamp(wall).astimezone()


def _time(wall):
    return _local(wall).strftime("%Y-%m-%d %H:%M %Z")


def _day(wall):
    return _local(wall).strftime("%Y-%m-%d")


def _clock(wall):
    return _local(wall).strftime("%H:%M:%S")
