"""The laws of the code base that a reader relies on, held by reading the source.

One code base: nothing in agent/ outside agent/port/ asks for the interpreter or imports what
MicroPython has not. One direction: imports run from the top of LAYERS to the bottom, no circles;
only agent/app.py knows all the parts.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AGENT = sorted((ROOT / "agent").rglob("*.py"))

# From the bottom up; a module imports from its own layer's package and from layers below.
LAYERS = (
    ("agent.const",),
    ("agent.port",),
    ("agent.tables",),
    ("agent.packed",),
    ("agent.records", "agent.signals", "agent.log"),
    (
        "agent.comms",
        "agent.gps",
        "agent.obd",
        "agent.vehicle",
        "agent.clock",
        "agent.reporting",
        "agent.zones",
        "agent.driving",
    ),
    ("agent.update",),
    ("agent.console",),
    (
        "agent.recorder",
        "agent.config",
        "agent.uplink",
        "agent.positioning",
        "agent.tracking",
        "agent.condition",
        "agent.settings",
        "agent.updating",
        "agent.powering",
        "agent.summary",
    ),
    ("agent.changes", "agent.upkeep", "agent.starting"),
    ("agent.duties",),
    ("agent.ordering",),
    ("agent.app", "agent.arguments"),
    ("agent.__main__",),
)
# What both interpreters have.
STANDARD = {
    "array", "asyncio", "binascii", "errno", "gc", "json", "math", "micropython", "struct", "sys",
}  # fmt: skip
# The MQTT clients and the CAN line are the port's, the protocols they speak are not.
EXCEPTIONS = {
    ("agent.port.mqtt_asyncio", "agent.comms"),
    ("agent.port.mqtt_paho", "agent.comms"),
    ("agent.port.socketcan", "agent.obd"),
}
LONGEST = 450  # lines: about 400 is the aim, this is where a file must be split


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Full names of all modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            if node.module in ("agent", "agent.comms", "agent.obd", "agent.gps", "agent.port"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def layer(name):
    """(height, the row's entry that the module belongs to), or None outside the agent."""
    for height, row in enumerate(LAYERS):
        for entry in row:
            if name == entry or name.startswith(entry + "."):
                return height, entry
    return None


@pytest.mark.parametrize("path", AGENT, ids=module_name)
def test_imports_run_one_way(path):
    name = module_name(path)
    own = layer(name)
    if own is None:
        assert name in ("agent",), f"{name} has no place in LAYERS"
        return
    for target in imports(path):
        at = layer(target)
        if at is None or at[1] == own[1] or (name, at[1]) in EXCEPTIONS:
            continue
        # Beside each other: clock and reporting are small and stand on their own.
        is_beside = at[0] == own[0] == layer("agent.comms")[0]
        assert at[0] < own[0] or is_beside, f"{name} imports {target}"


@pytest.mark.parametrize("path", AGENT, ids=module_name)
def test_only_the_port_knows_the_interpreter(path):
    if module_name(path).startswith("agent.port"):
        return
    text = path.read_text()
    for word in ("sys.implementation", "sys.platform", "import machine", "os.name"):
        assert word not in text, f"{path.name}: {word}"
    for target in imports(path):
        first = target.split(".")[0]
        assert first == "agent" or first in STANDARD, f"{path.name} imports {target}"


def test_there_are_no_circles():
    graph = {module_name(path): set(imports(path)) for path in AGENT}
    done, under_way = set(), []

    def visit(name):
        assert name not in under_way, " -> ".join([*under_way, name])
        if name in done or name not in graph:
            return
        under_way.append(name)
        for target in graph[name]:
            # The package of the port is complete before its clients use it (see its last line).
            if (name, target) != ("agent.port.mqtt_asyncio", "agent.port"):
                visit(target)
        under_way.pop()
        done.add(name)

    for name in graph:
        visit(name)


@pytest.mark.parametrize("folder", ["agent", "tools"])
def test_files_hold_one_subject(folder):
    for path in (ROOT / folder).rglob("*.py"):
        lines = len(path.read_text().splitlines())
        assert lines <= LONGEST, f"{path.relative_to(ROOT)} has {lines} lines"
