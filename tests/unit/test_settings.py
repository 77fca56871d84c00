"""agent/settings.py: settings from afar are on trial, and go back by themselves."""

from agent import config
from agent.port.errors import StorageError
from agent.settings import (
    FIXED,
    GOOD,
    MAX_KEYS,
    MAX_TRIES,
    NAME,
    ROLLED_BACK,
    Settings,
    SettingsError,
    changed,
    fixed,
    merge,
    shown,
)
from tests.support.simdisk import CUT, EIO, KEPT, PowerCut, SimDisk

OLD = {"mqtt.window": 32}
NEW = {"mqtt.window": 16, "reporting.profile": "pursuit"}


def held(disk=None):
    """A disk on which OLD holds, told."""
    disk = disk or SimDisk()
    settings = Settings(disk)
    settings.propose(OLD, 60)
    settings = Settings(disk)
    assert settings.begin() == OLD
    assert settings.poll(True, 1000) == [GOOD, ""]
    settings.told()
    assert not settings.is_pending
    return disk


def refusal(action, *arguments):
    try:
        action(*arguments)
    except SettingsError as e:
        return str(e)
    raise AssertionError("taken")


def test_a_trial_that_reaches_the_room_holds():
    disk = held()
    Settings(disk).propose(NEW, 60)
    settings = Settings(disk)
    assert settings.begin() == NEW and settings.is_pending
    assert settings.poll(False, 59_999) is None
    assert settings.poll(True, 59_999) == [GOOD, ""]
    assert Settings(disk).begin() == NEW
    # Told once: also by the next start, where this one ends before.
    again = Settings(disk)
    assert again.poll(False, 0) == [GOOD, ""]
    again.told()
    assert again.poll(False, 10) is None and not Settings(disk).is_pending


def test_a_trial_that_does_not_goes_back_when_its_time_is_over():
    disk = held()
    Settings(disk).propose(NEW, 60)
    settings = Settings(disk)
    settings.begin()
    assert settings.poll(False, 60_000) == "back"
    assert settings.poll(True, 60_050) == "back"  # too late: what runs is not what holds
    settings = Settings(disk)
    assert settings.begin() == OLD
    assert settings.poll(False, 0) == [ROLLED_BACK, "the room was not reached within 60 s"]
    settings.told()
    assert not Settings(disk).is_pending


def test_a_trial_that_crashes_at_its_start_goes_back_after_three():
    disk = held()
    Settings(disk).propose(NEW, 60)
    for _ in range(MAX_TRIES):
        assert Settings(disk).begin() == NEW
    settings = Settings(disk)
    assert settings.begin() == OLD
    assert settings.poll(False, 0) == [ROLLED_BACK, "crashed"]


def test_a_trial_can_be_given_up():
    disk = held()
    Settings(disk).propose(NEW, 60)
    settings = Settings(disk)
    settings.give_up("crashed")
    assert settings.good == OLD and settings.trial is None
    settings = Settings(disk)
    assert settings.begin() == OLD
    assert settings.poll(False, 0) == [ROLLED_BACK, "crashed"]
    settings.told()
    settings.give_up("crashed")  # nothing to give up
    assert Settings(disk).begin() == OLD and not Settings(disk).is_pending


def test_what_does_not_load_goes_back_at_once():
    disk = held()
    Settings(disk).propose(NEW, 60)
    settings = Settings(disk)
    settings.begin()
    assert settings.unfit("mqtt.window: 16 is not within 20 to 30") == OLD
    assert Settings(disk).begin() == OLD
    # And what held as well, where the provisioned file was changed under it.
    settings = Settings(disk)
    settings.begin()
    assert settings.unfit("unknown key mqtt.window") == {}
    settings = Settings(disk)
    assert settings.begin() == {}
    assert settings.poll(False, 0) == [ROLLED_BACK, "unknown key mqtt.window"]


def test_one_trial_at_a_time():
    disk = held()
    Settings(disk).propose(NEW, 60)
    assert "on trial" in refusal(Settings(disk).propose, {}, 60)


def life(disk):
    """Everything that a trial's life writes, from the order to the outcome that was told."""
    Settings(disk).propose(NEW, 60)
    settings = Settings(disk)
    settings.begin()
    settings.poll(False, 60_000)
    settings = Settings(disk)
    settings.begin()
    assert settings.poll(False, 0)
    settings.told()


def test_a_power_cut_at_any_write_leaves_what_held_or_the_trial():
    writes = SimDisk(dict(held().files))
    life(writes)
    assert writes.writes == 4
    for cut in range(writes.writes):
        for kept in KEPT:
            disk = held()
            disk.faults = {disk.writes + cut: CUT}
            try:
                life(disk)
                raise AssertionError("no cut")
            except PowerCut:
                pass
            disk = disk.power_cut(kept)
            # Whatever starts follow and never reach the room, it ends with what held, and is told.
            outcomes = []
            for _ in range(MAX_TRIES + 2):
                settings = Settings(disk)
                assert settings.fault is None
                assert settings.begin() in (OLD, NEW)
                told = settings.poll(False, 0)
                if told:
                    outcomes.append(told[0])
                    settings.told()
            assert Settings(disk).begin() == OLD, (cut, kept)
            assert outcomes == ([] if cut == 0 else [ROLLED_BACK]), (cut, kept)


