"""What the OBD part refuses to read; for tests on both interpreters."""

from agent.obd import services


def unfit(call, *args):
    """Whether the call says that a reply does not fit."""
    try:
        call(*args)
    except services.ReplyError:
        return True
    return False
