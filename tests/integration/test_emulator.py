"""The emulated patrol car: is it right, is it consistent, is it paced like the real thing?"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from functools import reduce
from itertools import pairwise
from operator import xor
from pathlib import Path

import pynmea2
import pytest
import serial

from tools.emulator import ScenarioError, drive, load, parse
from tools.emulator.ecu import car_ecus
from tools.emulator.elm327 import Elm327
from tools.emulator.isotp import segment
from tools.emulator.pids import PIDS
from tools.emulator.pty import Clock, Uart
from tools.emulator.replay import Capture
from tools.emulator.scenario import BUNDLED
from tools.emulator.vehicle import Vehicle

ROOT = Path(__file__).parents[2]
NMEA = Path(os.environ.get("PATROL_NMEA", ROOT.parent / "shared" / "nmea"))
START_MS = 1_772_436_600_000  # 2026-03-02 07:30:00 UTC


def scenario(**sections):
    """A short drive in Casablanca with a fixed start; sections replace or extend its own."""
    data = json.loads((BUNDLED / "casablanca-short.json").read_text(encoding="utf-8"))
    data["start"] = "2026-03-02T07:30:00Z"
    for key, value in sections.items():
        data[key] = {**data[key], **value} if isinstance(data.get(key), dict) else value
    return parse(data)


# -- the vehicle


@pytest.mark.parametrize("name", ["casablanca-short", "rabat-hour"])
def test_bundled_drives_are_plausible(name):
    chosen = load(name)
    car = Vehicle(chosen)
    states = [car.at(t / 2) for t in range(int(chosen.duration) * 2)]
    for a, b in pairwise(states):
        assert abs(b.speed - a.speed) <= 0.5 * 2.1
        assert 0 <= b.speed <= 120 / 3.6
        assert 600 <= b.rpm <= 5000
        assert 0 < b.load <= 100
        assert b.fuel <= a.fuel
    assert car.at(5).speed > 0 or name == "rabat-hour"
    standing = sum(s.speed == 0 for s in states) / len(states)
    assert 0.05 < standing < 0.5


def test_the_hour_lasts_an_hour():
    chosen = load("rabat-hour")
    assert chosen.duration == 3600
    assert 3400 < Vehicle(chosen).motion.arrival < 3700


def test_position_speed_and_heading_agree():
    car = Vehicle(scenario())
    plane = car.motion.projection
    for t in range(0, 290):
        a, b = car.at(t), car.at(t + 0.2)
        (x0, y0), (x1, y1) = plane.metres(a.lat, a.lon), plane.metres(b.lat, b.lon)
        moved = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        assert abs(moved / 0.2 - (a.speed + b.speed) / 2) < 0.3
        assert abs((b.heading - a.heading + 180) % 360 - 180) < 25


# -- the GPS receiver


def checksum(body):
    return f"{reduce(xor, body, 0):02X}".encode()


def test_sentences_have_right_checksums_and_form():
    for data, _ in drive(scenario(gps={"sentences": ["RMC", "VTG", "GGA", "GSA"]})):
        lines = data.split(b"\r\n")
        assert lines.pop() == b""
        assert [line[3:6] for line in lines] == [b"RMC", b"VTG", b"GGA", b"GSA"]
        for line in lines:
            body, given = line[1:].split(b"*")
            assert given == checksum(body)
            assert len(line) <= 80


def test_truth_is_what_the_sentences_say():
    """Another reading of the same text, by pynmea2's own conversions."""
    rows = list(drive(scenario(gps={"rate": 2, "baud": 38400, "cold_start": 20})))
    assert len(rows) == 600
    for data, row in rows:
        messages = [pynmea2.parse(s, check=True) for s in data.decode().splitlines()]
        rmc = next(m for m in messages if m.sentence_type == "RMC")
        gga = next(m for m in messages if m.sentence_type == "GGA")
        assert row["valid"] == (rmc.status == "A")
        if not row["valid"]:
            assert row["lat"] is row["lon"] is row["alt"] is row["speed"] is None
            continue
        assert abs(row["lat"] - rmc.latitude * 1e6) <= 0.5001
        assert abs(row["lon"] - rmc.longitude * 1e6) <= 0.5001
        assert (gga.latitude, gga.longitude) == (rmc.latitude, rmc.longitude)
        assert row["alt"] == round(gga.altitude * 100)
        assert abs(row["speed"] - rmc.spd_over_grnd * 185200 / 3600) <= 0.5001
        assert row["sats"] == int(gga.num_sats)
        if rmc.true_course is None:
            assert row["heading"] is None
        else:
            assert row["heading"] == round(rmc.true_course * 100)
        fix = datetime.combine(rmc.datestamp, rmc.timestamp)
        assert row["fix_utc"] == round(fix.timestamp() * 1000)
    assert sum(row["valid"] for _, row in rows) == 560