def test_a_power_cut_at_the_good_end_leaves_the_trial_or_what_is_good():
    for cut in range(4):
        disk = held()
        disk.faults = {disk.writes + cut: CUT}
        try:
            Settings(disk).propose(NEW, 60)
            settings = Settings(disk)
            settings.begin()
            settings.poll(True, 10)
            settings.told()
            raise AssertionError("no cut")
        except PowerCut:
            pass
        settings = Settings(disk.power_cut((0, 1)))
        assert settings.begin() == (OLD if cut == 0 else NEW)
        assert settings.is_pending == (cut > 0)


def test_a_storage_that_refuses_keeps_nobody_from_starting():
    disk = held()
    Settings(disk).propose(NEW, 60)
    disk.faults = {disk.writes: EIO}
    settings = Settings(disk)
    assert settings.begin() == OLD and settings.fault  # what cannot be counted is not tried
    settings = Settings(disk)
    assert settings.begin() == NEW
    disk.faults = {disk.writes: EIO}
    try:
        settings.poll(True, 1000)
        raise AssertionError("no error")
    except StorageError:
        pass
    assert settings.poll(True, 2000) is None  # not at once
    assert settings.poll(True, 11_000) == [GOOD, ""]


def test_a_file_that_has_gone_bad_leaves_the_provisioned_settings():
    for spoil in (lambda d: d[:-1], lambda d: b"", lambda d: d[:9] + b"x" + d[10:]):
        disk = held()
        disk.files[NAME] = bytearray(spoil(bytes(disk.files[NAME])))
        settings = Settings(disk)
        assert settings.begin() == {} and settings.fault and not settings.is_pending


def test_values_add_to_what_is_held_and_may_be_dropped():
    assert changed(OLD, {"mqtt.keepalive_s": 30}, None) == {
        "mqtt.window": 32, "mqtt.keepalive_s": 30
    }  # fmt: skip
    assert changed(NEW, {}, "mqtt.window") == {"reporting.profile": "pursuit"}
    assert changed(NEW, OLD, "*") == OLD
    assert "as provisioned" in refusal(changed, OLD, {}, "mqtt.port")
    many = dict([("gps.x%d" % i, i) for i in range(MAX_KEYS + 1)])
    assert "no more than" in refusal(changed, {}, many, None)
    assert "no more than" in refusal(changed, {}, {"reporting.zones": "x" * 5000}, None)


def test_what_would_hand_the_vehicle_over_is_never_set():
    keys = (
        "vehicle", "keys.psk", "keys", "keys.room_public", "keys.fleet_root", "journal.dir",
        "mqtt.tls", "mqtt.tls.ca", "mqtt.tls.key", "mqtt.brokers", "gps.port", "gps.gpsd",
        "gps.gpsd.host", "obd.port", "inputs", "inputs.panic", "inputs.off_duty", "orders.role",
        "update", "update.keys", "console.port", "console.socket", "console.technicians",
        "power.battery", "power.watchdog",
    )  # fmt: skip
    for key in keys:
        assert key + " is not set from afar" in refusal(changed, {}, {key: "x"}, None)
    for key in ("mqtt.host", "gps.period_ms", "journal.quota_bytes", "reporting.zones"):
        assert fixed(key) is None
    for name, why in FIXED:
        assert why and (name[-1] == "." or config.is_key(name)), name


def texts(group, prefix=""):
    """Names of all keys that take any text: each may name a file."""
    for key in group:
        rule = group[key]
        if isinstance(rule, (dict, config.Optional)):
            inner = rule if isinstance(rule, dict) else rule.group
            yield from texts(inner, prefix + key + ".")
        elif rule.kind in ("str", "brokers", "technicians") and not rule.choices:
            yield prefix + key


def test_a_text_of_the_configuration_is_fixed_or_said_to_be_harmless():
    harmless = ["mqtt.host", "mqtt.password", "mqtt.username", "reporting.profile"]
    assert sorted([name for name in texts(config.SCHEMA) if not fixed(name)]) == harmless


def test_values_go_into_a_copy_of_the_file():
    raw = {"vehicle": "v-1", "mqtt": {"host": "h", "tls": None}, "gps": None}
    merged = merge(raw, {"mqtt.window": 8, "gps.period_ms": 200})
    assert merged["mqtt"] == {"host": "h", "tls": None, "window": 8}
    assert merged["gps"] == {"period_ms": 200}
    assert raw == {"vehicle": "v-1", "mqtt": {"host": "h", "tls": None}, "gps": None}
    assert "no such key" in refusal(merge, raw, {"vehicle.x": 1})


def test_every_leaf_of_the_schema_is_a_key_and_no_group_is():
    for name in ("mqtt.window", "gps.period_ms", "reporting.zones", "inputs.panic"):
        assert config.is_key(name)
    for name in ("mqtt", "gps", "mqtt.window.x", "x", "", "mqtt.", "gps.gpsd"):
        assert not config.is_key(name)


def test_no_secret_is_shown():
    assert shown({"mqtt.password": "hunter2", "mqtt.window": 8}) == {
        "mqtt.password": "(secret)", "mqtt.window": 8
    }  # fmt: skip
