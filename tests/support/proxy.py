"""A TCP proxy on loopback that can go silent, as a radio link in a tunnel does."""

import select
import socket
import threading


class Proxy:
    """Forwards `port` to `target` (a loopback port). While silent it takes connections and bytes
    and passes nothing on, in either direction."""

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._is_silent = threading.Event()
        self._is_over = threading.Event()
        self._pairs = []
        self._ended = []  # of one end's, while silent: the other end must not learn of it
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_silent(self):
        self._is_silent.set()

    def come_back(self):
        """New connections pass; those from before are gone, as behind a mobile network's NAT."""
        for pair in self._pairs + self._ended:
            for s in pair:
                s.close()
        self._pairs, self._ended = [], []
        self._is_silent.clear()

    def _run(self):
        while not self._is_over.is_set():
            pairs = list(self._pairs)
            sockets = [s for pair in pairs for s in pair if s.fileno() >= 0]
            try:
                ready, _, _ = select.select([self._listener, *sockets], [], [], 0.05)
            except (OSError, ValueError):
                continue  # closed between the list and the call
            if self._listener in ready:
                self._accept()
            for a, b in pairs:
                for source, sink in ((a, b), (b, a)):
                    if source in ready:
                        self._forward(source, sink, (a, b))

    def _accept(self):
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=2)
        except OSError:
            client.close()
            return
        self._pairs.append((client, server))

    def _forward(self, source, sink, pair):
        try:
            data = source.recv(65536)
            if data and not self._is_silent.is_set():
                sink.sendall(data)
        except OSError:
            data = b""
        if data or pair not in self._pairs:
            return
        self._pairs.remove(pair)
        if self._is_silent.is_set():
            self._ended.append(pair)
            return
        for s in pair:
            s.close()

    def close(self):
        self._is_over.set()
        self._thread.join(2)
        self.come_back()
        self._listener.close()
