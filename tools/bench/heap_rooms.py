"""What the agent's code takes, room by room (a room is a folder of `agent/`; `top` its own files).

Compiled files in KB, and the heap that their import takes under MicroPython's unix port: each
module's own, without what it imports in turn. `start` is what `python -m agent` imports before it
reads its configuration; `later` what is imported only where it is needed. `start in place` and
`later in place`: the same with the modules in a ROM partition, as agent/update/rom.py puts them
there. The names of all modules lie in one pool of the interpreter, which is a row of its own.
"""

import re
import subprocess

from tools import interpreter

NAMES = "names"
_HEAP = "4M"
_START = "agent.__main__"
_TOP = "top"
IN_PLACE = " in place"
_HEAPS = ("start", "later", "start" + IN_PLACE, "later" + IN_PLACE)
_BLANK = {"files_kb": None, "modules": None, **dict.fromkeys(_HEAPS, 0)}
_POOL = re.compile(r"n_qstr=(\d+), .*n_total_bytes=(\d+)")


class RoomsError(Exception):
    """The interpreter did not import the agent; the text is its own."""


def room_of(module):
    """The room of a module: `agent.gps.fix` and `agent.gps` lie in `gps`, `agent.app` in `top`."""
    room = module.split(".")[1] if "." in module else ""
    return room if (interpreter.ROOT / "agent" / room).is_dir() and room else _TOP


def _modules(folder):
    """Names of all modules of a compiled agent."""
    for path in sorted((folder / "agent").rglob("*.*py")):
        parts = path.relative_to(folder).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def measure(program, folder, is_in_place=True):
    """{room: {files_kb, modules, start, later, start in place, later in place}} in bytes of heap
    but for the first two, and the names' row. folder: a compiled agent; without is_in_place the
    last two are not measured. Raises RoomsError."""
    files = dict(_modules(folder))
    rows = {}
    for name, path in files.items():
        row = rows.setdefault(room_of(name), {**_BLANK, "files_kb": 0, "modules": 0})
        row["files_kb"] += path.stat().st_size / 1024
        row["modules"] += 1
    names = dict.fromkeys(_HEAPS, 0)
    modules = [_START, *sorted(name for name in files if name != "agent.port.esp32")]
    script = interpreter.ROOT / "tools/bench/heap_imports.py"
    loaded = [program, "-X", f"heapsize={_HEAP}", script], interpreter.environment(folder)
    runs = [(*loaded, "")]
    if is_in_place:
        runs.append((*interpreter.in_rom(_HEAP, script.stem, [script.parent], folder), IN_PLACE))
    for command, environment, suffix in runs:
        done = subprocess.run(
            [*command, *modules], cwd=folder, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise RoomsError((done.stdout + done.stderr).strip()[-2000:])
        for name, used, pool, is_later in _own(done.stdout):
            column = ("later" if is_later else "start") + suffix
            names[column] += pool
            if name != "all":
                rows[room_of(name)][column] += used
    for row in rows.values():
        row["files_kb"] = round(row["files_kb"], 1)
    rows[NAMES] = names
    return rows


def table(rooms):
    """`measure`'s rows for people, the total last."""
    rows = [{"room": name, **_BLANK, **row} for name, row in sorted(rooms.items())]
    total = {key: round(sum(row[key] or 0 for row in rows), 1) for key in _BLANK}
    return [*rows, {"room": "all", **total}]


def _own(text):
    """(module, bytes, bytes of names, whether after the start) of each import, without its own
    imports' part."""
    stack = []
    is_later = False
    lines = iter(text.splitlines())
    for line in lines:
        word, name, used = line.split()
        pool = int(_POOL.search(next(lines))[2])
        if word == "begin":
            stack.append([int(used), pool, 0, 0])
            continue
        before, pool_before, inner, pool_inner = stack.pop()
        total, total_pool = int(used) - before, pool - pool_before
        yield name, total - total_pool - inner, total_pool - pool_inner, is_later
        if stack:
            stack[-1][2] += total - total_pool
            stack[-1][3] += total_pool
        if name == _START:
            is_later = True
