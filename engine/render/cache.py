"""The clip cache: finished clips in one folder, each under its job's id, bounded in size, shared by runs.

A clip becomes visible whole or not at all: it is written under a temporary name, sealed (`engine.render.cache`),
flushed to the disk and renamed. The writer holds a lock on its temporary, so that one left behind by a crash is told
from one being written and removed. Clips least recently used go first when room is needed; those that any run is
using (`engine.render.cache`) stay.

Which stored clips a run is using, told to every other run that shares the folder.

Each run keeps one file with the ids that it uses and holds a lock on that file (flock) while it lives. The lock
ends with the process, however it ends, so a file that can be locked belongs to nobody and is removed.

The seal on a stored clip: a last box that holds the checksum of everything before it.

An MP4 file is a row of boxes (ISO/IEC 14496-12), each a 32-bit big-endian size, a type, and a body; readers skip
boxes of type `uuid` whose 16-byte extended type they do not know. A clip that was cut short, overwritten or
damaged has no such last box, or one that does not fit.

A clip that comes in pieces from a worker on another host, on its way into the cache.
"""

import contextlib
import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import OutputError, ProtocolError
from engine.render.job import Clip, Job
from engine.render.protocol import MAX_CLIP_BYTES, Chunk


class ClipLocks:
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


_EXTENDED_TYPE = bytes.fromhex("a1c7f4d2603b4e5b9a30c2f2d1b8e6aa")
CHECKSUM_BYTES = 8 + 16 + 32
_HEAD = CHECKSUM_BYTES.to_bytes(4, "big") + b"uuid" + _EXTENDED_TYPE


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


def has_valid_checksum(path: Path) -> bool:
    """Whether the file is there and whole."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END) - CHECKSUM_BYTES
            if size <= 0:
                return False
            file.seek(size)
            tail = file.read(CHECKSUM_BYTES)
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


_CLIP = ".mp4"
_PART = ".part"


class ClipCache:
    """Clips in `folder`, together at most `max_bytes` long unless more than that is in use.

    Raises:
        OutputError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the clip folder {folder}: {error.strerror}") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write to the clip folder {folder}: no permission")
        self._leases = ClipLocks(folder / "leases")
        self._remove_stale_parts()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End this run's use of its clips; they stay in the cache, for others and for room to be made."""
        self._leases.close()

    def path_for(self, job_id: str) -> Path:
        """Where the clip of this job is or would be."""
        return self.folder / f"{job_id}{_CLIP}"

    def get(self, job: Job) -> Clip | None:
        """The clip of `job` if it is there and whole; it then stays until `release` or `close`.

        A damaged file is removed. The first call for a clip reads all of it to check its seal.
        """
        job_id = job.id
        path = self.path_for(job_id)
        if job_id in self._leases and path.exists():
            return Clip(job_id, path)
        if not path.exists():
            return None
        self._leases.add(job_id)
        if not has_valid_checksum(path):
            self._leases.discard(job_id)
            path.unlink(missing_ok=True)
            return None
        os.utime(path)
        return Clip(job_id, path)

    def release(self, job_id: str) -> None:
        """This run does not need the clip any more."""
        self._leases.discard(job_id)

    @contextmanager
    def writing(self, job_id: str) -> Iterator[Path]:
        """A temporary file to write the clip of this job to; kept as the clip if the block ends without an exception.

        Raises:
            OSError: no room or no permission; nothing is left behind.
        """
        part, lock = self._open_part(job_id)
        try:
            yield part
            seal(part)
            part.rename(self.path_for(job_id))
            self._sync_folder()
        finally:
            part.unlink(missing_ok=True)
            os.close(lock)

    def trim(self) -> int:
        """Make room: remove the least recently used clips that no run uses until the rest fit; returns bytes freed."""
        clips: list[tuple[float, int, Path]] = []
        for path in self.folder.glob(f"*{_CLIP}"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            clips.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in clips) - self.max_bytes
        freed = 0
        if excess <= 0:
            return freed
        with self._leases.all_in_use() as used:
            for _, size, path in sorted(clips):
                if freed >= excess:
                    break
                if path.stem not in used:
                    path.unlink(missing_ok=True)
                    freed += size
        return freed

    def _open_part(self, job_id: str) -> tuple[Path, int]:
        while True:
            part = self.folder / f"{job_id}.{uuid.uuid4().hex[:8]}{_PART}"
            lock = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if part.exists():  # else another run's clean-up came between the two lines above
                return part, lock
            os.close(lock)

    def _remove_stale_parts(self) -> None:
        for part in self.folder.glob(f"*{_PART}"):
            try:
                with part.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    part.unlink(missing_ok=True)
            except (FileNotFoundError, BlockingIOError):
                continue  # gone, or being written

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Upload:
    """Takes the pieces of the clip of `job_id` in order; it is in the cache only after `finish`.

    Raises:
        OSError: no room, or no permission.
    """

    def __init__(self, cache: ClipCache, job_id: str) -> None:
        self.job_id = job_id
        self._received = 0
        self._stack = ExitStack()
        part = self._stack.enter_context(cache.writing(job_id))
        self._file = self._stack.enter_context(part.open("wb"))

    def take(self, chunk: Chunk) -> None:
        """Append one chunk.

        Raises:
            ProtocolError: it is not the next one, or the clip grows too long.
        """
        if chunk.offset != self._received or self._received + len(chunk.data) > MAX_CLIP_BYTES:
            raise ProtocolError(f"piece at {chunk.offset} of a clip of which {self._received} bytes have come")
        self._file.write(chunk.data)
        self._received += len(chunk.data)

    def finish(self, size: int) -> None:
        """Put the clip, `size` bytes long, into the cache.

        Raises:
            ProtocolError: pieces are missing; nothing is left of the clip.
        """
        if size != self._received:
            self.abandon()
            raise ProtocolError(f"{self._received} of {size} bytes of a clip have come")
        self._stack.close()

    def abandon(self) -> None:
        """Leave nothing of the clip."""
        error = ProtocolError("abandoned")
        self._stack.__exit__(ProtocolError, error, None)
