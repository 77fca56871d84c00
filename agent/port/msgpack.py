"""MessagePack (msgpack.org, specification of 2017) for interpreters without the C library.

Gives the same bytes as the `msgpack` package for what frames are made of: None, bool, integers of
up to 64 bits, str, bytes, list, tuple, dict. Floats are read, never written: positions and signals
are integers everywhere. Reading is bounded: a declared length beyond the data is refused before
anything is allocated for it, and so is nesting deeper than MAX_DEPTH.
"""

import struct

MAX_DEPTH = 8  # frames use 4; a small stack must not be nested through


class MsgpackError(ValueError):
    """The bytes are no MessagePack, or more of it than is accepted."""


def packb(value):
    """bytes of `value`."""
    out = bytearray()
    _pack(out, value)
    return bytes(out)


def _pack_int(out, v):
    if 0 <= v < 128:
        out.append(v)
    elif -32 <= v < 0:
        out.append(256 + v)
    elif v >= 0:
        if v < 0x100:
            out.append(0xCC)
            out.append(v)
        elif v < 0x10000:
            out.extend(struct.pack(">BH", 0xCD, v))
        elif v < 0x100000000:
            out.extend(struct.pack(">BI", 0xCE, v))
        else:
            out.extend(struct.pack(">BQ", 0xCF, v))
    elif v >= -0x80:
        out.extend(struct.pack(">Bb", 0xD0, v))
    elif v >= -0x8000:
        out.extend(struct.pack(">Bh", 0xD1, v))
    elif v >= -0x80000000:
        out.extend(struct.pack(">Bi", 0xD2, v))
    else:
        out.extend(struct.pack(">Bq", 0xD3, v))


def _pack_head(out, n, fix, fix_limit, code8, code16):
    """Head of a str, bin, array or map of n items; a code of 0 says that the form is absent."""
    if n < fix_limit:
        out.append(fix | n)
    elif n < 0x100 and code8:
        out.append(code8)
        out.append(n)
    elif n < 0x10000:
        out.extend(struct.pack(">BH", code16, n))
    else:
        raise MsgpackError("%d items are more than a frame holds" % n)


def _pack(out, v):
    if v is None:
        out.append(0xC0)
    elif v is False:
        out.append(0xC2)
    elif v is True:
        out.append(0xC3)
    elif isinstance(v, int):
        _pack_int(out, v)
    elif isinstance(v, str):
        data = v.encode()
        _pack_head(out, len(data), 0xA0, 32, 0xD9, 0xDA)
        out.extend(data)
    elif isinstance(v, (bytes, bytearray)):
        _pack_head(out, len(v), 0, 0, 0xC4, 0xC5)
        out.extend(v)
    elif isinstance(v, (list, tuple)):
        _pack_head(out, len(v), 0x90, 16, 0, 0xDC)
        for item in v:
            _pack(out, item)
    elif isinstance(v, dict):
        _pack_head(out, len(v), 0x80, 16, 0, 0xDE)
        for key, item in v.items():
            _pack(out, key)
            _pack(out, item)
    else:
        raise MsgpackError("cannot pack %r" % (v,))


# By first byte, from 0xC4 to 0xDF: the kind (n number, s str, b bin, a array, m map) and struct's
# letter for what follows; a dot is not accepted. Texts: a dict of tuples takes 4 KB of the heap.
_FIRST = 0xC4
_KINDS = "bbb...nnnnnnnnnn.....sssaamm"
_FORMS = "BHI...fdBHIQbhiq.....BHIHIHI"


def unpackb(data):
    """The one value that `data` holds, arrays as lists. Raises MsgpackError."""
    value, end = _unpack(data, 0, 0)
    if end != len(data):
        raise MsgpackError("%d bytes after the value" % (len(data) - end))
    return value


def _unpack(data, at, depth):
    if depth > MAX_DEPTH:
        raise MsgpackError("nested deeper than %d" % MAX_DEPTH)
    if at >= len(data):
        raise MsgpackError("ends too early")
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    if first >= 0xE0:
        return first - 256, at
    if first < 0x90:
        return _unpack_items(data, at, depth, "m", first & 15)
    if first < 0xA0:
        return _unpack_items(data, at, depth, "a", first & 15)
    if first < 0xC0:
        return _unpack_text(data, at, "s", first & 31)
    if first == 0xC0:
        return None, at
    if first in (0xC2, 0xC3):
        return first == 0xC3, at
    kind = "." if first < _FIRST else _KINDS[first - _FIRST]
    if kind == ".":
        raise MsgpackError("type 0x%02x is not accepted" % first)
    form = ">" + _FORMS[first - _FIRST]
    size = struct.calcsize(form)
    if at + size > len(data):
        raise MsgpackError("ends too early")
    n = struct.unpack_from(form, data, at)[0]
    at += size
    if kind == "n":
        return n, at
    if kind in "sb":
        return _unpack_text(data, at, kind, n)
    return _unpack_items(data, at, depth, kind, n)


def _unpack_text(data, at, kind, n):
    if n > len(data) - at:
        raise MsgpackError("ends too early")
    raw = bytes(data[at : at + n])
    if kind == "b":
        return raw, at + n
    try:
        return raw.decode(), at + n
    except (UnicodeError, ValueError):
        raise MsgpackError("text is not UTF-8")


def _unpack_items(data, at, depth, kind, n):
    if n * (2 if kind == "m" else 1) > len(data) - at:
        raise MsgpackError("ends too early")
    if kind == "a":
        items = []
        for _ in range(n):
            value, at = _unpack(data, at, depth + 1)
            items.append(value)
        return items, at
    pairs = {}
    for _ in range(n):
        key, at = _unpack(data, at, depth + 1)
        if not isinstance(key, (int, str, bytes)):
            raise MsgpackError("a map's key is no number or text")
        pairs[key], at = _unpack(data, at, depth + 1)
    return pairs, at
