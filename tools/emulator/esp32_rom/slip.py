"""SLIP framing (RFC 1055), as the loader uses it: END before and after each packet. No I/O."""

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
# The largest block that esptool sends has 16 KiB; escaped, at worst twice as many.
MAX_PACKET = 1 << 16


def encode(packet):
    """The packet's bytes on the line."""
    return b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Decoder:
    """`feed(data)` gives the packets that are complete. What is no SLIP is dropped and counted."""

    def __init__(self):
        self._buffer = bytearray()
        self.dropped = 0

    def feed(self, data):
        self._buffer += data
        *whole, rest = self._buffer.split(b"\xc0")
        self._buffer = bytearray(rest)
        if len(rest) > MAX_PACKET:
            self._buffer.clear()
            self.dropped += 1
        packets = []
        for raw in whole:
            if not raw:
                continue  # between the END of one packet and that of the next
            packet = raw.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
            packets.append(bytes(packet))
        return packets
