"""The unit tests of the rooms that a release links into one module each, on what the linking made.

Under MicroPython, from source: the packages' own modules as `link` writes them, and in the place of
each module that went into one a list of its names, so that tests find them where they were.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools import interpreter
from tools.release import ReleaseError
from tools.release.build import ROOT, TARGETS
from tools.release.link import GROUPS, ROOMS, TOP, Program, link

LONG = bool(os.environ.get("PATROL_LONG"))
# Some that use many modules of each room; with PATROL_LONG all but what reads the source or runs
# another target's port.
FILES = sorted(
    path.name
    for path in (ROOT / "tests/unit").glob("test_*.py")
    if (LONG and path.name not in ("test_obd_allowlist.py", "test_port_esp32.py"))
    or path.name in ("test_gps_quality.py", "test_gps_setup.py", "test_obd_poller.py",
                             "test_journal.py", "test_link_delivery.py", "test_mqtt.py",
                             "test_tracking.py")
)  # fmt: skip


def sources():
    found = {}
    for path in (ROOT / "agent").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.relative_to(ROOT).as_posix() not in TARGETS["unix"].without:
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if interpreter.find() is None:
        pytest.skip(interpreter.HOW_TO_GET_IT)
    out = tmp_path_factory.mktemp("linked")
    paths = sources()
    read = {name: path.read_bytes() for name, path in paths.items()}
    program = Program(read, is_all_exported=True)
    texts, _ = program.text()
    assert sorted(program.packages) == sorted([TOP, *GROUPS, *("agent." + room for room in ROOMS)])
    for name, path in paths.items():
        module = program.modules[name]
        if name in texts:
            text = texts[name]
        else:
            top = program.scopes[name].top
            rows = [(n, module.linked, program.final[name, n])
                    for n in top.names if (name, n) in program.final]  # fmt: skip
            # Private constants are no names any more once they are compiled.
            line = "try:\n    from {} import {} as {}\nexcept ImportError:\n    pass\n"
            rows += program.handed_on(module)
            text = "".join(line.format(package, final, n) for n, package, final in rows).encode()
        target = out / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
    for table in (ROOT / "agent").rglob("*.txt"):
        (out / table.relative_to(ROOT)).write_bytes(table.read_bytes())
    (out / "tests").symlink_to(ROOT / "tests")
    (out / "tools").symlink_to(ROOT / "tools")
    return out


def test_unit_tests_pass_on_the_linked_agent(folder):
    program = [interpreter.find(), "-X", "heapsize=4M", "tests/micropython.py"]

    def run(name):
        return name, subprocess.run(
            [*program, f"tests/unit/{name}"], cwd=folder, env=interpreter.environment(folder),
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        failed = [row for row in pool.map(run, FILES) if row[1].returncode]
    assert not failed, "\n".join(f"{n}\n{d.stdout[-2000:]}{d.stderr[-2000:]}" for n, d in failed)


def _linked(**modules):
    start = "".join(f"from agent.gps import {name}\n" for name in modules).encode()
    named = {f"agent.gps.{name}": text.encode() for name, text in modules.items()}
    return link({"agent.__main__": start, "agent.gps": b"", **named})


def test_names_of_two_modules_do_not_meet():
    texts, lines = _linked(
        one="_N = []\n\n\ndef f():\n    return _N\n",
        two="from agent.gps import one\nfrom agent.gps.one import f as g\n_N = {}\n\n\n"
        "def f(_N=_N):\n    return one.f(), g(), _N\n",
    )
    scope = {}
    exec(texts["agent.gps"].decode(), scope)
    assert scope["_p_f__two"]() == ([], [], {})
    assert lines == {"agent.gps": [[1, "agent.gps"], [1, "agent.gps.one"], [6, "agent.gps.two"]]}


def test_a_local_variable_does_not_hide_what_another_module_has():
    texts, _ = _linked(
        one="def codes(x):\n    return [x]\n",
        two="from agent.gps import one\n\n\ndef f():\n    codes = one.codes(1)\n    return codes\n",
    )
    scope = {}
    exec(texts["agent.gps"].decode(), scope)
    assert scope["_p_f__two"]() == [1]


def test_another_meaning_of_a_built_in_name_is_refused():
    with pytest.raises(ReleaseError, match="agent.gps.one: len is a built-in name"):
        _linked(one="def len(x):\n    return 1\n", two="x = 1\n")


def test_a_name_that_stands_for_one_of_several_is_refused():
    with pytest.raises(ReleaseError, match="agent.gps.three: x is imported from several places"):
        _linked(
            one="x = 1\n", two="x = 2\n",
            three="def f(a):\n    if a:\n        from agent.gps.one import x\n    else:\n"
            "        from agent.gps.two import x\n    return x\n",
        )  # fmt: skip


def test_a_module_that_is_handed_about_stays_a_module():
    texts, lines = _linked(
        one="x = 1\n", two="y = 2\n", three="from agent.gps import one\nf(one)\n"
    )
    assert "agent.gps.one" in texts and len(lines["agent.gps"]) == 3
