"""MicroPython on the ESP32 family."""

import asyncio
import sys
import time

import machine

from agent.const import const
from agent.port.errors import UartError
from agent.port.micropython import (  # noqa: F401
    Aead,
    Storage,
    forget,
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
from agent.port.reading import Reading

NAME = sys.platform
_RX_BUFFER = const(4096)  # the default of 256 bytes overflows silently after 22 ms at 115200 baud
# Seconds from 1970 to where this port's time begins: 2000 in most builds.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0
# The RTC runs on through deep sleep by an RC oscillator; what it is off after a night's sleep.
_RTC_UNCERTAINTY_MS = const(60000)
_WATCHDOG_MS = const(30000)  # longer than the slowest TLS handshake


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
        self._reading = Reading(asyncio.StreamReader(self._uart), within)

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        return await self._reading.read(ms) or b""

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


class Rtc:
    """Runs on through resets and deep sleep; after a power cut it is in the year 2000."""

    def read(self):
        """(UTC in ms, uncertainty in ms); one that was never set is refused by its date."""
        year, month, day, _, hour, minute, second, _ = machine.RTC().datetime()
        seconds = time.mktime((year, month, day, hour, minute, second, 0, 0))
        return (seconds + _EPOCH) * 1000, _RTC_UNCERTAINTY_MS

    def write(self, utc):
        """Sets it to UTC in ms."""
        t = time.gmtime(utc // 1000 - _EPOCH)
        machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


class Watchdog:
    def __init__(self):
        self._wdt = machine.WDT(timeout=_WATCHDOG_MS)

    def feed(self):
        self._wdt.feed()


def restart():
    machine.reset()
