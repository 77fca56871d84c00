"""The technician's screen on a scripted gateway: what is on it, what keys do, what becomes of a
line that is lost, of hostile texts, and of small terminals."""

import asyncio
import json
import time

import pytest

pytest.importorskip("textual", reason="pip install textual")

from tests.support.console_answers import faulty, healthy, parts  # noqa: E402
from tests.support.console_client import Script  # noqa: E402
from tools.console import Refused  # noqa: E402
from tools.console.plan import POLLED, Plan  # noqa: E402
from tools.console.report import Reporter  # noqa: E402
from tools.console.screen import ConsoleScreen  # noqa: E402
from tools.console.session_log import SessionLog  # noqa: E402
from tools.console.talker import Talker  # noqa: E402
from tools.console.visit import Visit  # noqa: E402

WAIT_S = 15


class Seen:
    """A screen that runs: what is on it, and waiting for what shall come."""

    def __init__(self, app, pilot, script):
        self.app, self.pilot, self.script = app, pilot, script

    def text(self):
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def until(self, *words, gone=()):
        end = time.monotonic() + WAIT_S
        while True:
            text = self.text()
            if all(w in text for w in words) and not any(w in text for w in gone):
                return text
            assert time.monotonic() < end, f"no {words}, or still {gone}, in\n{text}"
            await self.pilot.pause(0.05)

    async def press(self, *keys):
        await self.pilot.press(*keys)

    async def type(self, line):
        self.app.query_one("#command").value = line
        await self.press("colon", "enter")


def run(scenario, answers, size=(80, 24), folder=None, log=None, plan=None):
    """scenario(seen) on a screen of that size. Plans and waits are short here."""
    script = Script(answers)
    rows = [(name, min(period, 0.3)) for name, period in POLLED]

    async def main():
        app = ConsoleScreen(
            Visit("/dev/ttyUSB0", began=time.time()),
            SessionLog(log),
            lambda tell: Talker(script.connect, tell, plan or Plan(rows), again=(0.2,)),
            Reporter(folder or ".", with_pdf=False),
        )
        async with app.run_test(size=size) as pilot:
            await scenario(Seen(app, pilot, script))
        assert not app.talker._thread.is_alive()

    asyncio.run(main())


# What is on it


def test_a_car_that_is_well():
    async def scenario(seen):
        text = await seen.until(
            "LIVE", "v-casa0042", "no problems", "online", "1726 rpm", "lamp off"
        )
        for words in (
            "47 km/h", "88 °C", "61 %", "14.1 V", "33.595060 N  7.618800 W", "47.2 km/h", "274° W",
            "9 of 10 in view", "good", "no trouble codes", "broker.", "812 frames", "v-casa0042",
            "not run yet: key t", "G02", "t Test", "q Quit",
        ):  # fmt: skip
            assert words in text, (words, text)
        assert "stale" not in text and all(len(line) <= 80 for line in text.split("\n"))

    run(scenario, healthy())


def test_a_car_with_faults_shows_codes_and_what_the_gateway_says_is_wrong():
    async def scenario(seen):
        text = await seen.until("3 problems", "lamp ON", "waiting", "degraded: hdop")
        for words in ("118 °C", "11.6 V", "P0133", "Oxygen sensor, bank 1", "more: key c"):
            assert words in text, (words, text)
        await seen.press("c")
        text = await seen.until("P1234", gone=("degraded",))
        assert "Catalyst, bank 1: efficiency below threshold" in text and "the maker's own" in text
        assert "Cylinder 1: misfire" in text

    run(scenario, faulty())


def test_values_are_coloured_by_their_limits():
    async def scenario(seen):
        await seen.until("118 °C")
        strips = seen.app.screen._compositor.render_strips()
        styles = {s.text: s.style for strip in strips for s in strip if s.style}
        hot = next(style for text, style in styles.items() if text == "118")
        fine = next(style for text, style in styles.items() if text == "47")
        assert hot.color.triplet.red > 150 > hot.color.triplet.green
        assert fine.color != hot.color

    run(scenario, faulty())


def test_a_gateway_without_fix_shows_where_the_car_was_last():
    answers = healthy()
    answers["gps"].update(fix=[None] * 5, quality=0, valid=False)
    answers["status"]["position_age"] = 400_000

    async def scenario(seen):
        await seen.until("no fix", "last known, 7 min ago", "33.595060 N")

    run(scenario, answers)


# A value has an age


