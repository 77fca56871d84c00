"""Boots of a gateway, each with a power cut: nobody helps, and nothing that was journalled is lost.

    python tests/faults/boot_cuts.py                  500 boots: half an hour
    python tests/faults/boot_cuts.py --boots 15 --releases 1 --seed 7

The gateway is the emulated board's: MicroPython mounts a flash file and runs what `patrol flash`
put there. One file lives through all boots. Each is cut either at a moment, by SIGKILL, from the
boot code's first step to seconds into driving; or in a write or erase of the flash, of which no,
one, two or three quarters are done. Meanwhile the room is killed and comes back, and releases are
ordered one after the other, so that downloads, trials and commits are cut as well. After each cut

    the file system mounts, and the slot that is good (that on trial, too) is whole
    the pointer is sound, and goes neither back nor round
    no frame of the journal is bad but a torn tail, and nothing in it cannot be read
    no crash was counted: a power cut is none

Each boot that is let to has its session within PATIENCE_S, with a boot number greater than all
before it. At the end one more boot: its session opens, its frames arrive, and the room holds every
frame that ever was in the journal after a cut. All that happens is drawn from the seed; what it
meets depends on the machine.
"""

import argparse
import json
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from agent.comms import segment as seg  # noqa: E402
from agent.port.tree import new_hash  # noqa: E402
from agent.update import boot  # noqa: E402
from tests.support.esp_flash import Flash  # noqa: E402
from tests.support.esp_gateway import FlashGateway, Shop  # noqa: E402
from tools.emulator.esp32_board.command import CUT  # noqa: E402
from tools.journal import check as journal_check  # noqa: E402
from tools.room import updates  # noqa: E402

PATIENCE_S = 40  # a machine with other work
_DELIVERY_S = 240
# Moments of a cut, in seconds after the emulator was started, by weight: half a second of them is
# Python's own; then boot code and imports, the session, the first frames, and driving.
_MOMENTS = ((9, 0.4, 1.1), (7, 1.1, 2.0), (6, 2.0, 4.0), (2, 4.0, 9.0))
_MOST_WRITES = 60  # of a boot in a few seconds; a download makes more
_LATE_S = 5.0  # a write that does not come within that time is not waited for
_UP_S = 3.0  # a cut so late is put off until the session stands, or the boot has failed
_ROOM_TURN = 9  # boots between the room's death and its return
_ORDER_TURN = 12  # boots after which a release that has not come is ordered again
_SESSION = re.compile(r"session ([0-9a-f]{8}), boot (\d+)")
# What a boot had said when it was cut.
PHASES = (
    ("driving, room reached", "link: connected"),
    ("driving, no room", "session "),
    ("session being opened", "journal: "),
    ("boot code and imports", ""),
)


class Broken(AssertionError):
    """A law did not hold."""


def _demand(holds, text):
    if not holds:
        raise Broken(text)


def plan(boots, seed):
    """[(kind, when)] for each boot: ("moment", seconds) or ("write", (number, quarters))."""
    rng = random.Random(seed)
    rows = []
    for _ in range(boots):
        if rng.random() < 0.5:
            _, low, high = rng.choices(_MOMENTS, [row[0] for row in _MOMENTS])[0]
            rows.append(("moment", rng.uniform(low, high)))
        else:
            rows.append(("write", (int(rng.triangular(0, _MOST_WRITES, 8)), rng.randrange(4))))
    return rows


