"""Talks with the gateway in a thread of its own: what the technician wants first, then what is due.

    connect()                 gives an open client (client.py), or raises ConsoleError
    client.command(command line, longest wait in s) -> data; raises Refused, ConsoleError
    client.close()

`tell(event)` is called in that thread:

    ("line", "open" | "lost", text)
    ("answer", command line, data, seconds it took, by_hand)
    ("refused", command line, why, seconds it took, by_hand)

A line that is lost is opened again by itself, after 1 s, then 2, 4, at most 5.
"""

import queue
import threading
import time

from tools.console import ConsoleError, Refused
from tools.console import plan as plans

_AGAIN_S = (1.0, 2.0, 4.0, 5.0)
_LAST_S = 3.0  # for the last command; a car that is being asked may take longer, and is left
MAX_WAITING = 20  # commands of the technician that are not asked yet
_NOT_ASKED = "the line is lost; not asked"


class Talker:
    """`start()`, `order(command line)`, `pause(True)`, `close()`."""

    def __init__(self, connect, tell, plan=None, again=_AGAIN_S, clock=time.monotonic):
        self._connect = connect
        self._tell = tell
        self._plan = plans.Plan() if plan is None else plan
        self._again = again
        self._clock = clock
        self._orders = queue.Queue(MAX_WAITING)
        self._client = None
        self._ending = threading.Event()
        self._paused = False
        self._last = None
        self._last_done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talker", daemon=True)

    def start(self):
        self._thread.start()

    def order(self, command, by_hand=True):
        """Asks this before anything else. False where too many wait."""
        try:
            self._orders.put_nowait((command, by_hand))
        except queue.Full:
            return False
        return True

    def pause(self, paused):
        """Asks nothing by itself; orders go on."""
        self._paused = paused

    def close(self, last=None):
        """Ends the thread, after the command `last` where there is one and a line; another
        question that is under way is given up."""
        if last is not None and self._client is not None:
            self._last = last
            if self.order(last, by_hand=False):
                self._last_done.wait(_LAST_S)
        self._ending.set()
        client = self._client
        if client is not None:
            client.close()
        self._thread.join(2)

    # In the thread

    def _run(self):
        failures = 0
        while not self._ending.is_set():
            try:
                self._client = self._connect()
                self._tell(("line", "open", ""))
                failures = 0
                self._talk()
            except Exception as e:
                # Whatever it is: the technician is told, and the line tried again.
                if not self._ending.is_set():
                    self._tell(("line", "lost", _words(e)))
            finally:
                if self._client is not None:
                    self._client.close()
                    self._client = None
            self._rest(self._again[min(failures, len(self._again) - 1)])
            failures += 1

    def _talk(self):
        while not self._ending.is_set():
            command = self._next()
            if command is not None:
                self._ask(*command)

    def _next(self):
        """(command line, by hand) that is to be asked now; None: nothing yet."""
        due = None if self._paused else self._plan.due(self._clock())
        if due is not None:
            wait = 0
        else:
            wait = min(0.5, 0.5 if self._paused else self._plan.wake(self._clock()))
        try:
            if wait > 0:
                return self._orders.get(timeout=wait)
            return self._orders.get_nowait()
        except queue.Empty:
            return None if due is None else (due, False)

    def _ask(self, command, by_hand):
        began = self._clock()
        try:
            data = self._client.command(command, plans.wait_s(command))
        except Refused as e:
            event = ("refused", command, str(e))
        except Exception as e:
            if by_hand:
                self._tell(("refused", command, _words(e), self._clock() - began, True))
            raise
        else:
            event = ("answer", command, data)
        now = self._clock()
        self._plan.asked(plans.name_of(command), now, now - began, event[0] == "refused")
        if by_hand and plans.name_of(command) == "clear":
            self._plan.soon("dtc")
            self._plan.soon("ready")
        self._tell((*event, now - began, by_hand))
        if command == self._last:
            self._last_done.set()

    def _rest(self, seconds):
        """Waits before the line is opened again; what is ordered meanwhile is not kept for later:
        a technician does not want a restart carried out when the line comes back."""
        end = self._clock() + seconds
        while not self._ending.is_set() and self._clock() < end:
            try:
                command, by_hand = self._orders.get(timeout=0.1)
            except queue.Empty:
                continue
            self._tell(("refused", command, _NOT_ASKED, 0.0, by_hand))


def _words(e):
    return str(e) if isinstance(e, ConsoleError) else f"{type(e).__name__}: {e}"
