"""What a build of MicroPython freezes into an ESP32's firmware: the agent, and what starts it.

    make -C micropython/ports/esp32 BOARD=ESP32_GENERIC FROZEN_MANIFEST=<here>/manifest.py

Frozen modules leave bytecode and constants in the flash (docs/memory.md). Tables are no modules:
`agent/**/*.txt` go to /agent on the file system (docs/flashing.md). A release in a slot goes before
the frozen agent, since boot.py puts the slot first; without boot.py, or without a slot, the frozen
one runs. boot.py is not frozen: it would go before the one on the file system, which an update at
the bench may replace.
"""

import os

# What an ESP32 cannot import or has no use for, as tools/release/build.py has it.
WITHOUT = (
    "agent/gps/gpsd.py",
    "agent/obd/can_bus.py",
    "agent/obd/can_frames.py",
    "agent/obd/can_isotp.py",
    "agent/obd/scanner.py",
    "agent/obd/uds.py",
    "agent/port/cpython.py",
    "agent/port/inputs.py",
    "agent/port/kernel_clock.py",
    "agent/port/local.py",
    "agent/port/mqtt_paho.py",
    "agent/port/socketcan.py",
    "agent/port/tcp.py",
    "agent/port/unix.py",
    "agent/update/rom.py",
)
ROOT = "../.."  # a build runs this in its folder


def modules():
    """Paths of the agent's modules below agent/, sorted."""
    found = []
    for folder, _, names in os.walk(ROOT + "/agent"):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), ROOT).replace(os.sep, "/")
            if name.endswith(".py") and path not in WITHOUT:
                found.append(path[len("agent/") :])
    return sorted(found)


include("$(PORT_DIR)/boards/manifest.py")  # asyncio, the file system's mount, and the like
require("ssl")  # TLS: the one module of micropython-lib that the agent imports
package("agent", files=modules(), base_path=ROOT, opt=3)  # 3: without line numbers, as a release
module("main.py", opt=3)
