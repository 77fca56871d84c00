"""The console of real agents on both interpreters, at a pseudo-terminal: a technician's visit."""

import json
import os
import socket
import stat
import subprocess
import sys
import time

import pytest

from tests.support import micropython
from tests.support.brokers import Iotcore
from tests.support.system import VEHICLE, System
from tests.support.terminals import Terminal
from tools.console import ConsoleError, Refused, keys
from tools.console.client import Client
from tools.room import keys as room_keys

_HEAP = "640K"  # as in test_orders_end_to_end.py: a scan takes 35 KB beside everything else
# A position a second, whatever the car does: what the console must not disturb.
_STEADY = ["steady", 1000, 1000, 0, 0, 2000, [1000, 5000, 30000]]


@pytest.fixture(scope="module", params=("cpython", "micropython"))
def visit(request, tmp_path_factory):
    """(System, Terminal): a car on the road, and a technician's terminal at its console."""
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    folder = tmp_path_factory.mktemp("console")
    keys.create(folder, "tech")
    keys.create(folder, "another")
    console = {
        "technicians": [
            {"name": "tech", "role": "danger", "modulus": str(folder / "tech.modulus")}
        ],
        "port": str(folder / "console"),
    }
    if request.param == "cpython":
        console["socket"] = str(folder / "socket")
    battery = folder / "battery"  # the board's own measurement, in mV
    battery.write_text("14320\n")
    terminal = Terminal()
    os.symlink(terminal.path, console["port"])
    with Iotcore() as broker:
        system = System(
            folder, request.param, broker.port, heap=_HEAP, console=console,
            reporting={"profile": "steady", "profiles": [_STEADY]}, power={"battery": str(battery)},
        )  # fmt: skip
        try:
            system.begin_polling()
            yield system, terminal
            text = terminal.seen.decode("latin-1") + system.agent_log()
            for secret in secrets_of(system):
                assert secret not in text and bytes.fromhex(secret) not in terminal.seen
        finally:
            system.close()
            terminal.close()


@pytest.fixture
def terminal(visit):
    """At the prompt, with nothing typed."""
    _, terminal = visit
    terminal.settle()
    return terminal


def test_help_lists_every_command(terminal):
    found = terminal.ask("help")
    for name in ("status", "selftest", "dtc clear", "config get", "restart", "login"):
        assert f"\n{name}" in "\n" + found
    assert all(len(line) <= 80 for line in found.splitlines())
    assert terminal.ask("help dtc clear").startswith("usage: dtc clear\n")


def test_status_on_one_screen(terminal):
    found = terminal.ask("status")
    assert f"{VEHICLE}  agent " in found and len(found.splitlines()) <= 23
    for text in ("position    33.", "gps         good", "car         answers  rpm ",
                 "link        online", "battery     14.", "journal     "):  # fmt: skip
        assert text in found, found
    assert all(len(line) <= 80 for line in found.splitlines())


def test_power_says_what_the_car_does_and_what_would_wake_the_gateway(visit, terminal):
    found = json.loads(terminal.ask("power --json"))["data"]
    assert found["measured"] == found["battery"] == 14320 and 13000 < found["adapter"] < 15000
    machine = found["machine"]
    assert machine["state"] in ("driving", "idle") and machine["why"] and machine["since"] >= 0
    assert machine["wakes"] == [] and machine["timer"] == 21600000 and not machine["low"]
    lines = terminal.ask("power").splitlines()
    assert lines[0].startswith(("state       driving  for ", "state       idle  for ")), lines
    for line in ("wakes       timer after 6 h 00 min", "battery     14.3 V",
                 "  by itself 14.3 V", "cut-out     12.2 V  ok"):  # fmt: skip
        assert line in lines, lines


def test_every_command_that_looks_answers_in_both_forms(visit, terminal):
    commands = ["selftest", "gps 1", "obd", "dtc", "inputs", "power", "link", "journal", "events",
                "log", "counters", "time", "config get", "config diff", "ping"]  # fmt: skip
    if os.environ.get("PATROL_LONG"):
        commands += ["freeze", "ready", "vin", "monitor", "scan"]  # up to half a minute each
    for command in commands:
        text = terminal.ask(command, seconds=120)
        assert text.strip() and "failed" not in text, (command, text)
        lines = terminal.ask(command + " --json=9", seconds=120).strip().splitlines()
        assert len(lines) == 1, lines
        found = json.loads(lines[0])
        assert found["ok"] and found["id"] == 9 and "data" in found, (command, found)


