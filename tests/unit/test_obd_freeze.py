"""Freeze frames (service 02): frame number, trouble code first, values."""

from agent import signals
from agent.obd import freeze, services
from tests.support.obd_refusals import unfit

RPM = signals.by_name("rpm")
SPEED = signals.by_name("speed")


def test_requests():
    assert freeze.ask(b"\x02") == b"\x02\x00"
    assert services.request(2, freeze.ask(b"\x02")) == b"020200"
    assert services.request(2, freeze.ask(b"\x0c\x0d\x05")) == b"020C000D000500"


def test_what_caused_it():
    assert freeze.trigger(b"\x42\x02\x00\x01\x30") == "P0130"
    assert freeze.trigger(b"\x42\x02\x00\x00\x00") is None
    for payload in (
        b"",
        b"\x42",
        b"\x42\x02\x00\x01",  # cut
        b"\x42\x02\x00\x01\x30\x00",  # too long
        b"\x42\x02\x01\x01\x30",  # another frame
        b"\x41\x02\x00\x01\x30",  # another service
        b"\x42\x0c\x00\x01\x30",  # another PID
    ):
        assert unfit(freeze.trigger, payload), payload


def test_values():
    found = freeze.values(b"\x42\x0c\x00\x1a\xf8\x0d\x00\x32", b"\x0c\x0d")
    assert found == [(RPM, 0x1AF8), (SPEED, 0x32)]
    assert signals.physical(*found[0]) == 1726.0


def test_strict():
    assert unfit(freeze.values, b"\x42\x0c\x00\x1a\xf8\x0d\x00\x32", b"\x0c")
    assert unfit(freeze.values, b"\x42\x0c\x00\x1a\xf8\x0d\x01\x32", b"\x0c\x0d")
    assert unfit(freeze.values, b"\x42\x0c\x00\x1a\xf8\x0d\x00", b"\x0c\x0d")
    assert unfit(freeze.values, b"\x42\x0c\x00\x1a\xf8\x0c\x00\x1a\xf8", b"\x0c")


def test_trims_with_a_second_byte():
    assert len(freeze.values(b"\x42\x06\x00\x80", b"\x06")) == 1
    assert len(freeze.values(b"\x42\x06\x00\x80\x81", b"\x06")) == 2
