"""What goes wrong around an agent: one clear line, a counter, and the rest goes on.

Real agents on both interpreters; no emulator, so that each test says exactly what comes in.
"""

import json
import os
import pty
import shutil
import subprocess
import sys
import time
import tty
from contextlib import suppress

import pytest

from tests.support import micropython
from tests.support.brokers import Mosquitto, free_port, password_line
from tools.demo.children import Child

GPS = (
    b"$GPRMC,%02d%02d%02d.00,A,3359.40000,N,00651.00000,W,10.0,90.0,231126,,,A",
    b"$GPGGA,%02d%02d%02d.00,3359.40000,N,00651.00000,W,1,09,0.9,75.0,M,50.0,M,,",
)
INTERPRETERS = ("cpython", "micropython")


@pytest.fixture(params=INTERPRETERS)
def program(request):
    if request.param == "cpython":
        return [sys.executable]
    found = micropython.find()
    if found is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    return [found, "-X", "heapsize=512K"]


def config(folder, **changes):
    """A configuration that works, with some groups changed; the broker is nobody."""
    made = {
        "vehicle": "v-test0001",
        "keys": {"room_key_id": "00" * 4, "room_public": "09" + "00" * 31, "psk": "5a" * 32},
        "mqtt": {"host": "127.0.0.1", "port": free_port(), "connect_timeout_s": 3},
        "journal": {"dir": str(folder / "journal"), "flush_ms": 300},
    }
    for name, value in changes.items():
        if isinstance(value, dict) and name in made:
            made[name].update(value)
        else:
            made[name] = value
    path = folder / "config.json"
    path.write_text(json.dumps(made))
    return path


