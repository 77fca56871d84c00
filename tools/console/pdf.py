"""A page as PDF or as a picture, by a chromium or chrome that the machine has, run as a program."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
            "microsoft-edge")  # fmt: skip
HOW_TO_GET_IT = (
    "no chromium or chrome on this machine: apt install chromium, or name one in PATROL_CHROMIUM;"
    " or open the page in a browser and print it"
)
_WAIT_S = 90  # a first start on a small machine takes 20


class PdfError(Exception):
    """There is no PDF; one line that says why."""


def find():
    """The path of a browser, or None."""
    named = os.environ.get("PATROL_CHROMIUM")
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def print_pdf(page, target):
    """The HTML file `page` as A4 in the file `target`. Raises PdfError."""
    _run(page, target, "--no-pdf-header-footer", "--print-to-pdf=")
    if not Path(target).read_bytes().startswith(b"%PDF-"):
        raise PdfError(f"{target}: the browser has written something that is no PDF")


def picture(page, target, width, height, scale=1):
    """What a window of that size shows of the page, as PNG. Raises PdfError."""
    _run(
        page, target, f"--window-size={width},{height}", f"--force-device-scale-factor={scale}",
        "--hide-scrollbars", "--screenshot=",
    )  # fmt: skip


def _run(page, target, *options):
    program = find()
    if program is None:
        raise PdfError(HOW_TO_GET_IT)
    target = Path(target).resolve()
    with contextlib.suppress(OSError):
        target.unlink()  # what is there afterwards is new
    with tempfile.TemporaryDirectory(prefix="patrol-browser-", ignore_cleanup_errors=True) as own:
        command = [
            program, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", f"--user-data-dir={own}",
            # The page holds no script that runs and no address; nothing is fetched for it.
            "--host-resolver-rules=MAP * ~NOTFOUND",
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # chromium refuses its sandbox to root
        command += [*options[:-1], options[-1] + str(target), Path(page).resolve().as_uri()]
        _finish(command)
    if not target.exists():
        raise PdfError(f"{Path(program).name} has written no {target.name}")


def _finish(command):
    """Runs it to its end; what hangs is ended with all its children."""
    name = Path(command[0]).name
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError as e:
        raise PdfError(f"{name} does not start: {e.strerror}") from None
    try:
        code = child.wait(_WAIT_S)
    except subprocess.TimeoutExpired:
        raise PdfError(f"{name} did not end within {_WAIT_S} s") from None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if code != 0:
        raise PdfError(f"{name} ended with code {code}")
