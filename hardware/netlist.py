"""The committed netlists: what the boards connect, readable without KiCad.

hardware/netlist/<board>.csv: first line a hash of the sheets it was made from, then one row a pin:
net, reference, pin, function, type.
"""

import csv
import hashlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCHEMATICS = HERE / "schematics"
NETLISTS = HERE / "netlist"
COLUMNS = ("net", "reference", "pin", "function", "type")


def sheets(board):
    """All sheets of a board."""
    return sorted((SCHEMATICS / board).glob("*.kicad_sch"))


def fingerprint(board):
    """SHA-256 over the board's sheets: a netlist that carries another one is stale."""
    digest = hashlib.sha256()
    for path in sheets(board):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def text(board, rows):
    """The file's text for rows of `kicad.netlist`."""
    lines = [f"# sheets {fingerprint(board)}", ",".join(COLUMNS)]
    lines += [",".join(_quoted(cell) for cell in row) for row in rows]
    return "\n".join(lines) + "\n"


def _quoted(cell):
    return f'"{cell}"' if "," in cell or '"' in cell else cell


class Netlist:
    """`nets`: {net: {(reference, pin)}}; `functions`: {(reference, pin): name of the pin};
    `kinds`: {(reference, pin): its electrical type}."""

    def __init__(self, board):
        lines = (NETLISTS / f"{board}.csv").read_text().splitlines()
        self.made_from = lines[0].split()[-1]
        self.nets = {}
        self.functions = {}
        self.kinds = {}
        for row in csv.DictReader(lines[1:]):
            pin = (row["reference"], row["pin"])
            self.nets.setdefault(row["net"], set()).add(pin)
            self.functions[pin] = row["function"]
            self.kinds[pin] = row["type"]

    def net_of(self, reference, function):
        """The net of a part's pin, by the pin's name."""
        for net, pins in self.nets.items():
            for pin in pins:
                if pin[0] == reference and self.functions[pin] == function:
                    return net
        raise KeyError(f"{reference} has no pin {function}")

    def ends(self, net):
        """{(reference, function)} of a net; a pin without a name goes by its number."""
        return {(pin[0], self.functions[pin] or pin[1]) for pin in self.nets[net]}

    def drivers(self):
        """{net: [(reference, function)]} of push-pull outputs."""
        return {
            net: sorted((r, self.functions[r, n]) for r, n in pins if self.kinds[r, n] == "output")
            for net, pins in self.nets.items()
        }

    def pins_of(self, reference):
        """{function or number: net} of a part."""
        found = {}
        for net, pins in self.nets.items():
            for pin in pins:
                if pin[0] == reference:
                    found[self.functions[pin] or pin[1]] = net
        return found
