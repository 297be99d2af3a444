"""Which stored clips a run is using, told to every other run that shares the folder.

Each run keeps one file with the ids that it uses and holds a lock on that file (flock) while it lives. The lock
ends with the process, however it ends, so a file that can be locked belongs to nobody and is removed.
"""

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Leases:
    """The ids in use by this run, in `folder` beside those of other runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gate = folder / "gate"
        self._ids: set[str] = set()
        self._file: int | None = None
        self._path = folder / f"{uuid.uuid4().hex}.lease"

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._ids

    def add(self, clip_id: str) -> None:
        """Use this id from now on; when this returns, no run evicts it (on a full disk: this run does not)."""
        self._ids.add(clip_id)
        self._tell()

    def discard(self, clip_id: str) -> None:
        """Stop using this id."""
        if clip_id in self._ids:
            self._ids.discard(clip_id)
            self._tell()

    def close(self) -> None:
        """Stop using every id."""
        self._ids.clear()
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    @contextmanager
    def all_in_use(self) -> Iterator[frozenset[str]]:
        """The ids in use by any run; none joins them before the block ends."""
        with self._gated():
            ids = set(self._ids)
            for path in self._folder.glob("*.lease"):
                if path != self._path:
                    ids |= _read(path)
            yield frozenset(ids)

    def _tell(self) -> None:
        """Write the ids for other runs to see."""
        with contextlib.suppress(OSError), self._gated():
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._file, fcntl.LOCK_EX)
            data = "\n".join(sorted(self._ids)).encode()
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, data, 0)

    @contextmanager
    def _gated(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._gate.open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield


def _read(path: Path) -> set[str]:
    """The ids of another run's file; none, and the file is gone, if its run is over."""
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return set(file.read().decode().split())
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return set()
