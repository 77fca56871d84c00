"""Exports of a small track against golden files that a person has looked at.

python tests/integration/test_room_exports.py --regenerate
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

REPOSITORY = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))

import pytest  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from agent.records import ANCHOR, EVENT, GAP, POSITION, SOURCE_GNSS, VALUE  # noqa: E402
from tests.support.rooms import T0, Car, make_room  # noqa: E402
from tools import provision  # noqa: E402
from tools.room import export, track  # noqa: E402
from tools.room.command import app  # noqa: E402

GOLDEN = REPOSITORY / "tests" / "golden"
CAR = "v-one"
GPX = "{http://www.topografix.com/GPX/1/1}"


def small_track(folder):
    """A store with two sessions: a drive with a pause and alerts, and a start without a clock."""
    car = Car(CAR)
    room = make_room(folder, CAR)
    car.start()
    drive = [
        (POSITION, 1000 * i, -33_990_000 + 7 * i, 6_850_000 - 11 * i, 7500 - 3000 * i, 1400 + i,
         (35_990 + 5 * i) % 36_000, 9, 0x5D)
        for i in range(4)
    ]  # fmt: skip
    after = [
        (POSITION, 200_000, -33_989_500, 6_849_900, None, None, None, None, 2),
        (POSITION, 201_000, -33_989_490, 6_849_890, 1, 0, 0, 12, 0x7D),
        (POSITION, 400_000, 5, -5, None, None, None, None, 1),
    ]
    events = [(EVENT, 1500, 2, 1), (EVENT, 2500, 8, "stored", "P0301", "<&>")]
    gap = (GAP, 900_000, "t", car.session.sid, 2, 4, "full")
    values = [(VALUE, 1000, 31, 3000), (VALUE, 1000, 24, 130), (VALUE, 1000, 9999, 7)]
    anchor = (ANCHOR, 2000, T0, SOURCE_GNSS, 100)
    frames = [car.frame(*drive, *values, anchor), car.frame(*events, lane="a")]
    frames.append(car.frame(*after, gap, lane="b"))
    room.handle([car.open(), *frames], T0)
    car.start()
    undated = (POSITION, 700, 179_999_999 // 10, 179_999_999, 0, 5, 1, 4, 0x5D)
    beyond = (POSITION, 1700, 17_999_999, -179_999_999, 0, 5, 1, 4, 0x5D)
    room.handle([car.open(), car.frame(undated, beyond)], T0 + 10**6)
    return room.store


def rendered(folder):
    store = small_track(folder)
    records = track.records(store, CAR)
    store.close()
    return {
        f"track.{kind}": "\n".join(write(CAR, records)) + "\n"
        for kind, write in export.FORMATS.items()
    }


@pytest.mark.parametrize("name", ["track.geojson", "track.gpx", "track.csv"])
def test_golden(tmp_path, name):
    assert rendered(tmp_path)[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_geojson_is_json_of_the_right_shape(tmp_path):
    found = json.loads(rendered(tmp_path)["track.geojson"])
    kinds = [(f["geometry"] or {}).get("type") for f in found["features"]]
    assert kinds == ["LineString", "LineString", "Point", "Point", "Point", "Point", "Point", None]
    for feature in found["features"]:
        if feature["properties"]["kind"] == "track" and "times" in feature["properties"]:
            points = feature["geometry"]["coordinates"]
            count = len(points) if feature["geometry"]["type"] == "LineString" else 1
            for key in ("times", "speeds_mps", "headings_deg", "qualities"):
                assert len(feature["properties"][key]) == count
    assert found["features"][0]["geometry"]["coordinates"][3] == [6.849967, -33.989979, -15.0]


def test_gpx_is_in_the_order_of_the_schema(tmp_path):
    root = ElementTree.fromstring(rendered(tmp_path)["track.gpx"])
    assert root.tag == f"{GPX}gpx" and root.get("version") == "1.1"
    assert [child.tag for child in root] == [f"{GPX}wpt"] * 2 + [f"{GPX}trk"]
    order = ["ele", "time", "sat", "extensions"]
    points = list(root.iter(f"{GPX}trkpt"))
    assert len(points) == 9
    for point in points:
        names = [child.tag.removeprefix(GPX) for child in point]
        assert names == sorted(names, key=order.index)
        assert -90 <= float(point.get("lat")) <= 90 and -180 <= float(point.get("lon")) <= 180


def test_decimals_come_from_integers():
    assert [export.decimal(v, 6) for v in (0, 5, -5, -33_990_000, 179_999_999)] == [
        "0.000000", "0.000005", "-0.000005", "-33.990000", "179.999999",
    ]  # fmt: skip
    assert export.iso(0) == "1970-01-01T00:00:00.000Z" and export.iso(None) is None
    assert export.iso(T0 + 7) == "2026-09-21T14:13:20.007Z"


# The commands


@pytest.fixture
def folder(tmp_path):
    provision.create_room(tmp_path)
    provision.create_vehicle(tmp_path, "v-idle")
    small_track(tmp_path).close()
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_track_prints_objects(folder):
    result = run("track", CAR, "--dir", folder, "--json")
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["kind"] for row in rows].count("position") == 9
    rpm = [row for row in rows if row.get("unit") == "rpm"]
    assert rpm[0]["value"] == 750.0 and rpm[0]["time"] == "2026-09-21T14:13:19.000Z"
    bounded = run("track", CAR, "--dir", folder, "--json", "--from", "2026-09-21T14:13:20",
                  "--to", "2026-09-21T16:13:20+02:00")  # fmt: skip
    rows = [json.loads(line) for line in bounded.stdout.splitlines()]
    assert [row["uptime_ms"] for row in rows] == [2000]


def test_people_get_tables(folder):
    assert "33.989979" in run("track", CAR, "--dir", folder).stdout
    assert "P0301" in run("events", CAR, "--dir", folder).stdout
    vehicles = run("vehicles", "--dir", folder).stdout
    assert CAR in vehicles and "v-idle" in vehicles


def test_vehicles_as_objects(folder):
    rows = [
        json.loads(line)
        for line in run("vehicles", "--dir", folder, "--json").stdout.split("\n")[:-1]
    ]
    by_name = {row["vehicle"]: row for row in rows}
    assert by_name["v-idle"]["position"] is None and by_name["v-idle"]["online"] is None
    assert by_name[CAR]["frames"] == 4 and by_name[CAR]["position"]["lat"] == 17.999999
    assert by_name[CAR]["position"]["time"] is None  # undated, but of the newer session


def test_export_writes_the_file(folder, tmp_path):
    for kind in export.FORMATS:
        out = tmp_path / f"out.{kind}"
        result = run("export", CAR, "--dir", folder, "--format", kind, "--out", out)
        assert result.exit_code == 0, result.output
        assert out.read_text(encoding="utf-8") == (GOLDEN / f"track.{kind}").read_text("utf-8")


def test_errors_are_one_line_and_have_their_code(folder, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "room.json").write_text('{"room_keys": 5}')
    for code, text, *arguments in (
        (1, "v-none", "track", "v-none", "--dir", folder),
        (1, "cannot be read", "vehicles", "--dir", tmp_path / "absent"),
        (1, "room_keys", "vehicles", "--dir", tmp_path / "broken"),
        (1, "nowhere", "export", CAR, "--dir", folder, "--out", "/nowhere/x"),
        (2, "svg", "export", CAR, "--dir", folder, "--out", "x", "--format", "svg"),
        (2, "yesterday", "track", CAR, "--dir", folder, "--from", "yesterday"),
        (2, "", "export", CAR, "--dir", folder),
    ):
        result = run(*arguments)
        assert result.exit_code == code, (arguments, result.output)
        assert text in result.stderr and "Traceback" not in result.stderr
        if code == 1:
            assert result.stderr.count("\n") == 1


def regenerate():
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in rendered(Path(folder)).items():
            (GOLDEN / name).write_text(text, encoding="utf-8")


def test_a_car_is_drawn_where_its_speed_and_heading_lead():
    at = track.Position(1000, 5, "00", 33590000, -7610000, None, 1000, 9000, None, 1)
    assert track.expected(at, 1000) == (33590000, -7610000)
    lat, lon = track.expected(at, 31000)
    # 300 m due east are 3,238 micro-degrees of longitude at that latitude.
    assert abs(lat - 33590000) <= 1 and abs(lon - -7610000 - 3238) <= 2
    assert track.expected(at, 61001) is None and track.expected(at, 999) is None
    assert track.expected(replace(at, utc=None), 1000) is None
    assert track.expected(replace(at, heading=None), 9000) == (33590000, -7610000)


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit("use: python tests/integration/test_room_exports.py --regenerate")
    regenerate()
