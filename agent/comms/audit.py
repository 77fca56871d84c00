"""What a power cut took from earlier sessions, found at a start.

Frames that only RAM held have used up numbers. The lanes share those, so a number below the highest
that is on the medium is either there, or acknowledged, or known to be a gap, or lost: then it is
reported. Above the highest nothing can be proved but that it will never come; that is the session's
end, and the room is told it, too.
"""

from agent.comms.intervals import merged
from agent.comms.ledger import CUT, GONE
from agent.comms.quota import THIN_ORDER
from agent.records import ANY_LANE, GAP_BROKEN, GAP_POWER


def audit(shelf, ledger):
    """Ends every session that is known, and adds what is missing of it to the ledger's gaps. Raises
    StorageError; what was found until then stays."""
    for sid in _sessions(shelf, ledger):
        account = ledger.account(sid)
        if account.how == GONE:
            continue
        top = max(
            [account.top()]
            + [gap[3] for gap in ledger.gaps.of(sid)]
            + [s.last for s in shelf.segments if s.sid == sid]
        )
        is_cut = account.end is None
        if is_cut:
            account.end, account.how = top + 1, CUT
            ledger.is_dirty = True
        account.end = max(account.end, top + 1)
        for first, last in holes(shelf, account, explained(shelf, ledger, account)):
            span = (first, last, last - first + 1)
            reason = GAP_POWER if is_cut else GAP_BROKEN
            ledger.add_gap(ANY_LANE, sid, span, reason, shelf)


def explained(shelf, ledger, account):
    """[first, last] of the gaps that account for all that is missing within them. A gap of a lane
    spans other lanes' numbers as well: where more is missing than it counts, some of it is theirs.
    Less is missing where the room had some of the gap's frames after all: then it cannot be told,
    and the holes are named once more."""
    gaps = ledger.gaps.of(account.sid)
    every = [[gap[2], gap[3]] for gap in gaps if gap[0] == ANY_LANE]
    groups = [[first, last, 0] for first, last in merged([gap[2:4] for gap in gaps])]
    for gap in gaps:
        for group in groups:
            if gap[0] != ANY_LANE and group[0] <= gap[2] <= group[1]:
                group[2] += gap[5]
    for first, last in holes(shelf, account, every):
        for group in groups:
            group[2] -= max(0, min(last, group[1]) - max(first, group[0]) + 1)
    return merged(every, [group[:2] for group in groups if group[2] == 0])


def _sessions(shelf, ledger):
    """Ids of all sessions, oldest first."""
    found = [account.sid for account in ledger.accounts]
    for segment in shelf.segments:
        if segment.sid not in found:
            found.append(segment.sid)
    return found


def holes(shelf, account, known):
    """Generator of (first, last) below the session's end that are neither in the journal, nor
    acknowledged, nor in the [first, last] of `known`."""
    sources = [shelf.numbers(lane, account.sid) for lane in THIN_ORDER]
    spans = iter(merged(account.settled, known))
    heads = [_next_number(source) for source in sources] + [_next_span(spans)]
    sources.append(spans)
    expected = 0
    while True:
        best = None
        for i, head in enumerate(heads):
            if head is not None and (best is None or head[0] < heads[best][0]):
                best = i
        first, last = (account.end, account.end) if best is None else heads[best]
        if first > expected:
            yield expected, first - 1
        if best is None:
            return
        expected = max(expected, last + 1)
        step = _next_number if best < len(THIN_ORDER) else _next_span
        heads[best] = step(sources[best])


def _next_number(source):
    for number in source:
        return number, number
    return None


def _next_span(source):
    for first, last in source:
        return first, last
    return None
