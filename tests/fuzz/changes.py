"""Changes to bytes that every fuzzer of files makes: flip, set, insert, delete, repeat, cut."""

from __future__ import annotations

from random import Random

TELLING_BYTES = (0, 1, 2, 0x7F, 0x80, 0xD9, 0xFE, 0xFF)


def change_bytes(data: bytes, rng: Random) -> bytes:
    """The bytes with one change somewhere."""
    kind = rng.randrange(6)
    start = rng.randint(0, len(data))
    end = min(len(data), start + rng.choice((1, 1, 2, 4, 16, 100)))
    if kind == 0 and data:
        place = rng.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
    if kind == 1:
        return data[:start] + bytes([_byte(rng)]) + data[start + 1 :]
    if kind == 2:
        return data[:start] + bytes(_byte(rng) for _ in range(rng.choice((1, 2, 4, 30)))) + data[start:]
    if kind == 3:
        return data[:start] + data[end:]
    if kind == 4:
        return data[:end] + data[start:end] * rng.choice((1, 3, 50)) + data[end:]
    return data[:start]


def telling_number(rng: Random, length: int) -> bytes:
    """A number of so many bytes, big-endian, at or beside a limit that somebody may have forgotten."""
    whole = (1 << 8 * length) - 1
    limits = (0, 1, 2, 7, 8, 27, 28, 29, 255, 256, 5000, 5001, 65535, whole // 2, whole - 1, whole)
    return (rng.choice(limits) & whole).to_bytes(length)


def _byte(rng: Random) -> int:
    return rng.choice(TELLING_BYTES) if rng.random() < 0.5 else rng.randrange(256)
