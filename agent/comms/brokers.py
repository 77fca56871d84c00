"""Which broker is tried next, and when: an order of preference, and back-off by cause.

Each broker has a back-off of its own. The most preferred one that may be tried is; so a broker that
is down costs one attempt before the next one has its turn, and a link that is dead altogether is
tried no more often than with one broker. Who is connected to a less preferred one returns when that
has served for a while; where the better one is still down, ever more seldom.
"""

# Back-off in ms by the cause that ended a connection: (first, longest). A car that comes out of a
# dead zone is on the map again within half a minute, and sooner if it was short. Bad credentials or
# certificates do not mend themselves: asking often only fills the broker's log, or gets us banned.
BACKOFF = {
    "network": (1000, 30000),
    "peer": (1000, 30000),
    "keepalive": (500, 30000),
    "stalled": (500, 30000),  # the link's own detector: nothing came though something was sent
    "timeout": (2000, 20000),
    "protocol": (10000, 600000),
    "tls": (15000, 900000),
    "refused": (30000, 1800000),
    "room": (60000, 300000),  # this broker serves us, but no room answers through it
    "stopped": (1000, 60000),
}
_BLAMES = ("protocol", "tls", "refused", "room")
STEADY_MS = 30000  # a connection that lived so long resets its broker's back-off
RETURN_MS = (300000, 3600000)  # on a less preferred broker until a better one is tried again


class Brokers:
    """`current` is the place, in the order of preference, of the one in use or tried last."""

    def __init__(self, count, random):
        """random(n): integer below n, for jitter."""
        self._random = random
        self._until = [0] * count
        self._failures = [0] * count
        self._blamed = [False] * count  # the last failure was the broker's own
        self._return_after = RETURN_MS[0]
        self.current = 0

    def choose(self, now):
        """Place of the broker to try now, or None while all are to be left alone."""
        for place, until in enumerate(self._until):
            if now >= until:
                self.current = place
                return place
        return None

    def wake(self, now):
        """ms until `choose` has one."""
        return max(0, min(self._until) - now)

    def served(self):
        """The connection to the current one lasted."""
        self._failures[self.current] = 0
        if self.current == 0:
            self._return_after = RETURN_MS[0]

    def failed(self, cause, now):
        """The connection, or the attempt, has ended."""
        place = self.current
        self._blamed[place] = cause in _BLAMES
        first, longest = BACKOFF.get(cause, BACKOFF["network"])
        wait = min(longest, first << min(self._failures[place], 16))
        self._failures[place] += 1
        # Between half and the whole: after a broker's restart the fleet does not come at once.
        self._until[place] = now + wait // 2 + self._random(wait // 2 + 1)

    def way_found(self, now):
        """The network is reached in another way: what failed on the old one says nothing. Who has
        refused us is left alone as before."""
        for place, is_blamed in enumerate(self._blamed):
            if not is_blamed:
                self._until[place] = now
                self._failures[place] = 0

    def has_other(self, now):
        """True when another one may be tried now."""
        return any([now >= t for i, t in enumerate(self._until) if i != self.current])

    def return_due(self, since, now):
        """True when a better one is to be tried, the current one being in use since then."""
        return self.current > 0 and now - since >= self._return_after

    def go_back(self, now):
        """The better ones are tried now, from the first on, and the current one if they fail."""
        for place in range(self.current + 1):
            self._until[place] = now
        self._return_after = min(2 * self._return_after, RETURN_MS[1])
