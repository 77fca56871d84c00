"""Limits of the self-test (`selftest.py`): from where on something counts as a fault.

Proposals of practice, to be tuned on the road. When an input is stuck the inputs themselves know:
`agent/vehicle/inputs.py`.
"""

from agent.const import const

START_MS = const(20000)  # receiver, adapter and car have so long to be found
SILENT_MS = const(5000)  # of a line that speaks every second, or is asked every 0.7 s
LOW_MV = const(11900)  # of a lead battery: as `agent/obd/sleep.py` has it
CHARGED_MV = const(13000)  # with the engine turning; smart alternators go down to 13.2 V
DAY_MS = const(86400000)
SKEW_MS = const(60000)
FREE_BYTES = const(65536)  # a segment of the journal, and a file to replace another
