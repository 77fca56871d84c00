"""Bytes on the wire for a seeded hour's drive, and how well the room can draw it.

The emulated receiver's sentences (its noise model: `tools/emulator/noise.py`) go through the
agent's own parser, clock, batches, session and MQTT packets; nothing is estimated.
"""

from agent import port
from agent.clock import Clock
from agent.comms import mqtt_packets
from agent.comms import session as sessions
from agent.comms.batch import Batch
from agent.gps.receiver import Receiver
from agent.port import curve25519
from agent.reporting import Reporting, distance_cm, position_record, profiles
from tools.emulator import drive, load

SCENARIO = "rabat-hour"
VEHICLE = "v-k3j7q2xa"  # an id of the length that `patrol provision` makes
_START_MS = 1790000000000
_FIXES = 60  # of a batch


class _Wire:
    """Seals batches and counts the bytes of the MQTT packets that carry them."""

    def __init__(self):
        room = port.x25519(port.sha256(b"bench: room"))
        psk = port.sha256(b"bench: vehicle")
        identity = sessions.Identity(VEHICLE, port.sha256(room)[:4], room, psk, 1)
        seed = port.sha256(b"bench: seed")
        self._session = curve25519.run(sessions.open_steps(identity, 1, seed, 0))
        self.bytes = 0
        self.frames = 0

    def send(self, batch):
        _, frame = self._session.seal(batch.encode())
        topic = f"p1/{VEHICLE}/t"
        self.bytes += len(mqtt_packets.publish(topic, frame, 1, False, self.frames % 65535 + 1))
        self.frames += 1
        batch.clear()


def _records(scenario):
    """POSITION records of every epoch, as the agent makes them."""
    receiver, clock = Receiver(), Clock()
    for data, row in drive(load(scenario), _START_MS):
        arrived = row["utc"] - _START_MS
        fixes = receiver.feed(data, arrived) + receiver.poll(arrived + 500)
        for fix in fixes:
            if fix.valid:
                yield position_record(fix, clock.gnss(fix.utc, fix.t), fix.quality)


def _send_all(records, report_ms=None):
    """(bytes, records sent, frames): a batch closes at 60 fixes, or at the report interval."""
    wire, batch = _Wire(), Batch()
    count = 0
    for record in records:
        if batch.started is not None and report_ms and record[1] - batch.started >= report_ms:
            wire.send(batch)
        batch.add(record, record[1])
        count += 1
        if batch.records >= _FIXES:
            wire.send(batch)
    if batch.records:
        wire.send(batch)
    return wire.bytes, count, wire.frames


def _errors_m(all_records, kept):
    """Distances between every fix and the straight line in time between the kept ones."""
    errors = []
    i = 0
    for record in all_records:
        while i + 1 < len(kept) and kept[i + 1][1] <= record[1]:
            i += 1
        a, b = kept[i], kept[min(i + 1, len(kept) - 1)]
        part = (record[1] - a[1]) / (b[1] - a[1]) if b[1] > a[1] else 0
        lat = a[2] + (b[2] - a[2]) * part
        lon = a[3] + (b[3] - a[3]) * part
        errors.append(distance_cm(round(lat), round(lon), record[2], record[3]) / 100)
    return sorted(errors)


def run():
    """The figures as a dict; keys as the command line's document says."""
    records = list(_records(SCENARIO))
    total, fixes, frames = _send_all(records)
    reporting = Reporting(profiles()["patrol"])
    kept = [record for record in records if reporting.position(record)]
    bounded, _, _ = _send_all(kept)
    errors = _errors_m(records, kept)
    seconds = (records[-1][1] - records[0][1]) / 1000
    return {
        "scenario": SCENARIO,
        "fixes": fixes,
        "frames": frames,
        "bytes_per_fix": round(total / fixes, 3),
        "profile": "patrol",
        "recorded": len(kept),
        "bytes_per_second_bounded": round(bounded / seconds, 3),
        "error_p99_m": errors[int(len(errors) * 0.99)],
        "error_max_m": errors[-1],
    }
