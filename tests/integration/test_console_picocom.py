"""A technician with nothing but a terminal program: picocom, in a terminal of 80 by 24.

What he sees is compared with console-visit.txt beside this file, every digit of what changes put as
0. PATROL_GOLDEN=1 writes the file anew; look at the difference before committing it.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.brokers import Iotcore
from tests.support.system import System
from tests.support.terminals import Terminal

GOLDEN = Path(__file__).with_name("console-visit.txt")
PROMPT = "v-test0001>"
# What is typed, and the last line then.
KEYS = (
    ("help watch", PROMPT), ("status", PROMPT), ("selftest", PROMPT),
    ("stat\t", PROMPT + " status"), ("log 0", PROMPT), ("gps 1 2", PROMPT),
    ("help dtc clear", PROMPT), ("config get orders", PROMPT), ("inputs", PROMPT),
    ("power", PROMPT), ("restart", PROMPT), ("login tech", PROMPT),
)  # fmt: skip
_TIMES = re.compile(r"\d+( h \d+ min| min \d+ s|\.\d s)")


class Tmux:
    """A server of its own: nobody else's sessions are touched."""

    def __init__(self, folder, command):
        self._base = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._run("new-session", "-d", "-x", "80", "-y", "24", "-s", "visit", command)

    def _run(self, *words):
        return subprocess.run(
            [*self._base, *words], check=True, capture_output=True, text=True, timeout=20
        ).stdout

    def type(self, text):
        self._run("send-keys", "-t", "visit", "-l", text)
        if not text.endswith("\t"):
            self._run("send-keys", "-t", "visit", "Enter")

    def screen(self):
        return self._run("capture-pane", "-p", "-t", "visit").rstrip("\n")

    def settled(self, end):
        """The screen once this is its last line, and stays so."""
        before = None
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            found = self.screen()
            if found == before and found.splitlines() and found.splitlines()[-1].strip() == end:
                return found
            before = found
            time.sleep(0.3)
        raise AssertionError(f"no {end!r} at the end of\n{before}")

    def close(self):
        subprocess.run([*self._base, "kill-server"], capture_output=True, timeout=20)


@pytest.mark.skipif(
    not (shutil.which("tmux") and shutil.which("picocom")), reason="tmux or picocom is missing"
)
def test_a_visit_with_picocom(tmp_path):
    terminal = Terminal()
    console = {"port": terminal.path}
    with Iotcore() as broker:
        system = System(tmp_path, "cpython", broker.port, console=console, power={})
        tmux = None
        try:
            system.begin_polling()
            with terminal.relayed() as path:
                tmux = Tmux(tmp_path, f"picocom -q -b 115200 {path}")
                time.sleep(1)
                tmux.type("")
                seen = [tmux.settled(PROMPT)]
                for keys, end in KEYS:
                    tmux.type(keys)
                    seen.append(tmux.settled(end))
                    if keys.endswith("\t"):
                        tmux.type("")
                        tmux.settled(PROMPT)
        finally:
            if tmux:
                tmux.close()
            system.close()
            terminal.close()
    found = "\n".join(f"{'=' * 80}\n{_steady(screen)}" for screen in seen) + "\n"
    if os.environ.get("PATROL_GOLDEN"):
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()


def _steady(screen):
    """Without what differs from one run to the next."""
    lines = []
    for line in screen.splitlines():
        if not line.startswith(PROMPT):
            line = re.sub(r"\d+(\.\d+)?", "0", _TIMES.sub("0 s", line))
        # Right after the start a fix may still settle, and slow values be missing.
        line = re.sub("^(gps +)(good|degraded  settling) ", r"\1good ", line)
        line = re.sub("^(car +answers).*", r"\1", line)
        line = re.sub("^(state +)(idle|driving)  .*", r"\1awake", line)
        line = re.sub("^(battery .*known  )(idle|driving|init)", r"\1awake", line)
        lines.append(re.sub(r"  +(?=\S)", "  ", line).rstrip())
    return "\n".join(lines)
