"""A virtual gateway that starts from its flash and finds its way: Wi-Fi away, LTE, Wi-Fi again; a
modem that starts anew; what it does not say. PPP is a state in this emulation, and so is Wi-Fi."""

import pytest

from tests.support import micropython
from tests.support.uplinks import PASSWORD, PIN, SSID, UplinkSystem

pytestmark = pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT)
PATIENCE_S = 60  # on a machine with other work; each step takes some seconds
UPLINK = {
    "order": ["wifi", "lte"],
    "fails": 2,
    "return_s": 10,
    "hold_s": 1,
    "wifi": {"networks": [{"ssid": SSID, "password": PASSWORD}], "network_s": 3},
    "lte": {"port": "uart0:48:47", "apn": "internet", "pin": PIN, "commands": ["AT+CGNSSPWR=1"]},
}


@pytest.fixture
def system(tmp_path):
    made = UplinkSystem(
        tmp_path,
        UPLINK,
        ("sim=pin", f"pin={PIN}", "boot=1"),
        journal={"flush_ms": 500},
        mqtt={"keepalive_s": 5, "connect_timeout_s": 5},
    )
    yield made
    made.close()


def test_the_way_is_found_lost_and_found_again(system):
    system.start_room()
    system.start_gateway()
    system.wait(lambda: system.used() == ["lte"], PATIENCE_S, "LTE in use")
    system.wait(lambda: len(system.positions()) >= 1, PATIENCE_S, "a position by LTE")
    assert "uplink: wifi ends: away" in system.agent_log()

    # PPP does not notice; what notices is the link.
    system.modem("reset")
    there = len(system.positions())
    system.wait(lambda: system.used() == ["lte", "lte"], PATIENCE_S, "LTE again")
    system.wait(lambda: len(system.positions()) > there, PATIENCE_S, "a further position by LTE")

    system.wifi(True)
    system.wait(lambda: system.used()[2:] == ["wifi"], PATIENCE_S, "Wi-Fi in use")
    there = len(system.positions())
    system.wait(lambda: len(system.positions()) > there, PATIENCE_S, "a position by Wi-Fi")

    system.wifi(False)
    system.wait(lambda: system.used()[3:] == ["lte"], PATIENCE_S, "LTE when Wi-Fi has gone")
    log = system.agent_log()
    assert PIN not in log and PASSWORD not in log
    system.kill("agent")
    told = system.modem_ends()
    assert told["calls"] == 3 and told["bytes"] > 1000
    assert told["asked"].count('AT+CPIN="..."') >= 2  # a modem that starts anew asks again
    assert "AT+CGNSSPWR=1" in told["asked"]
