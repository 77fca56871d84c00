"""What an adapter can do beyond the basics: several PIDs a request, the frame-count digit.

Clones differ: some answer "?" to many PIDs or to the digit, some read only the first two bytes
of a request. Both are tried once per adapter, with requests that would be made anyway, many PIDs
first, so that a "?" can be blamed on one thing at a time. The outcome is kept in `memory` under
the adapter's own name (setup.py voids it for another one):

    "batch"     PIDs a request, 1..6, or None while unknown
    "digit"     True, False, or None while unknown
    "focus"     may the adapter show the answers of one ECU alone? None while unknown; a driver
                that has nothing of the kind does not put it there
"""

from agent.obd import replies

MAX_BATCH = 6  # PIDs a request on CAN (SAE J1979)
_PROBES = 2  # probes without an answer until the ability counts as missing
_IGNORED_MS = 80  # after the last frame counted the prompt comes at once
_DOUBTS = 3  # "?" in a row to what is known to work, until it is probed anew


class Abilities:
    def __init__(self, memory):
        self.memory = memory
        for key in ("batch", "digit"):
            memory.setdefault(key, None)
        self._forget()

    def _forget(self):
        self._limit = self.memory["batch"] or MAX_BATCH
        self._probes = 0
        self._doubts = 0

    def identified(self):
        """The set-up knows who the adapter is; what memory says now is of this one."""
        self._forget()

    def _void(self):
        self.memory["batch"] = None
        self.memory["digit"] = None
        self._forget()

    def batch(self, can):
        """PIDs that the next request may name."""
        return self._limit if can else 1

    def digit(self, asked):
        """May a request for `asked` PIDs carry the frame-count digit?"""
        if self.memory["digit"] is None:
            return self.memory["batch"] is not None or asked == 1
        return self.memory["digit"]

    def digit_is_known(self):
        """Has the digit been seen to work?"""
        return bool(self.memory["digit"])

    def focus(self):
        """May the adapter be told to show one ECU alone? It pays where frames are counted."""
        return bool(self.memory["digit"]) and self.memory.get("focus", False) is not False

    def no_focus(self):
        """The adapter takes the command and then shows nothing."""
        self.memory["focus"] = False

    def learn(self, kind, asked, answered, with_digit, tail=0):
        """The outcome of one request for `asked` PIDs, `answered` of which gave their value; the
        prompt came `tail` ms after the last line (None: there was no line)."""
        memory = self.memory
        if kind == replies.UNSUPPORTED:
            self._refused(asked, with_digit)
            return
        self._doubts = 0
        if with_digit and memory["digit"] is None:
            # Who ignores it waits on; then it is better left out, and the wait made shorter.
            works = answered == asked and tail is not None and tail < _IGNORED_MS
            if self._tried(works):
                memory["digit"] = works
        elif asked > 1 and memory["batch"] is None and self._tried(answered > 0):
            if answered == asked:
                memory["batch"] = self._limit
            else:
                memory["batch"] = max(1, answered)
            self._limit = memory["batch"]

    def _tried(self, worked):
        """Is the probe decided?"""
        self._probes = 0 if worked else self._probes + 1
        decided = worked or self._probes >= _PROBES
        if decided:
            self._probes = 0
        return decided

    def _refused(self, asked, with_digit):
        if with_digit and self.memory["digit"] is None:
            self.memory["digit"] = False
        elif asked > 1 and self.memory["batch"] is None:
            self._limit = asked // 2
            if self._limit == 1:
                self.memory["batch"] = 1
        else:
            self._doubts += 1
            if self._doubts >= _DOUBTS:
                self._void()
