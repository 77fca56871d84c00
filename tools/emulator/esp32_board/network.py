"""Runs under MicroPython as the modules `network` and `socket` of an emulated board.

`setup(air)`: a file that says what is in reach, read anew at each look, so that it may change while
the board runs:

    {"wifi": {"depot": {"password": "...", "rssi": -58}}, "relays": {"wifi": PORT, "lte": PORT}}

Connections go out through the relay (a port on loopback) of whichever way has the route: the one
that got it last, PPP when it is told to connect, Wi-Fi when it has an address, as lwIP and
esp_netif do. A way that goes takes the route along, and nobody gives it to the other.
PPP is a state: it and the emulated modem exchange the words of `tools/emulator/modem/chat.py`.
"""

import json
import socket
import time

STA_IF = 0
_NOT_FOUND, _HANDSHAKE, _BEACONS = 201, 15, 200  # ESP-IDF's reasons
_IDLE, _CONNECTING, _GOT_IP = 1000, 1001, 1010
_SEARCH_MS, _JOIN_MS = 1500, 500
_NO_NAME = -202  # lwIP's EAI_FAIL
_NOISE = 512  # bytes of the line that are looked at for a word

_air = {}
_route = [None]  # "wifi" or "lte"
_told = {}


def setup(air):
    _air["path"] = air


def _now():
    return time.ticks_ms()


def _look(part):
    try:
        with open(_air["path"]) as f:
            return json.load(f).get(part, {})
    except (OSError, ValueError, KeyError):  # none, or just being written
        return {}


def country(code):
    _told["country"] = code


def hostname(name):
    _told["hostname"] = name


class WLAN:
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2

    def __init__(self, interface):
        self._is_active = False
        self._want = None
        self._since = 0
        self._is_up = False
        self._reason = None

    def active(self, on=None):
        if on is not None:
            self._is_active = on
            if not on:
                self._leave()
        return self._is_active

    def config(self, reconnects, pm):
        if reconnects:
            raise ValueError("this board emulates reconnects=0 alone")

    def connect(self, ssid, password):
        if not self._is_active:
            raise OSError("Wifi Not Started")
        self._want = (ssid, password)
        self._since = _now()
        self._reason = None

    def disconnect(self):
        self._want = None
        self._leave()

    def _leave(self):
        if self._is_up and _route[0] == "wifi":
            _route[0] = None
        self._is_up = False

    def _poll(self):
        if self._want is None or self._reason is not None:
            return
        ssid, password = self._want
        found = _look("wifi").get(ssid)
        past = time.ticks_diff(_now(), self._since)
        if self._is_up:
            if found is None:
                self._leave()
                self._reason = _BEACONS
        elif found is None:
            if past >= _SEARCH_MS:
                self._reason = _NOT_FOUND
        elif found.get("password") != password:
            if past >= _SEARCH_MS:
                self._reason = _HANDSHAKE
        elif past >= _JOIN_MS and not found.get("no_address"):
            self._is_up = True
            _route[0] = "wifi"

    def isconnected(self):
        self._poll()
        return self._is_up

    def status(self, what=None):
        self._poll()
        if what == "rssi":
            if not self._is_up:
                raise OSError("STA must be connected")
            return _look("wifi").get(self._want[0], {}).get("rssi", -70)
        if self._is_up:
            return _GOT_IP
        if self._reason is not None:
            return self._reason
        return _IDLE if self._want is None else _CONNECTING


class PPP:
    SEC_NONE, SEC_PAP, SEC_CHAP = 0, 1, 2
    _INACTIVE, _ERROR, _CONNECTING, _CONNECTED = 0, 2, 3, 4

    def __init__(self, stream):
        self._stream = stream
        self._state = PPP._INACTIVE
        self._heard = b""

    def connect(self, security=0, user=None, key=None):
        if self._state >= PPP._CONNECTING:
            raise OSError("EALREADY")
        self._state = PPP._CONNECTING
        _route[0] = "lte"
        self._stream.write(b"~open~")

    def disconnect(self):
        if self._state >= PPP._CONNECTING:
            self._stream.write(b"~close~")

    def _poll(self):
        if self._state < PPP._CONNECTING:
            return
        data = self._stream.read(256)
        if not data:
            return
        self._heard = (self._heard + data)[-_NOISE:]
        if b"~up~" in self._heard:
            self._become(PPP._CONNECTED)
        if b"~refused~" in self._heard:
            self._become(PPP._ERROR)
        if b"~closed~" in self._heard:
            self._become(PPP._INACTIVE)

    def _become(self, state):
        self._state = state
        self._heard = b""
        if state < PPP._CONNECTING and _route[0] == "lte":
            _route[0] = None

    def isconnected(self):
        self._poll()
        return self._state == PPP._CONNECTED

    def status(self):
        self._poll()
        return -self._state if self._state == PPP._ERROR else self._state


class Socket:
    """The module `socket`: names are found only where there is a route."""

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, host, port, *more):
        relay = _look("relays").get(_route[0]) if _route[0] else None
        if relay is None:
            raise OSError(_NO_NAME)
        return socket.getaddrinfo("127.0.0.1", relay, *more)
