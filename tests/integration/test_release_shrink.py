"""The compiled agent's source is made smaller without a change of what it does."""

import subprocess

import pytest

from tools import interpreter
from tools.release import ReleaseError
from tools.release.build import ROOT, _module, collect
from tools.release.shrink import shrink

BASE = b'''"""Base."""
from agent.const import const

FAST = 3
_MASK = const(
    0x0F
)
WIDE = FAST << 4 | _MASK
BELOW = -2
NAMES = ("a", "b")
_cache = {}


class Line:
    __slots__ = ("_rate", "open")

    def __init__(self, bytes_a_second):
        self._rate = bytes_a_second
        self.open = _cache

    def rate(self):
        return self._rate & _MASK
'''
USER = b"""from agent import base
from agent.base import (
    BELOW,
    FAST,
    NAMES,
    Line,
)


class Faster(Line):
    def __init__(self, bytes_a_second, unit=1):
        super().__init__(bytes_a_second)
        self._own = bytes_a_second

    def doubled(self):
        return (self._own + self._rate) * FAST - BELOW, NAMES

    def local(self, words):
        FAST = 1
        return [words for words in (FAST, base.WIDE, len(words))]
"""


def _run(sources, tmp_path, text):
    (tmp_path / "agent").mkdir(parents=True)
    for name, source in {"agent": b"", "agent.const": CONST, **sources}.items():
        path = tmp_path / (name.replace(".", "/") + ("/__init__.py" if name == "agent" else ".py"))
        path.write_bytes(source)
    program = interpreter.find()
    if program is None:
        pytest.skip(interpreter.HOW_TO_GET_IT)
    done = subprocess.run(
        [program, "-c", text], cwd=tmp_path, capture_output=True, text=True,
        env={"MICROPYPATH": f"{tmp_path}:.frozen"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


CONST = (ROOT / "agent/const.py").read_bytes()
ASK = """
from agent.user import Faster
line = Faster(21)
print(line.doubled(), line.rate(), line.local([1, 2]))
"""


def test_what_is_made_smaller_does_the_same(tmp_path):
    sources = {"agent.base": BASE, "agent.user": USER}
    small, _, _ = shrink(sources)
    assert small != sources
    before = _run(sources, tmp_path / "before", ASK)
    assert _run(small, tmp_path / "after", ASK) == before == "(128, ('a', 'b')) 5 [1, 63, 2]\n"


def test_constants_take_their_names_places():
    small, _, _ = shrink({"agent.base": BASE, "agent.user": USER})
    base, user = small["agent.base"].decode(), small["agent.user"].decode()
    for name in ("FAST <<", "WIDE", "_MASK", "const", "__slots__"):
        assert name not in base, name
    assert "& 15" in base and "63" not in base
    # A name that is also a local one in that module is left alone, there and where it comes from.
    assert "from agent.base import FAST, NAMES, Line" in user and "FAST = 3" in base
    assert "- (-2)" in user and "BELOW" not in user


def test_lines_stay_where_they_are():
    for sources in ({"agent.base": BASE, "agent.user": USER}, _agent()):
        small, _, _ = shrink(sources, is_linked=False)
        for name, source in sources.items():
            assert small[name].count(b"\n") == source.count(b"\n"), name


def test_modules_share_numbered_names_but_not_where_their_classes_are_one():
    other = b"class Other:\n    def __init__(self):\n        self._state = 1\n"
    small, names, _ = shrink({"agent.base": BASE, "agent.user": USER, "agent.other": other})
    assert b"self._a = 1" in small["agent.other"] and names["agent.other"] == {"_a": "_state"}
    both = {**names["agent.base"], **names["agent.user"]}
    assert sorted(both.values()) == ["_cache", "_own", "_rate"]
    for short, name in names["agent.user"].items():
        assert both[short] == name  # one number, one name, in both modules


def test_a_module_s_name_keeps_its_meaning_where_an_attribute_has_it_too():
    app = b"""class App:
    def __init__(self, rule):
        self.rule = rule
        if rule:
            from agent.car.rule import Rule

            self.rule = Rule()
"""
    sources = {
        "agent.app": app,
        "agent.other": b"class Other:\n    def go(self):\n        self.x = 1\n",
        "agent.__main__": b"from agent.app import App\nfrom agent.other import Other\n",
        "agent.car": b"",
        "agent.car.rule": b"class Rule:\n    pass\n",
    }
    small, _, lines = shrink(sources)
    assert lines and b"from agent.car.rule import" in small["agent.app"], small["agent.app"]


def test_a_name_that_is_computed_is_refused():
    source = b"def call(what, kind):\n    return getattr(what, '_on_' + kind)()\n"
    with pytest.raises(ReleaseError, match="agent.user:2 computes a name for getattr"):
        shrink({"agent.user": source})
    shrink({"agent.user": source.replace(b"'_on_' + kind", b"kind")})


def test_another_modules_private_name_is_refused():
    user = USER.replace(b"self.doubled()", b"").replace(b"base.WIDE", b"base._cache")
    user = user.replace(b"class Faster(Line)", b"class Faster")
    with pytest.raises(ReleaseError, match=r"agent\.user uses _cache, which is agent\.base's own"):
        shrink({"agent.base": BASE, "agent.user": user})


def test_arguments_that_are_names_of_nothing_else_get_letters():
    small, _, _ = shrink(
        {"agent.user": b"def f(long_name, other):\n    return g(other=long_name)\n"}
    )
    assert small["agent.user"] == b"def f(a, other):\n    return g(other=a)\n"


def test_what_is_no_python_is_left_to_the_compiler():
    assert shrink({"agent.bad": b"def f(:\n"}) == ({"agent.bad": b"def f(:\n"}, {}, {})


def _agent():
    return {
        _module(path.relative_to(ROOT).as_posix()): path.read_bytes()
        for path in (ROOT / "agent").rglob("*.py")
        if path.name not in ("cpython.py", "mqtt_paho.py", "socketcan.py", "kernel_clock.py")
    }


def test_private_names_of_the_agent_share_the_few_that_the_largest_module_needs():
    names = {}
    collect("unix", names=names)
    used = {short for module in names["names"].values() for short in module}
    told = {name for module in names["names"].values() for name in module.values()}
    assert len(told) > 900 and len(used) < 500
    for module in names["names"].values():
        assert len(module) == len(set(module.values()))


def test_a_line_of_a_linked_module_is_found_again():
    names = {}
    collect("unix", names=names)
    small, _, lines = shrink(_agent())
    assert names["lines"] == lines
    for package, rows in lines.items():
        text = small[package].split(b"\n")
        for at, module in rows:
            first = _agent()[module].split(b"\n")[0]
            assert not first or text[at - 1] == first, module
