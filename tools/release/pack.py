"""Long tables of the agent become what `agent/packed.py` reads: on a chip each KB counts twice,
once for each slot. Short ones gain no block of the flash and stay text, and so does what is looked
up while driving, and for each line at the console: to inflate it takes 2 KB of the heap.
"""

import zlib

from agent.packed import SUFFIX, WINDOW

LONG = 8192  # bytes
DRIVING = ("agent/signals.txt", "agent/console/texts.txt")
# Plain text of a section, which a look-up goes through: a chip is said to inflate some 280 KB a
# second, 30 ms for 8 KB. Smaller sections make a larger file; the longest table gains most, and is
# asked least.
_SECTION, _LONGEST = 1024, 65536
_SECTION_OF_LONGEST = 8192


def packed(files):
    """{path: bytes} with long tables in their packed form, under their new names."""
    found = {}
    for name, data in files.items():
        if name.endswith(".txt") and len(data) > LONG and name not in DRIVING:
            found[name + SUFFIX] = pack(data)
        else:
            found[name] = data
    return found


def pack(text, section=None):
    """The packed form of a table's bytes; comments are left out. section: bytes."""
    section = section or (_SECTION_OF_LONGEST if len(text) > _LONGEST else _SECTION)
    sections = [[]]
    size = 0
    for line in text.splitlines(keepends=True):
        if line.startswith(b"#"):
            continue
        if size + len(line) > section:
            sections.append([])
            size = 0
        sections[-1].append(line)
        size += len(line)
    keys = [lines[0].split()[0] for lines in sections]
    at = 2 + sum(4 + len(key) for key in keys)
    head, body = len(sections).to_bytes(2, "big"), b""
    for key, lines in zip(keys, sections, strict=True):
        head += (at + len(body)).to_bytes(3, "big") + bytes([len(key)]) + key
        deflate = zlib.compressobj(9, zlib.DEFLATED, -WINDOW)
        body += deflate.compress(b"".join(lines)) + deflate.flush()
    return head + body
