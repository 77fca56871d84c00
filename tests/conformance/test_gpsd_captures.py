"""Real receivers' captures: the agent's fixes against what gpsd makes of the same bytes.

Each capture comes with a `.chk`: every input sentence echoed, followed by gpsd's JSON. A `TPV`
object with a time and mode 2 or 3 must be a valid fix of ours with that time and position; a `TPV`
of mode 0 or 1 must be an epoch in which we claim none.

gpsd reports while an epoch is still coming in, we report whole epochs. So a TPV is compared with
the fix of the epoch its sentences belong to. Position and altitude are compared always; speed and
track where the value is one that a sentence of the epoch above the TPV carries, as gpsd fills
them in from differences of positions until then.
"""

import json
import os
import re
from pathlib import Path

import pytest

from agent.gps import sky
from agent.gps.framer import Framer
from agent.gps.nmea import Decoder
from agent.gps.receiver import STALLED_MS, Receiver
from tools.gps import iso_time

NMEA = Path(os.environ.get("PATROL_NMEA") or Path(__file__).parents[2] / ".." / "shared" / "nmea")

CAPTURES = (
    "beidou-gb",
    "bt451",
    "mtk-3301",
    "nmea-fuzzy-cases",
    "quectel-eg25-g",
    "sirfstarv-nmea",
    "telit-he910",
    "ublox-neo-m9n-nmea",
)
# The resolution of a fix (1 micro-degree, 1 cm, 1 cm/s, 0.01 degree): half of it is rounding, the
# rest gpsd's own rounding.
POSITION = 1e-6
ALTITUDE = 0.0051
SPEED = 0.0056
TRACK = 0.0051

# Epochs (ms of day) whose end the capture lacks: gpsd, waiting for the cycle's last sentence, never
# reports them; their RMC is complete and valid. bt451 is two recordings, each cut off in an epoch.
CUT_OFF = {"bt451": (55508500, 52388500)}

# Position of the time of day in a sentence, by its last three letters.
TIME_FIELD = {"RMC": 1, "GGA": 1, "GNS": 1, "ZDA": 1, "GST": 1, "GBS": 1, "GLL": 5}
SPEED_FIELD = {"RMC": 7, "VTG": 5}
TRACK_FIELD = {"RMC": 8, "VTG": 1}
TIMED = {"RMC", "GGA", "GNS", "GLL"}


class Epoch:
    """What the test itself reads from the echoed sentences of one time stamp."""

    def __init__(self, time):
        self.time = time  # text, or None
        self.kinds = set()
        self.fields = {}
        self.reports = []  # (tpv, speed seen above it, track seen above it)


def tod_ms(text):
    hours, minutes, seconds = int(text[:2]), int(text[2:4]), text[4:]
    return (hours * 60 + minutes) * 60000 + round(float(seconds) * 1000)


def epochs_of(chk):
    """Cut a .chk into epochs by the sentences' times; untimed sentences belong to the last."""
    epochs = []
    for line in chk.read_text("latin-1").splitlines():
        if line.startswith("{"):
            tpv = json.loads(line)
            if tpv["class"] == "TPV" and epochs:
                epoch = epochs[-1]
                known = epoch.fields
                epoch.reports.append((tpv, known.get("speed"), known.get("track")))
            continue
        if not re.match(r"\$\w{5},.*\*[0-9A-F]{2}$", line):
            continue
        fields = line[1:-3].split(",")
        kind = fields[0][2:]
        time = fields[TIME_FIELD[kind]] or None if kind in TIME_FIELD else None
        new = not epochs or (time is not None and time != epochs[-1].time)
        if time is None and kind in TIMED and epochs:
            new = kind in epochs[-1].kinds
        if new:
            epochs.append(Epoch(time))
        epoch = epochs[-1]
        epoch.kinds.add(kind)
        for name, where in (("speed", SPEED_FIELD), ("track", TRACK_FIELD)):
            if kind in where and fields[where[kind]]:
                epoch.fields[name] = float(fields[where[kind]])
    return epochs


def fixes_of(log, size):
    """All fixes of a capture, read in pieces of `size` bytes."""
    data = log.read_bytes()
    receiver = Receiver()
    fixes = []
    for at in range(0, len(data), size):
        fixes += receiver.feed(data[at : at + size], 0)
    fixes += receiver.poll(STALLED_MS + 1)
    return fixes, receiver


def compare(epochs, fixes):
    """(tally, faults): TPVs matched and missed, fixes wrongly claimed, each fault in words."""
    tally = {"tpv": 0, "matched": 0, "missed": 0, "none": 0, "claimed": 0, "speed": 0, "track": 0}
    faults = []
    at = 0
    for epoch in epochs:
        tod = tod_ms(epoch.time) if epoch.time else None
        fix = None
        if tod is not None:
            # In order: a capture may hold the same time of day twice.
            for i in range(at, len(fixes)):
                if fixes[i].tod == tod:
                    fix, at = fixes[i], i + 1
                    break
        for tpv, speed, track in epoch.reports:
            if tpv["mode"] < 2:
                tally["none"] += 1
                if fix is not None and fix.valid:
                    tally["claimed"] += 1
                    faults.append(f"{epoch.time}: fix claimed, gpsd has mode {tpv['mode']}")
                continue
            if "time" not in tpv:
                continue
            tally["tpv"] += 1
            wrong = difference(tpv, speed, track, fix, tally)
            tally["missed" if wrong else "matched"] += 1
            if wrong:
                faults.append(f"{tpv['time']}: {wrong}")
    return tally, faults