def test_noise_is_as_large_as_it_says():
    chosen = scenario(duration=3000, gps={"correlated": 2.0, "white": 0.1, "tau": 20})
    car = Vehicle(chosen)
    errors = []
    for _, row in drive(chosen):
        state = car.at((row["fix_utc"] - START_MS) / 1000)
        errors.append((row["lat"] / 1e6 - state.lat) * car.motion.projection.metres_lat)
    deviation = (sum(e * e for e in errors) / len(errors)) ** 0.5
    assert 1.4 < deviation < 2.7
    steps = [abs(b - a) for a, b in pairwise(errors)]
    assert sorted(steps)[len(steps) // 2] < 0.9


def test_seed_decides_everything():
    one, same, other = (list(drive(scenario(seed=n))) for n in (4, 4, 5))
    assert one == same
    assert one != other


def test_gps_faults():
    faults = [
        {"part": "gps", "kind": "no-fix", "at": 50, "for": 10},
        {"part": "gps", "kind": "silent", "at": 100, "for": 10},
        {"part": "gps", "kind": "multipath", "at": 200, "for": 10, "north": 300},
    ]
    plain = {row["fix_utc"]: row for _, row in drive(scenario())}
    rows = {row["fix_utc"]: row for _, row in drive(scenario(faults=faults))}
    seconds = {(utc - START_MS) // 1000 for utc in rows}
    assert set(range(300)) - seconds == set(range(100, 110))
    invalid = {(utc - START_MS) // 1000 for utc, row in rows.items() if not row["valid"]}
    assert invalid == set(range(50, 60))
    for utc, row in rows.items():
        second = (utc - START_MS) // 1000
        moved = row["valid"] and row["lat"] - plain[utc]["lat"]
        assert (2690 < moved < 2720) if 200 <= second < 210 else moved == 0


# -- the OBD adapter, as a machine


class Bench:
    """Talks to the adapter in simulated time."""

    def __init__(self, **sections):
        self.scenario = scenario(**sections)
        self.car = Vehicle(self.scenario)
        self.elm = Elm327(self.scenario, car_ecus(self.scenario, self.car), self.car.at)
        self.now = 1.0
        self.rows = []

    def ask(self, text):
        """The answer to a line, and the seconds until its prompt may leave."""
        emissions = self.elm.feed(text.encode() + b"\r", self.now)
        self.rows = [row for e in emissions for row in e.rows]
        last = emissions[-1].at
        seconds, self.now = last - self.now, last + 0.2
        return b"".join(e.data for e in emissions).decode("latin-1"), seconds

    def quiet(self, *more):
        for command in ("ATZ", "ATE0", "ATS0", *more):
            self.ask(command)
        return self


def test_adapter_speaks_like_one():
    bench = Bench()
    assert bench.ask("ATZ") == ("ATZ\r\r\rELM327 v1.5\r\r>", pytest.approx(0.6))
    assert bench.ask("at i")[0] == "at i\rELM327 v1.5\r\r>"
    assert bench.ask("ATE0")[0] == "ATE0\rOK\r\r>"
    assert bench.ask("AT@1")[0] == "OBDII to RS232 Interpreter\r\r>"
    assert bench.ask("ATDPN")[0] == "A0\r\r>"
    assert bench.ask("ATDP")[0] == "AUTO\r\r>"
    assert bench.ask("ATNONSENSE")[0] == "?\r\r>"
    assert bench.ask("HELLO")[0] == "?\r\r>"
    assert bench.ask("ATRV")[0] in ("14.1V\r\r>", "14.2V\r\r>")
    text, seconds = bench.ask("0100")
    assert text == "SEARCHING...\r41 00 BE 7F B8 13 \r41 00 88 18 00 10 \r\r>"
    assert seconds > 1.5
    assert bench.ask("ATDP")[0] == "AUTO, ISO 15765-4 (CAN 11/500)\r\r>"
    assert bench.ask("ATDPN")[0] == "A6\r\r>"
    assert bench.ask("ATL1")[0] == "OK\r\n\r\n>"
    assert bench.ask("0133")[0] == "41 33 65 \r\n\r\n>"
    assert bench.ask("")[0] == "41 33 65 \r\n\r\n>"


@pytest.mark.parametrize(
    "command",
    [
        "L0", "S1", "H0", "E1", "SP0", "SP6", "SPA6", "TP6", "ST32", "AT0", "AT1", "AT2", "AL",
        "CAF1", "CAF0", "PC", "FE", "M0", "M1", "D", "WS", "LP", "DP", "DPN", "RV", "I", "@1",
    ],
)  # fmt: skip
def test_common_commands_are_known(command):
    assert "?" not in Bench().quiet().ask("AT" + command)[0]


def test_long_answers_exactly():
    bench = Bench(obd={"padding": 0x55}).quiet("ATSP6")
    assert bench.ask("0902")[0] == "014\r0:490201564631\r1:52464230305835\r2:36373839303132\r\r>"
    assert bench.rows == [{"k": "vin", "vin": "VF1RFB00X56789012"}]
    bench.ask("ATS1")
    assert bench.ask("0902")[0] == (
        "014 \r0: 49 02 01 56 46 31 \r1: 52 46 42 30 30 58 35 \r2: 36 37 38 39 30 31 32 \r\r>"
    )
    bench.ask("ATH1")
    assert bench.ask("0904")[0] == (
        "7E8 10 13 49 04 01 50 56 31 \r7E8 21 2D 45 4E 47 49 4E 45 \r"
        "7E8 22 2D 32 2E 30 2E 37 55 \r\r>"
    )
    bench.ask("ATS0")
    assert bench.ask("0101")[0] == "7E80641018107E500\r7E90641010007E500\r\r>"
    bench.ask("ATCAF0")
    assert bench.ask("0133")[0] == "7E80341336555555555\r\r>"


def test_segmentation_counts_frames():
    assert segment(bytes(7), 0xAA) == [b"\x07" + bytes(7)]
    assert segment(b"\x01", 0xAA) == [b"\x01\x01" + b"\xaa" * 6]
    frames = segment(bytes(6 + 7 * 17))
    assert frames[0][:2] == b"\x10\x7d"
    assert [f[0] for f in frames[1:]] == [0x20 | n & 15 for n in range(1, 18)]
    with pytest.raises(ValueError):
        segment(bytes(4096))


def test_frame_count_saves_the_wait():
    bench = Bench(obd={"baud": 115200}).quiet("ATSP6")
    with_digit = bench.ask("01331")[1]
    without = bench.ask("0133")[1]
    assert with_digit == pytest.approx(0.011, abs=0.002)
    assert without == pytest.approx(0.011 + 0x32 * 0.004096, abs=0.002)
    bench.ask("ATST0A")
    assert bench.ask("0133")[1] == pytest.approx(0.011 + 10 * 0.004096, abs=0.002)
    # Nothing answers: the wait begins with the request.
    text, seconds = bench.ask("0198")
    assert (text, seconds) == ("NO DATA\r\r>", pytest.approx(0.042, abs=0.002))
    # More frames awaited than come.
    assert bench.ask("0133F")[1] == pytest.approx(0.052, abs=0.002)


def test_adaptive_timing_is_a_setting():
    plain, adaptive = (
        Bench(obd={"adaptive": flag}).quiet("ATSP6", "ATAT1", "0133").ask("0133")[1]
        for flag in (False, True)
    )
    assert plain > 0.2
    assert adaptive < 0.08


def test_six_pids_in_one_request():
    bench = Bench().quiet("ATSP6", "ATH1", "ATCRA7E8")
    text, _ = bench.ask("010C0D0504112F3")
    frames = [bytes.fromhex(line[3:]) for line in text.split("\r") if line.startswith("7E8")]
    assert [f[0] for f in frames] == [0x10, 0x21, 0x22]
    payload = frames[0][2:] + frames[1][1:] + frames[2][1:]
    size = frames[0][1]
    assert size == 1 + 3 + 5 * 2
    payload, place, values = payload[1:size], 0, []
    while place < len(payload):
        row = PIDS[payload[place]]
        values.append((row.pid, row.decode(payload[place + 1 : place + 1 + row.length])))
        place += 1 + row.length
    assert [(r["pid"], r["value"]) for r in bench.rows] == values
    assert [pid for pid, _ in values] == [0x0C, 0x0D, 0x05, 0x04, 0x11, 0x2F]
    assert bench.ask("010C0D0504112F0B")[0] == "?\r\r>"


def test_second_ecu_answers_a_few():
    bench = Bench().quiet("ATSP6", "ATH1")
    assert [line[:3] for line in bench.ask("010D")[0].split("\r")[:2]] == ["7E8", "7E9"]
    assert len(bench.rows) == 1
    bench.ask("ATSH7E1")
    assert bench.ask("010D")[0].startswith("7E903410D")
    assert bench.rows == []
    assert bench.ask("0902")[0] == "NO DATA\r\r>"
    assert bench.ask("22F190")[0] == "7E9037F2211\r\r>"


def test_long_ids():
    bench = Bench(obd={"protocol": "7"}).quiet("ATH1", "0100", "ATS1")
    assert bench.ask("01331")[0] == "18 DA F1 10 03 41 33 65 \r\r>"
    assert bench.ask("ATDPN")[0] == "A7\r\r>"


def test_bitmaps_name_every_pid():
    bench = Bench().quiet("ATSP6", "ATH1")
    supported, base, more = set(), 0, True
    while more:
        bits = int(bench.ask(f"01{base:02X}1")[0].split("\r")[0][9:], 16)
        supported |= {base + n for n in range(1, 33) if bits >> (32 - n) & 1}
        base += 32
        more = base in supported
    supported -= {0x20, 0x40, 0x60, 0x80, 0xA0}
    assert supported == set(PIDS)
    assert len(supported & set(range(0x80))) >= 45
    for pid in supported:
        row = PIDS[pid]
        answer = bytes.fromhex(bench.ask(f"01{pid:02X}1")[0].split("\r")[0][3:])
        assert answer[:3] == bytes((row.length + 2, 0x41, pid))
        assert bench.rows == [{"k": "obd", "pid": pid, "value": row.decode(answer[3:])}]


@pytest.mark.parametrize(
    "pid, data, value",
    [
        (0x04, "7F", 49.80392), (0x05, "7B", 83), (0x0B, "65", 101), (0x0C, "1AF8", 1726),
        (0x0D, "32", 50), (0x0E, "80", 0), (0x10, "01F4", 5), (0x2F, "FF", 100),
        (0x32, "FFFC", -1), (0x3C, "1194", 410), (0x42, "3714", 14.1), (0x44, "8000", 1),
        (0x06, "80", 0), (0x5E, "0014", 1), (0x62, "7D", 0), (0xA6, "000CD9AA", 84215.4),
    ],
)  # fmt: skip
def test_formulas(pid, data, value):
    assert PIDS[pid].decode(bytes.fromhex(data)) == pytest.approx(value, abs=1e-4)


def test_encoding_returns_the_state():
    car = Vehicle(scenario())
    ecu = car_ecus(scenario(), car)[0]
    for t in range(0, 290, 7):
        state = car.at(t)
        for pid, field, step in ((12, "rpm", 0.25), (5, "coolant", 1), (17, "throttle", 0.4)):
            data = PIDS[pid].encode(state, ecu)
            assert abs(PIDS[pid].decode(data) - getattr(state, field)) <= step / 2 + 1e-9


def test_obd_speed_agrees_with_gps_speed():
    chosen = scenario()
    car = Vehicle(chosen)
    ecu = car_ecus(chosen, car)[0]
    moving = 0
    for _, row in drive(chosen):
        state = car.at((row["fix_utc"] - START_MS) / 1000)
        kmh = PIDS[0x0D].decode(PIDS[0x0D].encode(state, ecu))
        assert abs(kmh / 3.6 - row["speed"] / 100) < 0.5
        moving += kmh > 10
    assert moving > 150


def test_trouble_codes():
    bench = Bench(obd={"stored": ["P0133", "U0101", "B1A2F"], "pending": ["C0035"]})
    bench.quiet("ATSP6", "ATH1", "ATCRA7E8")
    assert bench.ask("03")[0] == "7E8100843030133C101\r7E8219A2F0000000000\r\r>"
    assert bench.rows == [{"k": "dtc", "codes": ["P0133", "U0101", "B1A2F"]}]
    assert bench.ask("07")[0] == "7E80447014035\r\r>"
    assert bench.ask("0A")[0] == "7E8024A00\r\r>"
    assert bench.ask("0101")[0].startswith("7E80641018307")
    assert bench.ask("020200")[0] == "7E8054202000133\r\r>"
    assert bench.ask("020C00")[0].startswith("7E805420C00")
    assert bench.ask("04")[0] == "7E8037F0422\r\r>", "the engine runs"


def test_a_character_before_the_prompt_stops_the_request():
    bench = Bench(obd={"baud": 115200}).quiet("ATSP6")
    assert len(bench.elm.feed(b"0133\r", 10.0)) > 1
    emissions = bench.elm.feed(b"010C\r", 10.1)
    assert b"".join(e.data for e in emissions) == b"STOPPED\r\r>"
    assert min(e.at for e in emissions) > 10.1
    bench.now = 11.0
    assert bench.ask("01331")[0] == "413365\r\r>"
    assert bench.elm.counters["stopped"] == 1


def test_wrong_protocol_and_no_car():
    bench = Bench().quiet("ATSP3")
    assert bench.ask("0100")[0] == "BUS INIT: ...ERROR\r\r>"
    bench.ask("ATSP8")
    assert bench.ask("0100")[0] == "CAN ERROR\r\r>"
    off = [{"part": "car", "kind": "ignition-off", "at": 0, "for": 100}]
    bench = Bench(faults=off).quiet()
    assert bench.ask("0100")[0] == "SEARCHING...\rUNABLE TO CONNECT\r\r>"
    assert bench.ask("ATRV")[0].startswith("12.")


def test_clones_refuse_what_they_do_not_know():
    bench = Bench(obd={"count_digit": False, "max_pids": 1}).quiet("ATSP6")
    assert bench.ask("01331")[0] == "?\r\r>"
    assert bench.ask("010C0D")[0] == "?\r\r>"
    assert bench.ask("0133")[0] == "413365\r\r>"


def test_obd_faults():
    faults = [
        {"part": "obd", "kind": "silent", "at": 10, "for": 5},
        {"part": "obd", "kind": "no-data", "at": 20, "for": 5},
        {"part": "obd", "kind": "error", "at": 30, "for": 5, "text": "BUS BUSY"},
        {"part": "obd", "kind": "noise", "at": 40, "for": 5, "rate": 1.0},
        {"part": "obd", "kind": "reset", "at": 50, "text": "LV RESET"},
    ]
    bench = Bench(faults=faults).quiet("ATSP6")
    assert bench.elm.feed(b"0133\r", 12.0) == []
    answers = {}
    for second in (16, 22, 32, 36, 42):
        bench.now = float(second)
        answers[second] = bench.ask("01331")[0]
    assert answers[16] == answers[36] == "413365\r\r>"
    assert answers[22] == "NO DATA\r\r>"
    assert answers[32] == "BUS BUSY\r\r>"
    assert answers[42].replace("\0", "").replace("\xff", "") == "413365\r\r>" != answers[42]
    assert bench.elm.wake() == 50
    assert [e.data for e in bench.elm.poll(50.0)] == [b"\r\rLV RESET\r\r>"]
    assert bench.elm.wake() is None
    bench.now = 51.0
    assert bench.ask("0133")[0] == "0133\r41 33 65 \r\r>", "echo and spaces are back"


def test_cutting_the_input_changes_nothing():
    whole, cut = Bench().quiet("ATSP6"), Bench().quiet("ATSP6")
    expected = whole.elm.feed(b"010C1\r", 20.0)
    for byte in b"010C1":
        assert cut.elm.feed(bytes((byte,)), 20.0) == []
    assert cut.elm.feed(b"\r", 20.0) == expected


# -- scenario files


@pytest.mark.parametrize(
    "sections, name",
    [
        ({"gps": {"rate": 3}}, "gps.rate:"),
        ({"gps": {"rate": 10}}, "gps.rate:"),
        ({"gps": {"sentences": ["RMC"]}}, "gps.sentences:"),
        ({"gps": {"speling": 1}}, "gps.speling:"),
        ({"obd": {"baud": "fast"}}, "obd.baud:"),
        ({"obd": {"stored": ["P01"]}}, "obd.stored:"),
        ({"car": {"vin": "SHORT"}}, "car.vin:"),
        ({"start": "yesterday"}, "start:"),
        ({"seed": True}, "seed:"),
        ({"duration": 0}, "duration:"),
        ({"colour": "blue"}, "colour:"),
        ({"route": {"points": [[33.5, -7.6]]}}, "route.points:"),
        ({"route": {"points": [[33.5, -7.6], [95, -7.6]]}}, "route.points[1].at:"),
        ({"route": {"points": [[33.5, -7.6], [33.5, -7.6]]}}, "route.points[1].at:"),
        ({"faults": [{"part": "gps", "kind": "bored", "at": 1}]}, "faults[0].kind:"),
        ({"faults": [{"part": "gps", "kind": "silent"}]}, "faults[0].at:"),
    ],
)
def test_the_offending_key_is_named(sections, name):
    with pytest.raises(ScenarioError) as raised:
        scenario(**sections)
    assert str(raised.value).startswith(name)


# -- replay


@pytest.fixture
def bt451():
    path = NMEA / "bt451.log"
    if not path.exists():
        pytest.skip(f"no captures at {NMEA}; set PATROL_NMEA")
    return path


def test_replay_of_a_real_drive(bt451):
    epochs = list(Capture(bt451).epochs())
    written = b"".join(e.data for e in epochs)
    lines = [x.strip() for x in bt451.read_bytes().split(b"\n") if x.strip()]
    assert written.split(b"\r\n")[:-1] == [x for x in lines if not x.startswith(b"#")]
    rows = [e.row for e in epochs if e.row]
    assert len(rows) == 19, "17 with RMC, and two that a cut begins"
    valid = [row for row in rows if row["valid"]]
    assert valid and all(row["lat"] // 10**6 == 55 for row in valid)
    assert max(row["speed"] or 0 for row in valid) == 1660, "59.8 km/h"
    assert all(b.at > a.at for a, b in pairwise(epochs))


def test_every_capture_can_be_replayed():
    captures = sorted(NMEA.glob("*.log"))
    if not captures:
        pytest.skip(f"no captures at {NMEA}; set PATROL_NMEA")
    for path in captures:
        epochs = list(Capture(path).epochs())
        assert any(e.row for e in epochs), path.name
        baud = Capture(path).baud(9600)
        assert all(len(a.data) * 10 / baud <= b.at - a.at for a, b in pairwise(epochs)), path.name


def test_replayed_car_reports_the_captured_speed(bt451):
    capture = Capture(bt451)
    chosen = scenario()
    car = Vehicle(chosen, capture.motion(chosen))
    moving = [e for e in capture.epochs() if e.row and (e.row["speed"] or 0) > 500]
    for epoch in moving[:-1]:
        assert car.at(epoch.at).wheel_speed / 3.6 == pytest.approx(
            epoch.row["speed"] / 100, rel=0.02, abs=0.1
        )


def test_replay_paces_by_the_sentences(tmp_path):
    capture = tmp_path / "capture.log"

    def rmc(time):
        body = f"GPRMC,{time},V,,,,,,,020326,,,N".encode()
        return b"$" + body + b"*" + checksum(body) + b"\n"

    capture.write_bytes(
        b"# comment\n" + rmc("") + rmc("") + rmc("235959.80") + rmc("000000.00") + rmc("000005")
        + rmc("000005") + rmc("040000")
    )  # fmt: skip
    epochs = list(Capture(capture).epochs())
    assert [e.at for e in epochs] == pytest.approx([0, 1, 2, 2.2, 7.2, 8.2, 9.2])


# -- on a pseudo-terminal


async def _paced():
    clock = Clock()
    uart = Uart(clock, 9600)
    done = []
    with serial.Serial(uart.path, 9600, timeout=0) as port:
        started = time.monotonic()
        uart.send(bytes(range(240)), lambda t: done.append(time.monotonic()))
        got, times = b"", []
        while len(got) < 240 and time.monotonic() - started < 3:
            await asyncio.sleep(0.001)
            got += port.read(1000)
            times.append((time.monotonic() - started, len(got)))
    lost = dict(uart.counters)
    uart.send(b"nobody listens")
    await asyncio.sleep(0.1)
    with serial.Serial(uart.path, 9600, timeout=0) as port:
        await asyncio.sleep(0.05)
        stale = port.read(100)
    counters = dict(uart.counters)
    await uart.close()
    return got, times, done[0] - started, lost, stale, counters


def test_uart_is_no_faster_than_its_baud_rate():
    got, times, last, before, stale, after = asyncio.run(_paced())
    assert got == bytes(range(240)), "every byte value passes: the terminal is raw"
    assert all(count <= 960 * seconds + 1 for seconds, count in times)
    assert 0.25 <= last < 0.6
    assert before["lost"] == 0
    assert stale == b"" and after["lost"] == len(b"nobody listens")


@pytest.fixture
def emulator(tmp_path):
    """Starts `python -m tools.emulator`; gives (process, terminals, truth file)."""
    started = []

    def start(*options):
        truth = tmp_path / "truth.jsonl"
        command = [sys.executable, "-m", "tools.emulator", "--json", "--truth", str(truth)]
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        return process, json.loads(process.stdout.readline()), truth

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_whole_car_through_pyserial(emulator):
    process, terminals, truth = emulator("--attached", "--speed", "4")
    sentences = []
    with (
        serial.Serial(terminals["gps"], 9600, timeout=2) as gps,
        serial.Serial(terminals["obd"], 38400, timeout=3) as obd,
    ):
        answers = []
        for line in ("ATZ", "ATE0", "ATS0", "ATH1", "ATSP6", "010C1", "010D1", "03", "0902"):
            obd.write(line.encode() + b"\r")
            answers.append(obd.read_until(b">"))
        while len(sentences) < 12:
            sentences.append(gps.readline())
    process.stdin.close()
    assert process.wait(5) == 0
    assert answers[0].endswith(b"ELM327 v1.5\r\r>")
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    rpm = next(r for r in rows if r["k"] == "obd" and r["pid"] == 12)
    assert answers[5].startswith(b"7E804410C")
    assert rpm["value"] == int(answers[5][9:13], 16) / 4
    assert [r["vin"] for r in rows if r["k"] == "vin"] == ["VF1RFB00X56789012"]
    assert [r["codes"] for r in rows if r["k"] == "dtc"] == [["P0133"]]
    said = {pynmea2.parse(s.decode()).lat for s in sentences if b"RMC" in s}
    logged = {r["lat"] for r in rows if r["k"] == "gps"}
    assert said and logged
    assert all(a["utc"] <= b["utc"] for a, b in pairwise(rows))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_clean_end(emulator, number):
    process, _, _ = emulator()
    process.send_signal(number)
    assert process.wait(5) == 0
