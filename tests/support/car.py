"""A link over a journal, and what it asks for, readable."""

from agent.comms.journal import Journal
from agent.comms.link import CONNECTING, Link
from tests.support.sessions import PlainSession
from tests.support.simdisk import SimDisk


def longest(n):
    return n - 1


class Car:
    """`before`: (session's name, lanes of its frames) of earlier starts; the session in force is
    called "now". `sent(now)` gives what the link asks for, readable."""

    def __init__(self, before=(), window=200, rate=0, random=longest):
        self.disk = SimDisk()
        self.journal = Journal(self.disk, 1 << 20, 4096, 1000)
        self.sids = {}
        self.sessions = {}
        for name, lanes in before:
            self.begin(name)
            self.keep(lanes)
        self.link = Link(self.journal, random, window, rate)
        self.take_session("now", 0)

    def begin(self, name):
        self.session = PlainSession(name)
        self.sids[self.session.sid] = name
        self.sessions[name] = self.session
        self.journal.begin(self.session)

    def take_session(self, name, now):
        self.begin(name)
        self.link.set_session(self.session, now)

    def keep(self, lanes, size=50):
        for lane in lanes:
            self.journal.append(lane, bytes(size), 0)

    def connect(self, now=0):
        """Connects, and gives what is sent first."""
        assert self.link.poll(now) == [("connect",)] and self.link.state == CONNECTING
        self.link.connected(now)
        return self.sent(now)

    def sent(self, now):
        return self.read(self.link.poll(now))

    def read(self, actions):
        """Readable: "s now" is an open, "b old 3" frame 3 of session old in lane b."""
        found = []
        for action in actions:
            if action[0] == "publish":
                _, lane, payload, retain, token = action
                assert retain == (lane == "p") and (token is None) == (lane == "p")
                name = self.sids[bytes(payload[1:5])] if lane not in "sp" else ""
                if lane == "s":
                    name = [n for n in self.sids.values() if PlainSession(n).open_bytes == payload]
                    found.append("s " + name[0])
                elif lane == "p":
                    found.append("p")
                else:
                    number = int.from_bytes(payload[5:9], "big")
                    found.append(f"{lane} {name} {number}")
            else:
                found.append(" ".join(action))
        return found

    def acknowledge(self, upto, ranges=(), name="now"):
        """The room acknowledges frames of a session."""
        sid = self.sessions[name].sid
        freed = self.journal.acknowledge(sid, upto, ranges)
        self.link.progress(freed, [(sid, upto, ranges)])
