"""What the journal costs the flash, and how fast it is.

Erases are counted on littlefs over a block device in RAM, with blocks of 4,096 bytes, under
MicroPython (`journal_flash.py`): 1,000 routine records are fixes at 1 Hz and a breadcrumb a minute,
without a link in batches of a minute, online in reports of 5 s with the room's answers; alerts are
flushed one by one. `append_per_second` are sealed frames of 200 bytes, there and on this machine's
own disk under CPython.
"""

import json
import subprocess
import tempfile
import time

from agent import port
from agent.comms.journal import Journal
from agent.records import FINE
from tools.interpreter import HOW_TO_GET_IT, ROOT, environment, find

_HEAP = "2M"
_APPENDS = 2000
_TEXT = bytes(175)


def _flash():
    """The figures of MicroPython's part, or why there are none."""
    program = find()
    if program is None:
        return {"skipped": HOW_TO_GET_IT}
    command = [program, "-X", f"heapsize={_HEAP}", "-m", "tools.bench.journal_flash"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _appends():
    """Frames a second on this machine's disk, with fsync."""
    from agent.comms import session as sessions
    from agent.port import curve25519

    public = port.x25519(port.sha256(b"bench: room"))
    psk = port.sha256(b"bench: vehicle")
    identity = sessions.Identity("v-bench", port.sha256(public)[:4], public, psk, 1)
    steps = sessions.open_steps(identity, 1, port.sha256(b"bench: seed"), 0)
    session = curve25519.run(steps)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(port.Storage(folder), 1 << 20, 16384, 10000)
        journal.recover()
        journal.begin(session)
        began = time.perf_counter()
        for i in range(_APPENDS):
            journal.append(FINE, _TEXT, 100 * i)
            journal.poll(100 * i)
            if i % 50 == 49:
                journal.acknowledge(session.sid, session.next_number, [])
        took = time.perf_counter() - began
        journal.close()
    return round(_APPENDS / took)


def run():
    flash = _flash()
    figures = {"append_per_second": _appends()}
    if "skipped" in flash:
        return {**figures, **flash}
    return {
        "erases_per_1000_routine": round(flash["offline"], 1),
        "erases_per_1000_routine_online": round(flash["online"], 1),
        "erases_per_1000_alerts": round(flash["erases_per_1000_alerts"], 1),
        **figures,
        "append_per_second_micropython": flash["append_per_second"],
    }