def test_answers_that_stop_make_their_panels_stale():
    async def scenario(seen):
        await seen.until("1726 rpm")
        seen.script.answers["obd"] = Refused("obd: there is no OBD line in the configuration")
        text = await seen.until("stale")
        gauges = "\n".join(text.split("\n")[1:5])
        assert gauges.count("stale") >= 2 and "33.595060 N" in text  # GPS goes on
        assert "stale" in [c for c in seen.app.query_one("#rpm").classes]
        assert "stale" not in seen.app.query_one("#position").classes

    run(scenario, healthy())


def test_an_old_value_in_a_new_answer_is_stale_as_well():
    answers = healthy()
    answers["obd"]["values"] = [["speed", 47, "km/h", 20_000], ["coolant", 88, "celsius", 20_000]]
    answers["gps"]["fixed"] = 90_000

    async def scenario(seen):
        text = await seen.until("stale 2", "stale 9", "no value")
        assert "88 °C" in text  # a temperature is true for half a minute
        assert "stale" not in seen.app.query_one("#coolant").classes

    run(scenario, answers)


def test_a_lost_line_is_told_and_opened_again():
    async def scenario(seen):
        await seen.until("LIVE", "1726 rpm", "online", "812 frames", "no trouble codes")
        seen.script.cut()
        text = await seen.until("LINE LOST", "stale", gone=("LIVE",))
        assert "trying again" in text and "line lost: no answer within 5 s" in text
        await seen.until("/dev/ttyUSB0: no such device")
        # At once, whatever the age: also what would be fresh for a minute.
        for name in ("link", "journal", "codes", "sky", "rpm"):
            assert "stale" in seen.app.query_one("#" + name).classes, name
        await seen.type("restart")
        await seen.until("not asked")
        seen.script.mend()
        await seen.until("LIVE", "1726 rpm", gone=("LINE LOST", "stale"))
        assert seen.script.opened == 2
        # What was ordered while the line was lost does not happen when it is back.
        await seen.pilot.pause(0.5)
        assert "restart" not in [command for _, command in seen.script.asked]

    run(scenario, healthy())


def test_what_happens_under_a_dialog_is_seen_as_well():
    async def scenario(seen):
        await seen.until("LIVE", "online")
        await seen.press("question_mark")
        await seen.until("Esc closes")
        seen.script.cut()
        await seen.until("LINE LOST", "Esc closes")
        seen.app.action_selftest()
        seen.script.mend()
        await seen.until("LIVE", "Esc closes")
        await seen.press("escape")
        await seen.until("line lost: ", "selftest: the line is lost", "the line is open")

    run(scenario, healthy(), size=(80, 30))


def test_a_port_that_is_not_there_at_the_start_is_waited_for():
    async def scenario(seen):
        seen.script.cut()
        await seen.until("LINE LOST")
        seen.script.mend()
        await seen.until("LIVE", "1726 rpm")

    answers = healthy()
    run(scenario, answers)


# Keys and commands


def test_the_self_test_by_one_key_with_verdicts_and_what_to_do():
    async def scenario(seen):
        await seen.until("LIVE", "14.1 V")
        seen.script.answers["selftest"] = parts(power=("fail", "battery_low", ["11.6"]))
        await seen.press("t")
        text = await seen.until("fail power", "the battery has 11.6 V", "→ Charge", "Esc closes")
        assert "ok   gps" in text and "╭─ Self-test" in text
        await seen.press("escape")
        text = await seen.until("1 of 9 parts not well: power", gone=("Esc closes",))
        assert "11.6 V" in text and "ago" in text
        seen.script.answers["selftest"] = parts()
        await seen.press("t", "escape")
        await seen.until("all 9 parts are well")
        assert [name for _, name in seen.script.asked].count("selftest") == 2

    run(scenario, healthy())


def test_panels_alone_by_their_keys():
    async def scenario(seen):
        await seen.until("LIVE", "online", "G02")
        for key, there, gone in (
            ("y", ("G02 █ 46", "C21"), ("quality", "Journal")),
            ("g", ("altitude", "hdop"), ("Journal", "Trouble")),
            ("l", ("certificate", "authority", "Journal"), ("quality", "Self-test")),
            ("o", ("this visit is kept",), ("quality", "Journal", "Trouble")),
        ):
            await seen.press(key)
            await seen.until(*there, gone=gone)
            await seen.press(key)
            await seen.until("quality", "Journal", "Self-test", "Sky")
        await seen.press("y")
        await seen.until("G02 █ 46")
        await seen.press("escape")
        await seen.until("quality", "Journal")

    run(scenario, healthy())