def test_watch_refreshes_until_a_key(terminal):
    terminal.type("watch rpm speed\r")
    for _ in range(3):
        terminal.until("\x1b[H\x1b[J")
        found = terminal.until("km/h")
        assert "rpm" in found and "speed" in found
    terminal.type("q")
    terminal.until("> ")
    terminal.type("watch rpm --json=3\r")
    terminal.until("\r\n")
    for _ in range(3):
        found = json.loads(terminal.until("\r\n"))
        (row,) = found["data"]["values"]
        assert found["id"] == 3 and row[0] == "rpm" and row[1] > 0
    terminal.type("\x03")
    terminal.until("> ")


def test_a_trace_is_replayed_by_the_emulator(visit, terminal):
    system, _ = visit
    found = terminal.ask("trace gps 3", seconds=10)
    assert "trace.nmea" in found
    captured = (system.journal / "trace.nmea").read_bytes()
    assert captured.count(b"$GNRMC") >= 2
    from tools.emulator.replay import Capture

    assert sum(1 for epoch in Capture(system.journal / "trace.nmea").epochs() if epoch.row) >= 2
    terminal.ask("trace obd 2", seconds=10)
    lines = (system.journal / "trace-obd.txt").read_text().splitlines()
    assert any(" > 01" in line for line in lines) and any(" < " in line for line in lines)


def test_the_room_gets_what_the_console_gets(visit, terminal):
    """One registry: an order from the room and a command here have the same answer."""
    system, _ = visit
    # Two scans of a car take 40 s; the codes alone are asked for in the same ways.
    is_short = system.interpreter == "micropython" and not os.environ.get("PATROL_LONG")
    command = "dtc" if is_short else "scan"
    local = json.loads(terminal.ask(command + " --json", seconds=120))["data"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "room", "order", VEHICLE, command, "--dir",
         str(system.room_folder), "--for", "120", "--wait", "--json"],
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    room = json.loads(done.stdout)
    assert room["state"] == "done", (room, system.agent_log())
    if is_short:
        assert room["result"] == local and local["ecus"][0]["stored"] == ["P0133"]
        return
    # Results of the car's tests move; what the two say of the car is the same to the letter.
    assert local["vin"] == "VF1RFB00X56789012" and room["result"]["vin"] == local["vin"]
    for key in ("id", "pids", "stored", "pending", "permanent", "calibrations", "readiness"):
        ours = [ecu.get(key) for ecu in local["ecus"]]
        theirs = [ecu.get(key) for ecu in room["result"]["ecus"]]
        assert ours == theirs, (key, local["missing"], room["result"]["missing"])
    assert room["result"]["missing"] == local["missing"]
    # The emulated car's frame counts its minutes on.
    frames = [[ecu["freeze"] for ecu in found["ecus"]] for found in (local, room["result"])]
    ours, theirs = [
        [(frame["code"], [row[0] for row in frame["values"]]) for frame in side] for side in frames
    ]
    assert ours == theirs and ours[0][0] == "P0133" and len(ours[0][1]) > 40


def test_wrong_lines_are_told_and_nothing_else_happens(terminal):
    for line, text in (
        ("pong", "no command pong; help lists them"),
        ("log x", "log: lines must be a whole number"),
        ("gps 99", "gps: raw is not within 0 to 30"),
        ("watch nonsense", "watch: no signal 'nonsense'"),
        ("trace can", "trace: there is no line 'can'; gps and obd can be traced"),
        ("config get nothing", "config get: no key nothing"),
        ("restart", "restart takes the role danger"),
        ("dtc clear", "clear takes the role service"),
    ):
        assert text in terminal.ask(line), line


def test_over_long_lines_noise_half_characters_and_breaks(visit, terminal):
    terminal.type("x" * 2000 + "\r")
    terminal.until("this line is too long: 240 characters at most")
    terminal.until("> ")
    noise = bytes(range(256)).replace(b"\x04", b"").replace(b"\r", b"").replace(b"\n", b"")
    for data in (noise * 4, b"\xc3", b"\xe2\x82", b"\xf0\x9f", b"\x00\x00", b"\x1b[", b"\x1b"):
        terminal.type(data)
        terminal.type("\x03")  # also where noise has opened an escape sequence
        time.sleep(0.2)
        terminal.type("\x15\rtime\r")
        terminal.until("uptime")
        terminal.until("> ")
    assert "Traceback" not in visit[0].agent_log()


def positions_go_on(system, deeds, seconds=8):
    """Does the deeds in turn for that time; positions come at their rate all the while. How many
    were done."""
    begin = system.status()["uptime_ms"]
    end = time.monotonic() + seconds
    done = 0
    while time.monotonic() < end:
        for deed in deeds:
            deed()
            done += 1
    finish = system.status()["uptime_ms"]
    system.wait(
        lambda: any(row["t"] > finish for row in system.positions()), 20, "positions of then"
    )
    times = sorted(row["t"] for row in system.positions() if begin <= row["t"] <= finish)
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    print(f"{done} deeds in {finish - begin} ms, {len(times)} positions, gap {max(gaps)} ms")
    assert len(times) >= (finish - begin) // 1000 - 1 and max(gaps) <= 1100
    return done


