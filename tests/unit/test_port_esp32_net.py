"""agent/port/esp32_net.py: drivers of Wi-Fi and of PPP, on stand-ins for the chip's modules that
write down what they are told. The chip itself, its radio and PPP's bytes are not here."""

import asyncio
import sys

from agent.uplink_settings import check


class _Network:
    """The module `network`: WLAN and PPP in the states that a test puts them into."""

    STA_IF = 0

    class WLAN:
        PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
        air = {}  # ssid -> "up", or the status of its failure; absent: still looking
        told = []
        last = None

        def __init__(self, interface):
            _Network.WLAN.last = self
            self.want = None

        def active(self, on):
            self.told.append(("active", on))

        def config(self, **values):
            self.told.append(("config", values["reconnects"], values["pm"]))

        def connect(self, ssid, password):
            self.told.append(("connect", ssid, password))
            if self.air.get(ssid) == "raises":
                raise OSError("Wifi Internal Error")
            self.want = ssid

        def disconnect(self):
            self.want = None

        def isconnected(self):
            return self.air.get(self.want) == "up"

        def status(self, what=None):
            if what == "rssi":
                if not self.isconnected():
                    raise OSError("STA must be connected")
                return -61
            return self.air.get(self.want, 1001)

    class PPP:
        SEC_NONE, SEC_PAP, SEC_CHAP = 0, 1, 2
        made = []

        def __init__(self, stream):
            self.stream = stream
            self.state = 0
            self.told = []
            self.made.append(self)

        def connect(self, **values):
            self.told.append(values)
            self.state = 3

        def disconnect(self):
            self.told.append("disconnect")

        def isconnected(self):
            return self.state == 4

        def status(self):
            return self.state

    told = []

    def country(self, code):
        self.told.append(code)

    def hostname(self, name):
        self.told.append(name)


class _Machine:
    levels = []

    class UART:
        made = []

        def __init__(self, number, baud, rx, tx, rxbuf, timeout):
            if number > 2:
                raise ValueError("UART(%d) does not exist" % number)
            self.place = (number, baud, rx, tx)
            self.sent = b""
            self.answer = b""
            self.is_ok = True
            self.made.append(self)

        def read(self, n):
            data, self.answer = self.answer[:n], self.answer[n:]
            return data or None

        def write(self, data):
            self.sent += data
            if not self.is_ok:
                return
            words = data.strip()
            if words == b"AT+CPIN?":
                self.answer += b"+CPIN: READY\r\n"
            elif words == b"AT+CSQ":
                self.answer += b"+CSQ: 15,99\r\n"
            elif words == b"AT+CEREG?":
                self.answer += b"+CEREG: 0,1\r\n"
            self.answer += b"CONNECT\r\n" if words[:3] == b"ATD" else b"OK\r\n"

    class Pin:
        OUT = 1

        def __init__(self, number, mode=None, value=None):
            self.number = number
            if value is not None:
                _Machine.levels.append((number, value))

        def __call__(self, level):
            _Machine.levels.append((self.number, level))

    class I2C:
        registers = {}

        def __init__(self, number, scl, sda, freq):
            self.registers.update({(32, 0x00): 0xFF, (32, 0x01): 0xFF})
            _Machine.levels.append(("i2c", scl.number, sda.number))

        def readfrom_mem(self, address, register, n):
            return bytes([self.registers.get((address, register), 0)])

        def writeto_mem(self, address, register, data):
            self.registers[(address, register)] = data[0]
            _Machine.levels.append((register, data[0]))


NETWORK = _Network()


def drivers():
    """The module, loaded with the stand-ins for its moment."""
    held = {name: sys.modules.get(name) for name in ("machine", "network")}
    sys.modules["machine"], sys.modules["network"] = _Machine, NETWORK
    try:
        from agent.port import esp32_net

        sys.modules.pop("agent.port.esp32_net")  # nobody else shall find it
        delattr(sys.modules["agent.port"], "esp32_net")
    finally:
        for name in held:
            if held[name] is None:
                sys.modules.pop(name)
            else:
                sys.modules[name] = held[name]
    _Network.WLAN.told, _Network.WLAN.air, _Network.PPP.made = [], {}, []
    _Network.told, _Machine.levels, _Machine.UART.made = [], [], []
    return esp32_net


