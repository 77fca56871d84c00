"""Runs under MicroPython as the modules `machine` and `esp32` of an emulated board.

`setup(uarts, levels, cause, memory, wire)`: {UART's number: path of a terminal}, {GPIO: level}; how
the board was started; the file that stands for the RTC's memory, which a power cut alone erases;
the descriptor on which `command.py` hears what the board does to itself:

    watchdog MS     it is to be reset unless this comes again within that time
    reset           now
    sleep MS        and started again after it; 0: never
    cut             its power has failed
"""

import io
import termios
import time

_GET_FD = 10  # of a stream's ioctl: select waits for the descriptor instead of asking again
_CONTROLS, _VTIME, _VMIN = 6, 5, 6  # in what tcgetattr gives (Linux)
_SPEEDS = (4, 5)
_RATES = {
    4800: 0o14, 9600: 0o15, 19200: 0o16, 38400: 0o17, 57600: 0o10001, 115200: 0o10002,
    230400: 0o10003, 460800: 0o10004, 500000: 0o10005, 921600: 0o10007,
}  # fmt: skip
_YEAR_2000 = 946684800
PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
EXT0_WAKE, EXT1_WAKE, TIMER_WAKE = 2, 3, 4
WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH = False, True
_BATTERY_UV = 1050000  # at the pin: 12.6 V behind the gateway's divider

_uarts = {}
_levels = {}
_started = {}


def setup(uarts, levels, cause, memory, wire):
    _uarts.update(uarts)
    _levels.update(levels)
    _started.update({"cause": cause, "memory": memory})
    _started["wire"] = open(wire, "wb")  # noqa: SIM115 open as long as the board runs


def tell(text):
    _started["wire"].write(text + "\n")


def end(text):
    """What ends the board is nothing that code could catch: it is ended from outside."""
    tell(text)
    while True:
        time.sleep(1)


class UART(io.IOBase):
    """A number without a terminal raises ValueError, as one that the chip does not have."""

    def __init__(self, number, baudrate, rx=None, tx=None, rxbuf=256, timeout=0):
        if number not in _uarts:
            raise ValueError("UART(%d) does not exist" % number)
        self._file = open(_uarts[number], "r+b")  # noqa: SIM115 open until deinit
        self.init(baudrate)

    def init(self, baudrate):
        fd = self._file.fileno()
        termios.setraw(fd)
        attributes = termios.tcgetattr(fd)
        attributes[_CONTROLS][_VTIME] = attributes[_CONTROLS][_VMIN] = 0
        for place in _SPEEDS:
            attributes[place] = _RATES[baudrate]
        termios.tcsetattr(fd, termios.TCSANOW, attributes)

    def read(self, n):
        return self._file.read(n)

    def readinto(self, buffer):
        return self._file.readinto(buffer)

    def write(self, data):
        return self._file.write(data)

    def ioctl(self, request, argument):
        return self._file.fileno() if request == _GET_FD else 0

    def deinit(self):
        self._file.close()


class Pin:
    IN, PULL_UP, OUT = 1, 2, 3

    def __init__(self, number, mode=IN, pull=None, value=None):
        self._number = number
        self._idle = 1 if pull == Pin.PULL_UP else 0

    def value(self):
        return _levels.get(self._number, self._idle)

    def __call__(self, level):
        pass


class ADC:
    ATTN_11DB = 3

    def __init__(self, pin, atten=None):
        pass

    def read_uv(self):
        return _BATTERY_UV


class RTC:
    """In the year 2000 at each start, as after a power cut."""

    _ahead = _YEAR_2000 - time.time()

    def datetime(self, value=None):
        if value is not None:
            year, month, day, _, hour, minute, second, _ = value
            set_to = time.mktime((year, month, day, hour, minute, second, 0, 0))
            RTC._ahead = set_to - time.time()
            return None
        t = time.gmtime(int(time.time() + RTC._ahead))
        return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)

    def memory(self, data=None):
        path = _started["memory"]
        if data is None:
            try:
                with open(path, "rb") as f:
                    return f.read()
            except OSError:
                return b""
        with open(path, "wb") as f:
            f.write(data)
        return None


class WDT:
    """One for the board; a second one sets another time. Nothing stops it."""

    def __init__(self, timeout):
        _started["timeout"] = timeout
        self.feed()

    def feed(self):
        tell("watchdog %d" % _started["timeout"])


def reset():
    end("reset")


def reset_cause():
    return _started["cause"]


def wake_reason():
    """Only the timer wakes this board: its inputs do not change."""
    return TIMER_WAKE if _started["cause"] == DEEPSLEEP_RESET else 0


def deepsleep(ms=0):
    end("sleep %d" % ms)


def wake_on_ext0(pin, level):
    pass


def wake_on_ext1(pins, level):
    pass
