"""Reads a journal's folder as the agent would at its next start, and says what it finds.

Nothing is opened for writing. The frames are sealed: only their lane, session and number can be
seen. A folder that an agent is writing to may be looked at; its newest frames are in RAM.
"""

from pathlib import Path

from agent import port
from agent.comms import ledger as ledgers
from agent.comms import segment as seg
from agent.comms.audit import explained, holes
from agent.comms.bootcount import NAMES as BOOT_NAMES
from agent.comms.quota import THIN_ORDER
from agent.comms.seal import parse_open
from agent.comms.shelf import Shelf


class CheckError(Exception):
    """The folder is no journal, or cannot be read; one line."""


class _Folder:
    """The reading half of `port.Storage`, without making the folder."""

    def __init__(self, path):
        self._path = Path(path)
        if not self._path.is_dir():
            raise CheckError(f"{path}: no such folder")

    def _do(self, action):
        try:
            return action()
        except OSError as e:
            raise port.StorageError(f"{e.filename or self._path}: {e.strerror}") from e

    def names(self):
        return self._do(lambda: sorted(p.name for p in self._path.iterdir()))

    def size(self, name):
        return self._do(lambda: (self._path / name).stat().st_size)

    def read(self, name, offset=0, length=-1):
        def action():
            with open(self._path / name, "rb") as f:
                f.seek(offset)
                return f.read(length)

        return self._do(action)


def _segment(storage, name):
    """(row for the report, Segment or None) of a file."""
    row = {"file": name, "lane": name[0], "bytes": storage.size(name)}
    segment, torn = seg.recover(storage, name)
    if segment is None:
        return {**row, "records": 0, "first_bad_byte": 0 if torn else None}, None
    opening = parse_open(segment.opening(storage))
    return {
        **row,
        "session": segment.sid.hex(),
        "boot": opening.boot,
        "first": segment.first,
        "last": segment.last,
        "records": segment.count,
        "first_bad_byte": segment.size if torn else None,
    }, segment


def _session(account, shelf, ledger):
    """What is known of a session: where it ended, what the room has, and what is missing though no
    gap says why: the agent names it at its next start."""
    mine = [s for s in shelf.segments if s.sid == account.sid]
    top = max([account.top()] + [s.last for s in mine])
    known = ledgers.Account(account.sid, account.settled, max(account.end or 0, top + 1))
    return {
        "session": account.sid.hex(),
        "end": account.end,
        "how": account.how or "runs, or was cut",
        "acknowledged": account.settled,
        "unacknowledged": sum(s.left for s in mine),
        "missing": [list(h) for h in holes(shelf, known, explained(shelf, ledger, known))],
    }


def _gap(row):
    lane, sid, first, last, reason, count, state = row
    return {"lane": lane, "session": sid.hex(), "first": first, "last": last, "reason": reason,
            "count": count, "told": state == ledgers.DONE}  # fmt: skip


def check(path):
    """The report as a dict of JSON values. Raises CheckError."""
    storage = _Folder(path)
    counters = {"read_errors": 0}
    shelf = Shelf(storage, counters)
    ledger = ledgers.Ledger(storage, counters)
    files, unreadable, strangers = [], [], []
    try:
        names = storage.names()
    except port.StorageError as e:
        raise CheckError(str(e)) from e
    for name in names:
        if not seg.is_name(name, THIN_ORDER):
            known = seg.is_name(name, ledgers.LANE) or name in (*BOOT_NAMES, ledgers.SPARE)
            if not known:
                strangers.append(name)
            continue
        try:
            row, segment = _segment(storage, name)
        except port.StorageError as e:
            unreadable.append(str(e))
            continue
        files.append(row)
        if segment:
            shelf.segments.append(segment)
    shelf.segments.sort(key=lambda s: s.sequence)
    ledger.load(names)
    known = [account.sid for account in ledger.accounts]
    for segment in shelf.segments:
        if segment.sid not in known:
            known.append(segment.sid)
            ledger.accounts.append(ledgers.Account(segment.sid))
    for account in ledger.accounts:
        shelf.acknowledge(account.sid, 0, account.settled)
    bad = [{"file": f["file"], "offset": f["first_bad_byte"]} for f in files
           if f["first_bad_byte"] is not None]  # fmt: skip
    return {
        "segments": len(files),
        "records": sum(f["records"] for f in files),
        "bytes": sum(f["bytes"] for f in files),
        "first_bad_byte": bad[0] if bad else None,
        "damaged": bad,
        "unreadable": unreadable,
        "unacknowledged": sum(s.left for s in shelf.segments),
        "gaps": [_gap(row) for row in ledger.gaps.rows],
        "sessions": [_session(account, shelf, ledger) for account in ledger.accounts],
        "files": files,
        "strangers": strangers,
    }