def wifi(**more):
    config = {"networks": [{"ssid": "depot", "password": "a long key"}, {"ssid": "open"}]}
    config.update(more)
    checked = check({"order": ["wifi"], "wifi": config}, "uplink")["wifi"]
    return drivers().Wifi(checked)


def lte(**more):
    config = {"port": "uart0:48:47", "apn": "internet"}
    config.update(more)
    return drivers().Lte(check({"order": ["lte"], "lte": config}, "uplink")["lte"])


def run(driver, now, ms, until=None):
    """(what it said last, when)"""
    end = now + ms
    while now < end:
        said = driver.poll(now)
        if said is not None and said != until:
            return said, now
        now += 100
    return None, now


# Wi-Fi


def test_wifi_joins_the_first_network_that_is_there_and_never_lists_them():
    driver = wifi(country="MA", hostname="car-7")
    driver.start(0)
    assert _Network.told == ["MA", "car-7"]
    assert _Network.WLAN.told == [
        ("active", True), ("config", 0, 0), ("connect", "depot", "a long key")
    ]  # fmt: skip
    assert driver.poll(100) is None and driver.signal() is None
    _Network.WLAN.air = {"depot": "up"}
    assert driver.poll(2000) == "up" and driver.signal() == -61
    assert driver.patience == 2 * 12000 + 5000


def test_wifi_saves_power_where_it_is_told_to():
    driver = wifi(power_save=True)
    driver.start(0)
    assert ("config", 0, 1) in _Network.WLAN.told


def test_wifi_goes_on_to_the_next_network():
    driver = wifi()
    _Network.WLAN.air = {"depot": 201, "open": "up"}
    driver.start(0)
    assert driver.poll(100) is None
    assert _Network.WLAN.told[-1] == ("connect", "open", None)
    assert driver.poll(200) == "up"


def test_wifi_without_an_address_is_not_waited_for_for_ever():
    driver = wifi()
    driver.start(0)  # the access point is there, its DHCP is not: it stays connecting
    said, when = run(driver, 0, 60000)
    assert said == "away" and 24000 <= when <= 24300 and driver.counters["tries"] == 2


def test_wifi_tells_a_wrong_key_from_a_network_that_is_not_there():
    for status, cause in ((201, "away"), (200, "away"), (202, "key"), (15, "key"), (204, "key")):
        driver = wifi()
        _Network.WLAN.air = {"depot": status, "open": 201}
        driver.start(0)
        assert run(driver, 0, 5000)[0] == cause, status
        driver.start(10000)  # and begins anew
        _Network.WLAN.air = {"depot": "up"}
        assert run(driver, 10000, 1000)[0] == "up"


def test_wifi_that_is_lost_says_so_and_is_off_when_stopped():
    driver = wifi()
    _Network.WLAN.air = {"depot": "up"}
    driver.start(0)
    assert driver.poll(100) == "up"
    _Network.WLAN.air = {"depot": 200}
    assert driver.poll(200) == "lost" and driver.signal() is None
    driver.stop(300)
    assert _Network.WLAN.told[-1] == ("active", False)
    driver.start(400)
    assert driver.poll(500) is None  # no longer lost


def test_a_radio_that_raises_is_a_network_that_is_not_there():
    driver = wifi()
    _Network.WLAN.air = {"depot": "raises", "open": "raises"}
    driver.start(0)
    assert run(driver, 0, 5000)[0] == "away"


# LTE


def up(driver, now=0):
    driver.start(now)
    _, now = run(driver, now, 3000)
    ppp = _Network.PPP.made[-1]
    ppp.state = 4
    assert driver.poll(now) == "up"
    return ppp, now


def test_lte_talks_to_the_modem_and_hands_the_line_to_ppp():
    driver = lte()
    ppp, _ = up(driver)
    uart = _Machine.UART.made[0]
    assert uart.place == (0, 115200, 48, 47) and ppp.stream is uart
    assert ppp.told == [{}] and driver.signal() == -83
    uart.answer = b"~\x7f"
    driver.poll(5000)
    assert uart.answer == b"~\x7f"  # that is PPP's


