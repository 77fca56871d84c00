"""How long anything holds the agent's loop: MicroPython's unix port, a drive, TLS to a real broker.

Emulated GPS at 5 Hz and an OBD adapter on pseudo-terminals, mosquitto with client certificates, the
room, and the agent under MicroPython with the watcher of `loop_agent.py` in it.

    max_ms, p99_ms     how long a task held the loop between two waits, of so many `steps`
    over_50_ms         how often for longer than 50 ms; of these `over_50_ms_computing` by its own
                       work. What it waited for a processor is not in it
    worst_steps        of each what it computed, waited for a processor, and slept in a read until
                       a kernel thread had one (`kernel_worker_ms`, see loop_kernel.py); `own_ms` is
                       what the agent has to answer for, and `over_50_ms_own` how often that was
                       more than 50 ms
    watcher_*          how much too late a task was woken that sleeps 5 ms: all that was ready
                       before it, and what the machine did to the process
    excluded_*         the same while a TLS handshake or a session's X25519 was under way: the
                       first is native code of the interpreter, the second is stepped, and both are
                       once a connection or session; steps of then are named so
    longest_step_ms    by task: a part's, or the name of its function
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import interpreter, provision
from tools.bench.link import BenchError
from tools.bench.loop_kernel import Sampler
from tools.demo.children import Child, free_port
from tools.emulator.scenario import BUNDLED
from tools.provision.broker import create_broker

SECONDS = 60
SERVER = "broker.bench"
VEHICLE = "v-bench0001"
_RATE_HZ = 5
_START_S = 40
_HEAP = "1M"  # from its source, with names and lines, and what the watcher takes beside TLS


def _scenario(folder):
    """The bundled drive with a receiver of 5 Hz."""
    data = json.loads((BUNDLED / "casablanca-short.json").read_text())
    data["gps"] = {"baud": 115200, "rate": _RATE_HZ}
    path = folder / "drive.json"
    path.write_text(json.dumps(data))
    return path


def _broker(folder, room, port):
    program = shutil.which("mosquitto", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        raise BenchError("bench loop wants mosquitto (apt install mosquitto)")
    files = create_broker(room, folder / "broker", port=port, bind="127.0.0.1", host=SERVER)
    path = folder / "mosquitto.conf"
    user = "user root\n" if os.geteuid() == 0 else ""  # else it could not read the files
    path.write_text(user + files.read_text())
    with open(folder / "mosquitto.log", "wb") as log:
        return subprocess.Popen([program, "-c", str(path)], stdout=log, stderr=log)


def _configure(room, terminals, journal):
    """The vehicle's configuration, as provisioned for a chip."""
    _, path = provision.create_vehicle(
        room, VEHICLE, gps=(terminals["gps"], 115200), obd=(terminals["obd"], 38400),
        journal=journal, target="esp32", install_dir=room / "vehicles" / VEHICLE,
    )  # fmt: skip
    config = json.loads(path.read_text())
    config["gps"]["period_ms"] = 1000 // _RATE_HZ
    # The watcher's own power states, with a heartbeat nobody needs.
    config["power"] = {}
    path.write_text(json.dumps(config))
    return path


def measure(seconds=SECONDS):
    program = interpreter.find()
    if program is None:
        raise BenchError(interpreter.HOW_TO_GET_IT)
    children = []
    with tempfile.TemporaryDirectory(prefix="patrol-bench-") as name:
        folder = Path(name)
        room = folder / "room"
        port = free_port()
        provision.create_fleet(room)
        provision.create_room(room, {"host": "127.0.0.1", "port": port}, server_name=SERVER)
        broker = _broker(folder, room, port)

        def child(name, command, **where):
            started = Child(name, command, folder / f"{name}.log", **where)
            children.append(started)
            return started

        try:
            emulate = ["-m", "tools.emulator", "--scenario", str(_scenario(folder)), "--json"]
            line = child("emulator", [sys.executable, *emulate, "--attached"]).first_line()
            config = _configure(room, json.loads(line), folder / "journal")
            serve = ["-m", "tools.room", "serve", "--dir", str(room), "--attached"]
            child("room", [sys.executable, *serve])
            where = interpreter.ROOT  # the watcher takes the place of private methods
            script = Path(__file__).with_name("loop_agent.py")
            command = [program, "-X", f"heapsize={_HEAP}", str(script), "--config", str(config)]
            agent = child(
                "agent", [*command, "--attached", "--status", "1", "--drain", "5"],
                cwd=where, env=interpreter.environment(where),
            )  # fmt: skip
            sampler = Sampler(agent.process.pid)
            sampler.start()
            try:
                return _told(_drive(agent, seconds), sampler)
            finally:
                sampler.stop()
        finally:
            for started in reversed(children):
                started.stop()
            broker.terminate()
            broker.wait()


def _told(figures, sampler):
    """The figures, with what of the worst steps was the kernel's worker."""
    for row in figures["worst_steps"]:
        ended = row.pop("ended")
        lasted = (row["ms"] + row["waited_for_processor_ms"]) / 1000
        row["kernel_worker_ms"] = sampler.held_ms(ended - lasted, ended)
        row["own_ms"] = round(max(0.0, row["ms"] - row["kernel_worker_ms"]), 1)
    figures["kernel_worker_ms"] = sampler.total_ms()
    # The others of more than 50 ms, if there are more than are kept, were shorter than these.
    figures["over_50_ms_own"] = sum(row["own_ms"] >= 50 for row in figures["worst_steps"])
    return figures


def _drive(agent, seconds):
    end = time.monotonic() + _START_S
    while not _last(agent, "acknowledged"):
        if time.monotonic() > end or not agent.is_running():
            raise BenchError(f"bench loop: no acknowledgement came: {agent.log_text()[-300:]}")
        time.sleep(0.2)
    time.sleep(seconds)
    status = _last(agent, None)
    code = agent.stop(30)
    if code != 0:
        raise BenchError(f"bench loop: the agent ended with {code}: {agent.log_text()[-300:]}")
    figures = _last(agent, "loop")
    return {
        "seconds": round(status["uptime_ms"] / 1000), "gps_hz": _RATE_HZ, "heap": _HEAP,
        "records": status["records"], "acknowledged": status["acknowledged"], **figures,
    }  # fmt: skip


def _last(agent, key):
    """The value of the newest line that has the key; with None the newest status."""
    for line in reversed(list(agent.lines)):
        value = json.loads(line)
        if key is None and "uptime_ms" in value:
            return value
        if key in value:
            return value[key]
    return None


def run(seconds=SECONDS):
    return measure(seconds)
