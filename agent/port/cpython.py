"""CPython on Linux: the Raspberry Pi, or a PC."""

import asyncio
import io
import os
import select
import signal
import socket
import sys
import time
import zlib

import msgpack as _msgpack
import serial
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from agent.port.errors import ASLEEP, WAKE_VARIABLE, AeadError, PortError, UartError
from agent.port.inputs import FileBattery as Battery  # noqa: F401
from agent.port.inputs import FileInputs as Inputs  # noqa: F401
from agent.port.kernel_clock import clock_error_ms
from agent.port.storage import FileStorage

NAME = "cpython"
_READ = 4096  # one read of a serial line; the kernel's own buffer is of this size


def uptime_ms():
    return time.monotonic_ns() // 1000000


def wall_ms():
    return time.time_ns() // 1000000


def random_bytes(n):
    return os.urandom(n)


def packb(value):
    return _msgpack.packb(value)


def unpackb(data):
    """Raises ValueError (and its kind) where the bytes are no MessagePack."""
    try:
        return _msgpack.unpackb(data, strict_map_key=False)
    except (_msgpack.exceptions.StackError, _msgpack.exceptions.ExtraData) as e:
        raise ValueError(str(e)) from e


def sha256(data):
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def inflated(file, window):
    """A stream of what is raw DEFLATE from the file's place on; window: 2^window bytes. Raises
    OSError where it is none."""
    try:
        return io.BytesIO(zlib.decompressobj(-window).decompress(file.read()))
    except zlib.error as e:
        raise OSError(str(e)) from e


def hmac_sha256(key, data):
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


def x25519(private, public=None):
    """Public key of `private`, or the shared secret with `public` (all zero bytes if it is bad)."""
    key = X25519PrivateKey.from_private_bytes(private)
    if public is None:
        return key.public_key().public_bytes_raw()
    try:
        return key.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # the library refuses an all-zero result; so does who asked, by its own name
        return bytes(32)


def x25519_steps(private, public=None):
    """Generator form, so that slow interpreters can breathe; at once here."""
    yield
    return x25519(private, public)


class Aead:
    """AES-256-CCM, 13-byte nonce, 16-byte tag."""

    def __init__(self, key):
        self._ccm = AESCCM(key, tag_length=16)

    def seal(self, nonce, data, aad):
        return self._ccm.encrypt(nonce, data, aad)

    def open(self, nonce, data, aad):
        try:
            return self._ccm.decrypt(nonce, bytes(data), aad)
        except (InvalidTag, ValueError) as e:
            raise AeadError("sealed text does not open") from e


class Uart:
    """A serial line through pyserial, read by the event loop."""

    def __init__(self, path, baud):
        try:
            self._serial = serial.Serial(path, baud, timeout=0, write_timeout=1, exclusive=False)
        except (serial.SerialException, ValueError) as e:
            raise UartError("serial port %s: %s" % (path, getattr(e, "strerror", None) or e)) from e
        self._path = path
        self._ready = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._serial.fileno(), self._ready.set)

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        if not await wait(self._ready, ms):
            return b""
        self._ready.clear()
        fd = self._serial.fileno()
        try:
            data = os.read(fd, _READ)
            # pyserial asks for reads that return at once, also empty: a line that is ready and
            # still gives nothing has been hung up.
            if not data and select.select([fd], [], [], 0)[0]:
                data = os.read(fd, _READ)
                if not data:
                    raise UartError("serial port %s was lost: hung up" % self._path)
        except OSError as e:
            raise UartError("serial port %s was lost: %s" % (self._path, e.strerror)) from e
        return data

    def write(self, data):
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as e:
            raise UartError("serial port %s: write: %s" % (self._path, e)) from e

    def set_baud(self, rate):
        try:
            self._serial.baudrate = rate
        except (serial.SerialException, ValueError, OSError) as e:
            raise UartError("serial port %s: %d baud: %s" % (self._path, rate, e)) from e

    def close(self):
        if self._serial.is_open:
            asyncio.get_running_loop().remove_reader(self._serial.fileno())
            self._serial.close()


class Terminal(Uart):
    """The same for people, who may not read: `write` never waits."""

    def write(self, data):
        """-> how many bytes the line took."""
        try:
            return os.write(self._serial.fileno(), data)
        except BlockingIOError:
            return 0
        except (OSError, serial.SerialException) as e:
            raise UartError("serial port %s: write: %s" % (self._path, e)) from e


def _sync_file(f):
    f.flush()
    os.fsync(f.fileno())


def _sync_folder(path):
    # A new or renamed file's name survives a power cut only when its folder is synced, too.
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Storage(FileStorage):
    def __init__(self, folder):
        super().__init__(folder, _sync_file, _sync_folder)


class Rtc:
    """The system's clock, where the kernel says that something keeps it synchronised."""

    def read(self):
        """(UTC in ms, uncertainty in ms), or None where it is not to be believed."""
        error_ms = clock_error_ms()
        return None if error_ms is None else (time.time_ns() // 1000000, error_ms)

    def write(self, utc):
        """The system's clock is the system's to set."""


class Watchdog:
    """systemd's watchdog (sd_notify); silent where the service manager asks for none."""

    def __init__(self, pin=None):
        self._address = os.environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)

    def feed(self):
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            try:
                s.sendto(b"WATCHDOG=1", self._address)
            except OSError as e:
                raise PortError("watchdog %r: %s" % (self._address, e)) from e


def forget(name):
    """Nothing: memory is not what this machine is short of."""


def data_folder(folder):
    """Where the data files are that lie beside modules: there."""
    return folder


def heap():
    """None: nobody here has to count it."""
    return None


def restart():
    """Starts this very program anew, in this process."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def wake_cause(sources):
    """Who starts the agent says it in the environment; a restart by itself has no cause."""
    return os.environ.pop(WAKE_VARIABLE, "start")


def sleep(ms, sources, watchdog):
    """The machine is the service manager's to shut down: this exit code asks for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ASLEEP)  # sys.exit would wait for the thread that reads standard input


def sleep_on():
    """Nothing: whoever started the agent wants it."""


def mqtt_client_class():
    """The MQTT client for this interpreter; interface in `agent/comms/mqtt.py`."""
    from agent.port.mqtt_paho import Client

    return Client


async def within(awaitable, ms):
    """Its result, or asyncio.TimeoutError after so many milliseconds."""
    # Not asyncio.wait_for: in 3.11 it swallows a cancellation that meets the result, and a task
    # that is to end goes on for ever.
    async with asyncio.timeout(ms / 1000):
        return await awaitable


async def wait(event, ms):
    """True when the event came within so many milliseconds."""
    try:
        await within(event.wait(), ms)
        return True
    except TimeoutError:
        return False


async def read_stdin():
    """A chunk of standard input; b"" at its end."""
    return await asyncio.get_running_loop().run_in_executor(None, os.read, 0, 256)


def on_interrupt(call):
    """Ctrl-C and `kill` end the agent cleanly; a second one at once."""
    loop = asyncio.get_running_loop()

    def stop(number):
        loop.remove_signal_handler(number)
        call()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
