"""What no input may do to the GPS part: raise an exception, or bring out a wrong value.

Receivers' captures and the emulator's streams are cut, mixed with noise and have their bits flipped
one by one. Whatever fixes then come out must say what the undamaged stream says at that time stamp;
they may say less, never something else.

Only a checksum keeps damage out, and XOR is a weak one. So each test looks for itself, with a
regular expression, whether a damaged stream holds a line that the undamaged one has not and whose
checksum agrees: such an example proves nothing, is set aside and counted.
"""

import dataclasses
import os
import re
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agent.gps.framer import MAX_BINARY, Framer, crc24q, fletcher
from agent.gps.nmea import GGA, GLL, GNS, GSA, RMC, VTG, Decoder
from agent.gps.receiver import STALLED_MS, Receiver
from tools.emulator import drive, load

NMEA = Path(os.environ.get("PATROL_NMEA") or Path(__file__).parents[2] / ".." / "shared" / "nmea")

# Captures, each with the sentence in front of the piece that is used: mostly its first with a time.
CAPTURES = {
    "beidou-gb": b"$",
    "bt451": b"$GPRMC,,V",  # two recordings, the first begins without a time
    "mtk-3301": b"$",
    "nmea-fuzzy-cases": b"$",
    "quectel-eg25-g": b"$GPRMC,1",
    "sirfstarv-nmea": b"$",
    "telit-he910": b"$GPRMC,1",
    "ublox-neo-m9n-nmea": b"$GNRMC,2",
}
# Sentences of the emulator's receivers: those that the agent asks for, and one that ends with RMC.
EMULATED = {
    "emulator": ("RMC", "GGA"),
    "emulator-full": ("RMC", "VTG", "GGA", "GSA"),
    "emulator-rmc-last": ("GGA", "GLL", "GSA", "VTG", "ZDA", "RMC"),
}
NAMES = (*CAPTURES, *EMULATED, "emulator-binary")
LENGTH = 5000  # bytes of a stream
EPOCHS = 16  # of the emulator's
START_MS = 1790000000000
SKIP = 60  # its epochs before the first fix
# Behind the stream: nothing is held back any more, whatever header noise has made up.
REST = b"\r\n" * MAX_BINARY

SAID = ("alt", "speed", "heading", "sats", "hdop", "utc")  # and the position
CANDIDATE = re.compile(rb"\$([^$*\n]*)\*([0-9A-Fa-f]{2})")

FEW = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# --- streams, and what they say ---


def lines(data):
    """The bodies of all lines whose checksum agrees, in order."""
    found = []
    for match in CANDIDATE.finditer(data):
        n = 0
        for byte in match[1]:
            n ^= byte
        if n == int(match[2], 16):
            found.append(match[1])
    return found


def fixes_of(data, cuts=()):
    receiver = Receiver()
    fixes, at = [], 0
    for cut in (*sorted(cuts), len(data)):
        fixes += receiver.feed(data[at:cut], 0)
        at = cut
    return fixes + receiver.poll(STALLED_MS + 1), receiver


class Stream:
    """data: the undamaged bytes; lines: their bodies; said: {tod: {name: {value, ...}}} of the
    fixes and of every sentence, as a fix without its RMC may take what that one overruled."""

    def __init__(self, data):
        self.data = data
        self.lines = lines(data)
        self.fixes = fixes_of(data)[0]
        self.said = {}
        for fix in self.fixes:
            self._add(fix.tod, place=(fix.lat, fix.lon), **{n: getattr(fix, n) for n in SAID})
        decoder, tod = Decoder(), None
        for body in self.lines:
            row = decoder.parse(body)
            if row is None:
                continue
            if row[0] in (RMC, GGA, GNS, GLL):
                tod = row[1]
                self._add(tod, place=row[3:5])
            if row[0] == RMC:
                self._add(tod, speed=row[5], heading=row[6])
            elif row[0] in (GGA, GNS):
                self._add(tod, sats=row[5], hdop=row[6], alt=row[7])
            elif row[0] == VTG:
                self._add(tod, speed=row[1], heading=row[2])
            elif row[0] == GSA:
                self._add(tod, hdop=row[2])

    def _add(self, tod, **values):
        epoch = self.said.setdefault(tod, {})
        for name, value in values.items():
            epoch.setdefault(name, set()).add(value)

    def wrong(self, fix):
        """What a fix says that this stream does not, or None."""
        if fix.tod is None:
            return "valid without time" if fix.valid or fix.lat is not None else None
        epoch = self.said.get(fix.tod)
        if epoch is None:
            return f"no such epoch: {fix.tod}"
        if fix.lat is not None and (fix.lat, fix.lon) not in epoch["place"]:
            return f"{fix.tod}: position {fix.lat} {fix.lon}, not {epoch['place']}"
        for name in SAID:
            value = getattr(fix, name)
            if value is None or (name == "heading" and fix.held):
                continue  # held: the last one known, and it says so
            if value not in epoch.get(name, ()):
                return f"{fix.tod}: {name} {value}, not {epoch.get(name)}"
        return None

    def agrees(self, damaged):
        """A damaged line's checksum agrees by itself, or a line got to another place."""
        rest = iter(self.lines)
        return not all(body in rest for body in lines(damaged))

    def check(self, damaged):
        """No wrong value comes of the damaged stream, and nothing is lost that is whole."""
        fixes, _ = fixes_of(damaged + REST)
        wrong = [text for text in map(self.wrong, fixes) if text]
        assert not wrong, wrong
        decoder = Decoder()
        rows = [row for row in map(decoder.parse, lines(damaged)) if row is not None]
        times = {row[1] for row in rows if row[0] in (RMC, GGA, GNS, GLL)} - {None}
        assert times <= {fix.tod for fix in fixes}


