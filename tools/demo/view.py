"""The demo's live table: what the command room sees of the car, and how delivery stands."""

from datetime import UTC, datetime

from rich.table import Table

from agent import signals
from tools.demo.run import VEHICLE
from tools.room import keys, sqlite
from tools.room.dating import Dating
from tools.room.store import StoreError

_SHOWN = ("speed", "rpm", "coolant", "load", "throttle", "fuel")


class View:
    """Reads the room's store, which is another process's; `table()` may be called at any time."""

    def __init__(self, running):
        self._running = running
        self._database = keys.load(running.folder / "room").database
        self._store = None

    def table(self):
        table = Table(title=f"vehicle {VEHICLE}", title_justify="left", show_header=False)
        table.add_column(style="bold", min_width=18)
        table.add_column(min_width=52)
        for name, text in self._position_rows() + self._delivery_rows():
            table.add_row(name, text)
        return table

    def _state(self):
        try:
            if self._store is None:
                self._store = sqlite.SqliteStore(self._database, readonly=True)
            return self._store.last_state(VEHICLE)
        except StoreError:
            return None  # the room has not made it yet

    def _position_rows(self):
        state = self._state()
        if state is None or state.position is None:
            return [("position", "none yet")]
        session, record = state.position
        _, t, lat, lon, alt, speed, heading, sats, _ = record
        utc = Dating(self._store.anchors(session)).utc(t)
        when = datetime.fromtimestamp(utc / 1000, UTC).strftime("%H:%M:%S") if utc else "undated"
        rows = [
            ("position", f"{lat / 1e6:.6f}, {lon / 1e6:.6f}   at {when} UTC"),
            ("GPS speed", "-" if speed is None else f"{speed * 0.036:.1f} km/h"),
            ("heading", "-" if heading is None else f"{heading / 100:.0f}°"),
            ("altitude, satellites", f"{'-' if alt is None else alt / 100} m, {sats or '-'}"),
        ]
        for name in _SHOWN:
            number = signals.by_name(name)
            if number in state.values:
                value = signals.physical(number, state.values[number][1][3])
                rows.append((f"OBD {name}", f"{value:.0f} {signals.unit(number)}"))
        return rows

    def _delivery_rows(self):
        status = self._running.status()
        if not status:
            return []
        faults = ", ".join(f"{name} {n}" for name, n in sorted(status["faults"].items()))
        return [
            ("link", status["link"]),
            ("records", str(status["records"])),
            ("frames journalled", str(status["frames"])),
            ("delivered (PUBACK)", str(status["delivered"])),
            ("acknowledged", str(status["acknowledged"])),
            ("not acknowledged", str(status["left"])),
            ("faults", faults or "none"),
        ]
