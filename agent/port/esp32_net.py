"""Drivers of an ESP32's ways to the network, for `agent/uplinking.py`: Wi-Fi, and LTE by PPP.

    driver.start(now)        it is to come up; returns at once
    driver.poll(now)         None while it comes up, UP, or the cause for which it is down
                             (a row of `uplinks.BACKOFF`)
    driver.stop(now)         it is to go down
    driver.signal()          dBm, or None where nobody tells
    await driver.off()       the radio's supply goes, for a machine that is about to sleep
    driver.patience          ms from a start to an address, at most
    driver.counters

Nothing here blocks. No list of networks is asked for: that would hold the loop for seconds, and
leaves hidden ones out; the chip looks for the one name that it is told.

Needs MicroPython 1.26: before, PPP had another interface, and ended once it could not be begun
again (micropython issues 4708, 15157; pull request 17138).
"""

import asyncio

import machine
import network

from agent.comms.modem import DATA, OFF, Modem
from agent.const import const
from agent.port.errors import PortError

UP = "up"

# Wi-Fi: what `status()` says (ESP-IDF's reasons for a disconnection, as MicroPython hands them on).
_CONNECTING = const(1001)
_KEY_REASONS = (2, 14, 15, 202, 204)  # authentication, MIC, handshake: most often a wrong key
_JOIN_MS = const(5000)  # beyond the networks' own time: the radio's start

_READ = const(256)
_RX_BUFFER = const(2048)  # of PPP's: 180 ms at 115200 baud
_NEGOTIATE_MS = const(30000)  # LCP, authentication and IPCP
_CLOSE_MS = const(5000)  # PPP's good-bye
_SUPPLY_MS = const(3000)  # the supply is off for so long when it is taken from a modem that hangs


class Wifi:
    """`config`: the group `uplink.wifi`."""

    def __init__(self, config):
        self._config = config
        self._networks = config["networks"]
        self.patience = len(self._networks) * config["network_s"] * 1000 + _JOIN_MS
        self._wlan = None
        self._place = 0
        self._until = 0
        self._was_up = False
        self._cause = "away"
        self.counters = {"tries": 0, "refused": 0}

    def start(self, now):
        config = self._config
        if config["country"]:
            network.country(config["country"])
        if config["hostname"]:
            network.hostname(config["hostname"])
        if self._wlan is None:
            self._wlan = network.WLAN(network.STA_IF)
        self._wlan.active(True)
        # Asleep between beacons it answers late, and some access points throw it out.
        mode = self._wlan.PM_PERFORMANCE if config["power_save"] else self._wlan.PM_NONE
        # By itself it would try one network for ever, and never say that it is not there.
        self._wlan.config(reconnects=0, pm=mode)
        self._was_up = False
        self._cause = "away"
        self._place = 0
        self._join(now)

    def _join(self, now):
        row = self._networks[self._place]
        self._until = now + self._config["network_s"] * 1000
        self.counters["tries"] += 1
        try:
            self._wlan.disconnect()
            self._wlan.connect(row["ssid"], row["password"])
        except OSError:
            self._until = now  # it is none; the next one, if there is one

    def poll(self, now):
        wlan = self._wlan
        if wlan.isconnected():
            self._was_up = True
            return UP
        if self._was_up:
            return "lost"
        status = wlan.status()
        if status == _CONNECTING and now < self._until:
            return None
        if status in _KEY_REASONS:
            self._cause = "key"
            self.counters["refused"] += 1
        self._place += 1
        if self._place >= len(self._networks):
            return self._cause
        self._join(now)
        return None

    def stop(self, now):
        """The station is off: connected again by itself, it would take the route."""
        try:
            self._wlan.disconnect()
        except OSError:
            pass
        self._wlan.active(False)

    def signal(self):
        try:
            return self._wlan.status("rssi") if self._was_up else None
        except (OSError, ValueError):
            return None

    async def off(self):
        pass


