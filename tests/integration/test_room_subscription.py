"""A broker that refuses the room's subscription, and then does not any more."""

import socket
import threading
import time

from tools import provision
from tools.room import serve

_CONNECT, _SUBSCRIBE, _PING, _DISCONNECT = 1, 8, 12, 14


class Refusing:
    """The least of a broker: grants what is subscribed to at the third time."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.granted = []  # of each SUBSCRIBE
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        connection, _ = self._server.accept()
        with connection, connection.makefile("rb") as stream:
            while head := stream.read(2):  # all packets of the room are short
                body = stream.read(head[1])
                kind = head[0] >> 4
                if kind == _CONNECT:
                    connection.sendall(b"\x20\x02\x00\x00")
                elif kind == _SUBSCRIBE:
                    self.granted.append(len(self.granted) >= 2)
                    code = b"\x01" if self.granted[-1] else b"\x80"
                    topics = len(serve.room_keys.DEFAULT_TOPICS)
                    connection.sendall(b"\x90" + bytes([2 + topics]) + body[:2] + code * topics)
                elif kind == _PING:
                    connection.sendall(b"\xd0\x00")
                elif kind == _DISCONNECT:
                    return

    def close(self):
        self._server.close()


def test_a_refused_subscription_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "SUBSCRIBE_S", (0.2, 0.4))
    broker = Refusing()
    provision.create_room(tmp_path, {"host": "127.0.0.1", "port": broker.port})
    said = []
    server = serve.Server(tmp_path, said.append)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + 20
        while not any("connected to" in line for line in said):
            assert time.monotonic() < end, said
            time.sleep(0.05)
    finally:
        server.stop()
        thread.join(20)
        broker.close()
    assert broker.granted == [False, False, True]
    assert "refused the subscription to p1/+/s" in said[0] and "connected to" in said[1]
