"""A real gpsd on a device and a free port of loopback."""

import os
import shutil
import socket
import subprocess
import time

HOW_TO_GET_IT = "gpsd is not installed (Debian: apt install gpsd)"


def find():
    path = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")
    return shutil.which("gpsd", path=path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RealGpsd:
    """`with RealGpsd(device) as gpsd:` ends it again; `port` is where it answers."""

    def __init__(self, device, port=None):
        self.port = port or free_port()
        # -b: it does not write to the device, so it does not try to configure it.
        command = [find(), "-N", "-n", "-b", "-s", "9600", "-S", str(self.port), str(device)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def connect(self):
        for _ in range(100):
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1)
            except OSError:
                time.sleep(0.05)
        raise AssertionError("gpsd does not answer")
