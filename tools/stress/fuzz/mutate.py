"""Seeded mutations of bytes."""

import random
import struct
from collections.abc import Callable

_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_WIDTHS = ("<H", ">H", "<I", ">I", "<Q", ">Q")


def mutate(data: bytes, rng: random.Random, header: int) -> bytes:
    """`data` after one to four mutations, each in the first `header` bytes or anywhere, by equal chance."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        if not changed:
            break
        reach = min(header, len(changed)) if rng.random() < 0.5 else len(changed)
        rng.choice(_MUTATIONS)(changed, rng.randrange(reach), rng)
    return bytes(changed)


def _flip(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, at: int, rng: random.Random) -> None:
    count = min(rng.choice((1, 2, 4, 8, 64)), len(data) - at)
    data[at : at + count] = rng.randbytes(count)


def _number(data: bytearray, at: int, rng: random.Random) -> None:
    """A number of the kind at which parsers stumble, in place of what is there."""
    form = rng.choice(_WIDTHS)
    value = rng.choice((*_EDGES, len(data), len(data) - at, rng.getrandbits(32)))
    number = struct.pack(form, value % (1 << 8 * struct.calcsize(form)))
    data[at : at + len(number)] = number[: len(data) - at]


def _cut(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at:]


def _delete(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at : at + rng.choice((1, 3, 16, 512, 4096))]


def _insert(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = rng.randbytes(rng.choice((1, 3, 16, 512, 4096)))


def _repeat(data: bytearray, at: int, rng: random.Random) -> None:
    block = data[at : at + rng.choice((4, 64, 1024))]
    data[at:at] = block * rng.choice((1, 2, 30))


def _move(data: bytearray, at: int, rng: random.Random) -> None:
    """A block of the file in another place of it."""
    source, count = rng.randrange(len(data)), rng.choice((4, 64, 1024))
    block = data[source : source + count]
    data[at : at + len(block)] = block


def _blank(data: bytearray, at: int, rng: random.Random) -> None:
    count = min(rng.choice((4, 512, 4096)), len(data) - at)
    data[at : at + count] = bytes([rng.choice((0, 0xFF))]) * count


_MUTATIONS: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    _flip, _overwrite, _number, _number, _cut, _delete, _insert, _repeat, _move, _blank,
)  # fmt: skip
