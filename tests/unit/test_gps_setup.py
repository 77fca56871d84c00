"""The set-up machine against a scripted receiver; tests/integration has an emulated one."""

from agent.gps import settings, setup, ubx
from agent.gps import ubx_setup as cfg
from agent.gps.framer import checksum
from agent.gps.receiver import Receiver
from agent.gps.settings import Settings, SettingsError
from agent.gps.setup import Setup
from agent.gps.ubx import frame


def _sentence(text):
    return b"$" + text + b"*" + ("%02X" % checksum(text)).encode() + b"\r\n"


RMC = _sentence(b"GNRMC,100000.00,A,3335.24000,N,00737.00000,W,0.0,,010726,,,A")
GGA = _sentence(b"GNGGA,100000.00,3335.24000,N,00737.00000,W,1,09,0.9,41.0,M,46.0,M,,")
GSV = _sentence(b"GPGSV,1,1,01,02,40,120,35")
BANNER = _sentence(b"GNTXT,01,01,02,u-blox AG - www.u-blox.com")


def _pad(text, size):
    return text + bytes(size - len(text))


M10 = frame(ubx.MON_VER, _pad(b"ROM SPG 5.10", 30) + bytes(10) + _pad(b"PROTVER=34.10", 30))
M8 = frame(ubx.MON_VER, _pad(b"ROM CORE 3.01", 30) + bytes(10) + _pad(b"PROTVER=18.00", 30))


def _ack(data, message=ubx.ACK_ACK):
    return frame(message, data[2:4])


def _names(machine):
    return [e[0] for e in machine.take_events()]


def _refused(**values):
    try:
        Settings(**values)
    except SettingsError:
        return True
    return False


def _configured(version=M10, until=setup.RUN, **values):
    """A machine that has found a u-blox at the first rate and had all its steps acknowledged."""
    machine = Setup(Settings(**values))
    now = 1000
    assert machine.poll(now) == frame(ubx.MON_VER)
    machine.feed(version, now)
    sent = []
    while machine.state != until:
        data = machine.poll(now)
        assert data, machine.state
        sent.append(data)
        machine.feed(_ack(data), now)
        now += 100
    return machine, now, sent


def test_settings_that_cannot_be():
    assert _refused(sentences=(b"GSV",)) and _refused(sentences=(b"RMC", b"XYZ"))
    assert _refused(period=10) and _refused(period=20_000)
    assert _refused(baud=9600, period=200)
    assert _refused(baud=None, bauds=()) and _refused(baud=300)
    assert Settings(baud=115200, period=100).bauds[0] == 115200
    assert len(Settings().bauds) == len(settings.BAUDS)
    assert Settings(baud=None).bauds == settings.BAUDS


def test_every_rate_is_listened_at_in_turn_and_again():
    machine = Setup(Settings(baud=9600, bauds=(9600, 38400)))
    rates = []
    for now in range(0, 12_000, 10):
        machine.poll(now)
        if not rates or rates[-1][1] != machine.baud(now):
            rates.append((now, machine.baud(now)))
    assert rates == [(0, 9600), (2500, 38400), (5000, 9600), (7500, 38400), (10_000, 9600)]
    assert machine.counters["searches"] == 2 and machine.take_events() == []


def test_one_sentence_is_no_proof_two_are():
    machine = Setup(Settings())
    machine.feed(RMC, 0)
    machine.poll(0)
    assert machine.state == setup.SEARCH
    machine.feed(GGA, 50)
    assert machine.state == setup.PROBE
    assert machine.take_events() == [("baud", 115200, 50)]


def test_a_receiver_that_is_no_ublox_is_used_as_it_is():
    machine = Setup(Settings())
    asked = 0
    for now in range(0, 30_000, 50):
        if now % 1000 == 0:
            machine.feed(RMC + GGA + GSV, now)
        asked += machine.poll(now) is not None
    assert machine.state == setup.PLAIN
    assert machine.take_events() == [("baud", 115200, 0), ("receiver", "", 4500)]
    assert asked == 3  # nothing is written to it after that, but a question each minute
    assert _drive(machine, 30_000, 150_000, RMC + GGA) == [frame(ubx.MON_VER)] * 2
    machine.feed(M10, 150_000)
    assert machine.state == setup.STEP


def test_m10_is_configured_by_valset():
    machine, now, sent = _configured(period=200)
    keys = {}
    for data in sent:
        assert data[2] << 8 | data[3] == cfg.CFG_VALSET
        layers, items = cfg.valset_items(data[6:-2])
        assert layers == cfg.LAYER_RAM
        keys.update(dict(items))
    assert keys[cfg.KEY_BAUD] == 115200 and keys[cfg.KEY_PERIOD] == 200
    assert keys[cfg.KEY_MODEL] == 4 and keys[cfg.KEY_ITFM] == 1
    on = [name for name, _, key in cfg.SENTENCES if keys[key]]
    assert on == [b"GGA", b"GSA", b"RMC"]
    assert machine.counters["steps"] == len(sent)
    assert machine.take_events() == [
        ("baud", 115200, 1000),
        ("receiver", "ROM SPG 5.10", 1000),
        ("configured", 0, now - 100),
    ]


