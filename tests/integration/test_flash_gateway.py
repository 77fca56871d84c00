"""From box to an updated gateway, without a short cut: a fresh chip is flashed by the real esptool,
MicroPython starts out of that very flash, the room shows where the car is and what its engine does,
and an update over the air goes into the other slot of that flash and is committed there.
"""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import signals
from agent.port.tree import new_hash
from agent.update import boot
from tests.support import esp_board, esp_firmware, micropython
from tests.support.esp_board import Bench, Chip
from tests.support.fleets import FleetSystem
from tests.support.system import VEHICLE
from tests.support.update_system import Rollout, Shop
from tools import provision
from tools.demo.received import Received
from tools.emulator.esp32_board.command import vfs_of
from tools.flash.volume import Volume
from tools.release import folder as releases

pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]
# As the gateway's board has them; the agent's own code for the chip opens them.
GPS, OBD = "uart1:18:17", "uart2:40:39"
BOARD = "gateway-s3"
HEAP = "768K"  # of 64-bit words, for a download beside all the rest
PATIENCE_S = 90  # a session and its first batch, on a machine with other work


class GatewaySystem(Rollout, FleetSystem):
    """The whole system with certificates; the agent is what lies in a flash file."""

    def __init__(self, folder, shop, **settings):
        self.shop = shop
        super().__init__(folder, "micropython", **settings)

    def _vehicle(self, **_):
        _, path = provision.create_vehicle(
            self.room_folder, VEHICLE, gps=(GPS, 9600), obd=(OBD, 38400), target="esp32",
            update_keys=self.shop.people, hardware=BOARD, release=self.shop.releases["old"],
        )  # fmt: skip
        return path

    def start_gateway(self, flash):
        command = [sys.executable, "-m", "tools.emulator.esp32_board", "--attached"]
        uarts = ["--uart", f"1={self.terminals['gps']}", "--uart", f"2={self.terminals['obd']}"]
        self._start("agent", [*command, "--flash", str(flash), "--heap", HEAP, *uarts])

    def signals(self):
        """Names of those that the room has values of."""
        found = {row["signal"] for row in Received(self.room_folder, VEHICLE).values}
        return {signals.name(signal) for signal in found}


class Stages:
    """How long each part of the way took."""

    def __init__(self):
        self._at = time.monotonic()
        self._rows = []

    def done(self, what):
        now = time.monotonic()
        self._rows.append((what, now - self._at))
        self._at = now

    def print(self):
        for what, seconds in [*self._rows, ("in all", sum(s for _, s in self._rows))]:
            print(f"{what:<48}{seconds:6.1f} s")


@pytest.fixture
def stages():
    made = Stages()
    yield made
    made.print()


@pytest.fixture
def system(tmp_path, stages):
    shop = Shop(tmp_path / "shop", "esp32", ("old", "good"), BOARD, is_mortal=False)
    stages.done("two releases of the agent, built and signed")
    made = GatewaySystem(
        tmp_path,
        shop,
        journal={"flush_ms": 500},
        mqtt={"keepalive_s": 5, "connect_timeout_s": 10},
        update={"settle_ms": 1000, "trial_ms": 60000},
    )
    stages.done("fleet, room, broker and vehicle provisioned")
    yield made
    made.close()


