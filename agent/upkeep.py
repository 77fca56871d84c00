"""What orders have left and the application has to look after; imported when there is such a thing.

A set of room keys that is stored, and settings that are on trial.
"""

from agent import port
from agent.update import roomkey
from agent.update.errors import UpdateError


def use_room_key(app, identity, fault):
    """The key of a stored set goes before the configuration's: version of the set, 0 for none. A
    set that has gone bad is told and leaves the configuration's key in force."""
    try:
        found = roomkey.held(app.config["keys"], app.journal.storage)
    except (UpdateError, port.StorageError) as e:
        fault("room_key", e)
        return 0
    if found is None:
        return 0
    identity.room_key_id, identity.room_public = found.key_id, found.public
    return found.version


def poll_settings(app, now, event, fault):
    """What became of settings on trial is told; where they go back, the agent starts anew."""
    settings = app.settings
    try:
        told = settings.poll(app.is_proved(), now)
        if told == "back":
            app.restart()
        elif told:
            app.log.line(now, "settings: %s %s" % (told[0], told[1]))
            event("config_state", told[0], told[1])
            settings.told()
    except port.StorageError as e:
        fault("settings", e)
