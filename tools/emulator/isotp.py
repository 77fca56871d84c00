"""ISO 15765-2: a payload as CAN frames of eight bytes."""

_LONGEST = 4095  # bytes: twelve bits of length


def segment(payload, padding=0):
    """The frames that carry `payload`: one single frame, or a first and consecutive frames.

    Raises ValueError above 4095 bytes.
    """
    size = len(payload)
    if size > _LONGEST:
        raise ValueError(f"ISO-TP payload of {size} bytes, {_LONGEST} is the most")
    if size <= 7:
        return [_padded(bytes((size,)) + payload, padding)]
    frames = [bytes((0x10 | size >> 8, size & 0xFF)) + payload[:6]]
    for number, start in enumerate(range(6, size, 7), 1):
        frames.append(_padded(bytes((0x20 | number & 0x0F,)) + payload[start : start + 7], padding))
    return frames


def _padded(frame, padding):
    return frame + bytes((padding,)) * (8 - len(frame))
