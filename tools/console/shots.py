"""Pictures of the screen and of a report, for the documents: `patrol console shots DIR`.

They are of real parts: an emulated car, the agent, a broker and a room on loopback, and the screen
on the agent's socket. Two drives: a car that is well; and one with codes, a flat battery and a
broker that is gone, whose agent then ends, so that the line is lost.
"""

import asyncio
import contextlib
import json
import re
import tempfile
import time
from pathlib import Path

from tools.console import language, pdf
from tools.console.report import Reporter, write
from tools.console.screen import ConsoleScreen
from tools.console.session_log import SessionLog
from tools.console.talker import Talker
from tools.console.visit import Visit
from tools.console.visiting import Access
from tools.demo.run import Demo, Options
from tools.emulator.scenario import BUNDLED

SIZE = (108, 34)
_SCALE = 0.82
PAGE = (794, 1123)  # A4 at 96 dots an inch
MAX_BYTES = 150_000  # of one picture
_PORT = "/dev/ttyACM0"  # what a technician sees; here it is a socket in a temporary folder
_WAIT_S = 120
_WELL = {"stored": [], "pending": []}
_ILL = {"stored": ["P0133", "P0301"], "pending": ["P0420"]}
_FAULTS = [{"part": "car", "kind": "voltage", "at": 0, "for": 3600, "volts": 11.4}]


class ShotError(Exception):
    """A picture is not as it must be; one line that says why."""


class _Stage(Demo):
    """The demo's parts with a console; codes, faults: of the scenario."""

    def __init__(self, folder, codes, faults):
        scenario = json.loads((BUNDLED / "casablanca-short.json").read_text())
        scenario["obd"].update(codes)
        scenario["gps"]["sentences"] = ["RMC", "GGA", "GSA", "GSV"]  # tells its sky, too
        scenario["faults"] = faults
        path = folder / "scenario.json"
        path.write_text(json.dumps(scenario))
        super().__init__(Options(scenario=str(path), folder=folder))
        self.socket = folder / "console"

    def _configure(self, room, terminals):
        path = super()._configure(room, terminals)
        config = json.loads(path.read_text())
        config["console"] = {"socket": str(self.socket)}
        # A plain receiver takes no set-up; without one it is read from the first second on.
        config["gps"].update(sky=True, configure=False)
        path.write_text(json.dumps(config))
        return path

    def end(self, name):
        child = next(child for child in self._children if child.name == name)
        self._children.remove(child)
        child.stop()


class _Stand:
    """A screen before a stage, and what is on it."""

    def __init__(self, app, pilot, stage):
        self._app, self._pilot, self._stage = app, pilot, stage

    def text(self):
        return "\n".join(strip.text for strip in self._app.screen._compositor.render_strips())

    async def until(self, *words, gone=()):
        end = time.monotonic() + _WAIT_S
        while not all(w in self.text() for w in words) or any(w in self.text() for w in gone):
            self._stage.check()
            if time.monotonic() > end:
                raise ShotError(f"not on the screen within {_WAIT_S} s: {words}\n{self.text()}")
            await self._pilot.pause(0.2)

    async def press(self, *keys):
        await self._pilot.press(*keys)
        await self._pilot.pause(0.3)

    async def fill(self, where, value):
        """Writes into a field of a dialog, and presses Enter there."""
        self._app.screen.query_one(where).value = str(value)
        await self.press("enter")

    def shoot(self, target):
        svg = self._app.export_screenshot(title=f"patrol console {_PORT}")
        _picture(svg, target)


def shoot(folder, tell=print):
    """Makes all pictures in the folder; tell(line) for each. Raises ShotError, PdfError,
    ChildError."""
    if pdf.find() is None:
        raise ShotError(pdf.HOW_TO_GET_IT)
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for drive in (_well, _ill):
        with tempfile.TemporaryDirectory(prefix="patrol-shots-") as own, contextlib.chdir(own):
            asyncio.run(drive(Path(own), folder))
    for path in sorted(folder.glob("*.png")):
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ShotError(f"{path} has {size} bytes, more than {MAX_BYTES}")
        tell(f"{path}: {size} bytes")


