"""The patrol agent: one code base for CPython and MicroPython.

Start with `agent/app.py`: it builds the parts and shows how they are wired.
"""

import gc

# MicroPython collects only when the heap is full unless told otherwise. Modules compiled from
# source leave so much between them that the largest free piece of a 512 KB heap was 22 KB after
# the imports, and is 210 KB with this, which has to be in force before the first of them.
if hasattr(gc, "threshold"):
    gc.threshold(32768)
