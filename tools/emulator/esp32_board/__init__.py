"""A gateway that starts from a flash file: what `patrol flash` wrote, run by MicroPython on a PC.

    command.py      `patrol emulate-gateway`: finds the partition, runs the interpreter, resets it
    start.py        under MicroPython: mounts the partition at "/", runs boot.py and main.py
    board.py        under MicroPython: the module `machine`, its UARTs on pseudo-terminals
    network.py      under MicroPython: the module `network`, Wi-Fi and PPP as states

The agent that runs is the one in the flash, compiled for the chip, by its code for the chip; what
is not the chip's is the interpreter's word size and speed.
"""
