"""What a sound file's own headers promise: decoders read a file that was cut off without a word, its header tells."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NOT_KNOWN = (0, 0xFFFFFFFF)  # as a length: it was written to a pipe
_PIPED = range(0x7FFF0000, 0x80000001)  # what sox and arecord write for the same
_BATCH = 512  # Ogg pages whose checksums are computed side by side


def cut_off(path: Path) -> str | None:
    """How `path` lacks a part of what its header promises, None where nothing speaks for that.

    Knows RIFF and RF64 (EBU Tech 3306), AIFF and Ogg (RFC 3533); the other formats are judged by what is decoded.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:4] == b"OggS":
        return _lacking_in_ogg(path.read_bytes())
    declared = _declared_bytes(head)
    return f"{declared} bytes are declared, {size} are there" if declared > size + 1 else None


def _declared_bytes(head: bytes) -> int:
    """The length of the whole file by its first bytes, 0 where they do not say."""
    kind, form = head[:4], head[8:12]
    if len(head) < 12:
        return 0
    if kind == b"FORM" and form in (b"AIFF", b"AIFC"):
        return int.from_bytes(head[4:8], "big") + 8
    if kind == b"RF64" and form == b"WAVE" and head[12:16] == b"ds64" and len(head) >= 28:
        return int.from_bytes(head[20:28], "little") + 8
    if kind == b"RIFF" and form == b"WAVE":
        whole: int = struct.unpack("<I", head[4:8])[0]
        return max(0 if whole in _NOT_KNOWN or whole in _PIPED else whole + 8, _end_of_data(head))
    return 0


def _end_of_data(head: bytes) -> int:
    """Where the data chunk of a wav ends, 0 where it is not known."""
    at = 12
    while at + 8 <= len(head):
        length: int = struct.unpack("<I", head[at + 4 : at + 8])[0]
        if head[at : at + 4] == b"data":
            return 0 if length in _NOT_KNOWN or length in _PIPED else at + 8 + length
        at += 8 + length + length % 2
    return 0


def _lacking_in_ogg(data: bytes) -> str | None:
    """What is wrong with the row of pages: one that is not whole, one that is left out, no last one."""
    pages: list[memoryview] = []
    next_number: dict[bytes, int] = {}
    at, ended = 0, False
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        length = 27 + data[at + 26] + sum(lacing)
        stream, number = data[at + 14 : at + 18], int.from_bytes(data[at + 18 : at + 22], "little")
        if at + length > len(data) or number != next_number.get(stream, number):
            return f"page {len(pages) + 1} is not whole, or pages before it are missing"
        next_number[stream] = number + 1
        ended = bool(data[at + 5] & 4)
        pages.append(memoryview(data)[at : at + length])
        at += length
    if not ended:
        return "its last page is missing or damaged"
    for first in range(0, len(pages), _BATCH):
        wrong = _wrong_checksums(pages[first : first + _BATCH])
        if len(wrong):
            return f"page {first + wrong[0] + 1} of {len(pages)} is damaged"
    return None


def _wrong_checksums(pages: list[memoryview]) -> NDArray[np.intp]:
    """Which pages do not have the CRC-32 that they say: polynomial 04C11DB7, high bit first, from 0 (RFC 3533, 6).

    The pages are aligned at their ends and go through it side by side; zeros before a page do not change its sum.
    """
    longest = max(len(page) for page in pages)
    table = np.zeros((longest, len(pages)), np.uint8)
    said = np.zeros(len(pages), np.uint32)
    for index, page in enumerate(pages):
        said[index] = int.from_bytes(page[22:26], "little")
        table[longest - len(page) :, index] = page
        table[longest - len(page) + 22 : longest - len(page) + 26, index] = 0  # the sum is taken without itself
    value = np.zeros(len(pages), np.uint32)
    for row in table:
        value = (value << np.uint32(8)) ^ _TABLE[(value >> np.uint32(24)) ^ row]
    return np.flatnonzero(value != said)


def _table() -> NDArray[np.uint32]:
    value = np.arange(256, dtype=np.uint32) << np.uint32(24)
    for _ in range(8):
        value = (value << np.uint32(1)) ^ np.where(value >> np.uint32(31), np.uint32(0x04C11DB7), np.uint32(0))
    return value


_TABLE = _table()
