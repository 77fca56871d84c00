"""X25519 (RFC 7748 section 5) in plain integers, for interpreters without a native one.

A chip of 240 MHz takes about three quarters of a second for one multiplication: `steps` is a
generator that gives the loop a breath every few bits of the ladder.
"""

from agent.const import const

_P = (1 << 255) - 19
_A24 = const(121665)
_BITS_PER_STEP = const(4)  # about 12 ms on an ESP32: shorter than a UART buffer lasts


def steps(scalar, u):
    """Generator that yields between parts of the ladder and returns the 32 result bytes."""
    # MicroPython: no bit_length, and pow(x, -1, p) silently gives 0.
    k = int.from_bytes(scalar, "little")
    k = (k & ((1 << 254) - 8)) | (1 << 254)
    x1 = int.from_bytes(u, "little") & ((1 << 255) - 1)
    x1 %= _P
    x2, z2, x3, z3 = 1, 0, x1, 1
    swap = 0
    for t in range(254, -1, -1):
        bit = (k >> t) & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a = x2 + z2
        b = x2 - z2
        da = (x3 - z3) * a % _P
        cb = (x3 + z3) * b % _P
        aa = a * a % _P
        bb = b * b % _P
        e = aa - bb
        x3 = (da + cb) * (da + cb) % _P
        z3 = x1 * ((da - cb) * (da - cb) % _P) % _P
        x2 = aa * bb % _P
        z2 = e * (aa + _A24 * e) % _P
        if not t % _BITS_PER_STEP:
            yield
    if swap:
        x2, x3, z2, z3 = x3, x2, z3, z2
    yield
    inverse = pow(z2, _P - 2, _P)
    yield
    return (x2 * inverse % _P).to_bytes(32, "little")


def run(generator):
    """Runs a generator of this kind to its end at once and gives what it returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value
