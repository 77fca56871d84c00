"""The messages that set a u-blox receiver, and its version: needed until it is set, then forgotten.

Layouts and sources: ubx.py.
"""

import struct

from agent.const import const
from agent.gps.ubx import UbxError, frame

CFG_PRT = 0x0600
CFG_MSG = 0x0601
CFG_RATE = 0x0608
CFG_CFG = 0x0609
CFG_NAV5 = 0x0624
CFG_ITFM = 0x0639
CFG_VALSET = 0x068A

# Configuration keys; bits 28..30 of a key tell the size of its value.
KEY_BAUD = 0x40520001  # CFG-UART1-BAUDRATE
KEY_IN_UBX = 0x10730001  # CFG-UART1INPROT-UBX
KEY_OUT_UBX = 0x10740001  # CFG-UART1OUTPROT-UBX
KEY_OUT_NMEA = 0x10740002  # CFG-UART1OUTPROT-NMEA
KEY_MODEL = 0x20110021  # CFG-NAVSPG-DYNMODEL
KEY_PERIOD = 0x30210001  # CFG-RATE-MEAS, ms
KEY_NAVIGATIONS = 0x30210002  # CFG-RATE-NAV
KEY_ITFM = 0x1041000D  # CFG-ITFM-ENABLE
LAYER_RAM = 1
LAYER_BBR = 2  # kept while the backup supply lasts
_VALUE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}

# NMEA sentences: name, id in class 0xf0 (CFG-MSG), key CFG-MSGOUT-NMEA_ID_*_UART1.
SENTENCES = (
    (b"GGA", 0x00, 0x209100BB),
    (b"GLL", 0x01, 0x209100CA),
    (b"GSA", 0x02, 0x209100C0),
    (b"GSV", 0x03, 0x209100C5),
    (b"RMC", 0x04, 0x209100AC),
    (b"VTG", 0x05, 0x209100B1),
    (b"GST", 0x07, 0x209100D4),
    (b"ZDA", 0x08, 0x209100D9),
    (b"GNS", 0x0D, 0x209100B6),
)
NMEA_CLASS = 0xF0

_VERSION = const(30)  # bytes of a text in MON-VER
_HARDWARE = const(10)


# --- configuration of generations 5 to 8 ---


def cfg_prt(baud):
    """UART 1: 8N1 at `baud`, UBX and NMEA in and out."""
    return frame(CFG_PRT, struct.pack("<BBHIIHHHH", 1, 0, 0, 0x08D0, baud, 0x07, 0x03, 0, 0))


def cfg_msg(message_class, message_id, rate):
    return frame(CFG_MSG, bytes((message_class, message_id, rate)))


def cfg_rate(period):
    """A navigation every `period` ms, aligned to GPS time."""
    return frame(CFG_RATE, struct.pack("<HHH", period, 1, 1))


def cfg_nav5(model):
    return frame(CFG_NAV5, struct.pack("<HB", 1, model) + bytes(33))


def cfg_itfm():
    """Interference monitor on, with the thresholds and algorithm bits the description fixes."""
    return frame(CFG_ITFM, struct.pack("<II", 0xAD62ACF3, 0x0000031E))


def cfg_save():
    """Keep the present configuration in every memory that there is."""
    return frame(CFG_CFG, struct.pack("<IIIB", 0, 0x1F1F, 0, 0x17))


# --- configuration of generation 9 and later ---


def cfg_valset(items, layers):
    """`items`: (key, value) pairs; the receiver takes all of them or none."""
    payload = bytes((0, layers, 0, 0))
    for key, value in items:
        size = _VALUE_SIZE[key >> 28 & 7]
        payload += struct.pack("<I", key) + struct.pack("<I", value)[:size]
    return frame(CFG_VALSET, payload)


def valset_items(payload):
    """(layers, ((key, value), ...)) of a CFG-VALSET; raises UbxError."""
    if len(payload) < 4 or payload[0] > 1:
        raise UbxError("CFG-VALSET: no version 0 or 1")
    items = []
    pos = 4
    while pos < len(payload):
        key = int.from_bytes(payload[pos : pos + 4], "little")
        size = _VALUE_SIZE.get(key >> 28 & 7)
        if size is None or pos + 4 + size > len(payload):
            raise UbxError("CFG-VALSET: key %08x does not fit" % key)
        items.append((key, int.from_bytes(payload[pos + 4 : pos + 4 + size], "little")))
        pos += 4 + size
    return payload[1], tuple(items)


# --- the version ---


def mon_ver(payload):
    """(software, hardware, protocol x100 or None) of a MON-VER; raises UbxError.

    The protocol stands in an extension, as 'PROTVER=34.10' or, in older ones, 'PROTVER 18.00'.
    """
    if len(payload) < _VERSION + _HARDWARE:
        raise UbxError("MON-VER of %d bytes" % len(payload))
    protocol = None
    for at in range(_VERSION + _HARDWARE, len(payload), _VERSION):
        text = _text(payload[at : at + _VERSION])
        if text.startswith("PROTVER") and protocol is None:
            whole, _, part = text[8:].partition(".")
            part = (part + "00")[:2]
            if whole.isdigit() and part.isdigit() and len(whole) < 4:
                protocol = int(whole) * 100 + int(part)
    return _text(payload[:_VERSION]), _text(payload[_VERSION : _VERSION + _HARDWARE]), protocol


def _text(field):
    return "".join([chr(c) for c in field.split(b"\0")[0] if 32 <= c < 127])


# --- all of it ---


def steps(settings, modern, baud):
    """The configuration: rows (name, message, bytes), the one that sets `baud` first.

    modern: CFG-VALSET, several values by subject, so that a refused one spoils its subject only.
    """
    wanted = settings.sentences
    if not modern:
        rows = [
            ("port", CFG_PRT, cfg_prt(baud)),
            ("model", CFG_NAV5, cfg_nav5(settings.model)),
        ]
        for name, number, _ in SENTENCES:
            data = cfg_msg(NMEA_CLASS, number, 1 if name in wanted else 0)
            # Older ones do not know all sentences: what they cannot send need not be turned off.
            rows.append(("sentences" if name in wanted else "off", CFG_MSG, data))
        rows.append(("rate", CFG_RATE, cfg_rate(settings.period)))
        rows.append(("jamming", CFG_ITFM, cfg_itfm()))
        if settings.save:
            rows.append(("save", CFG_CFG, cfg_save()))
        return rows
    # Flash is not asked for: a receiver without refuses the message.
    layers = LAYER_RAM | LAYER_BBR if settings.save else LAYER_RAM
    subjects = (
        ("port", ((KEY_BAUD, baud),)),
        ("protocols", ((KEY_IN_UBX, 1), (KEY_OUT_UBX, 1), (KEY_OUT_NMEA, 1))),
        ("model", ((KEY_MODEL, settings.model),)),
        ("sentences", [(key, 1 if name in wanted else 0) for name, _, key in SENTENCES]),
        ("rate", ((KEY_PERIOD, settings.period), (KEY_NAVIGATIONS, 1))),
        ("jamming", ((KEY_ITFM, 1),)),
    )
    return [(name, CFG_VALSET, cfg_valset(items, layers)) for name, items in subjects]
