"""What the car does on the road becomes records: positions, zones, manner of driving.

    fix ---------+--> zones --profile, limit--+
                 +--> reporting <-------------+--positions--> record(lane, record)
    wheels' speed+--> driving <---------------+--events-----> event(name, t, fields ...)

A machine without I/O; times are session uptime in ms.
"""

from agent.driving import Driving
from agent.gps.quality import REASON_RECKONED, REASON_STANDING
from agent.records import CRUMB, FINE, STANDING
from agent.reporting import Reporting, position_record, profiles

LOST_MS = 10000  # without a fix by the receiver for so long GPS is told to be lost


class _Nowhere:
    """In place of `zones.Zones` where there are none."""

    def feed(self, record, now):
        return ()

    def inside(self):
        return ()

    def profile(self):
        return None

    def limit(self):
        return 0


class Tracking:
    """`fix`, `speed`, `value` and `something_happened` take in, `poll` what is due by time."""

    def __init__(self, config, record, event):
        """config: the group `reporting`; record(lane, record), event(name, t, *fields): take what
        comes out."""
        self._record = record
        self._event = event
        self._profiles = profiles(config["profiles"])
        self._usual = config["profile"]
        self._urgent = None  # the profile that the inputs ask for, or None
        self._ordered = None  # the one that the room asks for, or None
        self._resting = None  # the one of a car that is parked, or None
        self.reporting = Reporting(self._profiles[self._usual])
        self.zones = self._made_zones(config["zones"])
        self.driving = Driving()
        self.driving.set_limit(self.profile.limit)
        self.position = None  # the last POSITION record, recorded or not
        self._fix_at = None  # uptime of the receiver's last valid fix
        self.is_private = False  # the crew is off duty: nothing of the way is recorded
        self._told = None  # then: (names of zones, of the profile) that the room knows of
        self._is_manner_told = config.get("driving_events", True)

    @property
    def profile(self):
        """The reporting profile in force."""
        return self.reporting.profile

    # In

    def fix(self, fix, t):
        """A valid fix, judged by `gps.quality`; `t`: the uptime that it is recorded with."""
        if fix.reason != REASON_RECKONED:  # what is reckoned says nothing of the receiver
            if self._fix_at is None:
                self._event("gps_state", t, "fix")
            self._fix_at = fix.t
        is_standing = fix.reason == REASON_STANDING
        record = position_record(fix, t, fix.quality | (STANDING if is_standing else 0))
        self.position = record
        # Zones first: their profile is in force for this fix already.
        if self._cross(t):
            self._choose(t)
        if self.is_private:
            return
        self._driven(self.driving.feed_position(record))
        self._keep(self.reporting.feed(record))

    def speed(self, speed, t):
        """The wheels' speed in cm/s, as OBD tells it."""
        if self.is_private:
            return
        self._driven(self.driving.feed_speed(speed, t))

    def value(self, signal, raw, t):
        """A reading of OBD, recorded when it is due."""
        if self.is_private:
            return
        record = self.reporting.value(signal, raw, t)
        if record:
            self._record(FINE, record)

    def something_happened(self):
        """Where the car is now is worth a record, whatever the profile says: the newest fix, and
        the next."""
        self.flush()
        self.reporting.event()

    def set_private(self, is_private, now):
        """The crew goes off duty, or comes back. What was not told meanwhile is made up for by what
        is true then: which zones the car is in, which profile is in force."""
        if is_private == self.is_private:
            return
        if is_private:
            self.end()
            self._told = self._inside(), self.profile.name
            self.is_private = True
            return
        self.is_private = False
        zones, profile = self._told
        inside = self._inside()
        for name in zones:
            if name not in inside:
                self._event("zone_leave", now, name)
        for name in inside:
            if name not in zones:
                self._event("zone_enter", now, name)
        if profile != self.profile.name:
            self._event("profile", now, self.profile.name)
        self.driving = Driving()  # what it knew is of another time
        self.driving.set_limit(self.zones.limit() or self.profile.limit)
        self.reporting.event()

    def _inside(self):
        return [zone.name for zone in self.zones.inside()]

    def urge(self, name, now):
        """The inputs ask for a profile that goes before the zone's and the usual one, or None."""
        self._urgent = name
        self._choose(now)

    def rest(self, is_resting, now):
        """A parked car has a profile of its own; it goes before the zone's and the usual one."""
        self._resting = "parked" if is_resting else None
        self._choose(now)

    def order(self, name, now):
        """The room asks for a profile that goes before the zone's and the usual one; None: no more.
        KeyError where there is none of that name."""
        if name is not None:
            self._profiles[name]  # or KeyError
        self._ordered = name
        self._choose(now)

    def profile_names(self):
        return list(self._profiles)

    def set_zones(self, rows, now):
        """These rows, which `zones.check` accepts, take the place of the ones in force."""
        before = self._inside()
        self.zones = self._made_zones(rows)
        if self.position is not None:
            self._cross(now, before)
        inside = self._inside()
        for name in before:
            if name not in inside and not self.is_private:
                self._event("zone_leave", now, name)
        self._choose(now)

    def _made_zones(self, rows):
        if not rows:
            return _Nowhere()
        from agent.zones import Zones  # 7 KB of a chip's heap

        return Zones(rows, list(self._profiles))

    def poll(self, now, is_leaving):
        """What is due by time alone; call it a few times a second while the link is up or not.
        is_leaving: None without a connection; with one, whether a batch goes out now. True when a
        position was recorded that should not wait for a batch's time."""
        self._driven(self.driving.poll(now))
        if self._fix_at is not None and now - self._fix_at > LOST_MS:
            self._fix_at = None
            self.flush()
            self._event("gps_state", now, "lost")
        if is_leaving is None or self.is_private:
            return False
        kept = self.reporting.poll(now, is_leaving)
        self._keep(kept)
        return bool(kept) and not is_leaving

    def flush(self):
        """The newest fix is recorded if it is not yet: a batch goes out, or something happened."""
        self._keep(self.reporting.flush())

    def end(self):
        """Nothing more comes in: what is under way is over."""
        self._driven(self.driving.flush())
        self.flush()

    def _cross(self, t, known=()):
        """Tells which zones the newest position enters or leaves, but for those known to be
        entered. True when there were any."""
        crossed = self.zones.feed(self.position, t)
        for event in crossed:
            if self.is_private:
                break
            if event[0] != "enter" or event[1] not in known:
                self._event("zone_" + event[0], t, *event[1:])
        return bool(crossed)

    # Out

    def _keep(self, positions):
        for record in positions:
            self._record(CRUMB if self.reporting.is_crumb(record) else FINE, record)

    def _driven(self, events):
        for name, t, peak, lasted, extra in events:
            if not self._is_manner_told and name[:5] == "harsh":
                continue
            self._event(name, t, peak, lasted, extra)
            if name == "collision":
                self.something_happened()

    def _choose(self, now):
        """The profile and the speed limit in force: the smallest zone's go before the usual."""
        wanted = self._urgent or self._ordered or self._resting
        name = wanted or self.zones.profile() or self._usual
        if self.profile.name != name:
            self.reporting.use(self._profiles[name])
            if not self.is_private:
                self._event("profile", now, name)
        self._driven(self.driving.set_limit(self.zones.limit() or self.profile.limit))
