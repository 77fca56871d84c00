"""Inputs by seed, the same on both interpreters: right ones, spoilt.

for data in inputs(seeds, seed, count): ...
"""

from tests.fuzz.obd_car import Chance

MAX_SIZE = 600
_WORTH = (0, 1, 0x7F, 0x80, 0xFF, 0x24, 0x2A, 0x0D, 0x0A, 0xC1, 0xDD, 0xDF, 0xC6, 0xB5, 0x62, 0xD3)


def inputs(seeds, seed, count):
    chance = Chance(seed)
    for _ in range(count):
        data = bytearray(chance.of(seeds))
        for _ in range(chance.below(4)):
            data = _CHANGES[chance.below(len(_CHANGES))](data, chance, seeds)
        yield bytes(data[:MAX_SIZE])


def _flip(data, chance, seeds):
    if data:
        data[chance.below(len(data))] ^= 1 << chance.below(8)
    return data


def _set(data, chance, seeds):
    if data:
        data[chance.below(len(data))] = chance.of(_WORTH)
    return data


def _any(data, chance, seeds):
    if data:
        data[chance.below(len(data))] = chance.below(256)
    return data


def _cut(data, chance, seeds):
    at = chance.below(len(data) + 1)
    return data[:at] if chance.below(2) else data[at:]


def _drop(data, chance, seeds):
    at = chance.below(len(data) + 1)
    return data[:at] + data[at + 1 + chance.below(8) :]


def _insert(data, chance, seeds):
    at = chance.below(len(data) + 1)
    more = bytes([chance.below(256) for _ in range(1 + chance.below(6))])
    return data[:at] + more + data[at:]


def _double(data, chance, seeds):
    at = chance.below(len(data) + 1)
    return data + data[at:]


def _join(data, chance, seeds):
    other = chance.of(seeds)
    return data[: chance.below(len(data) + 1)] + other[chance.below(len(other) + 1) :]


def _noise(data, chance, seeds):
    return bytearray([chance.below(256) for _ in range(chance.below(64))])


def _digit(data, chance, seeds):
    """Text formats live by their digits."""
    if data:
        data[chance.below(len(data))] = 0x30 + chance.below(10)
    return data


_CHANGES = (_flip, _flip, _set, _any, _cut, _drop, _insert, _double, _join, _noise, _digit)
