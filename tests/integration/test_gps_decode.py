"""`patrol gps decode` on real captures, as people start it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import micropython

NMEA = Path(os.environ.get("PATROL_NMEA", micropython.ROOT / "../shared/nmea"))
KEYS = ["time", "lat", "lon", "alt", "speed", "track", "valid", "quality", "satellites", "hdop"]
# Epochs, and how many of them are good, degraded and none. Degraded are mtk-3301's fixes by three
# satellites, bt451's first, which has no GGA, and two jumps of quectel-eg25-g.
COUNTS = {
    "beidou-gb": (5, 2, 0, 3),
    "bt451": (19, 14, 1, 4),
    "mtk-3301": (11, 0, 4, 7),
    "nmea-fuzzy-cases": (14, 14, 0, 0),
    "quectel-eg25-g": (60, 21, 2, 37),
    "sirfstarv-nmea": (59, 59, 0, 0),
    "telit-he910": (224, 187, 0, 37),
    "ublox-neo-m9n-nmea": (61, 61, 0, 0),
}


def decode(*arguments):
    command = [sys.executable, "-m", "tools.cli", "gps", "decode", *arguments]
    return subprocess.run(
        command, cwd=micropython.ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", COUNTS)
def test_one_object_a_line_and_epoch(name):
    path = NMEA / f"{name}.log"
    if not path.exists():
        pytest.skip("no capture in ../shared/nmea")
    done = decode(str(path), "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(list(row) == KEYS for row in rows)
    qualities = [row["quality"] for row in rows]
    counts = [qualities.count(quality) for quality in ("good", "degraded", "none")]
    assert (len(rows), *counts) == COUNTS[name]
    for row in rows:
        known = row["lat"] is not None and row["lon"] is not None
        assert row["valid"] is known and (row["quality"] == "none") is not known
        assert (row["lat"], row["lon"]) != (0, 0)


def test_a_file_that_is_not_there_or_holds_nothing(tmp_path):
    done = decode(str(tmp_path / "none.log"))
    assert done.returncode == 1 and done.stderr.endswith("none.log: No such file or directory\n")
    empty = tmp_path / "noise.log"
    empty.write_bytes(bytes(range(256)) * 10)
    done = decode(str(empty))
    assert done.returncode == 1 and "no NMEA sentence with a right checksum" in done.stderr
