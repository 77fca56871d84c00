"""The car's CAN bus on CPython: an interface of Linux (SocketCAN), or what else python-can drives.

`is_can(name)` tells such names from serial ports; CanLine is read by whoever can wait, CanUart by
the event loop, with the interface of Uart. Both take and give the records of agent/obd/can_frames:
CanBus there is the machine for them. What is_permitted() there does not know is never sent.

ISO-TP is the kernel's where it has it (Linux 5.10 or the can-isotp module, through the package
can-isotp): it answers an ECU's first frame at once, however busy this program is. It then does so
for other testers' answers as well. Elsewhere CanBus does it.

The bit rate is set by the system, not from here: firmware/pi has the units for it.
"""

import asyncio
import contextlib
import errno
import os
import select
import socket

from agent.obd import can_frames
from agent.port.errors import UartError

_ARPHRD_CAN = "280"  # linux/if_arp.h
# Frames read at once, and those that wait while nobody reads: ECUs' answers are all that the
# filters let through, and those to one request are some 600 at the very most.
_MOST_FRAMES = 1024
_WAITING_BYTES = 65536
_ISOTP_BYTES = can_frames.MAX_MESSAGE + 1  # a longer one is seen to be longer, and refused
_MOST_KERNEL = 8  # ECUs, as in agent/obd/isotp.py

_FILTERS = (
    {"can_id": 0x7E8, "can_mask": 0x7F8, "extended": False},
    {"can_id": 0x18DAF100, "can_mask": 0x1FFFFF00, "extended": True},
)
# Classes of errors (linux/can/error.h). A lost arbitration is none, a restart is the end of one.
_ERRORS = (
    (0x01, "transmit timeout"),
    (0x04, "controller"),
    (0x08, "protocol violation"),
    (0x10, "transceiver"),
    (0x20, "no acknowledgement"),
    (0x40, "bus off"),
    (0x80, "bus error"),
)


class CanError(UartError):
    """A CAN interface could not be opened, or was lost."""


def is_can(name):
    """Is this a CAN interface ("can0", or python-can's "INTERFACE:CHANNEL"), not a serial port?"""
    if os.sep in name.partition(":")[0]:
        return False
    if ":" in name and not name.upper().startswith("COM"):
        return True
    with contextlib.suppress(OSError), open("/sys/class/net/%s/type" % name) as file:
        return file.read().strip() == _ARPHRD_CAN
    return name.rstrip("0123456789") in ("can", "vcan", "slcan")


def has_kernel_isotp():
    """Does the kernel put ISO-TP messages together?"""
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_ISOTP).close()
    except (AttributeError, OSError):
        return False
    return True