def test_lte_gives_the_operators_name_and_password_to_ppp_alone():
    for auth, number in (("chap", 2), ("pap", 1)):
        driver = lte(username="u", password="hunter2", auth=auth)
        ppp, _ = up(driver)
        assert ppp.told == [{"security": number, "user": "u", "key": "hunter2"}]
        assert b"hunter2" not in _Machine.UART.made[0].sent


def test_lte_that_is_refused_by_ppp_or_never_negotiated():
    driver = lte()
    driver.start(0)
    _, now = run(driver, 0, 3000)
    _Network.PPP.made[-1].state = -5
    assert driver.poll(now) == "dial"
    driver = lte()
    driver.start(0)
    said, when = run(driver, 0, 60000)
    assert said == "dial" and 30000 < when < 35000


def test_lte_that_is_lost_waits_for_ppps_good_bye_before_it_reads_the_line_again():
    driver = lte()
    ppp, now = up(driver)
    ppp.state = -4
    assert driver.poll(now) == "lost"
    driver.stop(now)
    assert ppp.told[-1] == "disconnect"
    ppp.state = 3  # its good-bye is not answered yet
    driver.start(now + 100)
    said, _ = run(driver, now + 100, 1000)
    assert said is None and len(_Network.PPP.made) == 1
    ppp.state = 0
    run(driver, now + 1100, 3000)
    assert len(_Network.PPP.made) == 2 and len(_Machine.UART.made) == 1


def test_lte_whose_peer_never_says_good_bye_goes_on_without_it():
    driver = lte()
    ppp, now = up(driver)
    driver.stop(now)
    ppp.state = 3
    driver.start(now)
    run(driver, now, 9000)
    assert len(_Network.PPP.made) == 2


def test_lte_without_an_answer_presses_the_key_and_lets_it_go():
    driver = lte(power_key="46", reset="!17", pulse_ms=300)
    assert _Machine.levels == [(46, 0), (17, 1)]  # both let go
    driver.start(0)
    _Machine.UART.made[0].is_ok = False
    said, _ = run(driver, 0, 120000)
    assert said == "silent"
    assert _Machine.levels[2:] == [(46, 1), (46, 0), (17, 0), (17, 1)]
    presses = []
    driver = lte(power_key="46", pulse_ms=300)
    driver.start(0)
    _Machine.UART.made[0].is_ok = False
    for now in range(0, 30000, 100):
        count = len(_Machine.levels)
        driver.poll(now)
        if len(_Machine.levels) > count:
            presses.append(now)
    assert presses[1] - presses[0] == 300


def test_the_modems_supply_is_switched_by_the_expander():
    driver = lte(enable="i2c:9:8:32:2")
    registers = _Machine.I2C.registers
    assert ("i2c", 9, 8) in _Machine.levels
    assert registers[(32, 0x14)] == 4 and registers[(32, 0x00)] == 0xFB  # an output, high
    levels = [row for row in _Machine.levels if row[0] != "i2c"]
    assert levels == [(0x14, 4), (0x00, 0xFB)]  # the level before the direction
    up(driver)
    asyncio.run(driver.off())
    assert registers[(32, 0x14)] == 0
    assert _Machine.UART.made[0].sent.endswith(b"AT+CPOF\r")


def test_a_modem_that_hangs_loses_its_supply_for_a_while():
    driver = lte(enable="!i2c:9:8:32:9")
    registers = _Machine.I2C.registers
    assert registers[(32, 0x15)] == 0
    driver.start(0)
    _Machine.UART.made[0].is_ok = False
    off = []
    for now in range(0, 90000, 100):
        driver.poll(now)
        if registers[(32, 0x15)]:
            off.append(now)
    assert off and off[-1] - off[0] == 2900 and registers[(32, 0x15)] == 0


def test_what_cannot_be_is_said():
    module = drivers()
    for port in ("uart7:1:2",):  # of the right form, and not there
        driver = lte(port=port)
        try:
            driver.start(0)
        except module.PortError as e:
            assert "uplink.lte.port" in str(e)
        else:
            raise AssertionError(port)
    held = _Network.PPP.disconnect
    del _Network.PPP.disconnect
    try:
        lte()
    except module.PortError as e:
        assert "MicroPython 1.26" in str(e)
    else:
        raise AssertionError("taken")
    finally:
        _Network.PPP.disconnect = held
