"""Real MQTT brokers for tests, each on a free loopback port, each ended by its own process id.

with Mosquitto(tmp_path, ["allow_anonymous true"]) as broker: ... broker.port
with Iotcore() as broker: ... broker.port
"""

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

START_S = 10  # a broker that does not listen after this long on a busy machine never will


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def find_mosquitto():
    """Path of mosquitto, or None; Debian keeps it out of a user's PATH."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def password_line(user, password):
    """A line of mosquitto's password file: PBKDF2-SHA512, 101 rounds, as mosquitto_passwd does."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def _listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


class Mosquitto:
    """mosquitto with the given configuration lines. One listener is added, and what they say
    about it (TLS, for example) follows. Skips the test where mosquitto is not installed."""

    def __init__(self, folder, lines=("allow_anonymous true",), port=None):
        self.program = find_mosquitto()
        if self.program is None:
            pytest.skip("mosquitto is not installed")
        self.port = port or free_port()
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "mosquitto.log"
        head = [f"listener {self.port} 127.0.0.1", "persistence false", "set_tcp_nodelay true"]
        if os.geteuid() == 0:
            head.append("user root")  # else it could not read the test's files
        self._config = self.folder / "mosquitto.conf"
        self._config.write_text("\n".join([*head, *lines]) + "\n")
        self._process = None

    def start(self):
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [self.program, "-c", str(self._config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("mosquitto did not start:\n" + self.log.read_text())
            time.sleep(0.02)
        return self

    def kill(self):
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()


class Iotcore:
    """The embedded broker of the demo, in a child process (its package does that). It knows no
    passwords this way, no ACL, and checks no client certificates. Skips where it is absent."""

    def __init__(self, port=None, **options):
        iotcore = pytest.importorskip("iotcore", reason="iotcore is not installed")
        self.port = port or free_port()
        self._broker = iotcore.Broker(port=self.port, listen="127.0.0.1", **options)

    def start(self):
        self._broker.start(timeout=START_S)
        return self

    def stop(self):
        self._broker.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()