class CanLine:
    """`name` as in is_can(); `kernel`: None = ISO-TP of the kernel where it is there.

    Raises CanError. counters: `unsent` frames (the bus takes none: nobody is there), `refused`
    ones (not permitted), `overlong` messages, `isotp` errors of the kernel.
    """

    def __init__(self, name, kernel=None):
        try:
            import can
        except ImportError:
            raise CanError("CAN %s: the package python-can is missing" % name) from None
        self._name = name
        self._can = can
        self.counters = {"unsent": 0, "refused": 0, "overlong": 0, "isotp": 0}
        self._kernel = {}  # identifier -> socket
        interface, colon, channel = name.rpartition(":")
        try:
            self._bus = can.Bus(
                interface=interface if colon else "socketcan",
                channel=channel,
                can_filters=[dict(row) for row in _FILTERS],
            )
        except (can.CanError, OSError, ValueError) as e:
            raise CanError("CAN %s: %s" % (name, getattr(e, "strerror", None) or e)) from e
        is_linux = not colon or interface == "socketcan"
        self._channel = channel
        self._has_kernel = is_linux and (has_kernel_isotp() if kernel is None else kernel)
        if self._has_kernel:
            for number in range(0x7E8, 0x7F0):
                self._open_kernel(number)

    @property
    def bus(self):
        return self._bus

    def close(self):
        for one in self._kernel.values():
            one.close()
        self._kernel = {}
        self._bus.shutdown()

    def filenos(self):
        """What select() can wait for; None where the interface has no such thing."""
        try:
            first = self._bus.fileno()
        except NotImplementedError:
            return None
        return None if first < 0 else [first, *(one.fileno() for one in self._kernel.values())]

    def write(self, data):
        """Sends records of kind FRAME."""
        for kind, can_id, content in can_frames.Records().feed(data):
            if kind != can_frames.FRAME or not can_frames.is_permitted(can_id, content):
                self.counters["refused"] += 1
                raise CanError(
                    "CAN %s: %X %s may not be sent" % (self._name, can_id, content.hex())
                )
            is_extended = bool(can_id & can_frames.EXTENDED)
            message = self._can.Message(
                arbitration_id=can_id & ~can_frames.EXTENDED,
                is_extended_id=is_extended,
                data=content,
            )
            try:
                self._bus.send(message)
            except self._can.CanError as e:
                # With nobody to acknowledge, as on a sleeping car's bus, the queue fills up.
                if getattr(e, "error_code", None) not in (None, errno.ENOBUFS, errno.EAGAIN):
                    raise CanError("CAN %s was lost: %s" % (self._name, e)) from e
                self.counters["unsent"] += 1

    def read(self, ms):
        """Records of what has come, after waiting for it at most `ms`; b"" when nothing came."""
        filenos = self.filenos()
        if filenos is None:
            return self.drain(self._receive(ms / 1000))
        select.select(filenos, [], [], ms / 1000)
        return self.drain()

    def drain(self, first=None):
        """Records of what has come, without waiting; `first` came before it."""
        found = b""
        message = first
        for _ in range(_MOST_FRAMES):
            if message is not None:
                found += self.record(message)
            message = self._receive(0)
            if message is None:
                break
        for number in list(self._kernel):
            found += self._from_kernel(number)
        return found

    def record(self, message):
        """A python-can message as a record; b"" for what does not matter."""
        if message.is_error_frame:
            names = [name for bit, name in _ERRORS if message.arbitration_id & bit]
            if not names:
                return b""
            return can_frames.record(can_frames.ERROR, 0, ", ".join(names).encode())
        if message.is_remote_frame or message.is_fd:
            return b""
        can_id = message.arbitration_id
        if message.is_extended_id:
            can_id |= can_frames.EXTENDED
        number = can_frames.ecu(can_id)
        if number is None:
            return b""
        data = bytes(message.data[: can_frames.FRAME_SIZE])
        if number in self._kernel:
            # The kernel reads it, too: only that a message has begun is news.
            is_first = data[:1] and data[0] >> 4 == 1
            return can_frames.record(can_frames.BEGUN, can_id, b"") if is_first else b""
        if self._has_kernel and len(self._kernel) < 2 * _MOST_KERNEL:
            self._open_kernel(number)  # for the next exchange; this one is CanBus's
        return can_frames.record(can_frames.FRAME, can_id, data)

    def _receive(self, seconds):
        try:
            return self._bus.recv(seconds)
        except (self._can.CanError, OSError) as e:
            raise CanError("CAN %s was lost: %s" % (self._name, e)) from e

    # ISO-TP of the kernel

    def _open_kernel(self, number):
        import isotp

        is_extended = number > 0x7FF
        mode = isotp.AddressingMode.Normal_29bits if is_extended else None
        address = isotp.Address(
            mode or isotp.AddressingMode.Normal_11bits,
            rxid=number,
            txid=can_frames.physical(number) & ~can_frames.EXTENDED,
        )
        one = isotp.socket()
        try:
            one.set_opts(txpad=can_frames.PADDING)
            one.set_fc_opts(bs=0, stmin=0)
            one.bind(self._channel, address)
            one.real_socket().setblocking(False)
        except OSError as e:
            one.close()
            raise CanError("CAN %s: ISO-TP: %s" % (self._name, e.strerror)) from e
        self._kernel[number] = one

    def _from_kernel(self, number):
        can_id = number | can_frames.EXTENDED if number > 0x7FF else number
        found = b""
        for _ in range(_MOST_FRAMES):
            try:
                payload = self._kernel[number].recv(_ISOTP_BYTES)
            except BlockingIOError:
                break
            except OSError as e:
                if e.errno in (errno.ENETDOWN, errno.ENODEV):
                    raise CanError("CAN %s was lost: %s" % (self._name, e.strerror)) from e
                self.counters["isotp"] += 1  # a frame was missing, or late
                payload = b""
            if len(payload) >= _ISOTP_BYTES:
                self.counters["overlong"] += 1
                payload = b""
            found += can_frames.record(can_frames.MESSAGE, can_id, payload)
        return found


class CanUart:
    """CanLine for the event loop: `await read(ms)`, `write(data)`, `close()`, as port.Uart."""

    def __init__(self, name, kernel=None):
        self._line = CanLine(name, kernel)
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._waiting = b""
        self._watched = []
        self._notifier = None
        if self._line.filenos() is None:
            import can

            # A thread that waits; the callback runs in the loop.
            self._notifier = can.Notifier(
                self._line.bus, [self._came], timeout=0.1, loop=self._loop
            )
        else:
            self._watch()

    @property
    def counters(self):
        return self._line.counters

    def _came(self, message):
        if len(self._waiting) < _WAITING_BYTES:
            self._waiting += self._line.record(message)
        self._ready.set()

    def _watch(self):
        """Watches all sockets; those of ECUs that were not known before are new."""
        for fileno in self._line.filenos():
            if fileno not in self._watched:
                self._watched.append(fileno)
                self._loop.add_reader(fileno, self._ready.set)

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        if not self._ready.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ms / 1000):
                    await self._ready.wait()
        self._ready.clear()
        if self._notifier is not None:
            if self._notifier.exception is not None:
                raise CanError("CAN was lost: %s" % self._notifier.exception)
            data, self._waiting = self._waiting, b""
            return data
        data = self._line.drain()
        self._watch()
        return data

    def write(self, data):
        self._line.write(data)

    def close(self):
        if self._notifier is not None:
            self._notifier.stop()
        for fileno in self._watched:
            self._loop.remove_reader(fileno)
        self._watched = []
        self._line.close()
