"""What must be true after every step of a vehicle, and at every publish.

Delivery itself is judged by `ledger.py`. Here: memory stays within its caps, alerts go before live
frames and those before the backlog, a room that is away is asked and not flooded, and a file goes
only when its frames were committed or are counted as lost.
"""

from agent.comms import link as links
from agent.comms.chains import MAX_TAIL
from agent.comms.gaps import MAX_GAPS
from agent.comms.ledger import GONE
from agent.comms.quota import MAX_SEGMENTS
from agent.comms.seal import MAX_FRAME
from agent.records import ALERT, ANY_LANE

_ORDER = {"a": 0, "t": 1, "b": 2}
_SPARE = 4  # a session's open beside the window, and the like
# Frames sent again to a room that does not answer: what was on its way when it fell silent, then
# by a timer that doubles from PATIENCE to MAX_PATIENCE, each time one frame and a few alerts.
_DOUBLINGS = 8
_AT_A_TIME = links.ALERT_RESERVE + 1


class Watch:
    """Of one run of the agent."""

    def __init__(self, vehicle):
        self._vehicle = vehicle
        self.recovered_bytes = 0  # of the journal, at the start
        self.sent_since = set()  # frames sent since the room last answered, in this connection
        self.again = 0  # of those, how often one was sent again
        self.silent_since = 0
        self._waiting = {}  # header of a frame of this run that was never sent -> its rank
        self.is_again = False  # what is sent now is what the client could not take before

    def answered(self, now):
        self.sent_since = set()
        self.again = 0
        self.silent_since = now

    def sealed(self, lane, frame):
        """A new frame is to be sent."""
        self._waiting[bytes(frame[:9])] = _ORDER["a" if lane == ALERT else "t"]

    def connected(self):
        """What was recorded before is backlog from here on."""
        self._waiting = {key: rank for key, rank in self._waiting.items() if rank == _ORDER["a"]}

    def _overtakes(self, lane, payload):
        self._waiting.pop(bytes(payload[:9]), None)
        if self.is_again or not self._waiting or min(self._waiting.values()) >= _ORDER[lane]:
            return
        vehicle = self._vehicle
        for key, rank in list(self._waiting.items()):
            number = int.from_bytes(key[5:9], "big")
            with vehicle.disk.quiet():
                is_there = vehicle.journal.holds(key[1:5], number)
            if not is_there:
                del self._waiting[key]
            elif not (rank >= _ORDER[lane] or vehicle.disk.read_errors or vehicle.ledger.has_rot):
                text = f"frame {number} waits, and one of lane {lane} is sent"
                vehicle.ledger.fail("order", text)

    def published(self, lane, payload):
        """A frame leaves."""
        vehicle = self._vehicle
        self._overtakes(lane, payload)
        now = vehicle.now()
        key = bytes(payload[1:9])
        if key in self.sent_since:
            self.again += 1
            silent = now - self.silent_since
            doublings = _DOUBLINGS + silent // links.MAX_PATIENCE_MS
            limit = links.MAX_UNPROVED + _AT_A_TIME * doublings
            if self.again > limit:
                text = f"{self.again} frames sent again in {silent} ms of silence, {limit} at most"
                vehicle.ledger.fail("flooding", text)
        self.sent_since.add(key)

    def order(self, lanes):
        """Lanes of the frames of one poll, in their order."""
        ranks = [_ORDER[lane] for lane in lanes]
        # What cannot be read is passed over, and what waits in RAM behind it moves: it comes late.
        if ranks != sorted(ranks) and not self._vehicle.ledger.has_rot:
            self._vehicle.ledger.fail("order", "sent in one go: " + " ".join(lanes))


class Watched:
    """The vehicle's MQTT client, with an eye on what is published."""

    def __init__(self, client, vehicle):
        self._client = client
        self._vehicle = vehicle
        vehicle.watch.answered(vehicle.now())

    def __getattr__(self, name):
        return getattr(self._client, name)

    def publish(self, topic, payload, qos, retain, token):
        is_taken = self._client.publish(topic, payload, qos, retain, token)
        lane = topic[-1]
        if is_taken and lane in _ORDER:
            vehicle = self._vehicle
            vehicle.counters["sent"] += 1
            vehicle.watch.published(lane, payload)
            vehicle.scheduler.trace(
                vehicle.name, "sends", lane, payload[1:5].hex(), int.from_bytes(payload[5:9], "big")
            )
        return is_taken

    def take(self):
        event = self._client.take()
        if event is not None and event[0] == "message":
            self._vehicle.watch.answered(self._vehicle.now())
        return event


def watch_polls(vehicle):
    """Puts the check of the order before the link's `poll`, and of what it left out behind it."""
    poll = vehicle.link.poll

    def judged(now):
        actions = poll(now)
        # What the client could not take comes first again; only what is chosen anew has an order.
        vehicle.watch.is_again = vehicle.link_was_full
        if not vehicle.link_was_full:
            vehicle.watch.order([a[1] for a in actions if a[0] == "publish" and a[1] in _ORDER])
        vehicle.link_was_full = False
        return actions

    unsent = vehicle.link.unsent

    def noted(actions):
        vehicle.link_was_full = True
        unsent(actions)

    vehicle.link_was_full = False
    vehicle.link.poll = judged
    vehicle.link.unsent = noted


def is_known_lost(journal, entry):
    """True when the journal has written down that the frame is lost, told or not."""
    sid, number = entry.key
    for row in journal.ledger.gaps.rows:
        if row[0] in (entry.lane, ANY_LANE) and row[1] == sid and row[2] <= number <= row[3]:
            return True
    return any(a.sid == sid and a.how == GONE and number >= a.end for a in journal.ledger.accounts)


def after_step(vehicle):
    """Raises Violation."""
    fail = vehicle.ledger.fail
    link, journal = vehicle.link, vehicle.journal
    flying, unproved = link.outstanding()
    if unproved > links.MAX_UNPROVED + links.ALERT_RESERVE:
        fail("memory", f"{unproved} frames are unproved")
    if flying > vehicle.settings["window"] + links.ALERT_RESERVE + _SPARE:
        fail("memory", f"{flying} PUBACKs are outstanding")
    rows = journal.ledger.gaps.rows
    for entry in vehicle.ledger.orphans.values():
        is_mine = entry.life == vehicle.life and not journal.counters["gaps_forgotten"]
        if is_mine and not is_known_lost(journal, entry):
            fail("erased before it was committed", f"{entry}, and it is in no gap")
    for segment in journal.segments:
        if not segment.closed and len(segment.tail) > MAX_TAIL + 2 * MAX_FRAME:
            fail("memory", f"{len(segment.tail)} bytes of lane {segment.lane} wait in RAM")
    # A start may find more than the quota, where an earlier one could not read a file; and while
    # the storage is ill RAM holds more, up to its own cap.
    limit = max(vehicle.settings["quota"], vehicle.watch.recovered_bytes)
    if vehicle.disk.counters["failed"]:
        limit += 3 * (MAX_TAIL + MAX_FRAME)
    if journal.size() > limit:
        fail("quota", f"{journal.size()} bytes, and {limit} at most")
    if len(journal.segments) > MAX_SEGMENTS + _SPARE:
        fail("memory", f"{len(journal.segments)} segments")
    if len(rows) >= MAX_GAPS:
        vehicle.ledger.was_crowded = True  # from here on it may merge gaps that are not one
    if len(rows) > MAX_GAPS:
        fail("memory", f"{len(rows)} gaps wait")
