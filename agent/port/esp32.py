"""MicroPython on the ESP32 family."""

import asyncio
import sys

import machine

from agent.port.errors import UartError
from agent.port.micropython import (  # noqa: F401
    Aead,
    Storage,
    hmac_sha256,
    mqtt_client_class,
    on_interrupt,
    packb,
    random_bytes,
    read_stdin,
    sha256,
    unpackb,
    uptime_ms,
    wait,
    within,
    x25519,
    x25519_steps,
)

NAME = sys.platform
_RX_BUFFER = 4096  # the default of 256 bytes overflows silently after 22 ms at 115200 baud
_READ = 512
_WATCHDOG_MS = 30000  # longer than the slowest TLS handshake


class Uart:
    """`path` is 'uart<id>:<rx pin>:<tx pin>', for example 'uart1:18:17'."""

    def __init__(self, path, baud):
        try:
            name, rx, tx = path.split(":")
            self._uart = machine.UART(
                int(name[4:]), baud, rx=int(rx), tx=int(tx), rxbuf=_RX_BUFFER, timeout=0
            )
        except (ValueError, OSError) as e:
            raise UartError("serial port %s: %s" % (path, e))
        self._reader = asyncio.StreamReader(self._uart)

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        try:
            return await asyncio.wait_for_ms(self._reader.read(_READ), ms) or b""
        except asyncio.TimeoutError:
            return b""

    def write(self, data):
        self._uart.write(data)

    def set_baud(self, rate):
        self._uart.init(baudrate=rate)

    def close(self):
        self._uart.deinit()


class Inputs:
    """`sources`: {name: pin number}, active low when the number is written as '!<pin>'."""

    def __init__(self, sources):
        self._pins = {}
        for name, source in sources.items():
            text = str(source)
            pin = machine.Pin(int(text.lstrip("!")), machine.Pin.IN, machine.Pin.PULL_UP)
            self._pins[name] = (pin, text.startswith("!"))

    def read(self):
        return {name: bool(pin.value()) != low for name, (pin, low) in self._pins.items()}


class Watchdog:
    def __init__(self):
        self._wdt = machine.WDT(timeout=_WATCHDOG_MS)

    def feed(self):
        self._wdt.feed()


def restart():
    machine.reset()
