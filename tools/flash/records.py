"""Which board got what: one line of JSON for each time that a board was flashed, and while one is
updated, a copy of its file system.

    boards.jsonl        no secret in it
    <mac>.vfs           the file system before an update, mode 600; gone when the update is done
    <mac>.begun         empty: a fresh board is being written, and what is on it is but half of that
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from tools.files import private_folder, write_private
from tools.flash import FlashError

FILE = "boards.jsonl"


class Records:
    def __init__(self, folder):
        self.folder = Path(folder)

    def add(self, values):
        """Appends a record, dated. Raises FlashError."""
        row = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), **values}
        try:
            private_folder(self.folder)
            with open(self.folder / FILE, "a", encoding="utf-8") as f:
                f.write(json.dumps(row) + "\n")
        except OSError as error:
            raise self._failed(error) from None
        return row

    def _copy(self, mac):
        return self.folder / f"{mac.replace(':', '')}.vfs"

    def _mark(self, mac):
        return self._copy(mac).with_suffix(".begun")

    def begin(self, mac):
        """From here until `done` the board holds nothing that somebody could miss."""
        try:
            private_folder(self.folder)
            self._mark(mac).touch()
        except OSError as error:
            raise self._failed(error) from None

    def has_begun(self, mac):
        return self._mark(mac).exists()

    def keep(self, mac, image):
        """The board's file system, until `done`. Raises FlashError."""
        try:
            private_folder(self.folder)
            write_private(self._copy(mac), image)
        except OSError as error:
            raise self._failed(error) from None

    def kept(self, mac):
        """(path, bytes) of what an update that was broken off has kept, or None."""
        path = self._copy(mac)
        try:
            return (path, path.read_bytes()) if path.is_file() else None
        except OSError as error:
            raise self._failed(error) from None

    def check_no_copy(self, mac):
        """Raises FlashError where an update was broken off: nobody else has what it kept."""
        path = self._copy(mac)
        if path.exists():
            raise FlashError(
                f"an update of this board was broken off, and its journal lies in {path}: run it "
                "again with --update, or move that file away"
            )

    def done(self, mac):
        self._copy(mac).unlink(missing_ok=True)
        self._mark(mac).unlink(missing_ok=True)

    def _failed(self, error):
        return FlashError(f"{error.filename or self.folder}: {error.strerror}")