def _ubx(payload):
    inner = b"\x01\x07" + len(payload).to_bytes(2, "little") + payload
    return b"\xb5\x62" + inner + bytes(fletcher(inner))


def _rtcm(payload):
    frame = b"\xd3" + len(payload).to_bytes(2, "big") + payload
    return frame + crc24q(frame).to_bytes(3, "big")


def _emulated(sentences):
    scenario = load("rabat-hour")
    gps = dataclasses.replace(scenario.gps, sentences=sentences)
    epochs = drive(dataclasses.replace(scenario, gps=gps), START_MS)
    return [data for data, _ in islice(epochs, SKIP, SKIP + EPOCHS)]


_streams = {}


def stream_of(name):
    if name in _streams:
        return _streams[name]
    if name == "emulator-binary":
        epochs = _emulated(EMULATED["emulator-full"])
        frames = (_ubx(b"$GPRMC,1*00\r\n"), _rtcm(b"\xb5\x62$" * 20), _ubx(b""), b"\xd3\xb5")
        data = b"".join(e + frames[i % len(frames)] for i, e in enumerate(epochs))
    elif name in EMULATED:
        data = b"".join(_emulated(EMULATED[name]))
    else:
        log = NMEA / (name + ".log")
        if not log.exists():
            pytest.skip(f"no captures at {NMEA} (set PATROL_NMEA)")
        data = log.read_bytes()
        data = data[data.index(CAPTURES[name]) :]
    data = data[:LENGTH]
    _streams[name] = Stream(data[: data.rfind(b"\n") + 1])
    return _streams[name]


@pytest.fixture(params=NAMES)
def stream(request):
    return stream_of(request.param)


# --- the properties ---


def test_streams_are_worth_it(stream):
    valid = [fix for fix in stream.fixes if fix.valid]
    assert len(valid) >= 2 and not any(map(stream.wrong, stream.fixes))


@FEW
@given(data=st.data())
def test_any_split_gives_equal_fixes(stream, data):
    def plain(result):
        fixes, receiver = result
        names = fixes[0].__slots__
        return [[getattr(f, n) for n in names] for f in fixes], receiver.counters

    size = len(stream.data)
    cuts = data.draw(st.lists(st.integers(0, size), max_size=30) | st.just(range(size)))
    assert plain(fixes_of(stream.data, cuts)) == plain(fixes_of(stream.data))


def _noise(stream):
    """Bytes that hold no whole line: any, those of sentences, headers with any length, a piece of
    the stream itself."""
    some = st.binary(max_size=40)
    header = st.builds(
        lambda length, rest: b"\xb5\x62\x01\x07" + length.to_bytes(2, "little") + rest,
        st.integers(0, MAX_BINARY + 1) | st.integers(0, 65535),
        some,
    )
    rtcm = st.builds(
        lambda n, rest: b"\xd3" + n.to_bytes(2, "big") + rest, st.integers(0, 1100), some
    )
    piece = st.integers(0, len(stream.data)).flatmap(
        lambda at: st.integers(1, 70).map(lambda n: stream.data[at : at + n])
    )
    text = st.text("$*,.0123456789ABCDEFGNPRMV\r\n", min_size=1, max_size=40).map(str.encode)
    start = st.sampled_from(
        [b"$", b"$$", b"*", b"$GNRMC,", b"\n", b"\r\n", b"\0", b"\xb5\x62", b"\xd3"]
    )
    return (st.binary(min_size=1, max_size=300) | header | rtcm | piece | text | start).filter(
        lambda noise: not lines(noise)
    )


@FEW
@given(data=st.data())
def test_noise_gives_no_wrong_value(stream, data):
    damaged = stream.data
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged = damaged[:at] + data.draw(_noise(stream)) + damaged[at:]
    if not stream.agrees(damaged):
        stream.check(damaged)


# Flipped are the bits of so many bytes, in the middle of a stream of so many.
FLIPPED = 300
AROUND = 1100


def flips(data):
    """All streams with one bit flipped: (index, bit, stream)."""
    middle = len(data) // 2
    for at in range(middle - FLIPPED // 2, middle + FLIPPED // 2):
        for bit in range(8):
            yield at, bit, data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def _middle(stream):
    middle = len(stream.data) // 2
    data = stream.data[max(0, middle - AROUND // 2) : middle + AROUND // 2]
    return Stream(data)


def test_no_flipped_bit_gives_a_wrong_value(stream, request, capsys):
    """Each bit of a stretch. None gets past the checksum, but where the flip makes a shorter
    sentence whose checksum agrees by itself."""
    stream = _middle(stream)
    count = agreed = 0
    for _, _, damaged in flips(stream.data):
        count += 1
        if stream.agrees(damaged):
            agreed += 1
            fixes_of(damaged)  # no exception all the same
        else:
            stream.check(damaged)
    name = request.node.callspec.params["stream"]
    with capsys.disabled():
        print(f"\n{name:20} {count} bits flipped, checksum agrees by itself: {agreed}", end="")
    assert count == FLIPPED * 8 and agreed < count // 100


class _Gullible(Framer):
    """A framer that takes every line, whatever its checksum."""

    def feed(self, data):
        return [match[1] for match in CANDIDATE.finditer(data)]


def test_without_the_checksum_flipped_bits_do_harm(monkeypatch):
    """The same properties find a parser that leaves the checksum out."""
    monkeypatch.setattr("agent.gps.receiver.Framer", _Gullible)
    stream = _middle(stream_of("emulator-full"))
    harm = 0
    for _, _, damaged in flips(stream.data):
        try:
            stream.check(damaged)
        except AssertionError:
            harm += 1
    assert harm > 100  # the rest hits what is not used, or makes a field that cannot be
