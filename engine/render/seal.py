"""The seal on a stored clip: a last box that holds the checksum of everything before it.

An MP4 file is a row of boxes (ISO/IEC 14496-12), each a 32-bit big-endian size, a type, and a body; readers skip
boxes of type `uuid` whose 16-byte extended type they do not know. A clip that was cut short, overwritten or
damaged has no such last box, or one that does not fit.
"""

import hashlib
import os
from pathlib import Path

_EXTENDED_TYPE = bytes.fromhex("a1c7f4d2603b4e5b9a30c2f2d1b8e6aa")
SEAL_BYTES = 8 + 16 + 32
_HEAD = SEAL_BYTES.to_bytes(4, "big") + b"uuid" + _EXTENDED_TYPE


def seal(path: Path) -> None:
    """Append the seal and wait until the whole file is on the disk.

    Raises:
        OSError: no room, or the file went away.
    """
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(_HEAD + digest)
        file.flush()
        os.fsync(file.fileno())


def is_sealed(path: Path) -> bool:
    """Whether the file is there and whole."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END) - SEAL_BYTES
            if size <= 0:
                return False
            file.seek(size)
            tail = file.read(SEAL_BYTES)
            if not tail.startswith(_HEAD):
                return False
            file.seek(0)
            digest = hashlib.sha256()
            while size > 0:
                block = file.read(min(size, 1 << 20))
                if not block:
                    return False
                digest.update(block)
                size -= len(block)
            return tail == _HEAD + digest.digest()
    except OSError:
        return False
