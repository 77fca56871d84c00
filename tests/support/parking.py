"""Days of a car in minutes: power states, recorder and journal of the agent in simulated time.

    python tests/support/parking.py NAME...         (and micropython, the same)

prints what became of the scenes: each boot with what woke the gateway, each state with its begin,
and what the room got of that state: records by kind, events by name, frames. The agent's own parts
are at work (Powering, Power, Inputs, Tracking, Recorder, Journal); the wires, the car, the room and
the machine that sleeps are here. Runs on both interpreters.

A scene is (title, configuration, step in ms, rows); a row is (time, what is from then on): levels
of inputs (None: not wired), `rpm` and `kmh` (None: the car does not answer), `mv` of the battery,
`online`, `busy` (an order runs), `cut` (power is gone at once, whatever the machine says), `late`
(panic is pressed while the agent ends for its next rest).
"""

import sys

if __name__ == "__main__":
    sys.path.insert(0, ".")

from agent import signals  # noqa: E402
from agent.clock import Clock  # noqa: E402
from agent.comms.journal import Journal  # noqa: E402
from agent.comms.unbatch import decode  # noqa: E402
from agent.config import SCHEMA  # noqa: E402
from agent.gps.fix import QUALITY_GOOD, Fix  # noqa: E402
from agent.gps.quality import REASON_STANDING  # noqa: E402
from agent.log import Log  # noqa: E402
from agent.powering import Powering  # noqa: E402
from agent.recorder import Recorder  # noqa: E402
from agent.records import EVENT, EVENT_CODES, POSITION, VALUE, event_lane  # noqa: E402
from agent.tracking import Tracking  # noqa: E402
from agent.vehicle.inputs import Inputs  # noqa: E402
from tests.support.sessions import PlainSession, undelivered  # noqa: E402
from tests.support.simdisk import NONE, SimDisk  # noqa: E402

_INPUTS = ("ignition", "panic", "tamper", "door", "power_fail")
_BOOT_MS = 3000  # from the wake to the first look at an input: a chip's
_SEND_MS = 5000
_VOLTS_MS = 2000  # the adapter's voltage
_MOST_KMH = 6  # in a second
_KEY_MS = 40  # an input is looked at again within a step: its level has held
_EVENTS = {code: name for name, code in EVENT_CODES.items()}
_RPM = signals.by_name("rpm")
_SPEED = signals.by_name("speed")


class _Busy:
    def __init__(self):
        self.why = False

    def is_busy(self):
        return self.why