class Boots:
    """`run(rows)`, then `figures`. system: a FlashGateway with its room; releases: folders, to be
    ordered in turn."""

    def __init__(self, system, releases, say=print):
        self._system, self._say = system, say
        self._releases = list(releases)
        self._is_room_up = True
        self._kept = set()  # (sid, number) that the journal has held after a cut
        self._sids = set()
        self._boot = 0
        self._sequence = 0
        self.figures = {"boots": 0, "phases": {}, "cut_in_a_write": 0, "torn_tails": 0}
        self.figures.update(in_download=0, on_trial=0, restarts_by_itself=0, room_kills=0)
        self.figures.update(orders=0, updates=0)
        self._order_at = 0  # boots until the same release is ordered again

    def run(self, rows):
        for i, (kind, when) in enumerate(rows):
            if i % _ROOM_TURN == _ROOM_TURN - 1:
                self._turn_room()
            self._look_after_updates()
            self._boot_once(kind, when)
            self._check()
            if i % 25 == 24:
                self._say(f"{i + 1} boots: {self._state()}", flush=True)
        if not self._is_room_up:
            self._turn_room()
        self._end()

    def _state(self):
        f = self.figures
        return f"boot number {self._boot}, {len(self._kept)} frames, {f['phases']}"

    def _turn_room(self):
        if self._is_room_up:
            self._system.kill("room")
            self.figures["room_kills"] += 1
        else:
            self._system.start_room()
        self._is_room_up = not self._is_room_up

    def _look_after_updates(self):
        """Orders the first release; the next one when it is good; where nothing comes of it, it
        again: a room does so five times by itself."""
        if not self._releases:
            return
        state = self._system.release_state(self._releases[0])
        if state == "good":
            self._releases.pop(0)
            self.figures["updates"] += 1
        is_over = state in (None, *updates.LAST)
        if self._releases and (is_over or self.figures["boots"] >= self._order_at):
            self._system.update(self._releases[0])
            self._order_at = self.figures["boots"] + _ORDER_TURN
            self.figures["orders"] += 1

    def _boot_once(self, kind, when):
        options = ("--cut", f"{when[0]}={when[1]}") if kind == "write" else ()
        child = self._system.start_gateway(*options)
        began = time.monotonic()
        until = began + (when if kind == "moment" else _LATE_S)
        while child.is_running():
            now = time.monotonic()
            if now >= until and (now - began < _UP_S or "session " in child.log_text()):
                break
            late = f"no session within {PATIENCE_S} s:\n{child.log_text()}"
            _demand(now - began < PATIENCE_S, late)
            time.sleep(0.005)
        if not child.is_running():
            _demand(child.process.returncode == CUT, f"it ended by itself:\n{child.log_text()}")
            self.figures["cut_in_a_write"] += 1
        self._system.cut_power()
        self._note(child.log_text())

    def _note(self, log):
        _demand("Traceback" not in log, log)
        phase = next(name for name, text in PHASES if text in log)
        phases = self.figures["phases"]
        phases[phase] = phases.get(phase, 0) + 1
        found = _SESSION.findall(log)
        for sid, number in found:
            _demand(int(number) > self._boot, f"boot {number} comes after {self._boot}")
            self._boot = int(number)
            self._sids.add(sid)
        self.figures["restarts_by_itself"] += max(0, len(found) - 1)
        self.figures["boots"] += 1

    def _check(self):
        """What lies in the flash after a cut."""
        flash = Flash(self._system.flash)  # mounts, or raises
        volume = flash.volume
        pointer = flash.pointer()
        flash.good_slot()
        if pointer.trial:
            other = boot.SLOTS[1 - pointer.slot]
            _demand(boot.is_whole(volume, other, new_hash), f"slot {other} on trial is not whole")
            self.figures["on_trial"] += 1
        elif pointer.outcome == boot.OPEN:
            self.figures["in_download"] += 1
        _demand(pointer.sequence >= self._sequence, "the pointer went back")
        self._sequence = pointer.sequence
        _demand("crashes" not in volume.names(), "a power cut was counted as a crash")
        self._kept |= self._journal(volume)

    def _journal(self, volume):
        """{(sid, number)} of the frames that lie in the journal."""
        names = volume.names("journal")
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                (Path(folder) / name.partition("/")[2]).write_bytes(volume.read(name))
            report = journal_check.check(folder)
        _demand(not report["unreadable"], f"journal: {report['unreadable']}")
        for row in report["damaged"]:
            rest = volume.read(f"journal/{row['file']}")[row["offset"] :]
            _demand(not _has_entry(rest), f"journal: a bad frame amid {row['file']}")
            self.figures["torn_tails"] += 1
        storage = _Journal(volume)
        found = set()
        for row in report["files"]:
            recovered, _ = seg.recover(storage, row["file"])
            if recovered:
                numbers = recovered.read_index(storage).numbers
                found |= {(recovered.sid, number) for number in numbers}
        return found

    def _end(self):
        """One more boot, which nobody cuts until all is delivered."""
        system = self._system
        child = system.start_gateway()
        system.wait(lambda: "link: connected" in child.log_text(), 60, "a connection")
        sid = bytes.fromhex(_SESSION.findall(child.log_text())[-1][0])
        held = [0, 0]

        def delivered():
            rows = {(s, n) for s, n, _ in system.received()}
            held[:] = [len(self._kept - rows), len([1 for s, _ in rows if s == sid])]
            return not held[0] and held[1] > 2

        try:
            system.wait(delivered, _DELIVERY_S, "delivery")
        except AssertionError as e:
            raise Broken(f"{held[0]} frames missing, {held[1]} of the last session\n{e}") from e
        kept = frozenset(self._kept)  # what comes into the journal from here on has no time to go
        system.cut_power()
        self._check()
        rows = system.received()
        frames = {(s, n) for s, n, _ in rows}
        _demand(len(frames) == len(rows), "the room holds a frame twice")
        self.figures.update(
            sessions=len({s for s, _ in frames}), kept=len(kept), received=len(frames),
            missing=len(kept - frames), gaps=gaps(system),
            versions=sorted({fields[1] for fields in system.told("boot")}),
            crashes_told=len(system.told("crash")), minimal_boots=len(system.told("minimal_boot")),
        )  # fmt: skip
        _demand(not self.figures["crashes_told"], "a crash was told")


