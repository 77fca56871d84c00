"""Errors of the machine below: each names the thing that failed in one line. And how an agent that
is a process ends and begins its rest."""

ASLEEP = 80  # exit code: power may go; beyond those of sysexits.h
WAKE_VARIABLE = "PATROL_WAKE"  # of the environment: what woke the machine, as `port.wake_cause`


class PortError(Exception):
    """Something of the machine (a line, a file, a chip) failed."""


class UartError(PortError):
    """A serial line could not be opened, or was lost."""


class TcpError(PortError):
    """A TCP line could not be opened, or was lost."""


class StorageError(PortError):
    """A file could not be written, read or removed; `full` tells that the space is used up."""

    def __init__(self, text, full=False):
        super().__init__(text)
        self.full = full


class AeadError(PortError):
    """A sealed text does not open: it was changed, or the key or number is not the right one."""
