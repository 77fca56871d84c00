"""The car's live values as people read them (see `show.py`)."""

from agent.console import lines


def render(name, data, texts):
    return (_obd if name == "obd" else _watch)(data, texts)


def _table(values, texts):
    for name, value, unit, age in values:
        shown = "-" if value is None else lines.number(value)
        yield "%-42s %12s %-9s %s" % (name[-42:], shown, unit, lines.age(age))


def _obd(d, texts):
    yield from lines.row(texts, "adapter", d["adapter"], lines.closed(texts, d["open"]))
    from agent.obd import names

    yield from lines.row(texts, "protocol", names.protocol(d["protocol"]))
    yield from lines.row(texts, "state", lines.word(texts, d["state"]))
    yield from _table(d["values"], texts)


def _watch(d, texts):
    yield from lines.row(texts, "car", lines.word(texts, d["state"]))
    yield from _table(d["values"], texts)
