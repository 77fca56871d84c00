"""What stands over the screen for a moment: the self-test's verdicts, the report, the keys."""

from rich.text import Text
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tools.console.language import t
from tools.console.screen_panels import verdict_text

# Keys, and what each does.
_KEYS = (
    ("t", "runs the gateway's self-test: verdicts, and what to do"),
    ("c", "trouble codes alone"),
    ("y", "the sky alone"),
    ("g", "the position alone"),
    ("l", "link and journal alone"),
    ("o", "answers to commands alone"),
    ("", "the same key again, or Esc, brings the whole screen back"),
    ("r", "writes the report of the visit (HTML, and PDF where a browser is)"),
    ("p", "asks the gateway nothing by itself; again: goes on"),
    (":", "a command of the console; Esc leaves the line, arrows recall"),
    ("", "help lists them, login opens what changes something"),
    ("q", "ends; the gateway is left as it is"),
    ("", ""),
    ("", 'Grey and "stale": not of now; the age stands beside it.'),
)


class _Dialog(ModalScreen):
    BINDINGS = [
        Binding("escape", "dismiss", "Close"),
        Binding("q", "dismiss", "Close", show=False),
    ]
    heading = ""

    def content(self):
        raise NotImplementedError

    def compose(self):
        with VerticalScroll(classes="dialog") as box:
            box.border_title = t(self.heading)
            box.border_subtitle = t("Esc closes")
            yield from self.content()

    def action_dismiss(self, result=None):
        self.dismiss(None)


class HelpDialog(_Dialog):
    heading = "Keys"

    def content(self):
        lines = [f"{key:<2} {t(does)}" for key, does in _KEYS]
        yield Static(Text("\n".join(lines)), markup=False, id="keys")


class SelfTestDialog(_Dialog):
    heading = "Self-test"

    def __init__(self, verdicts):
        super().__init__()
        self._verdicts = verdicts

    def content(self):
        yield Static(verdict_text(self._verdicts), markup=False, id="verdicts")


class ReportDialog(_Dialog):
    """Gives (technician, file) or None. suggestion: the same, to begin with."""

    heading = "Report of the visit"
    # Letters are typed here.
    BINDINGS = [Binding("escape", "dismiss", "Close", priority=True)]

    def __init__(self, suggestion):
        super().__init__()
        self._technician, self._file = suggestion

    def content(self):
        yield Static(t("Technician"), markup=False)
        yield Input(self._technician, id="technician", max_length=80)
        yield Static(t("File (.html; the PDF stands beside it). Enter writes."), markup=False)
        yield Input(str(self._file), id="file", max_length=300)

    def on_mount(self):
        self.query_one("#technician").focus()

    def on_input_submitted(self, event):
        event.stop()
        if event.input.id == "technician":
            self.query_one("#file").focus()
            return
        name = self.query_one("#file", Input).value.strip()
        technician = self.query_one("#technician", Input).value.strip()
        self.dismiss((technician, name) if name else None)
