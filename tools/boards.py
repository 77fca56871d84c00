"""What firmware/esp32/boards says of a board, for tools that make a vehicle for it."""

import ast
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "firmware" / "esp32" / "boards"


class BoardError(Exception):
    """There is no such board."""


@dataclass(frozen=True)
class Board:
    """`name`: as releases call it; `gps`, `obd`: serial ports as the configuration writes them;
    `inputs`, `power`, `modem`: groups of it (`uplink.lte` is the last), None where there is none;
    `rom`: bytes of the ROM partition that it wants; `source`: the file, which the gateway gets.
    """

    name: str
    chip: str
    gps: str
    obd: str
    inputs: dict
    power: dict | None
    modem: dict | None
    rom: int
    source: bytes


def names():
    """Names of the boards that there are, as their files are called."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def find(name):
    """The Board of a name, with - or _. Raises BoardError."""
    path = FOLDER / f"{name.replace('-', '_')}.py"
    if not path.is_file():
        raise BoardError(f"board {name}: there are {', '.join(names())}")
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return Board(
        found["NAME"], found["CHIP"], found["GPS_PORT"], found["OBD_PORT"], found["INPUTS"],
        found.get("POWER"), found["MODEM"], found.get("ROM_BYTES", 0), path.read_bytes(),
    )  # fmt: skip