def test_m8_is_configured_by_the_older_messages_and_saved_if_wanted():
    machine, now, sent = _configured(M8, save=True)
    messages = [data[2] << 8 | data[3] for data in sent]
    assert messages == [cfg.CFG_PRT, cfg.CFG_NAV5] + [cfg.CFG_MSG] * len(cfg.SENTENCES) + [
        cfg.CFG_RATE,
        cfg.CFG_ITFM,
        cfg.CFG_CFG,
    ]
    _, _, sent = _configured(M10, save=True)
    assert cfg.valset_items(sent[0][6:-2])[0] == cfg.LAYER_RAM | cfg.LAYER_BBR


def test_protocol_23_01_is_still_the_older_kind():
    version = frame(ubx.MON_VER, bytes(40) + _pad(b"PROTVER=23.01", 30))
    assert _configured(version)[2][0][2:4] == b"\x06\x00"


def test_a_step_is_tried_three_times():
    machine = Setup(Settings())
    machine.poll(0)
    machine.feed(M10, 0)
    times = []
    for now in range(0, 6000, 10):
        data = machine.poll(now)
        if data and data[6:-2] == machine._steps[0][2][6:-2]:
            times.append(now)
    assert times == [0, 1500, 3000]
    assert ("unanswered", "port", 4500) in machine.take_events()
    assert machine.counters["unanswered"] == 1


def test_steps_not_answered_are_made_again_three_times():
    machine = Setup(Settings())
    for now in range(0, 600_000, 50):
        if now % 1000 == 0:
            machine.feed(RMC + GGA, now)
        data = machine.poll(now)
        if data == frame(ubx.MON_VER):
            machine.feed(M10, now)
        elif data and b"\x0d\x00\x41\x10" not in data:  # all but that of jamming
            machine.feed(_ack(data), now)
    told = [e[:2] for e in machine.take_events()]
    assert told.count(("unanswered", "jamming")) == 4
    assert told.count(("reset", "unanswered")) == 3
    assert told.count(("configured", 1)) == 4


def test_a_refused_step_is_told_and_the_others_are_made():
    machine = Setup(Settings())
    machine.poll(0)
    machine.feed(M10, 0)
    while machine.state != setup.RUN:
        data = machine.poll(10)
        name = machine._steps[machine._step][0]
        machine.feed(_ack(data, ubx.ACK_NAK if name == "jamming" else ubx.ACK_ACK), 10)
    assert machine.take_events()[-2:] == [("refused", "jamming", 10), ("configured", 1, 10)]
    assert machine.counters["refused"] == 1


def test_an_acknowledgement_of_something_else_is_none():
    machine = Setup(Settings())
    machine.poll(0)
    machine.feed(M8, 0)
    machine.poll(0)
    machine.feed(frame(ubx.ACK_ACK, b"\x06\x24") + frame(ubx.ACK_ACK, b"\x06"), 10)
    assert machine.counters["steps"] == 0


def _at_9600(version):
    machine = Setup(Settings(bauds=(9600,)))
    machine.poll(0)
    machine.poll(2500)
    assert machine.baud(2500) == 9600
    machine.poll(2510)
    machine.feed(version, 2600)
    assert machine.poll(2600)[:4] == (b"\xb5b\x06\x00" if version is M8 else b"\xb5b\x06\x8a")
    return machine


def test_the_rate_is_changed_when_the_message_has_left_and_confirmed_by_what_comes():
    machine = _at_9600(M8)
    assert machine.wake(2600) == 28 * 10 * 1000 // 9600 + 30
    machine.poll(2650)
    assert machine.baud(2650) == 9600
    machine.poll(2660)
    assert machine.baud(2660) == 115200 and machine.state == setup.CONFIRM
    machine.feed(RMC, 3000)
    assert machine.state == setup.CONFIRM
    machine.feed(GGA, 3010)
    assert machine.state == setup.STEP
    assert machine.take_events()[-1] == ("baud", 115200, 3010)


def test_a_change_of_rate_that_fails_is_not_tried_for_ever():
    machine = _at_9600(M10)
    machine.poll(2700)
    assert machine.baud(2700) == 115200
    machine.poll(2700 + 2500)
    assert machine.baud(5200) == 9600 and machine.state == setup.SEARCH
    machine.feed(M10, 5300)
    while machine.state != setup.RUN:
        machine.feed(_ack(machine.poll(5300)), 5300)
        assert machine.baud(5300) == 9600
    told = machine.take_events()[-2:]
    assert told == [("receiver", "ROM SPG 5.10", 5300), ("configured", 1, 5300)]


def test_a_refused_rate_is_left():
    machine = _at_9600(M10)
    machine.feed(frame(ubx.ACK_NAK, b"\x06\x8a"), 2610)
    machine.poll(2700)
    assert machine.baud(2700) == 9600 and machine.state == setup.STEP


