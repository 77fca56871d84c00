"""The answer to `power` as people read it: what the car does, when the gateway sleeps and wakes.

for line in draw(data, texts): ...      data: of `states.power`
"""

from agent.console.lines import age, on_off, red, row, volts, word


def draw(d, texts):
    machine = d["machine"]
    if machine is None:
        yield from row(texts, "state", texts.get("power.never"))
    else:
        yield from _state(machine, texts)
    yield from row(texts, "battery", volts(d["battery"]))
    for key in ("measured", "adapter", "module"):
        if d[key] is not None:
            yield from row(texts, "by_" + key, volts(d[key]))
    if machine is not None:
        yield from _cutout(machine, texts)
    yield from row(texts, "ignition", on_off(texts, d["ignition"]))
    yield from row(texts, "car", word(texts, d["obd"]))


def _state(m, texts):
    why = word(texts, m["why"]) if m["why"] else None
    since = texts.get("power.since", age(m["since"]))
    yield from row(texts, "state", word(texts, m["state"] or "init"), since, why)
    if m["state"] == "parked":
        if m["hold"]:
            yield from row(texts, "sleeps", texts.get("power.held", word(texts, m["hold"])))
        elif m["sleeps"] is not None:
            yield from row(texts, "sleeps", texts.get("power.in", age(m["sleeps"])))
        if m["beats"] is not None:
            yield from row(texts, "beats", texts.get("power.in", age(m["beats"])))
    wakes = [word(texts, name) for name in m["wakes"]]
    if m["timer"] is not None:
        wakes.append(texts.get("power.timer", age(m["timer"])))
    yield from row(texts, "wakes", ", ".join(wakes) or texts.get("w.none"))
    if m["unarmed"]:
        names = ", ".join([word(texts, name) for name in m["unarmed"]])
        yield from row(texts, "unarmed", texts.get("power.unarmed", names))


def _cutout(m, texts):
    """Red where the battery's state sends the gateway to sleep."""
    if m["failing"]:
        yield red(texts.get("power.failing"))
    text = None
    if m["low"]:
        text = texts.get("power.low")
    elif m["below"] is not None:
        text = texts.get("power.below", age(m["below"]))
    for line in row(texts, "cutout", volts(m["cutout"]), text or texts.get("w.ok")):
        yield red(line) if m["low"] else line
