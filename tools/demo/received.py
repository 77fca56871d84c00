"""What the room holds of one vehicle, read from its store as it lies on the disk."""

from agent import records, signals
from tools.room import explode, keys, sqlite
from tools.room.dating import Dating


class Received:
    """`frames` distinct ones; `duplicates` numbers stored more than once; `records` in all;
    `positions` and `values` as rows with the session's uptime `t` and, where known, `utc`."""

    def __init__(self, folder, vehicle):
        self.frames = self.duplicates = self.records = self.gaps = 0
        self.positions = []
        self.values = []
        store = sqlite.SqliteStore(keys.load(folder).database, readonly=True)
        try:
            for session in store.sessions(vehicle):
                self._read(store, session)
        finally:
            store.close()

    def _read(self, store, session):
        dating = Dating(store.anchors(session))
        seen = set()
        for frame in store.frames(session):
            if frame.number in seen:
                self.duplicates += 1
            seen.add(frame.number)
            found, refused = explode.explode(frame.plaintext)
            self.records += len(found) + refused
            for record in found:
                self._take(record, dating)
        self.frames += len(seen)

    def _take(self, record, dating):
        if record[0] == records.POSITION:
            _, t, lat, lon, alt, speed, heading, sats, flags = record
            row = {"t": t, "utc": dating.utc(t), "lat": lat, "lon": lon, "alt": alt}
            row |= {"speed": speed, "heading": heading, "sats": sats}
            row["heading_held"] = bool(flags & records.HEADING_HELD)
            row["standing"] = bool(flags & records.STANDING)
            row["quality"] = flags & records.QUALITY_MASK
            row["reckoned"] = flags & records.QUALITY_MASK == records.DEAD_RECKONED
            self.positions.append(row)
        elif record[0] == records.VALUE:
            _, t, signal, raw = record
            row = {"t": t, "signal": signal, "value": signals.physical(signal, raw)}
            self.values.append(row)
        elif record[0] == records.GAP:
            self.gaps += 1
