"""How the journal's quota is divided among the lanes, and which lane gives way.

Each lane has a share of its own, so that none can starve another: alerts and breadcrumbs stay
however much fine telemetry there is, and new fine telemetry passes however many breadcrumbs wait.
The rest is for whoever comes; where it is used up, fine telemetry gives way first and alerts last.

What counts is what files take of the storage, which gives whole units: a hundred short sessions are
a hundred files of a block each, however little is in them.
"""

from agent.const import const
from agent.records import ALERT, CRUMB, FINE

THIN_ORDER = (FINE, CRUMB, ALERT)  # what goes first
# 1/n of the quota is the lane's own. Breadcrumbs of a day without a link take a tenth of what its
# fine telemetry does; a quarter keeps them for days.
_SHARES = {ALERT: 8, CRUMB: 4, FINE: 8}
MAX_SEGMENTS = 256  # in RAM, about 200 bytes each on a chip
_SEGMENTS = const(128)  # so many fill the quota, whatever the configured size of one
_FRAME_BYTES = const(128)  # of a small frame, to bound the number of frames in a segment
_MIN_FRAMES = const(128)
# littlefs keeps pointers to a file's other blocks in each block: two of four bytes on average, and
# never more than so many bytes a block in all (its DESIGN.md, "CTZ skip-lists").
_LINKS = const(8)
_USUAL_FRAME = const(640)  # most batches are shorter


def taken(size, unit):
    """Bytes of the storage that a file of so many takes."""
    if unit == 1:
        return size
    return (size + unit - _LINKS - 1) // (unit - _LINKS) * unit


def share(quota, lane):
    """Bytes that are the lane's own."""
    return quota // _SHARES[lane]


def fits(quota, sizes, lane, size):
    """True when `size` bytes more of the lane leave every other lane its own.

    sizes: {lane: bytes in use}."""
    total = 0
    for each in THIN_ORDER:
        used = sizes[each] + (size if each == lane else 0)
        total += max(used, share(quota, each))
    return total <= quota


def gives_way(quota, sizes, lane, size):
    """The lanes that may give up something for `size` bytes of `lane`, in their order: those with
    more than their own, and the lane itself. None more precious does, unless the bytes belong to
    the lane's own: then whoever has more than its own must (a quota that was made smaller)."""
    is_owed = sizes[lane] + size <= share(quota, lane)
    rank = THIN_ORDER.index(lane)
    found = []
    for i, each in enumerate(THIN_ORDER):
        if each == lane:
            may = sizes[each] > 0 and not is_owed
        else:
            may = sizes[each] > share(quota, each) and (i < rank or is_owed)
        if may:
            found.append(each)
    return found


def segment_caps(quota, segment_size, unit=1):
    """(bytes, frames) at which a segment is closed: before a frame that would begin one more unit
    of the storage, as long as it is a usual one."""
    size = max(segment_size, quota // _SEGMENTS)
    if _USUAL_FRAME < unit <= size:
        size = size // unit * (unit - _LINKS) - _USUAL_FRAME
    return size, max(_MIN_FRAMES, size // _FRAME_BYTES)