def test_a_command_is_typed_answered_and_recalled():
    async def scenario(seen):
        await seen.until("LIVE", "online")
        await seen.type("events 2")
        await seen.until("> events 2", "profile", "pursuit")
        await seen.press("up")
        assert seen.app.query_one("#command").value == "events 2"
        await seen.press("escape")
        assert seen.app.query_one("#command").value == ""
        await seen.type("nonsense")
        await seen.until("refused: no command nonsense")
        # An answer with more lines than the log has takes the panels' place, until Esc.
        await seen.type("selftest")
        await seen.until("0 of the parts")
        await seen.type("power")
        await seen.until("> power", "state       driving  for", gone=("Journal",))
        await seen.press("escape", "escape")
        await seen.until("Journal")
        await seen.type("watch rpm")
        await seen.until("the panels show it")
        asked = [command for _, command in seen.script.asked]
        assert "events 2" in asked and "watch rpm" not in asked

    run(scenario, healthy())


def test_letters_in_a_command_are_no_keys():
    async def scenario(seen):
        await seen.until("LIVE")
        await seen.press("colon", *"qtpcr")
        await seen.pilot.pause(0.2)
        assert seen.app.query_one("#command").value == "qtpcr" and seen.app.is_running
        assert len(seen.app.screen_stack) == 1

    run(scenario, healthy())


def test_pause_asks_nothing_by_itself():
    async def scenario(seen):
        await seen.until("LIVE", "1726 rpm")
        await seen.press("p")
        await seen.until("PAUSED")
        await seen.pilot.pause(0.6)
        count = len(seen.script.asked)
        await seen.pilot.pause(0.8)
        assert len(seen.script.asked) == count
        await seen.type("power")
        await seen.until("state       driving  for")
        await seen.press("escape", "p")
        await seen.until("LIVE")
        await seen.pilot.pause(0.8)
        assert len(seen.script.asked) > count + 1

    run(scenario, healthy())


def test_who_is_logged_in_and_touches_no_key_is_logged_out():
    answers = healthy()
    answers["login"] = answers["logout"] = {"role": "service"}

    async def scenario(seen):
        await seen.until("LIVE")
        ahead = [0]
        seen.app._clock = lambda: time.monotonic() + ahead[0]
        ahead[0] = 700  # nobody is logged in: nothing happens
        await seen.pilot.pause(0.5)
        await seen.type("login tech")
        await seen.until("> login tech")
        ahead[0] += 590
        await seen.pilot.pause(0.5)
        asked = [command for _, command in seen.script.asked]
        assert "login tech" in asked and "logout" not in asked
        ahead[0] += 11
        await seen.until("logged out: no key for ten minutes")
        await seen.pilot.pause(0.5)
        assert [command for _, command in seen.script.asked].count("logout") == 1

    run(scenario, answers)


def test_who_is_logged_in_is_logged_out_at_the_end():
    answers = healthy()
    answers["login"] = answers["logout"] = {"role": "service"}
    scripts = []

    async def scenario(seen):
        scripts.append(seen.script)
        await seen.until("LIVE")
        await seen.type("login tech")
        await seen.until("> login tech")
        await seen.press("escape", "q")

    run(scenario, answers)
    assert [command for _, command in scripts[0].asked][-1] == "logout"


def test_help_and_quit():
    async def scenario(seen):
        await seen.until("LIVE")
        await seen.press("question_mark")
        await seen.until("runs the gateway's self-test", "not of now")
        await seen.press("escape", "q")
        await seen.pilot.pause(0.2)
        assert not seen.app.is_running

    run(scenario, healthy())


def test_the_report_by_one_key(tmp_path):
    async def scenario(seen):
        await seen.until("LIVE", "online")
        await seen.press("r")
        await seen.until("Technician")
        await seen.press(*"Ali", "enter", "enter")
        await seen.until("report: ")
        (page,) = tmp_path.glob("visit-v-casa0042-*.html")
        text = page.read_text()
        assert "VF1RFB00X56789012" in text and "<bdi>Ali</bdi>" in text
        assert page.stat().st_mode & 0o777 == 0o600
        # What the report asked for is no deed of the technician's.
        assert "No command was given" in text

    run(scenario, healthy(), folder=tmp_path)