def test_positions_go_on_while_the_console_prints(visit, terminal):
    commands = ("help", "status", "counters", "obd", "selftest", "power")
    deeds = [lambda command=command: terminal.ask(command) for command in commands]
    assert positions_go_on(visit[0], deeds) >= 10


def test_positions_go_on_while_noise_and_broken_lines_come(visit, terminal):
    """As from a cable that breaks, a wrong rate, or somebody's file pasted in; a break is a NUL."""
    whole = bytes(range(256)).replace(b"\x04", b"")  # but Ctrl-D, which ends the session
    pieces = (
        b"x" * 3000 + b"\r", whole * 8, b"\x00" * 200, b"status \xc3", b"\r\n" * 100,
        "\u0634\u0631\u0637\u0629 \U0001f693".encode() * 60, b"\xf0\x9f" * 300, b"\x1b[" * 400,
        b"watch rpm\rq" * 5, b"help\r\x03" * 10, b"\t" * 50,
    )  # fmt: skip

    def send(piece):
        terminal.type(piece)
        while terminal.read(0.02):
            pass

    deeds = [lambda piece=piece: send(piece) for piece in pieces]
    assert positions_go_on(visit[0], deeds) >= len(pieces)
    terminal.type("\x03q\x03\x15")
    terminal.settle()
    assert terminal.ask("time").startswith("time ")
    log = visit[0].agent_log()
    assert "Traceback" not in log and "console: " not in log.replace("console: tech: ", "")
    assert not visit[0].status()["faults"]


def test_a_reader_that_stops_reading_holds_nobody_up(visit, terminal):
    system, _ = visit
    begin = system.status()["uptime_ms"]
    # Far more than a pseudo-terminal holds.
    terminal.type("".join("help --json\r" for _ in range(3)) + "watch --json\r")
    time.sleep(8)
    finish = system.status()["uptime_ms"]
    assert finish - begin > 6000
    system.wait(
        lambda: any(row["t"] > finish for row in system.positions()), 20, "positions of then"
    )
    times = [row["t"] for row in system.positions() if begin <= row["t"] <= finish]
    assert len(times) >= (finish - begin) // 1000 - 1


def answered(folder, who, text):
    challenge = keys.CHALLENGE.search(text).group()
    return challenge, keys.answer(folder / f"{who}.key", challenge)


def test_log_in_by_key_and_what_it_opens(visit, terminal):
    system, _ = visit
    terminal.type("login tech service\r")
    challenge, text = answered(system.folder, "tech", terminal.until("answer: "))
    assert challenge.startswith(f"{VEHICLE}/tech/service/")
    terminal.type(text + "\r")
    terminal.until("logged in as tech, role service")
    terminal.until("service> ")
    assert terminal.ask("profile pursuit").strip().endswith("pursuit")
    assert terminal.ask("profile null").strip().endswith("steady")
    assert "restart takes the role danger" in terminal.ask("restart")
    # The answer counts once.
    terminal.type("login tech service\r")
    terminal.until("answer: ")
    terminal.type(text + "\r")
    terminal.until("failed: wrong answer")
    terminal.until("> ")
    assert "failed: locked for 1 s" in terminal.ask("login tech")
    terminal.ask("logout")
    assert "clear takes the role service" in terminal.ask("dtc clear")
    system.wait(
        lambda: ("console", ["tech", "logout"]) in system.events(), 20, "what was done, at the room"
    )
    told = [fields for name, fields in system.events() if name == "console"]
    assert ["tech", "login service"] in told and ["tech", "login refused"] in told
    assert ["tech", "profile name=pursuit"] in told


def test_a_stranger_s_key_and_no_name_get_nowhere(visit, terminal):
    system, _ = visit
    time.sleep(1)  # of the lock
    terminal.type("login tech\r")
    _, text = answered(system.folder, "another", terminal.until("answer: "))
    terminal.type(text + "\r")
    terminal.until("failed: wrong answer")
    terminal.until("> ")
    time.sleep(2.1)  # the second wrong answer in a row
    assert "no technician may log in as that" in terminal.ask("login another")
    assert "no technician may log in as that" in terminal.ask("login tech root")


def test_a_program_at_the_console(visit, terminal):
    system, _ = visit
    time.sleep(2)  # of the lock
    with terminal.relayed() as path:
        a_program(system, path)


