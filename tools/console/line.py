"""The line to a gateway's console: a serial port, or a socket on the gateway itself."""

import os
import select
import socket
import stat

import serial
from serial.tools import list_ports

from tools.console import ConsoleError

BAUD = 115200
_READ = 4096


def find():
    """The one serial port that may be a gateway. Raises ConsoleError with the choice."""
    # Ports that a machine has by itself (ttyS0) have no USB behind them.
    found = [port for port in list_ports.comports() if port.vid is not None]
    if len(found) == 1:
        return found[0].device
    if not found:
        raise ConsoleError("no USB serial port is there: plug the gateway in, or name its port")
    names = ", ".join(f"{port.device} ({port.description})" for port in found)
    raise ConsoleError(f"there are several ports: {names}; name the one to use")


def open_line(name, baud=BAUD):
    """A SerialLine or SocketLine. Raises ConsoleError."""
    try:
        is_socket = stat.S_ISSOCK(os.stat(name).st_mode)
    except OSError:
        is_socket = False
    return SocketLine(name) if is_socket else SerialLine(name, baud)


class _Line:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, seconds):
        """What comes within that time, b"" where nothing does. Raises ConsoleError when the line is
        lost."""
        try:
            if not select.select([self.fileno()], [], [], max(0, seconds))[0]:
                return b""
            data = self._read()
        except (OSError, serial.SerialException) as error:
            raise ConsoleError(f"{self.name} was lost: {error}") from None
        if not data:
            raise ConsoleError(f"{self.name} was lost: closed by the gateway")
        return data


class SerialLine(_Line):
    def __init__(self, name, baud):
        self.name = name
        try:
            self._serial = serial.Serial(name, baud, timeout=0, write_timeout=5, exclusive=True)
        except (serial.SerialException, ValueError, OSError) as error:
            raise ConsoleError(f"{name}: {getattr(error, 'strerror', None) or error}") from None

    def fileno(self):
        return self._serial.fileno()

    def _read(self):
        return os.read(self._serial.fileno(), _READ)

    def write(self, data):
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            raise ConsoleError(f"{self.name}: {error}") from None

    def close(self):
        self._serial.close()


class SocketLine(_Line):
    def __init__(self, name):
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(name)
        except OSError as error:
            self._socket.close()
            raise ConsoleError(f"{name}: {error.strerror}") from None

    def fileno(self):
        return self._socket.fileno()

    def _read(self):
        return self._socket.recv(_READ)

    def write(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConsoleError(f"{self.name}: {error.strerror}") from None

    def close(self):
        self._socket.close()
