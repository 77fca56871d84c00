"""What was seen and done in one visit: the newest answer to each command, and the list of deeds.

The screen and the report read it; nothing here does I/O. Events are those of `talker.py`.
"""

import threading

from tools.console.plan import name_of

MAX_DONE = 500  # commands of one visit; the report keeps the newest
BEFORE, AFTER = "before", "after"


class Answer:
    """data: as the gateway sent it; at: seconds of the monotonic clock; wall: of the other one."""

    def __init__(self, data, at, wall):
        self.data = data
        self.at = at
        self.wall = wall


class Visit:
    """`take(event, now, wall)` for each event. Threads may take and read at the same time."""

    def __init__(self, port, technician="", began=0.0):
        self.port = port
        self.technician = technician
        self.began = began  # wall clock, s
        self.ended = began
        self.answers = {}  # name of the command -> Answer
        self.refusals = {}  # name -> why, of the commands that have no answer
        self.done = []  # (wall, command line, result in words, seconds)
        self.selftests = {}  # BEFORE and AFTER -> Answer
        self.line = "opening"  # "open", "lost"
        self.line_text = ""
        self.line_since = 0.0
        self._lock = threading.Lock()

    def take(self, event, now, wall):
        with self._lock:
            self.ended = wall
            if event[0] == "line":
                if self.line != event[1]:
                    self.line_since = now  # not of the latest attempt, but of the state
                    if event[1] == "lost":
                        self._note(wall, "(line)", "lost: " + event[2], None)
                self.line, self.line_text = event[1:3]
            elif event[0] == "answer":
                self._answer(event, Answer(event[2], now, wall))
            elif event[0] == "refused":
                self._refused(event, wall)

    def _answer(self, event, answer):
        _, command, data, took, by_hand = event
        name = name_of(command)
        self.answers[name] = answer
        self.refusals.pop(name, None)
        if name == "selftest":
            self.selftests[AFTER if BEFORE in self.selftests else BEFORE] = answer
        if by_hand:
            self._note(answer.wall, command, "done", took)

    def _refused(self, event, wall):
        _, command, why, took, by_hand = event
        name = name_of(command)
        if name not in self.answers:
            self.refusals[name] = why
        if by_hand:
            self._note(wall, command, "refused: " + why, took)

    def _note(self, wall, command, result, took):
        self.done.append((wall, command, result, took))
        del self.done[:-MAX_DONE]

    def data(self, name):
        """The newest answer's data, or None."""
        found = self.answers.get(name)
        return found.data if found else None

    def age(self, name, now):
        """Seconds since the newest answer came; None without one."""
        found = self.answers.get(name)
        return now - found.at if found else None
