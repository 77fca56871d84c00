"""A terminal as a test types into it: a pseudo-terminal whose other end the agent has open."""

import contextlib
import errno
import os
import select
import threading
import time
import tty


def _pair():
    """(our end, the other end's handle, its path)"""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave, os.ttyname(slave)


class Terminal:
    """`path` is for the agent. `seen`: all that ever came, as bytes."""

    def __init__(self):
        self.seen = b""
        self.open()

    def open(self):
        self._rest = b""  # behind what was waited for last
        # Its handle is kept: else a read fails before the agent has opened it.
        self._master, self._slave, self.path = _pair()

    def close(self):
        """As when the plug is pulled."""
        os.close(self._slave)
        os.close(self._master)

    def type(self, data):
        """All of it, however slowly the agent reads."""
        data = data.encode() if isinstance(data, str) else data
        while data:
            select.select([], [self._master], [], 5)
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._master, data) :]

    def read(self, seconds):
        """What comes within that time; b"" where nothing does."""
        if not select.select([self._master], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self._master, 4096)
        except OSError as e:
            if e.errno == errno.EIO:
                return b""
            raise
        self.seen += data
        return data

    def until(self, text, seconds=15):
        """Reads until the text has come; what came, up to its end. Fails with what there was."""
        wanted = text.encode() if isinstance(text, str) else text
        end = time.monotonic() + seconds
        found, self._rest = self._rest, b""
        while wanted not in found:
            assert time.monotonic() < end, f"no {text!r} within {seconds} s in {found!r}"
            found += self.read(0.2)
        size = found.index(wanted) + len(wanted)
        self._rest = found[size:]
        return found[:size].decode(errors="replace")

    def ask(self, line, prompt="> ", seconds=15):
        """Types a line; its answer without echo and prompt, as text."""
        self.type(line + "\r")
        self.until("\r\n", seconds)
        found = self.until(prompt, seconds)
        return found.rpartition("\r")[0].replace("\r\n", "\n")

    def settle(self):
        """To the prompt, with nothing typed; on a busy machine the first one takes its time."""
        found = b""
        end = time.monotonic() + 30
        while b"> " not in found:
            assert time.monotonic() < end, f"no prompt within 30 s in {found!r}"
            self.type("\x03\x15")
            found += self.read(3)
        while self.read(0.3):
            pass
        self._rest = b""
        self.type("\r")
        self.until("> ")
        self.ask("page 0")

    @contextlib.contextmanager
    def relayed(self):
        """The path of a device that another program may open as the port to the agent."""
        master, slave, path = _pair()
        is_over = threading.Event()

        def relay():
            while not is_over.is_set():
                ready, _, _ = select.select([master, self._master], [], [], 0.1)
                with contextlib.suppress(OSError):
                    if master in ready:
                        self.type(os.read(master, 4096))
                    if self._master in ready:
                        os.write(master, self.read(0))

        thread = threading.Thread(target=relay)
        thread.start()
        try:
            yield path
        finally:
            is_over.set()
            thread.join()
            os.close(slave)
            os.close(master)