def fails(program, path):
    """What an agent that cannot start says: exactly one line, on standard error."""
    command = [*program, "-m", "agent", "--config", str(path)]
    environment = dict(micropython.environment())
    done = subprocess.run(
        command, cwd=micropython.ROOT, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    return line


class Agent(Child):
    def __init__(self, program, path):
        command = [*program, "-m", "agent", "--config", str(path), "--attached"]
        super().__init__(
            "agent", command + ["--status", "0.1", "--drain", "1"], path.parent / "agent.log"
        )
        self.first_line()

    def status(self):
        return json.loads([line for line in self.lines if "uptime_ms" in line][-1])

    def wait(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        while not condition(self.status()):
            assert time.monotonic() < end, f"{what}\n{self.status()}\n{self.log_text()}"
            time.sleep(0.05)

    def summary(self):
        assert self.stop() == 0, self.log_text()
        return json.loads(self.lines[-1])["summary"]


@pytest.fixture
def agent(program):
    """Starts agents; ends what a test left running."""
    started = []

    def start(path):
        started.append(Agent(program, path))
        return started[-1]

    yield start
    for one in started:
        if not one.process.stdin.closed:
            one.stop()


@pytest.fixture
def line():
    """(path for the agent, function that writes to it): a serial line."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave), lambda data: os.write(master, data)
    os.close(master)
    os.close(slave)


def sentence(text):
    total = 0
    for byte in text[1:]:
        total ^= byte
    return b"%s*%02X\r\n" % (text, total)


def epoch(second):
    return b"".join(sentence(text % (12, second // 60, second % 60)) for text in GPS)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"obdd": {}}, "obdd"),
        ({"mqtt": {"prot": 1883}}, "mqtt.prot"),
        ({"mqtt": {"port": "1883"}}, "mqtt.port"),
        ({"gps": {"port": "/dev/x", "baud": 1234}}, "gps.baud"),
        ({"keys": {"psk": "5a5a"}}, "keys.psk"),
        ({"reporting": {"profile": "chase"}}, "chase"),
    ],
)
def test_a_wrong_configuration_names_the_key(program, tmp_path, change, named):
    said = fails(program, config(tmp_path, **change))
    assert named in said and "config.json" in said
    assert "5a5a" not in said


def test_no_configuration_and_no_json(program, tmp_path):
    assert "absent.json" in fails(program, tmp_path / "absent.json")
    (tmp_path / "bad.json").write_text("{")
    assert "bad.json" in fails(program, tmp_path / "bad.json")


def test_a_journal_that_cannot_be_made(program, tmp_path):
    (tmp_path / "file").write_text("")
    said = fails(program, config(tmp_path, journal={"dir": str(tmp_path / "file" / "journal")}))
    assert str(tmp_path / "file") in said


def test_serial_ports_that_are_not_there(agent, tmp_path):
    one = agent(config(tmp_path, gps={"port": "/dev/absent-gps"}, obd={"port": "/dev/absent-obd"}))
    both = ("gps.UartError", "obd.UartError")
    one.wait(lambda s: all(s["faults"].get(name, 0) >= 2 for name in both), "tried twice")
    summary = one.summary()
    for name in ("/dev/absent-gps", "/dev/absent-obd"):
        told = [text for text in one.log_text().splitlines() if name in text]
        assert len(told) == 1, "told once a minute at most"
    assert summary["frames"] >= 1 and summary["left"] == summary["frames"]


def test_a_serial_port_that_goes_and_comes_back(agent, tmp_path):
    master, slave = pty.openpty()
    tty.setraw(slave)
    link = tmp_path / "gps"
    link.symlink_to(os.ttyname(slave))
    one = agent(config(tmp_path, gps={"port": str(link)}))
    one.wait(lambda s: s["uptime_ms"] > 500, "started")
    os.close(slave)
    os.close(master)
    one.wait(lambda s: s["faults"].get("gps.UartError", 0) >= 1, "the loss")
    link.unlink()
    master, slave = pty.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    before = one.status()["records"]
    for second in range(20):
        os.write(master, epoch(second))
        time.sleep(0.4)
        if one.status()["records"] > before + 2:
            break
    summary = one.summary()
    os.close(slave)
    os.close(master)
    assert summary["counters"]["gps"]["epochs"] > 2, one.log_text()


def test_noise_on_the_line(agent, line, tmp_path):
    path, write = line
    one = agent(config(tmp_path, gps={"port": path}))
    one.wait(lambda s: s["uptime_ms"] > 500, "started")
    noise = bytes(range(256)) * 4
    for second in range(12):
        write(noise[second : second + 200] + epoch(second) + b"$GPRMC,broken*00\r\n")
        time.sleep(0.2)
    time.sleep(1.2)  # longer than an unfinished binary frame is waited for
    write(b"\xff" * 1500 + epoch(12) + epoch(13))
    time.sleep(1)
    summary = one.summary()
    counters = summary["counters"]["gps"]
    assert counters["epochs"] >= 10, counters
    assert counters["noise"] > 1000 and counters["checksum"] >= 10
    assert summary["faults"].keys() <= {"link.network"}, one.log_text()


def test_a_broker_that_refuses(agent, tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text(password_line("somebody", "else"))
    lines = [f"password_file {passwords}", "allow_anonymous false"]
    with Mosquitto(tmp_path / "broker", lines) as broker:
        one = agent(config(tmp_path, mqtt={"port": broker.port, "username": "v", "password": "x"}))
        one.wait(lambda s: "link.Refused" in s["faults"], "the refusal")
        time.sleep(3)
        summary = one.summary()
    told = [text for text in one.log_text().splitlines() if "refused" in text]
    assert told and f"127.0.0.1:{broker.port}" in told[0]
    assert summary["faults"]["link.Refused"] == 1, "no hammering with bad credentials"
    assert summary["left"] == summary["frames"] >= 1


def test_frames_that_do_not_open(agent, tmp_path):
    publish = shutil.which("mosquitto_pub")
    if publish is None:
        pytest.skip("mosquitto_pub is not installed (apt install mosquitto-clients)")
    with Mosquitto(tmp_path / "broker") as broker:
        one = agent(config(tmp_path, mqtt={"port": broker.port}))
        one.wait(lambda s: s["link"] == "online", "online")
        sid = bytes.fromhex(one.status()["session"])
        bad = [b"", b"x", b"\x12" + bytes(40), b"\x12" + sid + bytes(40), bytes(6000)]
        for number, payload in enumerate(bad):
            file = tmp_path / f"frame{number}"
            file.write_bytes(payload)
            subprocess.run(
                [publish, "-p", str(broker.port), "-t", "p1/v-test0001/d", "-q", "1"]
                + (["-f", str(file)] if payload else ["-n"]),
                check=True,
                timeout=10,
            )
        time.sleep(1)
        summary = one.summary()
    inbox = summary["counters"]["inbox"]
    refused = {why: n for why, n in inbox.items() if n}
    assert refused == {"size": 3, "session": 1, "seal": 1}
    assert summary["acknowledged"] == 0 and summary["left"] == summary["frames"] >= 1


def test_a_full_disk(agent, line, tmp_path):
    """The disk fills up and is emptied again: what was journalled stays, recording goes on."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill up")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine does not let a file system be mounted")
    try:
        _fill_and_empty(agent, line, tmp_path, disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill_and_empty(agent, line, tmp_path, disk):
    path, write = line
    panic = tmp_path / "panic"
    panic.write_text("0")
    one = agent(
        config(
            tmp_path,
            journal={"dir": str(disk / "journal")},
            gps={"port": path},
            inputs={"panic": str(panic)},
        )
    )
    one.wait(lambda s: s["uptime_ms"] > 300, "started")
    fill = disk / "fill"
    with open(fill, "wb", buffering=0) as f, suppress(OSError):
        while True:
            f.write(bytes(1024))
    _toggle(one, panic, 4)
    one.wait(lambda s: "journal.JournalError" in s["faults"], "the full disk is told")
    fill.unlink()
    time.sleep(0.5)
    _toggle(one, panic, 2)
    summary = one.summary()
    assert list((disk / "journal").glob("a*"))
    assert "the storage is full" in one.log_text()
    assert summary["counters"]["journal"]["write_errors"] >= 1
    # Six alerts, a boot, a stop: all sealed, none lost, all on the disk for the next start.
    assert summary["lost"] == 0 and summary["left"] == summary["frames"] >= 7


def _toggle(one, panic, times):
    for _ in range(times):
        before = one.status()["records"]
        panic.write_text("0" if panic.read_text() == "1" else "1")
        one.wait(lambda s, n=before: s["records"] > n, "the panic event")
        time.sleep(0.2)
