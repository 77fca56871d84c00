"""A car's diagnostics by a table of answers, and a small ELM327 in front of it.

Answers are given as hexadecimal text: {"0100": {ENGINE: "4100BE3FA813"}}; a list stands for
several messages of one ECU. No time passes but what the caller says.
"""

from binascii import hexlify, unhexlify

ENGINE = 0x7E8
GEARBOX = 0x7E9
VIN = "W0L000051T2123456"


def text_of(data):
    return hexlify(data).decode().upper()


def vin_reply(vin=VIN):
    return "490201" + text_of(vin.encode())


def answers():
    """A spark engine with one stored code and its freeze frame, and a gearbox."""
    name = b"ECM\x00-Engine Control\x00"
    gearbox = b"TCM\x00-Transmission\x00\x00\x00"
    calibrations = b"JMB*36761500\x00\x00\x00\x00"
    return {
        "0100": {ENGINE: "4100981A8011", GEARBOX: "410098180001"},
        "0120": {ENGINE: "412000000001", GEARBOX: "412000000001"},
        "0140": {ENGINE: "4140C0008000", GEARBOX: "414000000000"},
        "0101": {ENGINE: "41018107E504", GEARBOX: "410100040000"},
        "0141": {ENGINE: "41410007E5A0"},
        "011C": {ENGINE: "411C06"},
        "0151": {ENGINE: "415101"},
        "03": {ENGINE: "43010301", GEARBOX: "4300"},
        "07": {ENGINE: "47020301C100", GEARBOX: "4700"},
        "0A": {ENGINE: "4A00", GEARBOX: "7F0A11"},
        "0900": {ENGINE: "490055400000", GEARBOX: "490014400000"},
        "0902": {ENGINE: vin_reply()},
        "0904": {ENGINE: "490401" + text_of(calibrations), GEARBOX: "490401" + "41" * 16},
        "0906": {ENGINE: "4906011791BC82", GEARBOX: "49060116E062BE"},
        "0908": {ENGINE: "4908020001000A"},
        "090A": {ENGINE: "490A01" + text_of(name), GEARBOX: "490A01" + text_of(gearbox)},
        "020200": {ENGINE: "4202000301", GEARBOX: "4202000000"},
        "020000": {ENGINE: "42000050180000"},
        "020400": {ENGINE: "42040080"},
        "020C00": {ENGINE: "420C001AF8"},
        "020D00": {ENGINE: "420D0032"},
        "0600": {ENGINE: "460080000001"},
        "0620": {ENGINE: "462000000000"},
        "0601": {ENGINE: "4601010A0BB00BB00BB0"},
    }  # fmt: skip


def messages(table, service, data):
    """What isotp.py makes of the answers to a request."""
    found = []
    replies = table.get(f"{service:02X}" + text_of(data), {})
    for ecu in sorted(replies):
        payloads = replies[ecu]
        for payload in [payloads] if isinstance(payloads, str) else payloads:
            found.append((ecu, unhexlify(payload), 0))
    return found


class Elm327:
    """Takes commands, gives the bytes of their answers; `log` holds every command."""

    def __init__(self, table, silent=False):
        self.table = table
        self.silent = silent
        self.log = []

    def command(self, command):
        """-> bytes, or b"" for silence."""
        if self.silent or command == b" ":
            return b""
        assert command.endswith(b"\r"), command
        text = command[:-1].decode()
        self.log.append(text)
        return self._reply(text).encode() + b"\r\r>"

    def _reply(self, text):
        fixed = {"ATZ": "\r\rELM327 v1.5", "ATI": "ELM327 v1.5", "ATRV": "12.6V", "ATDPN": "A6"}
        if text.startswith("AT"):
            return fixed.get(text, "OK")
        if text.startswith("ST"):
            return "?"
        request = unhexlify(text)
        lines = []
        for ecu, payload, _ in messages(self.table, request[0], request[1:]):
            lines.extend(_frames(ecu, payload))
        return "\r".join(lines) or "NO DATA"


def _frames(ecu, payload):
    size = len(payload)
    if size <= 7:
        return [f"{ecu:03X}{size:02X}" + text_of(payload + bytes(7 - size))]
    lines = [f"{ecu:03X}{0x1000 | size:04X}" + text_of(payload[:6])]
    for at in range(6, size, 7):
        part = payload[at : at + 7]
        number = 0x20 | (at + 1) // 7 & 15
        lines.append(f"{ecu:03X}{number:02X}" + text_of(part + bytes(7 - len(part))))
    return lines
