"""Bytes on the wire for a seeded hour's drive, and how well the room can draw it.

The emulated receiver's sentences (its noise model: `tools/emulator/noise.py`) go through the
agent's own parser, clock, reporting, recorder, batches, session and MQTT packets; nothing is
estimated. Four ways:

    every fix    batches of 60 fixes with all that a fix has
    bounded      only what the profile's bound on the error keeps, in batches of 60
    offline      the same through the recorder while there is no connection: two lanes, and no
                 record waits in RAM for longer than the recorder lets it
    connected    the same while connected: what the fleet pays. The newest position goes out as soon
                 as the room draws the car wrong by too much, each frame by itself
"""

from agent import port
from agent.clock import Clock
from agent.comms import mqtt_packets
from agent.comms import session as sessions
from agent.comms.batch import Batch
from agent.comms.unbatch import decode
from agent.gps.receiver import Receiver
from agent.port import curve25519
from agent.recorder import Recorder
from agent.records import CRUMB, FINE, POSITION
from agent.reporting import Reporting, ahead, between, distance_cm, position_record, profiles
from tools.emulator import drive, load

SCENARIO = "rabat-hour"
PROFILE = "patrol"
VEHICLE = "v-k3j7q2xa"  # an id of the length that `patrol provision` makes
_START_MS = 1790000000000
_FIXES = 60  # of a batch
_TICK_MS = 200  # how often the agent looks whether something is due


class _Wire:
    """A journal and a link in one: seals plaintexts and counts the bytes of their MQTT packets."""

    def __init__(self):
        room = port.x25519(port.sha256(b"bench: room"))
        psk = port.sha256(b"bench: vehicle")
        identity = sessions.Identity(VEHICLE, port.sha256(room)[:4], room, psk, 1)
        seed = port.sha256(b"bench: seed")
        self._session = curve25519.run(sessions.open_steps(identity, 1, seed, 0))
        self.bytes = 0
        self.frames = 0
        self.newest = None  # the newest position that went out

    def append(self, lane, plaintext, _):
        _, frame = self._session.seal(plaintext)
        topic = f"p1/{VEHICLE}/{lane}"
        self.bytes += len(mqtt_packets.publish(topic, frame, 1, False, self.frames % 65535 + 1))
        self.frames += 1
        for record in decode(plaintext):
            if record[0] == POSITION and (self.newest is None or record[1] > self.newest[1]):
                self.newest = record

    def take_gaps(self):
        return ()

    def take_ends(self):
        return ()


def records(scenario, clock=None):
    """POSITION records of every epoch, as the agent makes them."""
    receiver, clock = Receiver(), clock or Clock()
    for data, row in drive(load(scenario), _START_MS):
        arrived = row["utc"] - _START_MS
        fixes = receiver.feed(data, arrived) + receiver.poll(arrived + 500)
        for fix in fixes:
            if fix.valid:
                yield position_record(fix, clock.gnss(fix.utc, fix.t), fix.quality)


def _batches(kept):
    """The _Wire that took `kept` in full batches."""
    wire = _Wire()
    for i in range(0, len(kept), _FIXES):
        batch = Batch()
        for record in kept[i : i + _FIXES]:
            batch.add(record, record[1])
        wire.append(FINE, batch.encode(), 0)
    return wire


class _Car:
    """The agent between receiver and link, with or without a connection."""

    def __init__(self, clock, is_online):
        self.wire, self.kept, self.live_errors = _Wire(), [], []
        self._reporting = Reporting(profiles()[PROFILE])
        self._recorder = Recorder(self.wire, clock)
        self._recorder.is_online = is_online
        self._recorder.report_ms = self._reporting.profile.report_ms

    def fix(self, record):
        now = record[1]
        if self.wire.newest:
            lat, lon = ahead(self.wire.newest, now)
            self.live_errors.append(distance_cm(lat, lon, record[2], record[3]) / 100)
        self._keep(self._reporting.feed(record), now)
        for tick in range(now, now + 1000, _TICK_MS):
            self._poll(tick)

    def _poll(self, now):
        """As the app does it."""
        if not self._recorder.is_online:
            self._recorder.poll(now)
            return
        is_due = self._recorder.is_due(now)
        kept = self._reporting.poll(now, is_due)
        self._keep(kept, now)
        if kept or is_due:
            self._recorder.close_all(now)

    def _keep(self, kept, now):
        for record in kept:
            lane = CRUMB if self._reporting.is_crumb(record) else FINE
            self._recorder.add(lane, record, now)
        self.kept += kept

    def end(self, now):
        self._keep(self._reporting.flush(), now)
        self._recorder.close_all(now)
        self.live_errors.sort()


def _errors_m(every, kept):
    """Distances between every fix and the line between the kept ones, as the room draws it."""
    errors = []
    i = 0
    for record in every:
        while i + 2 < len(kept) and kept[i + 1][1] <= record[1]:
            i += 1
        lat, lon = between(kept[i], kept[min(i + 1, len(kept) - 1)], record[1])
        errors.append(distance_cm(lat, lon, record[2], record[3]) / 100)
    return sorted(errors)


def run():
    """The figures as a dict; keys as the command line's document says."""
    clock = Clock()
    connected, offline = _Car(clock, True), _Car(clock, False)
    every = []
    for record in records(SCENARIO, clock):
        every.append(record)
        connected.fix(record)
        offline.fix(record)
    for car in (connected, offline):
        car.end(every[-1][1] + 1000)
    total = _batches(every)
    seconds = (every[-1][1] - every[0][1]) / 1000

    def per_second(wire):
        return round(wire.bytes / seconds, 3)

    errors, live = _errors_m(every, offline.kept), connected.live_errors
    return {
        "scenario": SCENARIO,
        "fixes": len(every),
        "frames": total.frames,
        "bytes_per_fix": round(total.bytes / len(every), 3),
        "profile": PROFILE,
        "bound_m": profiles()[PROFILE].error_cm / 100,
        "recorded": len(offline.kept),
        "recorded_connected": len(connected.kept),
        "frames_connected": connected.wire.frames,
        "bytes_per_second_bounded": per_second(_batches(offline.kept)),
        "bytes_per_second_offline": per_second(offline.wire),
        "bytes_per_second_connected": per_second(connected.wire),
        "error_p99_m": errors[int(len(errors) * 0.99)],
        "error_max_m": errors[-1],
        "error_max_m_connected": _errors_m(every, connected.kept)[-1],
        "live_error_p95_m": live[int(len(live) * 0.95)],
        "live_error_max_m": live[-1],
    }