def gaps(system):
    """{reason: frames} of the gaps that the vehicle has told."""
    found = {}
    for fields in system.told("gap"):
        count = fields["last"] - fields["first"] + 1
        found[fields["reason"]] = found.get(fields["reason"], 0) + count
    return found


class _Journal:
    """The journal's files of a volume, as `segment.py` reads them."""

    def __init__(self, volume):
        self._volume = volume

    def size(self, name):
        return self._volume.size(f"journal/{name}")

    def read(self, name, offset=0, length=-1):
        return self._volume.read(f"journal/{name}", offset, length)


def _has_entry(data):
    """True where a sound entry of a journal begins anywhere in the bytes."""
    for at in range(len(data) - seg.ENTRY_HEAD):
        head = data[at : at + seg.ENTRY_HEAD]
        end = at + seg.ENTRY_HEAD + int.from_bytes(head[:2], "big")
        frame = data[at + seg.ENTRY_HEAD : end]
        if end <= len(data) and seg.parse_entry(head, frame):
            return True
    return False


def run(folder, boots, releases, seed, say=print):
    """The figures. Raises Broken."""
    shop = Shop(folder / "shop")
    first, *later = [shop.make("good", number) for number in range(1, releases + 2)]
    system = FlashGateway(folder, shop, first, journal={"flush_ms": 500},
                          mqtt={"keepalive_s": 5, "connect_timeout_s": 5})  # fmt: skip
    try:
        system.start_room()
        made = Boots(system, later, say)
        made.run(plan(boots, seed))
        return made.figures
    finally:
        system.close()


def main():
    parser = argparse.ArgumentParser(description="Boots with a power cut each.")
    parser.add_argument("--boots", type=int, default=500)
    parser.add_argument("--releases", type=int, default=6, help="that are ordered in turn")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.nice(5)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="patrol-boots-") as folder:
        try:
            figures = run(Path(folder), **vars(options))
        except Broken as e:
            print(f"FAILED after {time.monotonic() - began:.0f} s: {e}")
            return 1
    print(json.dumps({**figures, "seed": options.seed, "seconds": int(time.monotonic() - began)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