class Lte:
    """`config`: the group `uplink.lte`."""

    def __init__(self, config):
        if not hasattr(network.PPP, "disconnect"):
            raise PortError("uplink.lte: this firmware's PPP is too old, take MicroPython 1.26")
        self._config = config
        self.patience = config["patience_s"] * 1000
        self._pins = {}
        presses = []
        for name in ("power_key", "reset", "enable"):
            if config[name]:
                self._pins[name] = OutputPin(config[name], name == "enable")
                presses.append(name)
        self.modem = Modem(
            config["apn"], config["pin"], config["commands"], config["dial"], presses
        )
        self._uart = None
        self._ppp = None
        self._until = 0  # of PPP's negotiation, or of its good-bye
        self._was_up = False
        self._starting = False  # as soon as the last PPP has gone
        self._is_cold = False
        self._pressed = None  # (pin, level to go back to, when)
        self.counters = self.modem.counters

    def start(self, now):
        config = self._config
        if self._uart is None:
            try:
                name, rx, tx = config["port"].split(":")
                self._uart = machine.UART(
                    int(name[4:]), config["baud"], rx=int(rx), tx=int(tx), rxbuf=_RX_BUFFER,
                    timeout=0,
                )  # fmt: skip
            except (ValueError, OSError) as e:
                raise PortError("uplink.lte.port %s: %s" % (config["port"], e))
            self._is_cold = "enable" in self._pins
        self._was_up = False
        self._starting = True

    def poll(self, now):
        self._release(now)
        if self._starting:
            if self._ppp is not None and not self._is_closed(now):
                return None
            self._ppp = None
            self._starting = False
            self.modem.start(now, self._is_cold)
            self._is_cold = False
        if self._ppp is not None:
            return self._poll_ppp(now)
        data = self._uart.read(_READ)
        if data:
            self.modem.feed(data, now)
        for action, value in self.modem.poll(now):
            if action == "write":
                self._uart.write(value)
            elif action == "press":
                self._press(value, now)
        if self.modem.state == DATA:
            self._dial(now)
        elif self.modem.state == OFF:
            return self.modem.cause or "fault"
        return None

    def _dial(self, now):
        config = self._config
        self._until = now + _NEGOTIATE_MS
        self._ppp = network.PPP(self._uart)
        if config["username"] is None:
            self._ppp.connect()
            return
        chap, pap = network.PPP.SEC_CHAP, network.PPP.SEC_PAP
        self._ppp.connect(
            security=pap if config["auth"] == "pap" else chap,
            user=config["username"],
            key=config["password"],
        )

    def _poll_ppp(self, now):
        if self._ppp.isconnected():
            self._was_up = True
            return UP
        if self._was_up:
            return "lost"
        if self._ppp.status() < 0 or now >= self._until:  # below 0: lwIP's error
            return "dial"
        return None

    def stop(self, now):
        self._starting = False
        self.modem.stop()
        if self._ppp is not None:
            self._until = now + _CLOSE_MS
            self._ppp.disconnect()

    def _is_closed(self, now):
        """The UART may be read again: PPP reads it until its good-bye is answered. A peer that has
        gone does not answer; the object's end closes it then."""
        return not self._ppp.status() or now >= self._until

    def signal(self):
        """As asked before the call: in the middle of one there is nobody to ask."""
        return self.modem.signal

    def _press(self, name, now):
        """Holds a key down; `poll` lets it go."""
        pin = self._pins[name]
        if name == "enable":
            pin.set(False)
            self._pressed = (pin, True, now + _SUPPLY_MS)
        else:
            pin.set(True)
            self._pressed = (pin, False, now + self._config["pulse_ms"])

    def _release(self, now):
        if self._pressed and now >= self._pressed[2]:
            self._pressed[0].set(self._pressed[1])
            self._pressed = None

    async def off(self):
        if self._uart is None:
            return
        await asyncio.sleep(1)  # PPP's good-bye has left the modem with its ear open
        self._uart.write(b"AT+CPOF\r")  # SIMCom's; others answer ERROR, and lose their supply
        await asyncio.sleep(0.5)
        if "enable" in self._pins:
            self._pins["enable"].set(False)


class OutputPin:
    """`source`: '<GPIO>' or 'i2c:<scl>:<sda>:<address>:<pin>' of an MCP23017, after '!' where low
    means on."""

    def __init__(self, source, is_on):
        self._is_low = source.startswith("!")
        parts = source.lstrip("!").split(":")
        if parts[0] == "i2c":
            self._pin = _ExpanderPin(*[int(part) for part in parts[1:]])
            self.set(is_on)
        else:
            level = int(is_on != self._is_low)
            self._pin = machine.Pin(int(parts[0]), machine.Pin.OUT, value=level)

    def set(self, is_on):
        self._pin(int(is_on != self._is_low))


class _ExpanderPin:
    """A pin of the MCP23017, in its registers' order after a reset (IOCON.BANK = 0)."""

    def __init__(self, scl, sda, address, pin):
        self._bus = machine.I2C(0, scl=machine.Pin(scl), sda=machine.Pin(sda), freq=100000)
        self._address = address
        self._port = pin // 8  # A or B
        self._bit = 1 << pin % 8

    def __call__(self, level):
        latch, direction = 0x14 + self._port, 0x00 + self._port  # OLAT before IODIR: no glitch
        self._change(latch, bool(level))
        self._change(direction, False)

    def _change(self, register, is_set):
        held = self._bus.readfrom_mem(self._address, register, 1)[0]
        held = held | self._bit if is_set else held & ~self._bit
        self._bus.writeto_mem(self._address, register, bytes([held]))


DRIVERS = {"wifi": Wifi, "lte": Lte}
