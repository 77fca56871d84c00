"""How fast the agent understands a receiver, against the usual parsers and against a bare loop.

On CPython the whole way from bytes to fixes (`Receiver.feed`: framing, decoding, epochs, quality)
runs beside pynmea2 and pynmeagps, which parse line by line and have every value of a sentence
read. On MicroPython parser and Receiver run beside the least that one can do for a sentence
(`gps_loops.py`).
Either way rounds are interleaved and the median of their ratios counts, so that a busy machine
does not decide.
"""

import dataclasses
import os
import statistics
import subprocess
import tempfile
import time
from itertools import islice
from pathlib import Path

import pynmea2

from agent.gps.receiver import Receiver
from tools.emulator import drive, load
from tools.interpreter import HOW_TO_GET_IT, ROOT, environment, find

SCENARIO = "rabat-hour"
_START_MS = 1790000000000
_EPOCHS = 1200  # of a synthetic log
_SKIP = 60  # epochs before them, in which the emulated receiver has no fix yet
_LINES = 2000  # sentences of a round on CPython: pynmeagps needs a quarter of a second for them
_ROUNDS = 7
_HEAP = "256K"  # MicroPython's; larger heaps make collections slow
# The synthetic logs: what to have the emulated receiver send at each epoch.
_MIXES = {"rmc_gga": ("RMC", "GGA"), "full": ("RMC", "VTG", "GGA", "GSA")}
# Sentences of one epoch of a capture, at most; a new RMC also begins a piece.
_PIECE = 40


def captures():
    """Folder of the real receivers' captures, or None."""
    folder = Path(os.environ.get("PATROL_NMEA") or ROOT / ".." / "shared" / "nmea")
    return folder if folder.is_dir() and any(folder.glob("*.log")) else None


def _synthetic(sentences):
    """Epochs (bytes each) of a drive through the city."""
    scenario = load(SCENARIO)
    gps = dataclasses.replace(scenario.gps, sentences=sentences)
    epochs = drive(dataclasses.replace(scenario, gps=gps), _START_MS)
    return [data for data, _ in islice(epochs, _SKIP, _SKIP + _EPOCHS)]


def _captured(folder):
    """The NMEA lines of all captures, cut into pieces where a cycle's RMC begins."""
    pieces = []
    for log in sorted(folder.glob("*.log")):
        piece = []
        for line in log.read_bytes().splitlines():
            if not line.startswith(b"$"):
                continue
            if piece and (line[3:6] == b"RMC" or len(piece) >= _PIECE):
                pieces.append(b"".join(piece))
                piece = []
            piece.append(line + b"\r\n")
        pieces.append(b"".join(piece))
    return pieces


# --- CPython ---


def _seconds(function, *arguments):
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def _ours(pieces):
    receiver = Receiver()
    for i, piece in enumerate(pieces):
        receiver.feed(piece, i * 1000)


def _pynmea2(lines):
    parse, refusal = pynmea2.parse, pynmea2.ParseError
    for line in lines:
        try:
            sentence = parse(line)
        except refusal:
            continue
        for name in _VALUES.get(getattr(sentence, "sentence_type", None), ()):
            try:
                getattr(sentence, name)
            except (ValueError, TypeError):
                continue  # a field that is empty or no number


# What an epoch is made of; the other sentences are only parsed, by us not even that.
_VALUES = {
    "RMC": ("datetime", "status", "latitude", "longitude", "spd_over_grnd", "true_course"),
    "GGA": ("timestamp", "gps_qual", "latitude", "longitude", "num_sats", "horizontal_dil",
            "altitude"),
    "GNS": ("timestamp", "mode_indicator", "latitude", "longitude", "num_sats", "hdop", "altitude"),
    "GLL": ("timestamp", "status", "latitude", "longitude"),
    "VTG": ("true_track", "spd_over_grnd_kts", "spd_over_grnd_kmph"),
    "GSA": ("mode_fix_type", "hdop"),
    "ZDA": ("timestamp", "day", "month", "year"),
}  # fmt: skip


def _pynmeagps(lines):
    from pynmeagps import NMEAReader
    from pynmeagps.exceptions import NMEAParseError

    # All values are attributes of a parsed message: there is nothing left to read.
    for line in lines:
        try:
            NMEAReader.parse(line)
        except (NMEAParseError, ValueError):
            continue


def _cpython(pieces):
    """Figures of the first _LINES sentences of a log."""
    count = used = 0
    while used < len(pieces) and count < _LINES:
        count += pieces[used].count(b"$")
        used += 1
    pieces = pieces[:used]
    lines = b"".join(pieces).splitlines(keepends=True)
    texts = [line.decode("ascii", "replace").strip() for line in lines]
    mine, others = [], {_pynmea2: [], _pynmeagps: []}
    for _ in range(_ROUNDS):
        took = _seconds(_ours, pieces)
        mine.append(took)
        others[_pynmea2].append(_seconds(_pynmea2, texts) / took)
        others[_pynmeagps].append(_seconds(_pynmeagps, lines) / took)
    return {
        "sentences_per_second": round(count / statistics.median(mine)),
        "vs_pynmea2": round(statistics.median(others[_pynmea2]), 2),
        "vs_pynmeagps": round(statistics.median(others[_pynmeagps]), 2),
    }


# --- MicroPython ---


def _micropython(logs):
    """{name: figures} of each log, or None without the interpreter."""
    interpreter = find()
    if interpreter is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, pieces in logs.items():
            paths.append(Path(folder, name))
            paths[-1].write_bytes(b"".join(b"%d\n%s" % (len(p), p) for p in pieces))
        command = [interpreter, "-X", f"heapsize={_HEAP}", ROOT / "tools/bench/gps_loops.py"]
        child = subprocess.run(
            [*command, *paths], env=environment(), capture_output=True, text=True, timeout=300
        )
    if child.returncode:
        raise RuntimeError(f"bench gps: MicroPython failed: {child.stderr or child.stdout}")
    figures = {}
    for name, line in zip(logs, child.stdout.splitlines(), strict=True):
        parser, receiver, *times = line.split()
        figures[name] = {
            "micropython_vs_bare_loop": round(float(parser), 2),
            "micropython_receiver_vs_bare_loop": round(float(receiver), 2),
        }
        for what, ns in zip(("parser", "receiver", "bare_loop"), times, strict=True):
            figures[name][f"micropython_{what}_us"] = int(ns) / 1000
    return figures


def run():
    """The figures as a dict: the hardest log's at the top, each log's under `mixes`."""
    logs = {name: _synthetic(sentences) for name, sentences in _MIXES.items()}
    folder = captures()
    if folder is not None:
        logs["captures"] = _captured(folder)
    mixes = {name: _cpython(pieces) for name, pieces in logs.items()}
    small = _micropython(logs)
    for name in small or {}:
        mixes[name].update(small[name])
    figures = {
        "scenario": SCENARIO,
        "sentences_per_second": min(mix["sentences_per_second"] for mix in mixes.values()),
        "vs_pynmea2": min(mix["vs_pynmea2"] for mix in mixes.values()),
        "vs_pynmeagps": min(mix["vs_pynmeagps"] for mix in mixes.values()),
        "micropython_vs_bare_loop": None,
        "micropython_receiver_vs_bare_loop": None,
    }
    if small is None:
        figures["micropython"] = HOW_TO_GET_IT
    else:
        for key in ("micropython_vs_bare_loop", "micropython_receiver_vs_bare_loop"):
            figures[key] = max(mix[key] for mix in small.values())
    figures["mixes"] = mixes
    return figures