class _Boot:
    """One run of the agent, as app.py wires it, on a disk; `run(until)` to the end of the run or of
    the time."""

    def __init__(self, park, cause):
        self.park = park
        self.began = park.now
        self.journal = Journal(park.disk, 1 << 20, 16384, 10000)
        self.journal.recover()
        park.boots += 1
        self.session = PlainSession("boot %d" % park.boots)
        self.journal.begin(self.session)
        self.recorder = Recorder(self.journal, Clock())
        self.log = Log(lambda text: None)
        self.inputs = Inputs()
        self.ordering = _Busy()
        self.updating = self.settings = None
        self.gps = True
        self.obd = park.has_obd
        self.stopped = self.is_over = False
        self.states = [(0, "boot", cause)]  # uptime, state, why
        self.got = [{}]  # beside it: what the room has of it
        config = {key: rule.default for key, rule in SCHEMA["power"].group.items()}
        config.update(park.config)
        self.tracking = Tracking(
            {"profile": "patrol", "profiles": (), "zones": ()}, self.record, self.event_at
        )
        wired = {name: name for name in _INPUTS if park.is_[name] is not None}
        self.powering = Powering(self, config, wired, self.record, self.event)
        cause = self.powering.begin(cause, 0)
        self.states[0] = (0, "boot", cause)
        self.event("boot", park.boots, "0", "simulated", cause)
        self.powering.tell_cause(self.on_input, 0)

    # What the application offers to Powering

    def now(self):
        return self.park.now - self.began

    def record(self, lane, record):
        if self.is_over:
            return
        self.recorder.add(lane, record, self.now())

    def event_at(self, name, t, *fields):
        self.record(event_lane(name), (EVENT, t, EVENT_CODES[name]) + fields)  # noqa: RUF005

    def event(self, name, *fields):
        if name == "power":
            self.states.append((self.now(), fields[0], fields[1]))
            self.got.append({})
        self.event_at(name, self.now(), *fields)

    def flush(self, now):
        self.recorder.flush(now)

    def stop(self):
        self.stopped = True

    # A step

    def look(self):
        """The inputs, as the application's task does."""
        now = self.now()
        is_ = self.park.is_
        levels = {name: is_[name] for name in _INPUTS if is_[name] is not None}
        for name, level in self.inputs.feed(levels, now):
            self.on_input(name, level, now)
        for name in self.inputs.newly_stuck(now):
            self.event("input_stuck", name)

    def on_input(self, name, level, now):
        self.tracking.something_happened()
        self.event(name, int(level))
        self.tracking.urge("event" if self.inputs.level("panic") else None, now)
        self.powering.input(name, level, now)

    def step(self):
        now = self.now()
        is_ = self.park.is_
        self.ordering.why = is_["busy"]
        self.look()
        if self.park.now % 1000 == 0:
            self.drive(now)
        self.powering.poll(now)
        self.recorder.is_online = is_["online"]
        self.recorder.report_ms = self.tracking.profile.report_ms
        due = self.recorder.is_due(now) if is_["online"] else None
        if self.tracking.poll(now, due) or due:
            self.recorder.close_all(now)
        else:
            self.recorder.poll(now)
        self.journal.poll(now)
        if is_["online"] and self.park.now % _SEND_MS == 0:
            self.park.deliver(self)

    def drive(self, now):
        is_ = self.park.is_
        kmh = self.park.kmh
        self.park.kmh += max(-_MOST_KMH, min(_MOST_KMH, (is_["kmh"] or 0) - kmh))
        if is_["kmh"] is not None and is_["rpm"] is not None:
            for signal, raw in ((_RPM, is_["rpm"] * 4), (_SPEED, kmh)):
                if self.powering.value(signal, raw, now):
                    if signal == _SPEED:
                        self.tracking.speed(raw * 250 // 9, now)
                    self.tracking.value(signal, raw, now)
        is_due = is_["mv"] and self.park.now % _VOLTS_MS == 0
        if is_due and self.powering.value(signals.BATTERY_VOLTAGE, is_["mv"], now):
            self.tracking.value(signals.BATTERY_VOLTAGE, is_["mv"], now)
        self.park.lat += kmh * 5 // 2  # micro-degrees in a second
        fix = Fix(now)
        fix.lat, fix.lon, fix.valid, fix.quality = self.park.lat, -7620000, True, QUALITY_GOOD
        fix.speed, fix.heading = kmh * 250 // 9, 0
        fix.reason = None if kmh else REASON_STANDING
        self.tracking.fix(fix, now)
        self.powering.gps_speed(fix.speed, now)

    def end(self):
        """As the application's `finish`."""
        self.tracking.end()
        self.event("stop", "asleep")
        self.is_over = True
        self.recorder.flush(self.now())
        if self.park.is_["online"]:
            self.park.deliver(self)
        self.powering.drain_ms(0)
        if self.park.is_["late"]:
            self.park.is_.update({"panic": True, "late": False})
            self.look()
            self.park.is_["panic"] = False  # let go before the agent has ended
            self.look()
            self.park.now += 2 * _KEY_MS
            self.look()
            self.park.now -= 2 * _KEY_MS
        self.look()
        self.journal.close()
        return self.powering.ended()


class Park:
    """`run()` a scene; `lines` tell what became of it."""

    def __init__(self, scene):
        title, self.config, self.step_ms, rows = scene
        self.rows = [(_ms(row[0]), row[1]) for row in rows]
        self.is_ = dict.fromkeys(_INPUTS)
        self.is_.update({"rpm": None, "kmh": None, "mv": None, "online": True, "busy": False})
        self.is_["late"] = False
        self.disk = SimDisk()
        self.now = 0
        self.lat = 33590000
        self.kmh = 0
        self.boots = 0
        self.lines = ["# " + title]
        self.sessions = {}  # sid -> the boot
        self.numbers = {}  # sid -> numbers that the room has
        self.ends = []
        self.has_obd = any(["mv" in row[1] or "rpm" in row[1] for row in self.rows])
        self._apply()

    def _apply(self):
        """What the script says until now; True when power is cut."""
        cut = False
        while self.rows and self.rows[0][0] <= self.now:
            row = dict(self.rows.pop(0)[1])
            cut = row.pop("cut", False) or cut
            self.is_.update(row)
        return cut

    def run(self):
        cause = "power"
        while self.rows:
            boot = _Boot(self, cause)
            self.sessions[boot.session.sid] = boot
            is_cut = self._live(boot)
            if not is_cut and not boot.stopped:
                break  # the scene is over
            self._tell(boot)
            if is_cut:
                self.lines.append("%s  ----     the power is cut" % _clock(self.now))
                self.disk.power_cut(NONE)
                cause = "power"
                self._wait(0, [])
            elif boot.again:
                cause = "restart"
            else:
                ms, sources, _ = boot.powering.rest
                cause = self._wait(ms, [source[0] for source in sources])
            if cause is None:
                break
            self.now += _BOOT_MS
            self._apply()
        else:
            return self._sum()
        if boot.stopped is False:
            boot.end()
            self._tell(boot)
        return self._sum()

    def _live(self, boot):
        """Until it has ended for a rest, or is cut (True), or the scene is over."""
        while self.rows:
            self.now += self.step_ms
            if self._apply():
                return True
            boot.step()
            self.now += _KEY_MS
            boot.look()
            self.now += _KEY_MS // 2
            boot.look()
            self.now -= _KEY_MS + _KEY_MS // 2
            if boot.stopped:
                boot.again = boot.end()
                return False
        return False

    def _wait(self, ms, wires):
        """Sleeps; what ended it, or None: the scene is over."""
        timer = self.now + ms if ms else None
        while self.rows:
            at = self.rows[0][0]
            if timer is not None and timer <= at:
                self.now = timer
                return "timer"
            before = dict(self.is_)
            self.now = max(self.now, at)
            if self._apply():
                # The store is empty: nothing wakes the machine before the supply is back.
                self.lines.append("%s  ----     no power left" % _clock(self.now))
                self.disk.power_cut(NONE)
                self.now = self.rows[0][0]
                self._apply()
                return "power"
            for name in wires:
                if self.is_[name] and not before[name]:
                    return name
            if not wires and not ms:
                return "power"
        return None

    def deliver(self, boot):
        """The room takes all that there is, and acknowledges it."""
        if not boot.journal.frames_left():
            return
        for sid, number, plaintext in undelivered(boot.journal):
            of = self.sessions.get(sid, boot)
            known = self.numbers.setdefault(sid, [])
            assert number not in known, "it came twice"
            known.append(number)
            self._count(of, decode(plaintext))
            boot.journal.acknowledge(sid, 0, [[number, number]])

    def _count(self, boot, records):
        is_first = True
        for record in records:
            at = 0
            for i, state in enumerate(boot.states):
                if state[0] <= record[1]:
                    at = i
            got = boot.got[at]
            kind = record[0]
            name = {POSITION: "positions", VALUE: "values"}.get(kind, "other")
            if kind == EVENT:
                name = _EVENTS[record[2]]
                if name == "session_end":
                    self.ends.append(record[5])
                    continue
                if name in _INPUTS or name == "input_stuck":
                    name += "=%s" % record[3]
            got[name] = got.get(name, 0) + 1
            if is_first:
                got["frames"] = got.get("frames", 0) + 1
                is_first = False

    def _tell(self, boot):
        self.disk_boot = boot
        boot.told = len(self.lines)
        self.lines.append(boot)

    def _sum(self):
        """The lines of all boots, now that what came later is known, too."""
        out = []
        for line in self.lines:
            if isinstance(line, str):
                out.append(line)
                continue
            for state, got in zip(line.states, line.got):  # noqa: B905 MicroPython has no strict
                out.append(_row(line.began + state[0], state[1], state[2], got))
        total = sum([len(numbers) for numbers in self.numbers.values()])
        lost = 0
        for sid, numbers in self.numbers.items():
            boot = self.sessions.get(sid)
            if boot:
                lost += boot.session.next_number - len(numbers)
        for sid, boot in self.sessions.items():
            if sid not in self.numbers:
                lost += boot.session.next_number
        out.append(
            "= %d boots, %d frames in the room, %d not; earlier sessions ended: %s"
            % (self.boots, total, lost, ", ".join(self.ends) or "-")
        )
        return out


def _row(at, state, why, got):
    first = ["%s %d" % (name, got[name]) for name in ("positions", "values") if name in got]
    rest = [n for n in sorted(got) if n not in ("positions", "values", "frames", "power", "boot")]
    events = [n if got[n] == 1 else "%s x%d" % (n, got[n]) for n in rest]
    text = ", ".join(first + events)
    return "%s  %-8s %-11s %3d frames  %s" % (_clock(at), state, why, got.get("frames", 0), text)


def _ms(text):
    """Of 'h:m:s', with a fraction of a second if need be."""
    h, m, s = text.split(":")
    second, _, tenths = s.partition(".")
    return ((int(h) * 60 + int(m)) * 60 + int(second)) * 1000 + int(tenths or "0") * 100


def _clock(ms):
    s = ms // 1000
    return "%3d:%02d:%02d" % (s // 3600, s // 60 % 60, s % 60)


def play(scene):
    """The lines of a scene."""
    return [line.rstrip() for line in Park(scene).run()]


if __name__ == "__main__":
    from tests.support.parking_scenes import SCENES

    for name in sys.argv[1:] or sorted(SCENES):
        print("\n".join(play(SCENES[name])))
