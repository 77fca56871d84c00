"""`patrol bench console`: what the console costs a chip's heap, held to what it was measured at.

Words of this MicroPython are twice as long as a chip's, its code is not: of 32 bits the modules of
an open console take four fifths of this.
"""

import pytest

from tests.support import micropython
from tools.bench import console


def test_the_console_s_heap():
    if micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    found = console.run()
    assert found["closed_bytes"] <= 3 * 1024
    assert found["open_idle_bytes"] <= 28 * 1024 and found["open_peak_bytes"] <= 64 * 1024
    # Names stay, once: the interpreter never forgets one. Nothing else does, but that a stale word
    # on the stack may hold a module of the last session until the next sweep.
    left = found["left_after_close_bytes"], found["left_after_second_close_bytes"]
    assert min(left) <= 9 * 1024 and max(left) <= 16 * 1024
