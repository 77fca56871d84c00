"""What the bus says as lines of text, in all the forms that ATH, ATS, ATD1 and ATCAF make."""

from tools.emulator import legacy
from tools.emulator.bus import id_text


def line(arrival, settings, number):
    """The text of one arrival, without the closing carriage return. A first frame without headers
    gives two lines for one frame."""
    if number in legacy.TIMINGS:
        return _message(arrival, settings, number)
    frame = arrival.frame
    kind = frame[0] >> 4
    if not settings.formatting:
        shown = frame
    elif kind == 0:
        size = min(frame[0], 7)
        shown = frame[: 1 + size] if settings.headers else frame[1 : 1 + size]
    elif settings.headers:
        shown = frame
    else:
        return _numbered(frame, kind, settings)
    if not settings.headers:
        return hexadecimal(shown, settings)
    name = id_text(arrival.header)
    if settings.spaces and len(name) == 8:
        name = " ".join(name[i : i + 2] for i in range(0, 8, 2))
    parts = [name] + (["8"] if settings.length else [])
    gap = " " if settings.spaces else ""
    return gap.join(parts) + gap + hexadecimal(shown, settings)


def _message(arrival, settings, number):
    if not settings.headers:
        return hexadecimal(arrival.frame, settings)
    whole = arrival.header + arrival.frame
    return hexadecimal(whole + bytes((legacy.check(number, whole),)), settings)


def _numbered(frame, kind, settings):
    """A frame of a long answer without headers: `014`, `0: 49 02 ...`, `1: ...`."""
    gap = " " if settings.spaces else ""
    if kind == 1:
        size = (frame[0] & 0x0F) << 8 | frame[1]
        return f"{size:03X}{gap}\r0:{gap}{hexadecimal(frame[2:], settings)}"
    return f"{frame[0] & 0x0F:X}:{gap}{hexadecimal(frame[1:], settings)}"


def hexadecimal(data, settings):
    # With spaces on, the adapter also writes one after the last byte.
    return "".join(f"{b:02X} " for b in data) if settings.spaces else data.hex().upper()
