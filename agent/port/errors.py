"""Errors of the machine below: each names the thing that failed in one line."""


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
