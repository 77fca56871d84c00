"""Carries out the table of attacks: `run(scene)` on one that is open, a row of figures for each."""

from dataclasses import dataclass

from tests.security import table

_WAIT_S = 15
# What legitimate traffic never moves in a scene without faults, and each attack moves by its own
# number only. `duplicates` is not among them: what was held back for a while is sent again.
VEHICLE_REFUSALS = (
    "inbox.size", "inbox.type", "inbox.session", "inbox.replayed", "inbox.flood", "inbox.seal",
    "inbox.malformed", "orders.repeated", "orders.expired", "orders.refused", "orders.busy",
)  # fmt: skip
ROOM_REFUSALS = (
    "topic", "own", "open_format", "unknown_vehicle", "revoked", "unknown_room_key",
    "wrong_generation", "wrong_mac", "zero_share", "sid_taken", "unknown_session", "frame_format",
    "frame_seal", "malformed", "records_refused", "duplicate_identity", "store_errors",
)  # fmt: skip
HEAD = ("attack", "refused by", "counter", "before", "after")


@dataclass
class Figures:
    """Of one attack: hostile messages sent, and its counter."""

    name: str
    who: str
    counter: str
    sent: int
    before: int
    after: int

    def row(self):
        return self.name, self.who, self.counter, self.before, self.after


def run(scene, rows=table.RUN):
    return [attack(scene, *row) for row in rows]


def attack(scene, name, who, counter, launch):
    """Waits until all that was sent is counted: whatever else was, shows in `totals`."""
    before = scene.counter(who, counter)
    sent = launch(scene)
    scene.wait(
        lambda: scene.counter(who, counter) >= before + sent, _WAIT_S,
        f"{name}: {sent} sent, {counter} at {before}",
    )  # fmt: skip
    return Figures(name, who, counter, sent, before, scene.counter(who, counter))


def totals(scene):
    """{(who, counter): value} of everything that is refused."""
    found = {("vehicle", name): scene.counter("vehicle", name) for name in VEHICLE_REFUSALS}
    return found | {("room", name): scene.counter("room", name) for name in ROOM_REFUSALS}


def text(interpreter, figures):
    """The table as an auditor reads it."""
    rows = [HEAD, *[tuple(map(str, f.row())) for f in figures]]
    lines = [f"agent on {interpreter}", *_columns(rows), ""]
    return "\n".join(lines + _columns([("attack", "refused by", "held by"), *table.HELD]))


def _columns(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in rows]
    return [" | ".join(row).rstrip() for row in cells]
