"""A technician's laptop at the console of a real agent, by a pseudo-terminal: screen and report."""

import asyncio
import contextlib
import os
import pty
import select
import subprocess
import sys
import threading
import time
import tty

import pytest

pytest.importorskip("textual", reason="pip install textual")

from tests.support import micropython  # noqa: E402
from tests.support.brokers import Iotcore  # noqa: E402
from tests.support.system import VEHICLE, System  # noqa: E402
from tools.console import pdf  # noqa: E402
from tools.console.screen import ConsoleScreen  # noqa: E402
from tools.console.session_log import SessionLog  # noqa: E402
from tools.console.talker import Talker  # noqa: E402
from tools.console.visit import Visit  # noqa: E402
from tools.console.visiting import Access  # noqa: E402

_HEAP = "640K"  # as in test_orders_end_to_end.py
_WAIT_S = 60
_LINE = 11_520  # bytes a second at 115200 baud


class Cable:
    """Two pseudo-terminals and a thread that carries bytes between them: `gateway` and `laptop`
    are the paths. `carried` counts both ways; cut: nothing is carried."""

    def __init__(self):
        self._ends = [os.openpty() for _ in range(2)]
        self.gateway, self.laptop = (os.ttyname(slave) for _, slave in self._ends)
        for _, slave in self._ends:
            tty.setraw(slave)  # kept open, so that neither side is hung up
        self.carried = 0
        self.cut = False
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        masters = [master for master, _ in self._ends]
        while not self._ending:
            for master in select.select(masters, [], [], 0.1)[0]:
                data = os.read(master, 4096)
                if not self.cut:
                    self.carried += len(data)
                    os.write(masters[1 - masters.index(master)], data)

    def close(self):
        self._ending = True
        self._thread.join(5)
        for end in self._ends:
            for number in end:
                os.close(number)


def _params():
    yield "cpython"
    if os.environ.get("PATROL_LONG"):
        yield "micropython"


@pytest.fixture(scope="module", params=_params())
def road(request, tmp_path_factory):
    """(System, Cable): a car on the road, and the cable to its console."""
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    cable = Cable()
    with Iotcore() as broker:
        system = System(
            tmp_path_factory.mktemp("visit"), request.param, broker.port, heap=_HEAP,
            console={"port": cable.gateway},
        )  # fmt: skip
        try:
            system.begin_polling()
            yield system, cable
        finally:
            system.close()
            cable.close()


def test_the_screen_asks_gently_loses_the_line_and_finds_it_again(road):
    system, cable = road

    async def main():
        visit = Visit(cable.laptop, began=time.time())
        access = Access(cable.laptop, 115200)
        app = ConsoleScreen(
            visit, SessionLog(None), lambda tell: Talker(access.connect, tell, again=(0.5,))
        )
        async with app.run_test(size=(100, 30)) as pilot:

            async def until(*words, gone=()):
                end = time.monotonic() + _WAIT_S
                while True:
                    strips = app.screen._compositor.render_strips()
                    text = "\n".join(strip.text for strip in strips)
                    if all(w in text for w in words) and not any(w in text for w in gone):
                        return text
                    assert time.monotonic() < end, f"{words}, {gone}\n{text}\n{system.agent_log()}"
                    await pilot.pause(0.1)

            text = await until("LIVE", VEHICLE, "rpm", "33.", "online", "P0133", "lamp")
            assert "Oxygen sensor" in text
            await pilot.pause(3)
            began, before = time.monotonic(), cable.carried
            await pilot.pause(8)
            share = (cable.carried - before) / (time.monotonic() - began) / _LINE
            print(f"the line's share that the screen takes: {share:.1%}")
            assert 0.005 < share < 0.2
            assert not system.status()["faults"]
            await pilot.press("t")
            await until("Esc closes", "storage")
            await pilot.press("escape")
            cable.cut = True
            await until("LINE LOST", "stale", gone=("LIVE",))
            cable.cut = False
            await until("LIVE", "rpm", gone=("LINE LOST",))

    asyncio.run(main())


def test_the_report_holds_what_the_car_and_the_gateway_say(road, tmp_path):
    system, cable = road
    path = tmp_path / "visit.html"
    command = [sys.executable, "-m", "tools.cli", "console", cable.laptop, "--report", str(path),
               "--technician", "Workshop ورشة"]  # fmt: skip
    if pdf.find():
        command.append("--pdf")
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr + system.agent_log()
    assert done.stdout.splitlines()[0] == f"report: {path}"
    text = path.read_text()
    for words in (
        VEHICLE, "VF1RFB00X56789012", "ISO 15765-4 CAN", "P0133", "Oxygen sensor, bank 1 sensor 1",
        "P0420", "EngineControl", "catalyst", "Workshop ورشة", "online", "Freeze frames",
        "Everything that was asked for was had",
    ):  # fmt: skip
        assert words in text, (words, text)
    if pdf.find():
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF-")


def test_on_a_terminal_the_screen_is_drawn_and_leaves_it_as_it_was(tmp_path):
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.environ.update(TERM="xterm-256color", PYTHONPATH=str(micropython.ROOT), COLUMNS="80")
        command = [sys.executable, "-m", "tools.cli", "console", "/nowhere/tty"]
        os.execv(sys.executable, command)
    seen = b""
    end = time.monotonic() + _WAIT_S
    typed = False
    with contextlib.suppress(OSError):  # EIO: the program has gone
        while time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536)
            if b"LINE LOST" in seen and not typed:
                typed = True
                os.write(master, b"q")
    _, status = os.waitpid(pid, 0)
    os.close(master)
    assert os.waitstatus_to_exitcode(status) == 0, seen[-2000:]
    assert b"\x1b[?1049h" in seen and b"\x1b[?1049l" in seen  # the other screen, and back
    assert b"what was asked and answered: patrol-console-" in seen
    (log,) = tmp_path.glob("patrol-console-*.log")
    assert "line lost /nowhere/tty" in log.read_text()


def test_a_port_that_is_not_there_is_one_line_and_an_exit_code(tmp_path):
    command = [sys.executable, "-m", "tools.cli", "console", "/nowhere/tty", "--report",
               str(tmp_path / "visit.html")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("/nowhere/tty")
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "visit.html").exists()
    for wrong in (["--pdf"], ["--report", "x.html", "--screen"]):
        done = subprocess.run(command[:5] + wrong, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2, (wrong, done.stderr)
