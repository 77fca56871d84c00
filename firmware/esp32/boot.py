"""Runs first at each start: the boot code chooses a slot, and its files come first in sys.path.

On a chip `starts` then knows whether it is the minimal boot's turn (docs/starting.md); main.py goes on
with it. On the unix port PATROL_ROOT names the folder of the slots: a virtual gateway is

    PATROL_ROOT=... MICROPYPATH=firmware/esp32:.frozen micropython -c "import boot, main" --config FILE
"""  # noqa: E501 one line to copy

import os
import sys

IS_CHIP = sys.platform == "esp32"
if IS_CHIP:
    import machine

    # Before anything that can hang, imports among it; it cannot be stopped any more. Longer than
    # all that comes before the agent sets a time of its own (docs/starting.md).
    watchdog = machine.WDT(timeout=120000)

ROOT = os.getenv("PATROL_ROOT", "/") if hasattr(os, "getenv") else "/"
sys.path.insert(0, ROOT)

from slotboot import SLOTS, choose, is_whole, load, rows  # noqa: E402
from slottree import Tree, new_hash  # noqa: E402

tree = Tree(ROOT)
is_asleep = False  # it is the end of a sleep: nobody can have written to the slots meanwhile
if IS_CHIP:
    import slotstart

    rtc = machine.RTC()
    how = slotstart.ended_by(machine, rtc.memory())
    is_asleep = machine.reset_cause() == machine.DEEPSLEEP_RESET
    if not is_asleep:  # then it is what the rest of the sleep is to be
        rtc.memory(b"")
    pointer = load(tree)
    was_trial = bool(pointer.trial and pointer.tries)
    last = 1 - pointer.slot if was_trial else pointer.slot
    starts = slotstart.Starts(tree, how, was_trial, last)

slot = choose(tree, new_hash, not is_asleep)
if IS_CHIP:
    pointer = load(tree)
    is_trial = bool(pointer.trial) and slot != SLOTS[pointer.slot]
    place = starts.choose(
        SLOTS.index(slot), is_trial, lambda other: is_whole(tree, SLOTS[other], new_hash)
    )
    slot = SLOTS[place]
sys.path[0] = ("" if ROOT == "/" else ROOT) + "/" + slot + "/app"
if IS_CHIP:
    import vfs
    from slotrom import start

    why = start(tree, slot, rows, new_hash, vfs, sys.path, not is_asleep)
    if why:
        print("the ROM partition is not used:", why)
    # All of this is on the heap, and nobody asks for it again.
    for name in ("slotboot", "slotrom"):
        del sys.modules[name]
    del SLOTS, choose, is_whole, load, rows, start, pointer
