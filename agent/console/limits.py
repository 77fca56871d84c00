"""What the console may take of memory, storage and time, and why."""

from agent.const import const

WIDTH = const(80)  # columns of a terminal
MAX_LINE = const(240)  # characters of a command: a message to the crew fits in quotes of two
MAX_ANSWER = const(600)  # of the answer to a challenge: a signature of 384 bytes takes 512
MAX_HISTORY = const(8)  # lines that can be had again: 2 KB at most
MAX_AHEAD = const(256)  # bytes typed while a command runs
MAX_WATCHED = const(16)  # values on a screen
MAX_RAW_S = const(30)  # of sentences shown
MAX_RAW_LINES = const(60)  # and how many: what an answer to the room may hold
MAX_TRACE_S = const(300)
MAX_TRACE_BYTES = const(131072)  # five minutes at 1 Hz are 120 KB
