"""Pieces of what people read: labels, time spans, dates, numbers; lines of at most 80 columns."""

from agent.console.limits import WIDTH

LABEL = 12  # columns of a label
_RED = "\x1b[1;31m"
_PLAIN = "\x1b[0m"


def wrap(text, first, rest):
    """Lines of a text: behind the label `first`, further ones behind `rest` blanks."""
    line = first + " " * (rest - len(first))
    is_empty = True
    for word in text.split(" "):
        if not is_empty and len(line) + 1 + len(word) > WIDTH:
            yield line.rstrip()
            line = " " * rest
            is_empty = True
        line += word if is_empty else " " + word
        is_empty = False
        while len(line) > WIDTH:
            yield line[:WIDTH]
            line = " " * rest + line[WIDTH:]
    yield line.rstrip()


def row(texts, key, *parts):
    """Lines of a label and what is known; parts that are None are left out."""
    label = texts.get("l." + key)
    if label[:2] == "l.":
        label = label[2:].replace("_", " ")
    return wrap("  ".join([p for p in parts if p]) or "-", label, LABEL)


def red(text):
    return _RED + text + _PLAIN


def age(ms):
    """A time span: 0.4 s, 4 min 05 s, 2 h 03 min."""
    if ms is None:
        return "-"
    if ms < 60000:
        return "%d.%d s" % (ms // 1000, ms % 1000 // 100)
    if ms < 3600000:
        return "%d min %02d s" % (ms // 60000, ms % 60000 // 1000)
    return "%d h %02d min" % (ms // 3600000, ms % 3600000 // 60000)


def ago(texts, ms):
    return texts.get("ago", age(ms))


def date(ms):
    """UTC in ms as 2026-11-25 16:43:11Z, without the interpreter's calendar: epochs differ."""
    if ms is None:
        return "-"
    seconds = ms // 1000
    days = seconds // 86400 + 719468
    era = days // 146097
    day = days - era * 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    month += 3 if month < 10 else -9
    year += era * 400 + (month <= 2)
    rest = seconds % 86400
    text = "%04d-%02d-%02d %02d:%02d:%02dZ"
    return text % (year, month, day, rest // 3600, rest % 3600 // 60, rest % 60)


def degrees(micro):
    sign = "-" if micro < 0 else ""
    return "%s%d.%06d" % (sign, abs(micro) // 1000000, abs(micro) % 1000000)


def volts(mv):
    return "-" if mv is None else "%d.%d V" % (mv // 1000, mv % 1000 // 100)


def megabytes(n):
    return "-" if n is None else "%d.%d MB" % (n // 1000000, n % 1000000 // 100000)


def on_off(texts, level):
    return texts.get("w.unknown" if level is None else "w.on" if level else "w.off")


def word(texts, value):
    """A word that the agent uses, in the terminal's language."""
    if value is None:
        return "-"
    found = texts.get("w.%s" % value)
    return found if found[:2] != "w." else str(value)


def number(value):
    """A float without digits that nobody reads."""
    if isinstance(value, float):
        return ("%.3f" % value).rstrip("0").rstrip(".")
    return str(value)


def closed(texts, is_open):
    return None if is_open else texts.get("w.closed")
