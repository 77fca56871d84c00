"""Orders that change the vehicle itself: settings, room keys, the end of its secrets.

Each returns the order's answer, or raises CommandError. They are rare, so nobody imports this
before one comes.
"""

from agent import port
from agent.console.levels import CommandError
from agent.settings import Settings, SettingsError, changed, merge, shown
from agent.update import roomkey
from agent.update import wipe as wipes
from agent.update.errors import UpdateError
from agent.update.rsa import KeyFormatError, load_keys


def _held(app):
    return app.settings or Settings(app.journal.storage)


def settings(app):
    held = _held(app)
    trial = None if held.trial is None else shown(held.trial)
    return {"values": shown(held.good), "trial": trial}


def configure(app, values, drop, seconds):
    """Checked as a whole, stored, and on trial from the start that follows."""
    held = _held(app)
    if not values and drop is None:
        raise CommandError("config: neither values nor a key to drop")
    try:
        overlay = changed(held.good, values or {}, drop)
        _check(app, overlay)
        held.propose(overlay, seconds)
    except SettingsError as e:
        raise CommandError("config: %s" % e)
    except port.StorageError as e:
        raise CommandError("config: the settings are not kept: %s" % e)
    app.restart()
    return {"trial": shown(overlay), "seconds": seconds}


def _check(app, overlay):
    """Raises SettingsError."""
    from agent import config

    try:
        for key in sorted(overlay):
            if not config.is_key(key):
                raise SettingsError("%s: there is no such key" % key)
        config.check(merge(config.read(app.config_path), overlay))
    except config.ConfigError as e:
        raise SettingsError(str(e))
    finally:
        for name in ("agent.config", "agent.schema", "agent.uplink_settings"):
            port.forget(name)


def take_keys(app, signed):
    try:
        found = roomkey.take(app.config["keys"], app.journal.storage, signed)
    except UpdateError as e:
        raise CommandError("keys: %s: %s" % (type(e).__name__, e))
    except port.StorageError as e:
        raise CommandError("keys: the set is not kept: %s" % e)
    app.renew()
    return {"version": found.version, "room_key": found.key_id.hex()}


def wipe(app, signed, now):
    storage = app.journal.storage
    group = app.config["update"]
    if group is None:
        raise CommandError("wipe: there are no update keys in the configuration")
    utc = app.clock.room_utc(now)
    try:
        keys = load_keys(group["keys"])
        held, _ = wipes.state(storage)
        utc_s = None if utc is None else utc // 1000
        generation = wipes.open_signed(signed, keys, app.config["vehicle"], held, utc_s)
        wipes.take(storage, generation, app.config["keys"]["psk_generation"])
    except (UpdateError, KeyFormatError) as e:
        raise CommandError("wipe: %s: %s" % (type(e).__name__, e))
    except port.StorageError as e:
        raise CommandError("wipe: the order is not kept: %s" % e)
    except OSError as e:
        raise CommandError("wipe: %s cannot be read: error %s" % (group["keys"], e.args[0]))
    app.wipe()
    return {"generation": generation}
