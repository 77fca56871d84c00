"""A room that changes a byte of the first so many parts of files that it sends.

python update_room.py COUNT --dir FOLDER --attached
"""

import sys

from tools.room.command import app
from tools.room.updates import UpdateBook

LEFT = [int(sys.argv.pop(1))]


class Bent(UpdateBook):
    def part(self, release, file, offset, length):
        data = UpdateBook.part(self, release, file, offset, length)
        if file and data and LEFT[0]:
            LEFT[0] -= 1
            data = bytes([data[0] ^ 1]) + data[1:]
        return data


if __name__ == "__main__":
    from tools.room import serve

    serve.UpdateBook = Bent
    app(["serve", *sys.argv[1:]])