def a_program(system, path):
    with Client.open(path) as console:
        assert console.command("status")["vehicle"] == VEHICLE
        with pytest.raises(Refused, match="role danger"):
            console.command("restart")
        with pytest.raises(Refused, match="no command"):
            console.command("nonsense")
        assert console.log_in("tech", system.folder / "tech.key", "service") == "service"
        assert console.command("profile null")["profile"] == "steady"
        with pytest.raises(Refused, match="engine"):
            console.command("dtc clear", 60)
        console.log_out()
        with pytest.raises(Refused, match="role service"):
            console.command("profile null")
        pictures = console.watch("rpm")
        assert [next(pictures)["values"][0][0] for _ in range(2)] == ["rpm", "rpm"]
        pictures.close()
        assert console.command("time")["uptime"] > 0
        with pytest.raises(ConsoleError, match="challenge"):
            keys.answer(system.folder / "tech.key", "something else")
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "console", path, "--command", "status",
         "--json"], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout)["vehicle"] == VEHICLE, done.stderr


def test_the_plain_tool_and_its_key(visit, terminal, tmp_path):
    """`patrol console` in a terminal of its own: keys through, the challenge answered by itself, a
    log, and Ctrl-] as the end."""
    system, _ = visit
    if system.interpreter != "cpython":
        pytest.skip("the tool's side is the same")
    time.sleep(2)  # of the lock
    screen = Terminal()
    slave = os.open(screen.path, os.O_RDWR)
    with terminal.relayed() as path:
        tool = subprocess.Popen(
            [sys.executable, "-m", "tools.cli", "console", path, "--plain", "--key",
             str(system.folder / "tech.key")],
            stdin=slave, stdout=slave, stderr=subprocess.PIPE, cwd=tmp_path,
            env=dict(os.environ, PYTHONPATH=str(micropython.ROOT)),
        )  # fmt: skip
        try:
            screen.until("> ", 30)
            screen.type("login tech service\r")
            screen.until("logged in as tech, role service")
            screen.until("service> ")
            assert screen.ask("time").startswith("time ")
            screen.type("logout\r")
            screen.until("logged out")
            screen.type("\x1d")
            assert tool.wait(20) == 0
        finally:
            tool.kill()
            tool.wait()
            tool.stderr.close()
    os.close(slave)
    screen.close()
    (log,) = tmp_path.glob("patrol-console-*.log")
    assert b"logged in as tech" in log.read_bytes() and stat.S_IMODE(log.stat().st_mode) == 0o600


def test_guests_of_the_socket_that_go_in_mid_output_leave_nothing_behind(visit):
    system, _ = visit
    if system.interpreter != "cpython":
        pytest.skip("there are no local sockets")
    path = str(system.folder / "socket")
    for _ in range(6):  # more than may be there at once
        with socket.socket(socket.AF_UNIX) as guest:
            guest.connect(path)
            guest.sendall(b"page 0\rhelp\rcounters\rwatch\r")
            guest.recv(64)
    time.sleep(0.5)
    with Client.open(path) as console:
        assert console.command("ping")["link"] == "online"
    assert not system.status()["faults"]


def test_a_line_lost_in_mid_output_is_survived(visit):
    system, terminal = visit
    terminal.type("\x03\x15\rhelp\r")
    terminal.until("counters")
    terminal.close()
    port = system.folder / "console"
    port.unlink()
    system.wait(lambda: "console: UartError" in system.agent_log(), 20, "word of the lost line")
    terminal.open()
    os.symlink(terminal.path, port)
    size = len(terminal.seen)
    end = time.monotonic() + 20
    while b"> " not in terminal.seen[size:]:
        assert time.monotonic() < end, system.agent_log()
        terminal.type("\r")
        terminal.read(1)
    terminal.settle()
    assert "uptime" in terminal.ask("time")
    assert set(system.status()["faults"]) == {"console.UartError"}


def test_a_socket_for_who_is_logged_in_there(visit):
    system, _ = visit
    path = system.folder / "socket"
    if not path.exists():
        pytest.skip("MicroPython serves no local socket")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Client.open(str(path)) as console, Client.open(str(path)) as other:
        assert console.command("status")["vehicle"] == VEHICLE
        assert other.command("obd")["state"] == "polling"


def secrets_of(system):
    config = json.loads((system.room_folder / "vehicles" / VEHICLE / "config.json").read_text())
    room = room_keys.load(system.room_folder)
    found = [config["keys"]["psk"]]
    return found + [key.private.hex() for key in room.room_keys.values() if key.private]


def test_nothing_secret_is_ever_shown(visit, terminal):
    """What shows most of the settings; all other output of these tests is looked through when the
    visit ends."""
    system, _ = visit
    config = json.loads((system.room_folder / "vehicles" / VEHICLE / "config.json").read_text())
    shown = terminal.ask("config get") + terminal.ask("config get --json")
    assert config["keys"]["room_public"] in shown and shown.count("(secret)") >= 2
    assert "(secret)" in terminal.ask("config get keys.psk")
    assert not [secret for secret in secrets_of(system) if secret in shown]
