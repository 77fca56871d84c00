"""Serial ports: which one a board hangs on, whether it is free, whether it has DTR and RTS."""

import errno
import fcntl
import os
import struct
import termios
from dataclasses import dataclass

from serial.tools import list_ports

from tools.flash import FlashError


@dataclass(frozen=True)
class Port:
    """`has_lines`: DTR and RTS are there, by which esptool resets most boards into the loader; a
    pseudo-terminal and some adapters have none."""

    path: str
    has_lines: bool


def found():
    """[(path, description)] of the ports on USB."""
    return [(p.device, p.description) for p in list_ports.comports() if p.vid is not None]


def choose(path=None, listed=found):
    """The Port that was named, or the only one there is. Raises FlashError."""
    if path is None:
        known = listed()
        if not known:
            raise FlashError("no serial port on USB: plug the board in, or name one with --port")
        if len(known) > 1:
            names = ", ".join(f"{device} ({text})" for device, text in known)
            raise FlashError(f"{len(known)} serial ports: {names}; choose one with --port")
        path = known[0][0]
    return _looked_at(str(path))


def _looked_at(path):
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise FlashError(_reason(path, error)) from None
    try:
        if not os.isatty(fd):
            raise FlashError(f"{path} is no serial port")
        # esptool locks so, as most programs do that use a serial port.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(fd, fcntl.LOCK_UN)
        return Port(path, _has_lines(fd))
    except BlockingIOError:
        raise FlashError(_busy(path)) from None
    finally:
        os.close(fd)


def _has_lines(fd):
    try:
        fcntl.ioctl(fd, termios.TIOCMGET, struct.pack("I", 0))
        return True
    except OSError:
        return False


def _reason(path, error):
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{path}: there is no such port; is the board plugged in?"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path}: no permission; whoever flashes must be in the port's group (dialout)"
    if error.errno == errno.EBUSY:
        return _busy(path)
    return f"{path}: {error.strerror}"


def _busy(path):
    return f"{path} is in use by another program: close it"