def difference(tpv, speed, track, fix, tally):
    """What differs between a TPV and the fix of its epoch, or None."""
    if fix is None or iso_time(fix.utc) != tpv["time"]:
        return "no such epoch"
    if not fix.valid:
        return "no fix"
    if abs(fix.lat / 1e6 - tpv["lat"]) > POSITION or abs(fix.lon / 1e6 - tpv["lon"]) > POSITION:
        return f"position {fix.lat} {fix.lon}"
    if "altMSL" in tpv and (fix.alt is None or abs(fix.alt / 100 - tpv["altMSL"]) > ALTITUDE):
        return f"altitude {fix.alt}, gpsd {tpv['altMSL']}"
    if speed is not None and "speed" in tpv:
        tally["speed"] += 1
        if fix.speed is None or abs(fix.speed / 100 - tpv["speed"]) > SPEED:
            return f"speed {fix.speed}, gpsd {tpv['speed']}"
    if track is not None and "track" in tpv:
        tally["track"] += 1
        if fix.heading is None or abs(fix.heading / 100 - tpv["track"] % 360) > TRACK:
            return f"track {fix.heading}, gpsd {tpv['track']}"
    return None


@pytest.fixture(params=CAPTURES)
def capture(request):
    log = NMEA / (request.param + ".log")
    if not log.exists():
        pytest.skip(f"no captures at {NMEA} (set PATROL_NMEA)")
    return log


def test_agrees_with_gpsd(capture, capsys):
    fixes, receiver = fixes_of(capture, 4096)
    tally, faults = compare(epochs_of(capture.with_name(capture.name + ".chk")), fixes)
    with capsys.disabled():
        print(
            f"\n{capture.stem:20} fixes {len(fixes):3} (valid {sum(f.valid for f in fixes):3})"
            f"  TPV with fix {tally['tpv']:3}:"
            f" matched {tally['matched']:3} missed {tally['missed']}"
            f"  TPV without {tally['none']:3}: claimed {tally['claimed']}"
            f"  speeds {tally['speed']:3} tracks {tally['track']:3}",
            end="",
        )
    assert not faults, faults[:10]
    assert tally["tpv"] > 0
    assert receiver.counters["checksum"] == receiver.counters["field"] == 0


def test_every_valid_fix_is_one_of_gpsds(capture):
    """The other way round: each valid fix of ours stands at a position that gpsd reports."""
    chk = capture.with_name(capture.name + ".chk").read_text("latin-1")
    tpvs = [json.loads(row) for row in re.findall(r'^{"class":"TPV".*}', chk, re.M)]
    places = {(t["lat"], t["lon"]) for t in tpvs if "lat" in t}
    fixes, _ = fixes_of(capture, 4096)
    for fix in fixes:
        if not fix.valid or fix.tod in CUT_OFF.get(capture.stem, ()):
            continue
        lat, lon = fix.lat / 1e6, fix.lon / 1e6
        near = [p for p in places if abs(p[0] - lat) <= POSITION and abs(p[1] - lon) <= POSITION]
        assert near, (fix.tod, fix.lat, fix.lon)


@pytest.mark.parametrize("size", [1, 7, 61, 1000])
def test_any_cut_gives_the_same(capture, size):
    def plain(result):
        fixes, receiver = result
        names = fixes[0].__slots__
        return [[getattr(f, n) for n in names] for f in fixes], receiver.counters

    assert plain(fixes_of(capture, size)) == plain(fixes_of(capture, 1 << 20))


# --- satellites in view ---


def nmea_id(system, number):
    """The id that gpsd calls PRN: NMEA's, each system in its own range."""
    first = {sky.GLONASS: 64, sky.GALILEO: 300, sky.BEIDOU: 400, sky.QZSS: 192}.get(system, 0)
    return number - 87 if system == sky.SBAS and number < 152 else number + first


def views(chk):
    """(rows of a whole group of GSVs, the view after it, the SKY that gpsd reports next)."""
    framer, decoder, view = Framer(), Decoder(sky.DECODERS), sky.Sky()
    group, whole, now = [], None, 0
    for line in chk.read_bytes().splitlines(keepends=True):
        if line.startswith(b"{"):
            report = json.loads(line)
            if report["class"] == "SKY" and "satellites" in report and whole is not None:
                yield whole, view.satellites(now), report
                whole = None
            continue
        for sentence in framer.feed(line):
            now += sentence[2:5] == b"RMC" and 1000
            row = decoder.parse(sentence)
            if row is None:
                continue
            view.add(row, now)
            if row[0] == sky.GSV:
                group = list(row[6]) if row[4] == 1 else group + list(row[6])
                whole = group if row[4] == row[3] else None
    assert not view.counters["dropped"]


def test_satellites_agree_with_gpsd(capture, capsys):
    reports = satellites = same = 0
    for rows, seen, report in views(capture.with_name(capture.name + ".chk")):
        theirs = {s["PRN"]: s for s in report["satellites"]}
        reports += 1
        for system, number, elevation, azimuth, snr in rows:
            satellites += 1
            at = nmea_id(system, number)
            assert at in theirs, (system, number, sorted(theirs))
            sat = theirs[at]
            assert (sat["gnssid"], sat["svid"]) == (system, number)
            for name, value in (("el", elevation), ("az", azimuth), ("ss", snr)):
                assert name not in sat or sat[name] == value, (at, name, value, sat)
        same += {nmea_id(row[0], row[1]) for row in seen} == set(theirs)
    # gpsd begins each cycle with an empty view: ours is the same when the cycle is through.
    assert same or not reports
    with capsys.disabled():
        print(
            f"\n{capture.stem:20} SKY with satellites {reports:3}: satellites {satellites:4},"
            f" whole views the same {same:3}",
            end="",
        )