def test_the_report_is_written_also_when_the_line_is_lost(tmp_path):
    async def scenario(seen):
        await seen.until("LIVE", "online", "no trouble codes")
        seen.script.cut()
        await seen.until("LINE LOST")
        await seen.press("r")
        await seen.until("Technician")
        await seen.press("enter", "enter")
        await seen.until("report: ")
        (page,) = tmp_path.glob("*.html")
        assert "the line was lost; not asked" in page.read_text()

    run(scenario, healthy(), folder=tmp_path)


# What comes from outside

HOSTILE = (
    "[red]R[/red]", "[link=http://x]L[/link]", "[/]", "[bold", "\x1b[31mX\x1b[2J", "\x00\x9b31m",
    "\u202eevil\u2066", "a\nb\rc\td", "e" + "\u0301" * 40, "x" * 5000, "\ud800", "شرطة", "🚓" * 60,
)  # fmt: skip


@pytest.mark.parametrize("number", range(0, len(HOSTILE), 2))
def test_hostile_texts_are_only_texts(number):
    text = "".join(HOSTILE[number : number + 2])
    answers = faulty()
    answers["status"].update(vehicle=text, version=text)
    answers["link"].update(broker=text, detail=text, cause=text)
    answers["gps"].update(reason=text)
    answers["obd"].update(adapter=text)
    answers["obd"]["values"][3][2] = text
    answers["dtc"]["ecus"][0]["stored"] = [text]
    answers["selftest"] = parts(gps=("fail", text, [text]), obd=(text, None, []))
    answers["power"] = Refused(text)
    answers["log"] = {"lines": [text], text: text}

    async def scenario(seen):
        await seen.until("1726", "Link")
        await seen.type("log")
        await seen.until("> log")
        await seen.press("escape", "t")
        await seen.until("Esc closes")
        shown = seen.text()
        await seen.press("escape", "c")
        await seen.pilot.pause(0.2)
        shown += seen.text()
        for c in "\x1b\x00\x07\x9b\u202e\u2066\r\t\ud800":
            assert c not in shown
        if number == 0:
            assert "[red]R[/red]" in shown  # as it came, not as a colour
        strips = seen.app.screen._compositor.render_strips()
        assert not [s for strip in strips for s in strip if s.style and s.style.link]

    run(scenario, answers)


WRONG = (None, 7, "x", [], {}, [[]], {"ecus": 5}, {"values": [["rpm", "x"], 4, None]}, True,
         {"ecus": [None, {"id": "x", "stored": {"a": 1}}]}, {"fix": ["a", {}, None], "sky": [[1]]},
         {"certificates": [[]], "state": [1]}, {"parts": [{"about": 3, "fault": {}}]},
         {"counters": 4, "left": 1e400, "uptime": float("nan")})  # fmt: skip


def test_answers_of_a_wrong_form_end_nothing():
    async def scenario(seen):
        for data in WRONG:
            seen.script.answers = dict.fromkeys(healthy(), data)
            await seen.until("LIVE")
            await seen.type("link")
            seen.app.action_selftest()
            seen.app.action_zoom("codes")
            await seen.pilot.pause(0.4)
            await seen.press("escape")
            assert seen.app.is_running

    run(scenario, dict.fromkeys(healthy()))


# Terminals


SIZES = ((1, 1), (8, 3), (30, 8), (44, 12), (60, 20), (81, 25), (200, 60))


def test_every_terminal_is_large_enough():
    async def scenario(seen):
        for size in SIZES:
            await seen.pilot.resize_terminal(*size)
            for names in ("codes", "sky", "link journal", "log", ""):
                seen.app._zoom(names)
                await seen.pilot.pause(0.05)
            await seen.press("question_mark")
            await seen.press("escape")
            assert seen.app.is_running
        await seen.until("LIVE", "Position", "Journal", "Quit")

    run(scenario, faulty(), SIZES[0])


# The session's file


def test_the_session_is_kept_in_a_file(tmp_path):
    path = tmp_path / "session.log"

    async def scenario(seen):
        await seen.until("LIVE", "online")
        await seen.type("events 2")
        await seen.until("> events 2")
        seen.script.cut()
        await seen.until("LINE LOST")

    run(scenario, healthy(), log=path)
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "line open" in text and "> events 2" in text and "line lost no answer" in text
    answer = next(ln for ln in text.splitlines() if '"events"' in ln)
    assert json.loads(answer.split(" < ", 1)[1])["events"][0][1] == "siren"
    # Polled again and again, told once.
    assert text.count("> obd") == 1
