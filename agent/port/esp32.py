"""MicroPython on the ESP32 family."""

import asyncio
import json
import sys
import time

import esp32
import machine

from agent.const import const
from agent.port.errors import UartError
from agent.port.micropython import (  # noqa: F401
    Aead,
    Storage,
    data_folder,
    forget,
    heap,
    hmac_sha256,
    inflated,
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
_PIECE = const(64)  # 6 ms at 115200 baud
# Seconds from 1970 to where this port's time begins: 2000 in most builds.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0
# The RTC runs on through deep sleep by an RC oscillator; what it is off after a night's sleep.
_RTC_UNCERTAINTY_MS = const(60000)
_WATCHDOG_MS = const(30000)  # longer than the slowest TLS handshake
# The external watchdog (TPL5010) waits 10 minutes, asleep or awake; the RC oscillator that times
# a deep sleep may be 5 % slow.
_NAP_MS = const(540000)
_ADC_READINGS = const(8)  # averaged: the converter is noisy


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


class _UartTerminal(Uart):
    """The same for people. Nobody hinders a UART from sending: it takes all at its own rate."""

    def write(self, data):
        """-> how many bytes the line took."""
        return self._uart.write(data[:_PIECE]) or 0


def Terminal(path, baud):
    """'usb': the chip's own USB or the UART that the firmware speaks on; else as Uart has it."""
    if path != "usb":
        return _UartTerminal(path, baud)
    from agent.port.usb import UsbTerminal

    return UsbTerminal()


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


class Battery:
    """`source` is '<pin>:<numerator>:<denominator>' of the divider before the converter's pin."""

    def __init__(self, source):
        pin, over, under = source.split(":")
        self._adc = machine.ADC(machine.Pin(int(pin)), atten=machine.ADC.ATTN_11DB)
        self._over = int(over)
        self._under = int(under) * 1000 * _ADC_READINGS

    def read(self):
        """mV."""
        total = 0
        for _ in range(_ADC_READINGS):
            total += self._adc.read_uv()
        return total * self._over // self._under


class Watchdog:
    """The chip's own, and where the board has one, an external one on a pin."""

    def __init__(self, pin=None):
        self._wdt = machine.WDT(timeout=_WATCHDOG_MS)
        self._pin = None if pin is None else machine.Pin(int(pin), machine.Pin.OUT, value=0)

    def feed(self):
        self._wdt.feed()
        if self._pin:
            self._pin(1)
            self._pin(0)


def wall_ms():
    return (time.time() + _EPOCH) * 1000


def restart():
    # Else the boot code would count it as a crash (MARK_MEANT of agent/update/starts.py).
    machine.RTC().memory(b"meant")
    machine.reset()


# Deep sleep


def wake_cause(sources):
    """`sources` as of `sleep`."""
    cause = machine.reset_cause()
    if cause != machine.DEEPSLEEP_RESET:
        names = {
            machine.PWRON_RESET: "power",
            machine.HARD_RESET: "reset",
            machine.WDT_RESET: "watchdog",
            machine.SOFT_RESET: "restart",
        }
        return names.get(cause, "start")
    reason = machine.wake_reason()
    if reason == machine.TIMER_WAKE:
        return "timer"
    low, high = _wires(sources)
    if reason == machine.EXT0_WAKE and low:
        return low[0]
    levels = Inputs(dict(high)).read()
    for name, _ in high:
        if levels[name] or len(high) == 1:
            return name
    return "input"  # it is off again: which one it was nobody knows


def _wires(sources):
    """(the one input that wakes by falling, or None; those that wake by rising): ext0 takes one pin
    of either level, ext1 several of which any may rise. More that fall cannot wake this chip."""
    low = [source for source in sources if source[1].startswith("!")]
    return (low[0] if low else None), [s for s in sources if not s[1].startswith("!")]


def sleep(ms, sources, watchdog):
    """Deep sleep: RAM is lost, the agent starts anew. `sources`: [name, pin as in Inputs] of what
    wakes, the most important first; ms 0: no timer; watchdog: pin of the external one, or None."""
    nap = ms
    if watchdog is not None:
        pin = machine.Pin(int(watchdog), machine.Pin.OUT, value=0)
        pin(1)
        pin(0)
        if not 0 < ms <= _NAP_MS:
            nap = _NAP_MS
    left = None if nap == ms else max(0, ms - nap)
    machine.RTC().memory(json.dumps([left, sources, watchdog]).encode())
    low, high = _wires(sources)
    if low:
        esp32.wake_on_ext0(_pin(low), esp32.WAKEUP_ALL_LOW)
    if high:
        esp32.wake_on_ext1([_pin(source) for source in high], esp32.WAKEUP_ANY_HIGH)
    if nap:
        machine.deepsleep(nap)
    machine.deepsleep()


def _pin(source):
    return machine.Pin(int(source[1].lstrip("!")), machine.Pin.IN, machine.Pin.PULL_UP)


def sleep_on():
    """The rest of a sleep that was only interrupted for the external watchdog."""
    if machine.reset_cause() != machine.DEEPSLEEP_RESET:
        return
    if machine.wake_reason() != machine.TIMER_WAKE:
        return
    try:
        left, sources, watchdog = json.loads(machine.RTC().memory())
    except (ValueError, TypeError):
        return  # it was not this agent that went to sleep
    if left is not None:
        sleep(left, sources, watchdog)
