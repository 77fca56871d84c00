"""UBX frames and messages; expected bytes were put together by hand from the descriptions."""

from agent.gps import settings, ubx
from agent.gps import ubx_setup as cfg
from agent.gps.ubx import Scanner, UbxError, frame


def _hex(data):
    return "".join(["%02x" % b for b in data])


def _refused(function, payload):
    try:
        function(payload)
    except UbxError:
        return True
    return False


def test_poll_of_mon_ver():
    assert _hex(frame(ubx.MON_VER)) == "b5620a0400000e34"


def test_cfg_rate_of_5_hz():
    assert _hex(cfg.cfg_rate(200)) == "b56206080600c80001000100de6a"


def test_cfg_msg_turns_gsv_off():
    assert _hex(cfg.cfg_msg(0xF0, 3, 0)) == "b56206010300f00300fd15"


def test_cfg_nav5_masks_in_the_dynamic_model_only():
    data = cfg.cfg_nav5(settings.AUTOMOTIVE)
    assert data[:4] == b"\xb5b\x06\x24" and data[4] == 36 and len(data) == 44
    assert data[6:9] == b"\x01\x00\x04" and not any(data[9:-2])


def test_cfg_prt_of_115200_baud():
    assert _hex(cfg.cfg_prt(115200)) == "b5620600140001000000d008000000c201000700030000000000c07e"


def test_cfg_itfm_holds_the_algorithm_bits():
    words = cfg.cfg_itfm()[6:14]
    config = int.from_bytes(words[:4], "little")
    assert config >> 9 & 0x3FFFFF == 0x16B156 and config >> 31 == 1
    assert int.from_bytes(words[4:], "little") & 0xFFF == 0x31E


def test_valset_gives_each_value_its_size():
    items = (
        (cfg.KEY_BAUD, 115200),
        (cfg.KEY_PERIOD, 200),
        (cfg.KEY_MODEL, 4),
        (cfg.KEY_ITFM, 1),
    )
    data = cfg.cfg_valset(items, cfg.LAYER_RAM)
    assert _hex(data[6:-2]) == (
        "00010000" "01005240" "00c20100" "01002130" "c800" "21001120" "04" "0d004110" "01"
    )  # fmt: skip
    assert cfg.valset_items(data[6:-2]) == (1, items)


def test_valset_that_does_not_fit_is_refused():
    for payload in (b"", b"\x00\x01\x00", b"\x02\x01\0\0", b"\0\1\0\0\1\0\x52\x40\0\xc2\1"):
        assert _refused(cfg.valset_items, payload)
    assert _refused(cfg.valset_items, b"\0\1\0\0\1\0\x52\x00\1")  # a size that there is not


def _pad(text, size):
    return text + bytes(size - len(text))


def _version(*extensions):
    payload = _pad(b"ROM SPG 5.10 (7b202e)", 30) + _pad(b"000A0000", 10)
    for e in extensions:
        payload += _pad(e, 30)
    return payload


def test_mon_ver_in_both_spellings():
    assert cfg.mon_ver(_version(b"FWVER=SPG 5.10", b"PROTVER=34.10")) == (
        "ROM SPG 5.10 (7b202e)",
        "000A0000",
        3410,
    )
    assert cfg.mon_ver(_version(b"PROTVER 18.00"))[2] == 1800
    assert cfg.mon_ver(_version(b"PROTVER=23.01"))[2] == 2301
    assert cfg.mon_ver(_version())[2] is None
    assert cfg.mon_ver(_version(b"PROTVER=x"))[2] is None
    assert _refused(cfg.mon_ver, bytes(39))


def test_mon_hw_tells_antenna_and_jamming():
    payload = bytearray(60)
    payload[20], payload[22] = 4, 2 << 2 | 1
    assert ubx.mon_hw(bytes(payload)) == ("open", "warning")
    payload[20] = 9
    assert ubx.mon_hw(bytes(payload))[0] == "unknown"
    assert _refused(ubx.mon_hw, bytes(20))


def test_mon_rf_tells_the_worst_path():
    first = b"\x00\x01\x02\x01" + bytes(20)
    second = b"\x01\x03\x03\x01" + bytes(20)
    assert ubx.mon_rf(b"\x00\x01\0\0" + first) == ("ok", "ok")
    assert ubx.mon_rf(b"\x00\x02\0\0" + first + second) == ("short", "critical")
    for bad in (b"", b"\0\0\0\0", b"\0\2\0\0" + first):
        assert _refused(ubx.mon_rf, bad)


def test_any_cut_gives_the_same_frames():
    wanted = [(ubx.ACK_ACK, b"\x06\x01"), (ubx.MON_VER, _version(b"PROTVER=34.10"))]
    stream = b"$GPTXT,\xb5*00\r\n\xb5\xb5b\x05" + b"\xb5"
    stream = b"$GPTXT,hello*00\r\n\xb5" + frame(*wanted[0]) + b"\xb5b\xff\xff\xff\xff" + b"x\xb5"
    stream += frame(*wanted[1]) + b"$GPRMC"
    for size in (1, 2, 3, 5, 7, 64, len(stream)):
        scanner = Scanner()
        out = []
        for at in range(0, len(stream), size):
            out += scanner.feed(stream[at : at + size])
        assert out == wanted, size
        assert scanner.counters["ubx"] == 2


def test_a_spoiled_frame_hides_none_behind_it():
    bad = bytearray(frame(ubx.MON_VER, _version()))
    bad[20] ^= 1
    inner = frame(ubx.ACK_NAK, b"\x06\x8a")
    scanner = Scanner()
    assert scanner.feed(bytes(bad) + inner) == [(ubx.ACK_NAK, b"\x06\x8a")]
    assert scanner.counters["ubx_checksum"] == 1
    # A header that announces more than there is, and the good frame inside of it.
    scanner = Scanner()
    false = b"\xb5b\x0a\x04\x10\x00" + inner
    assert scanner.feed(false) == []
    assert scanner.feed(bytes(20)) == [(ubx.ACK_NAK, b"\x06\x8a")]


def test_what_is_held_back_is_bounded():
    scanner = Scanner()
    for _ in range(50):
        scanner.feed(b"\xb5b\x01\x02\xff\x03" + b"\xb5" * 700)
        assert len(scanner._tail) <= 1023 + 8
    scanner.reset()
    assert scanner.feed(frame(ubx.MON_VER)) == [(ubx.MON_VER, b"")]