@contextlib.asynccontextmanager
async def _screen(stage, technician):
    """A _Stand before the stage, and its visit."""
    access = Access(str(stage.socket), 115200)
    end = time.monotonic() + _WAIT_S
    while not stage.socket.exists():
        stage.check()
        if time.monotonic() > end:
            raise ShotError("the agent opens no console")
        await asyncio.sleep(0.2)
    visit = Visit(_PORT, technician, time.time())
    log = SessionLog(None)
    log.name = "patrol-console.log"

    def make_talker(tell):
        return Talker(access.connect, lambda event: tell(_renamed(event, access.where)))

    app = ConsoleScreen(visit, log, make_talker, Reporter())
    async with app.run_test(size=SIZE) as pilot:
        yield _Stand(app, pilot, stage), visit


def _renamed(event, where):
    """What is said of the socket is said of a port."""
    return tuple(x.replace(where, _PORT) if isinstance(x, str) else x for x in event)


async def _well(own, folder):
    with _Stage(own, _WELL, []) as stage:
        async with _screen(stage, "") as (stand, _):
            await stand.until(
                "LIVE", "online", "answers", "good", "no trouble codes", "lamp off", "no problems",
                gone=("speed    0.0", "no value", "1 problem"),
            )  # fmt: skip
            # Out on the boulevard the picture says more than at the kerb.
            await stand.until("km/h", gone=("│0 km/h", "stale", "no answer"))
            await stand.press("t")
            await stand.until("Esc closes")
            await stand.press("escape")
            await stand.until("parts are well", gone=("Esc closes",))
            await _driving(stand)
            stand.shoot(folder / "screen-driving.png")


async def _driving(stand):
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        speeds = re.findall(r"│(\d+) km/h", stand.text())
        if speeds and int(speeds[0]) >= 35 and "stale" not in stand.text():
            return
        await asyncio.sleep(0.3)
    raise ShotError("the car does not get going")


async def _ill(own, folder):
    with _Stage(own, _ILL, _FAULTS) as stage:
        async with _screen(stage, "Workshop 3, bay 2") as (stand, visit):
            await stand.until("LIVE", "P0133", "lamp ON", "online", "11.4 V", gone=("no answer",))
            await stand.press("r")  # asks for everything that a report holds
            await stand.press("enter")
            await stand.fill("#file", "visit-v-demo0001.html")
            await stand.until("report: visit")
            stage.end("broker")
            await stand.until("waiting", "trouble")
            await stand.press("t")
            await stand.until("fail power", "fail link")
            stand.shoot(folder / "screen-selftest.png")
            await stand.press("escape")
            await stand.until("P0133", gone=("stale", "Esc closes"))
            stand.shoot(folder / "screen-faults.png")
            page = own / "visit.html"
            write(visit, page, with_pdf=False)
            pdf.picture(page, folder / "report.png", *PAGE)
            with language.using("ar"):
                write(visit, page, with_pdf=False)
            pdf.picture(page, folder / "report-ar.png", PAGE[0], PAGE[1] // 2)
            stage.end("agent")
            await stand.until("LINE LOST", "stale")
            await asyncio.sleep(8)  # so that the ages are told apart
            stand.shoot(folder / "screen-lost.png")


def _picture(svg, target):
    """A screenshot of Textual as PNG: without the fonts that it would fetch."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono")
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()
    width, height = round(float(width) * _SCALE), round(float(height) * _SCALE)
    style = f"body{{margin:0}}svg{{display:block;width:{width}px;height:{height}px}}"
    with tempfile.TemporaryDirectory() as own:
        page = Path(own) / "shot.html"
        page.write_text(f'<meta charset="utf-8"><style>{style}</style>{svg}', encoding="utf-8")
        pdf.picture(page, target, width, height)
