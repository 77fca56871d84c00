"""The technician's screen: `patrol console PORT` on a terminal that can show it.

One thread talks with the gateway (talker.py); what it tells lands here as messages, goes into the
visit, and four times a second every panel draws what the visit holds, with its age. Keys are in the
footer; ":" begins a command, Esc leaves the line.
"""

import dataclasses
import time

from rich.text import Text
from textual.app import App
from textual.binding import Binding
from textual.containers import Horizontal
from textual.events import Key
from textual.message import Message
from textual.widgets import Footer, Input, RichLog, Static

from agent.console.faults import LOW_MV
from tools.console import answers, answers_rows, plan
from tools.console.language import t
from tools.console.screen_dialogs import HelpDialog, ReportDialog, SelfTestDialog
from tools.console.screen_panels import Codes, Gauge, Position, Rows, SelfTest, Sky
from tools.console.words import plain, seconds

_TICK_S = 0.25
# The gateway logs out who types nothing for so long; that it is the screen which asks, it cannot
# know.
IDLE_S = 600
_LOW_V = LOW_MV / 1000  # as the gateway's self-test judges it
_LOG_LINES = 1000
_MAX_SHOWN = 200  # lines of one answer in the log; the whole is in the session's file
# Terminals: class -> columns or rows from which on downwards it is set
_NARROW, _SLIM = 64, 44
_SHORT, _LOW, _FLAT, _TALL = 22, 16, 9, 34


class Told(Message):
    """An event of the talker, in the screen's own thread."""

    def __init__(self, event):
        super().__init__()
        self.event = event


