"""Collects what a report of the visit holds, and writes it as HTML and PDF.

`collect(client, visit, clock, wall)` asks one after the other, without a screen. `Reporter` does
the same from the screen: it orders what is missing, and writes when the last answer has come.
"""

import threading
import time
from datetime import datetime
from pathlib import Path

from tools.console import ConsoleError, Refused, answers, pdf, plan
from tools.console.report_page import page
from tools.files import write_private

# In the order of their weight: where the line is lost half-way, the first ones are there.
COLLECTED = (
    "status", "selftest", "gps", "obd", "dtc", "vin", "link", "journal", "power", "inputs", "time",
    "freeze", "ready", "monitor", "events",
)  # fmt: skip
_FRESH_S = 300  # an answer of this visit that is no older is not asked for again


class ReportError(ConsoleError):
    """The report is not written; one line that says why."""


def collect(client, visit, clock=time.monotonic, wall=time.time, progress=None):
    """Asks for all of it; what the gateway refuses is noted in the visit. Raises ConsoleError."""
    for name in COLLECTED:
        if progress:
            progress(name)
        began = clock()
        try:
            data = client.command(name, plan.wait_s(name))
        except Refused as e:
            event = ("refused", name, str(e), clock() - began, False)
        else:
            event = ("answer", name, data, clock() - began, False)
        visit.take(event, clock(), wall())


def write(visit, path, with_pdf):
    """Writes the page, and the PDF beside it; what was written, as lines for a person.

    Raises ReportError. The report holds where a patrol car was: it is for its owner alone."""
    path = Path(path).expanduser()
    try:
        write_private(path, page(visit))
    except (OSError, ValueError) as e:
        raise ReportError(f"{path}: {getattr(e, 'strerror', None) or e}") from None
    lines = [f"report: {path}"]
    if with_pdf:
        target = path.with_suffix(".pdf")
        try:
            pdf.print_pdf(path, target)
            target.chmod(0o600)
        except (pdf.PdfError, OSError) as e:
            return [*lines, f"no PDF: {e}"]
        lines.append(f"report: {target}")
    return lines


def file_name(visit):
    """visit-v-demo0001-20260102-1530.html"""
    name = "".join(c if c.isascii() and c.isalnum() or c in "-_" else "_"
                   for c in (answers.vehicle(visit) or "vehicle")[:40])  # fmt: skip
    when = datetime.fromtimestamp(visit.began).strftime("%Y%m%d-%H%M")
    return f"visit-{name}-{when}.html"


class Reporter:
    """Of the screen: `begin(...)`, and `told(event)` with every event of the talker."""

    def __init__(self, folder=".", with_pdf=True, clock=time.monotonic):
        self._folder = Path(folder)
        self._with_pdf = with_pdf
        self._clock = clock
        self._waiting = set()
        self._finish = None

    def suggestion(self, visit):
        """(technician, file) to begin with."""
        return visit.technician, self._folder / file_name(visit)

    def begin(self, visit, wanted, order, tell):
        """order(command line) -> whether it will be asked; tell(lines) when all is written."""
        visit.technician, path = wanted
        now = self._clock()
        missing = [n for n in COLLECTED if n not in visit.answers or visit.age(n, now) > _FRESH_S]
        self._finish = lambda: self._write(visit, path, tell)
        self._waiting = set(missing)
        for name in missing:
            if not order(name):
                self._waiting.discard(name)
                visit.refusals.setdefault(name, "the line was lost; not asked")
        self._look()

    def told(self, event):
        if event[0] in ("answer", "refused"):
            self._waiting.discard(plan.name_of(event[1]))
            self._look()

    def _look(self):
        if self._finish and not self._waiting:
            job, self._finish = self._finish, None
            # A browser's first start takes seconds; the screen goes on meanwhile.
            threading.Thread(target=job, name="report", daemon=True).start()

    def _write(self, visit, path, tell):
        try:
            tell(write(visit, path, self._with_pdf))
        except ReportError as e:
            tell([f"no report: {e}"])