def running_on(flash):
    """Ids of the processes that were started with this flash file, but the emulated loader."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            text = path.read_bytes()
            if str(flash).encode() in text and b"esp32_board" in text:
                found.append(int(path.parent.name))
    return found


def power_cut(system, flash):
    system.kill("agent")
    # What went on would take other tests' terminals, which get the same numbers.
    end = time.monotonic() + 5
    while running_on(flash):
        assert time.monotonic() < end, "the interpreter goes on without its emulator"
        time.sleep(0.05)


def sessions(system):
    try:
        return len(system.sessions())
    except Exception:  # the room is still making its data base
        return 0


def file_system(flash):
    """The littlefs that lies in a flash file."""
    partition = vfs_of(flash)
    return Volume(partition.size, flash.read_bytes()[partition.at : partition.end])


@pytest.fixture
def chip(tmp_path):
    made = Chip(tmp_path, size="4MB")
    yield made
    made.close()


def test_from_the_box_to_an_updated_gateway(system, chip, stages, tmp_path):
    bench = Bench(tmp_path)
    flash = ("--firmware", bench.firmware(layout="4MB", is_rom=True), "--port", chip.port)
    done = bench.flash(*flash, "--bundle", system.room_folder / "vehicles" / VEHICLE)
    assert done.code == 0, done.error
    stages.done("flashed and verified by esptool")
    system.start_room()
    system.start_gateway(chip.flash)
    system.wait(lambda: sessions(system) == 1, PATIENCE_S, "the session")
    stages.done("started from the flash: the first session")
    system.wait(lambda: len(system.positions()) >= 2, PATIENCE_S, "a position")
    place = system.positions()[-1]
    assert abs(place["lat"] - 33.6e6) < 1e6 and abs(place["lon"] + 7.6e6) < 1e6  # Casablanca
    system.wait(lambda: {"rpm", "speed"} <= system.signals(), PATIENCE_S, "values of the engine")
    assert "boot 1" in system.agent_log()
    stages.done("the room shows position, speed and RPM")

    assert system.update("good")[0]["state"] == "ordered"
    system.wait(lambda: system.state("good") == "trial", PATIENCE_S, "the start of slot b")
    stages.done("update over the air: fetched, started on trial")
    system.wait(lambda: system.state("good") == "good", PATIENCE_S, "the commit")
    assert system.told("good") == ["fetching", "ready", "trial", "good"]
    assert system.versions() == ["0.1.0", "0.2.0"]
    assert system.updates()["good"]["state"] == "good"
    there = len(system.positions())
    system.wait(lambda: len(system.positions()) > there, PATIENCE_S, "a position of the new one")
    stages.done("committed, and a further position")
    power_cut(system, chip.flash)
    found, release = file_system(chip.flash), system.shop.releases["good"]
    pointer = boot.load(found)
    wanted = (boot.SLOTS.index("b"), 0, boot.GOOD, releases.read(release)[0].id)
    assert (pointer.slot, pointer.trial, pointer.outcome, pointer.order) == wanted
    assert found.read("b/manifest") == (release / "signed").read_bytes()
    assert boot.is_whole(found, "b", new_hash) and boot.is_whole(found, "a", new_hash)

    # The power was cut. An update at the bench keeps what the journal holds, and goes on.
    there = len(system.positions())
    done = bench.flash(*flash, "--update")
    assert done.code == 0, done.error
    stages.done("power cut, and an update by esptool")
    system.start_gateway(chip.flash)
    system.wait(lambda: sessions(system) == 3, PATIENCE_S, "the third session")
    system.wait(lambda: len(system.positions()) > there, PATIENCE_S, "a further position")
    assert "boot 3" in system.agent_log()
    stages.done("started again, and a further position")
    power_cut(system, chip.flash)


NAPS = """
import machine
if machine.reset_cause() != machine.DEEPSLEEP_RESET:
    machine.RTC().memory(b"kept")
    machine.deepsleep(100)
print(machine.wake_reason() == machine.TIMER_WAKE, machine.RTC().memory(), machine.Pin(7).value())
"""


def test_a_board_wakes_by_its_timer_with_the_memory_of_its_clock(tmp_path):
    path = tmp_path / "flash.bin"
    made = Volume(0x200000)
    made.replace("main.py", NAPS.encode())
    table = esp_firmware.partition_table(esp_firmware.LAYOUTS["4MB"])
    path.write_bytes(table.rjust(0x8C00, b"\xff").ljust(0x200000, b"\xff") + made.image())
    command = [sys.executable, "-m", "tools.emulator.esp32_board", "--flash", path, "--pin", "7=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=micropython.ROOT)
    assert (done.returncode, done.stdout) == (0, "True b'kept' 1\n"), done.stderr


def test_an_empty_flash_is_told_and_wrong_options_too(tmp_path):
    path = tmp_path / "flash.bin"
    path.write_bytes(b"\xff" * (4 << 20))
    for more, code, text in (
        ((), 1, "nothing was flashed into it"),
        (("--uart", "one"), 2, "NUMBER=VALUE"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "tools.emulator.esp32_board", "--flash", path, *more],
            capture_output=True, text=True, timeout=60, cwd=micropython.ROOT,
        )  # fmt: skip
        assert done.returncode == code and text in done.stderr, json.dumps(done.stderr)