class ConsoleScreen(App):
    """visit: a Visit; log: takes lines for the session's file; make_talker(tell): a Talker;
    reporter: of report.py, or None."""

    CSS_PATH = "screen.tcss"
    TITLE = "patrol console"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    BINDINGS = [
        Binding("t", "selftest", "Test"),
        Binding("c", "zoom('codes')", "Codes"),
        Binding("y", "zoom('sky')", "Sky"),
        Binding("g", "zoom('position')", "GPS"),
        Binding("l", "zoom('link journal')", "Link"),
        Binding("o", "zoom('log')", "Log"),
        Binding("r", "report", "Report"),
        Binding("p", "pause", "Pause"),
        Binding("colon", "command", "Cmd", key_display=":"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("escape", "back", "Back", show=False),
        Binding("pageup", "scroll_log(-1)", "Up", show=False),
        Binding("pagedown", "scroll_log(1)", "Down", show=False),
    ]

    def __init__(
        self,
        visit,
        log,
        make_talker,
        reporter=None,
        clock=time.monotonic,
        wall=time.time,
        is_in=False,
    ):
        """is_in: make_talker's client logs in by itself."""
        super().__init__()
        for key, bound in self._bindings.key_to_bindings.items():
            self._bindings.key_to_bindings[key] = [
                dataclasses.replace(one, description=t(one.description)) for one in bound
            ]
        self.visit = visit
        self.talker = make_talker(lambda event: self.post_message(Told(event)))
        self._session_log = log
        self._reporter = reporter
        self._clock, self._wall = clock, wall
        self._paused = False
        self._zoomed = ""
        self._typed = []  # commands of this visit, the newest last
        self._recalled = 0  # how far back in them the arrow key is
        self._wants_verdicts = False
        self._told_lost = ""
        self._is_in = is_in
        self._touched = clock()  # when a key was pressed last

    def compose(self):
        yield Static("", id="bar", markup=False)
        with Horizontal(id="gauges"):
            yield Gauge("rpm", "RPM", ("rpm",), 0, 7000, bad=(None, 6500))
            yield Gauge("speed", "Speed", ("speed",), 0, 180)
            yield Gauge("coolant", "Coolant", ("coolant",), 0, 130, 0, (None, 105), (None, 115))
            yield Gauge("fuel", "Fuel", ("fuel",), 0, 100, 0, (15, None), (7, None))
            yield Gauge(
                "battery", "Battery", answers.BATTERY, 9, 16, 1, (12.2, 15.0), (_LOW_V, 15.6)
            )
        with Horizontal(id="middle"):
            yield Position("position")
            yield Sky("sky")
            yield Codes("codes")
        with Horizontal(id="lower"):
            yield Rows("link", "Link", "link", answers_rows.link_rows)
            yield Rows("journal", "Journal", "journal", answers_rows.journal_rows)
            yield SelfTest("selftest")
        log = RichLog(id="log", max_lines=_LOG_LINES, wrap=True, markup=False, min_width=0)
        log.can_focus = False
        yield log
        yield Input(id="command", placeholder=t(" : command"), select_on_focus=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self):
        self._fit(self.size)
        self._note(t("this visit is kept in %s", self._session_log.name), "dim")
        self.set_interval(_TICK_S, self._draw)
        self.talker.start()
        self._draw()

    def on_unmount(self):
        # Whoever has the plug in his hand next shall not find a role open.
        self.talker.close("logout" if self._is_in else None)

    # What the talker tells

    def on_told(self, message):
        event = message.event
        self.visit.take(event, self._clock(), self._wall())
        self._session_log.event(event, self._wall())
        if event[0] == "line":
            self._on_line(*event[1:3])
        elif event[0] == "answer":
            self._on_answer(*event[1:])
        else:
            self._on_refused(*event[1:])
        if self._reporter:
            self._reporter.told(event)

    def _on_line(self, state, text):
        if state == "open":
            self._note(t("the line is open"), "green")
        elif text != self._told_lost:  # not at each attempt: what is above would scroll away
            self._note(t("line lost: %s", plain(text)), "bold red")
        self._told_lost = text

    def _on_answer(self, command, data, took, by_hand):
        if plan.name_of(command) in ("login", "logout"):
            self._is_in = plan.name_of(command) == "login"
        if plan.name_of(command) == "selftest" and self._wants_verdicts:
            self._wants_verdicts = False
            self.push_screen(SelfTestDialog(answers.verdicts(data)))
            self._note(t("self-test: %s", answers.summary(data)), "bold cyan")
        elif by_hand:
            log = self.query_one("#log", RichLog)
            first = len(log.lines)
            lines = answers.lines(plan.name_of(command), data)
            self._note(f"> {plain(command)}   {seconds(took * 1000)}", "bold cyan")
            for line in lines[:_MAX_SHOWN]:
                self._note("  " + line, is_followed=False)
            if len(lines) > _MAX_SHOWN:
                more = t("… %s more, see the session's file", len(lines) - _MAX_SHOWN)
                self._note("  " + more, "dim", is_followed=False)
            if len(lines) >= log.size.height:
                self._zoom("log")  # Esc brings the panels back
                # From its begin, also where it is longer than the screen: page down shows the rest.
                # After the log has followed the line above, which it does a refresh or two later.
                self.set_timer(0.2, lambda: log.scroll_to(y=first, animate=False))
            else:
                log.scroll_end(animate=False)

    def _on_refused(self, command, why, took, by_hand):
        if plan.name_of(command) == "selftest":
            self._wants_verdicts = False
        if by_hand:
            self._note(f"> {plain(command)}", "bold cyan")
            self._note("  " + t("refused: %s", plain(why)), "bold red")

    def _note(self, text, style="", is_followed=True):
        self.query_one("#log", RichLog).write(Text(text, style), scroll_end=is_followed)

    # Drawing

    def _draw(self):
        if not self.is_mounted or not self.screen_stack:
            return
        now = self._clock()
        self._look_idle(now)
        base = self.screen_stack[0]
        bar = next(iter(base.query("#bar")), None)
        if bar is None:
            return  # the screen is just being taken down
        for panel in base.query("Panel"):
            panel.show(self.visit, now)
        lost = self.visit.line == "lost"
        bar.set_class(lost, "lost")
        bar.set_class(self._paused, "paused")
        bar.update(self._bar(now, lost), layout=False)

    def _bar(self, now, lost):
        text = Text(no_wrap=True, overflow="ellipsis")
        if lost:
            since = seconds((now - self.visit.line_since) * 1000)
            said = plain(self.visit.line_text)
            return text.append(" " + t("LINE LOST %s: %s; trying again", since, said))
        if self.visit.line != "open":
            return text.append(" " + t("opening %s ...", plain(self.visit.port)))
        text.append(f" {t('PAUSED') if self._paused else t('LIVE')} ", "bold reverse")
        for word in answers.headline(self.visit):
            text.append("  " + plain(word, 40))
        return text

    def on_resize(self, event):
        self._fit(event.size)

    def _fit(self, size):
        base = self.screen_stack[0]
        for name, is_so in (
            ("narrow", size.width < _NARROW),
            ("slim", size.width < _SLIM),
            ("short", size.height < _SHORT),
            ("low", size.height < _LOW),
            ("flat", size.height < _FLAT),
            ("tall", size.height >= _TALL),
        ):
            base.set_class(is_so, name)

    # Keys

    def action_selftest(self):
        self._wants_verdicts = self._order("selftest")

    def action_zoom(self, names):
        """Panels of one row over the whole middle; the same key again brings all back."""
        self._zoom("" if self._zoomed == names else names)

    def _zoom(self, names):
        self._zoomed = names
        base = self.screen_stack[0]
        wanted = [base.query_one("#" + name) for name in names.split()]
        base.set_class(bool(wanted), "zoomed")
        for row in ("#middle", "#lower"):
            box = base.query_one(row)
            holds = any(panel in wanted for panel in box.children)
            box.set_class(bool(wanted) and not holds, "aside")
            box.set_class(holds, "big")
            for panel in box.children:
                panel.set_class(holds and panel not in wanted, "aside")
                panel.set_class(panel in wanted, "big")
        log = base.query_one("#log", RichLog)
        log.set_class(log in wanted, "big")
        self.call_after_refresh(self._draw)

    def action_scroll_log(self, pages):
        log = self.query_one("#log", RichLog)
        log.scroll_relative(y=pages * max(1, log.size.height - 1), animate=False)

    def action_pause(self):
        self._paused = not self._paused
        self.talker.pause(self._paused)
        self._draw()

    def action_command(self):
        self.query_one("#command", Input).focus()

    def action_back(self):
        command = self.query_one("#command", Input)
        if command.has_focus:
            command.value = ""
            self.set_focus(None)
        else:
            self._zoom("")

    def action_help(self):
        self.push_screen(HelpDialog())

    def action_report(self):
        if self._reporter:
            self.push_screen(ReportDialog(self._reporter.suggestion(self.visit)), self._report)

    def _report(self, wanted):
        if wanted:
            self._reporter.begin(self.visit, wanted, self._ask_quietly, self._on_report)
            self._note(t("report: asking the gateway for what is missing"), "dim")

    def _ask_quietly(self, command):
        return self._order(command, by_hand=False)

    def _on_report(self, lines):
        """Told from the reporter's thread as well."""
        for line in lines:
            self.call_later(self._note, plain(line, 400), "bold")

    def on_input_submitted(self, event):
        if event.input.id != "command":
            return
        line = plain(event.value.strip().lstrip(":"), 240)
        event.input.value = ""
        self._recalled = 0
        if not line:
            return
        self._typed.append(line)
        if plan.name_of(line) in plan.ENDLESS:
            self._note(t("%s: the panels show it; or use --plain", plan.name_of(line)), "yellow")
            return
        self._order(line)

    async def on_event(self, event):
        if isinstance(event, Key):
            self._touched = self._clock()
        await super().on_event(event)

    def _look_idle(self, now):
        """Nobody has touched a key for long."""
        if self._is_in and now - self._touched > IDLE_S:
            self._is_in = not self._order("logout", by_hand=False)
            self._note(t("logged out: no key for ten minutes"), "yellow")

    def on_key(self, event):
        """Earlier commands by the arrow keys."""
        command = self.query_one("#command", Input)
        if not command.has_focus or event.key not in ("up", "down") or not self._typed:
            return
        step = 1 if event.key == "up" else -1
        self._recalled = max(0, min(len(self._typed), self._recalled + step))
        command.value = self._typed[-self._recalled] if self._recalled else ""
        command.cursor_position = len(command.value)

    def _order(self, command, by_hand=True):
        """Asks it next; whether it will be."""
        why = None
        if self.visit.line != "open":
            why = t("the line is lost; not asked")
        elif not self.talker.order(command, by_hand):
            why = t("too many commands wait")
        if why and by_hand:
            self._note(f"{plain(command)}: {why}", "bold red")
        return why is None
