"""A laptop or a Raspberry Pi on a car's CAN bus, without an adapter (agent/obd/can_bus.py)."""

from agent.obd.can_bus import CanBus
from agent.obd.poller import Obd
from agent.obd.scanner import Scanner
from agent.port.errors import UartError
from agent.port.socketcan import CanLine as Port
from tools.obd.line import Line, LineError

_SERIAL_BAUD = 38400  # the option's default, which says nothing about a CAN bus
_USUAL_BITRATE = 500_000


class CanLine(Line):
    """`port` as agent/port/socketcan.py has it; `bitrate` names the protocol, it sets nothing."""

    def __init__(self, port, bitrate):
        super().__init__()
        self._name = port
        self._bitrate = _USUAL_BITRATE if bitrate == _SERIAL_BAUD else bitrate
        try:
            self.driver({}, {})
            self._port = Port(port)
        except (UartError, ValueError) as e:
            raise LineError(str(e)) from None

    def poller(self, settings):
        return Obd(settings, self.driver)

    def scanner(self, tests):
        return Scanner(None, tests, driver=self.driver)

    def driver(self, counters, memory, bus_retry_ms=5000):
        return CanBus(counters, memory, bus_retry_ms, self._name, self._bitrate)

    def close(self):
        self._port.close()

    def write(self, data):
        try:
            self._port.write(data)
        except UartError as e:
            raise LineError(str(e)) from None

    def read(self, ms):
        try:
            return self._port.read(ms)
        except UartError as e:
            raise LineError(str(e)) from None