def test_antenna_and_jamming_are_told_when_they_change():
    machine, now, _ = _configured()
    machine.take_events()

    def state(antenna, jamming):
        return frame(ubx.MON_RF, b"\0\1\0\0" + bytes((0, jamming, antenna, 1)) + bytes(20))

    assert machine.poll(now) == frame(ubx.MON_RF)
    machine.feed(state(2, 1), now)
    machine.feed(state(2, 1), now + 1)
    machine.feed(state(4, 3), now + 2)
    assert machine.take_events() == [
        ("antenna", "ok", now),
        ("jamming", "ok", now),
        ("antenna", "open", now + 2),
        ("jamming", "critical", now + 2),
    ]
    machine.feed(frame(ubx.MON_RF, b"\0\2"), now + 3)
    assert machine.counters["ubx_field"] == 1
    assert machine.poll(now + 9_000) == frame(ubx.MON_VER)  # lost by now
    assert _names(machine) == ["lost"]


def _drive(machine, start, stop, data):
    """Feed `data` each second; returns the questions asked."""
    asked = []
    for now in range(start, stop, 50):
        if (now - start) % 1000 == 0:
            machine.feed(data, now)
        out = machine.poll(now)
        if out:
            asked.append(out)
    return asked


def test_signs_of_a_reset_lead_to_a_new_configuration():
    for data, sign in ((RMC + GGA + GSV, "sentences"), (BANNER, "banner")):
        machine, now, _ = _configured()
        _drive(machine, now, now + 10_000, RMC + GGA)
        assert machine.state == setup.RUN
        machine.take_events()
        machine.feed(data * 3, now + 10_000)
        assert machine.take_events() == [("reset", sign, now + 10_000)]
        assert machine.poll(now + 10_000) == frame(ubx.MON_VER)


def test_an_epoch_rate_that_is_not_the_wanted_one_is_a_reset():
    machine, now, _ = _configured(period=200)
    machine.take_events()
    _drive(machine, now, now + 12_000, RMC + GGA)
    assert "reset" in _names(machine)
    machine, now, _ = _configured()
    state = frame(ubx.MON_RF, b"\0\1\0\0" + bytes(24))
    machine.take_events()
    _drive(machine, now, now + 14_000, state)  # alive, but no sentences at all
    assert "reset" in _names(machine)


def test_output_after_silence_is_a_reset_and_long_silence_a_search():
    machine, now, _ = _configured()
    machine.feed(RMC, now)
    machine.poll(now + 3500)
    machine.take_events()
    machine.feed(RMC, now + 3600)
    assert machine.take_events() == [("reset", "silence", now + 3600)]
    machine, now, _ = _configured()
    _drive(machine, now, now + 5500, b"")
    assert machine.state == setup.RUN
    _drive(machine, now + 5500, now + 7000, b"\x80\xfe\x00" * 9)
    assert machine.state == setup.SEARCH and machine.counters["lost"] == 1


def test_a_receiver_that_never_obeys_is_configured_ever_less_often():
    machine, now, _ = _configured()
    end = now + 3_600_000
    while now < end:
        machine.feed(RMC + GGA + GSV * 3, now)
        data = machine.poll(now)
        if machine.state == setup.PROBE:
            machine.feed(M10, now)
        while machine.state == setup.STEP:
            machine.feed(_ack(machine.poll(now) or data), now)
        now += 1000
    assert 5 <= machine.counters["resets"] <= 13
    assert len(machine.events) <= setup.MAX_EVENTS


def test_events_nobody_takes_are_bounded():
    machine, now, _ = _configured()
    for n in range(100):
        state = b"\0\1\0\0" + bytes((0, 1, n % 5, 1)) + bytes(20)
        machine.feed(frame(ubx.MON_RF, state), now + n)
    assert len(machine.events) == setup.MAX_EVENTS and machine.counters["events_lost"] > 50


def test_wake_is_never_late_or_negative():
    machine = Setup(Settings())
    assert machine.wake(0) == 0
    for now in range(0, 20_000, 7):
        machine.poll(now)
        assert 0 <= machine.wake(now) <= 1000


def test_receiver_without_settings_does_nothing_of_this():
    receiver = Receiver()
    receiver.feed(RMC + GGA, 0)
    assert receiver.output(0) is None and receiver.baud(0) is None
    # Silence ends the epoch after so long; a wait that does nothing takes memory all the same.
    assert receiver.take_events() == [] and receiver.wake(0) == 401 and receiver.wake(500) == 1000
    assert "searches" not in receiver.counters


def test_receiver_gives_fixes_while_it_is_set_up():
    receiver = Receiver(Settings(bauds=(9600,)))
    assert receiver.output(0) == frame(ubx.MON_VER) and receiver.baud(0) == 115200
    receiver.feed(b"$GNRMC,10\xb5b\x01\x01\xff\x03", 100)
    receiver.output(2500)
    assert receiver.baud(2500) == 9600
    receiver.feed(RMC + GGA, 2600)  # not held back by what was begun at the other rate
    assert receiver.setup.state == setup.PROBE
    assert receiver.output(2600) == frame(ubx.MON_VER)
    fixes = receiver.poll(4000)
    assert [f.lat for f in fixes] == [33587333]
    assert receiver.counters["sentences"] == 2 and receiver.counters["steps"] == 0
    assert [e[0] for e in receiver.take_events()] == ["baud"]
