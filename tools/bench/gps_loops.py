"""What `patrol bench gps` runs under MicroPython: this parser beside a bare loop over its lines.

    micropython -X heapsize=256K tools/bench/gps_loops.py LOG...

Prints one line a LOG: the parser's ratio to the bare loop and the whole Receiver's (medians), then
ns a sentence of parser, Receiver and bare loop. The parser is the Receiver without what judges its
fixes: framing, decoding and epochs.
A log is read in blocks that fit a small heap; all loops get the same block right after each other,
in turns first, each with a fresh collection behind it. So what else the machine does falls on all,
and the median of the blocks' ratios leaves out where it did not.
"""

import gc
import sys
import time

from agent.gps.receiver import Receiver

# Bytes of a block: some 160 sentences, so that each loop's own collections are in its time.
_BLOCK = 12_000
# Epochs come this far apart, ms; each is one piece, as a receiver's burst is read.
_PERIOD = 1000
_BLOCKS = 41


def bare(pieces):
    """The least one can do for a sentence: XOR of the whole line, split, one float."""
    count = 0
    for piece in pieces:
        for line in piece.split(b"\r\n"):
            if not line:
                continue
            n = 0
            for byte in line[1:-3]:  # on MicroPython faster than folding a big integer
                n ^= byte
            fields = line.split(b",")
            text = fields[1]  # mostly a time
            try:  # noqa: SIM105 MicroPython has no contextlib
                float(text if len(text) > 2 else b"0")
            except ValueError:
                pass
            count += 1
    return count


class Unjudged:
    """In place of Quality: the epochs as the parser makes them."""

    def judge(self, fix):
        pass


def fed(machine, pieces, now):
    feed = machine.feed
    for piece in pieces:
        feed(piece, now)
        now += _PERIOD


def blocks(path):
    """The log over and over, in lists of pieces; before each piece stands its length in a line."""
    pieces = []
    size = 0
    while True:
        with open(path, "rb") as log:
            while True:
                head = log.readline()
                if not head:
                    break
                piece = log.read(int(head))
                pieces.append(piece)
                size += len(piece)
                if size >= _BLOCK:
                    yield pieces
                    pieces = []
                    size = 0


def compare(path):
    machines = (Receiver(quality=Unjudged()), Receiver())
    took = [0, 0, 0]  # us of parser, Receiver, bare loop
    totals = [0, 0, 0]
    ratios = ([], [])
    sentences = now = 0
    for pieces in blocks(path):
        for turn in range(3):
            which = (turn + len(ratios[0])) % 3
            gc.collect()
            began = time.ticks_us()
            if which == 2:
                sentences += bare(pieces)
            else:
                fed(machines[which], pieces, now)
            took[which] = time.ticks_diff(time.ticks_us(), began)
            totals[which] += took[which]
        now += _PERIOD * len(pieces)
        for which in (0, 1):
            ratios[which].append(took[which] / took[2])
        if len(ratios[0]) >= _BLOCKS:
            break
    for row in ratios:
        row.sort()
    medians = [row[len(row) // 2] for row in ratios]
    per = [total * 1000 // sentences for total in totals]
    print(*(medians + per))


for path in sys.argv[1:]:
    compare(path)
