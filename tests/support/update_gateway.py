"""A gateway's main that does nothing but update itself; lies in its slot as agent/gateway.py.

Its room is a folder: `release` with a signed release in it, `attempt` with the number of the
attempt that it asks for, and `online` while it acknowledges. Exit code 75: start me again.
"""

import json
import time

from agent import port
from agent.update import boot
from agent.update.download import READY, Download
from agent.update.rsa import Keys
from agent.update.slots import Slots, place

VERSION = "@VERSION@"
BEHAVIOUR = "@BEHAVIOUR@"
HARDWARE = "@HARDWARE@"
SETTLE_MS = 40
TRIAL_MS = 400
UTC = 1790000000
RESTART = 75

if BEHAVIOUR == "crash":
    raise ValueError("this release falls over at its start")
while BEHAVIOUR == "hang":
    time.sleep(0.05)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def main(root, room, slot, tree):
    print("version", VERSION)
    assert place(__file__) == (root, slot), __file__
    began = port.uptime_ms()
    slots = Slots(tree, slot, 0, SETTLE_MS, TRIAL_MS)
    while slots.is_on_trial:
        now = port.uptime_ms() - began
        if read(room + "/online") is not None and slots.healthy(now):
            print("committed")
        elif slots.is_overdue(now):
            slots.go_back()
            return RESTART
        time.sleep(0.01)
    order, attempt, outcome = slots.order
    print("outcome", outcome)
    offer = read(room + "/release/signed")
    if offer is None or BEHAVIOUR != "old":
        return 0
    download = Download(tree, slots, keys(root), HARDWARE, "v-test0001", 4 << 20)
    if outcome == "open":
        download.resume(UTC)
        fetch(download, room)
    if download.state != READY:
        download.offer(offer, int(read(room + "/attempt")), UTC)
        fetch(download, room)
    print("download", download.state, download.answer[1], download.counters["bytes"])
    if download.state != READY:
        return 0
    slots.switch()
    return RESTART


def keys(root):
    return Keys([bytes.fromhex(m) for m in json.loads(read(root + "/update-keys.json"))])


def fetch(download, room):
    """The room's answers, without a network between."""
    release = room + "/release/"
    index = read(release + "files")
    paths = [path for path, _, _ in boot.rows(index)]
    now = 0
    while True:
        while download.work():
            pass
        wanted = download.wanted(now, 1 << 30)
        if wanted is None:
            return
        file, offset, length = wanted
        data = index if file == 0 else read(release + "app/" + paths[file - 1])
        end = offset + length
        while offset < end:
            piece = data[offset : min(end, offset + 4000)]
            assert download.feed(download.manifest.id, file, offset, piece, now)
            offset += len(piece)
        now += 1
