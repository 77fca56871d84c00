"""The thread that talks with the gateway: order of questions, a line that is lost, the end."""

import threading
import time

from tests.support.console_client import Script
from tools.console import Refused
from tools.console.plan import Plan
from tools.console.talker import MAX_WAITING, Talker

_WAIT_S = 10


class Told:
    """Events as they come; `until(test)` waits for one."""

    def __init__(self):
        self._events = []
        self._news = threading.Condition()

    def __call__(self, event):
        with self._news:
            self._events.append(event)
            self._news.notify_all()

    def until(self, test):
        with self._news:
            found = self._news.wait_for(lambda: [e for e in self._events if test(e)], _WAIT_S)
            assert found, self._events
            return found[0]


def talker(script, plan=None):
    told = Told()
    made = Talker(script.connect, told, plan or Plan(()), again=(0.3,))
    made.start()
    return made, told


def test_what_is_ordered_while_the_line_is_lost_is_refused_and_never_carried_out():
    script = Script({"restart": None})
    script.cut()
    made, told = talker(script)
    told.until(lambda e: e[:2] == ("line", "lost"))
    assert made.order("restart")
    event = told.until(lambda e: e[0] == "refused")
    assert event[1:3] == ("restart", "the line is lost; not asked") and event[4]
    script.mend()
    told.until(lambda e: e[:2] == ("line", "open"))
    time.sleep(0.5)
    made.close()
    assert script.asked == []


def test_orders_go_before_what_is_due_and_refusals_are_told():
    script = Script({"obd": {}, "link": Refused("no")})
    made, told = talker(script, Plan((("obd", 0.01),)))
    told.until(lambda e: e[:2] == ("answer", "obd"))
    assert made.order("link")
    assert told.until(lambda e: e[0] == "refused")[1:3] == ("link", "no")
    told.until(lambda e: e[:2] == ("answer", "obd"))
    made.close()


def test_too_many_orders_are_told_and_not_kept():
    gate = threading.Event()

    class Slow(Script):
        def connect(self):
            client = super().connect()
            client.command = lambda *_: gate.wait(_WAIT_S)
            return client

    script = Slow({})
    made, told = talker(script)
    told.until(lambda e: e[:2] == ("line", "open"))
    taken = [made.order(f"log {n}") for n in range(MAX_WAITING + 5)]
    assert not all(taken) and sum(taken) >= MAX_WAITING
    gate.set()
    made.close()


def test_an_error_of_any_kind_is_a_line_lost_and_opened_again():
    script = Script({"obd": ZeroDivisionError("a bug")})
    made, told = talker(script, Plan((("obd", 0.01),)))
    assert told.until(lambda e: e[:2] == ("line", "lost"))[2] == "ZeroDivisionError: a bug"
    script.answers["obd"] = {}
    told.until(lambda e: e[:2] == ("answer", "obd"))
    assert script.opened >= 2
    made.close()
    assert not made._thread.is_alive()
