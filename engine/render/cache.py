"""Clip cache: finished clips in one folder, each under its job's id, bounded in size and shared by processes.

A clip appears whole or not at all: it is written to a temporary file, given a checksum, flushed to the disk and
renamed. To make room, the clips least recently used are removed, but none that a running process has locked.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from engine.errors import OutputError, ProtocolError
from engine.files import file_lock, owned_path, owned_paths
from engine.render.protocol import MAX_CLIP_BYTES, Chunk, Clip, Job

_CLIP, _PART, _IDS = ".mp4", ".part", ".ids"

# The checksum is the file's last MP4 box (ISO/IEC 14496-12): size, type `uuid`, extended type, then the SHA-256 of
# all bytes before the box. Players skip a box of this type when they do not know its extended type.
_EXTENDED_TYPE = bytes.fromhex("a1c7f4d2603b4e5b9a30c2f2d1b8e6aa")
CHECKSUM_BYTES = 8 + 16 + 32
_BOX_HEADER = CHECKSUM_BYTES.to_bytes(4, "big") + b"uuid" + _EXTENDED_TYPE


def append_checksum(path: Path) -> None:
    """Append the checksum box and wait until the whole file is on the disk.

    Raises:
        OSError: there is no room, or the file has gone.
    """
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(_BOX_HEADER + digest)
        file.flush()
        os.fsync(file.fileno())


def has_valid_checksum(path: Path) -> bool:
    """Whether the file is there and ends with the checksum of its content; reads all of it."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END) - CHECKSUM_BYTES
            file.seek(0)
            digest = hashlib.sha256()
            while size > 0 and (block := file.read(min(size, 1 << 20))):
                digest.update(block)
                size -= len(block)
            return file.read() == _BOX_HEADER + digest.digest()
    except OSError:
        return False


class ClipLocks:
    """The ids of the clips that this process uses, published in `folder` for the other processes.

    Each process keeps one file of ids, which it owns (`engine.files.owned_path`) until it ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids: set[str] = set()
        self._path: Path | None = None
        self._stack = ExitStack()

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._ids

    def add(self, clip_id: str) -> None:
        """Lock this id: when this returns, no process evicts it (with a full disk: this process does not)."""
        self._ids.add(clip_id)
        self._publish()

    def discard(self, clip_id: str) -> None:
        """Unlock this id."""
        if clip_id in self._ids:
            self._ids.discard(clip_id)
            self._publish()

    def close(self) -> None:
        """Unlock every id."""
        self._ids.clear()
        self._path = None
        self._stack.close()

    @contextmanager
    def all_locked(self) -> Iterator[set[str]]:
        """The ids locked by any process; none is added before the block ends."""
        with self._mutex():
            published = (path.read_text().split() for path in owned_paths(self._folder, suffix=_IDS) if path.exists())
            yield self._ids.union(*published)

    def _publish(self) -> None:
        with contextlib.suppress(OSError), self._mutex():
            if self._path is None:
                self._path = self._stack.enter_context(owned_path(self._folder, suffix=_IDS))
            self._path.write_text("\n".join(sorted(self._ids)))

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with file_lock(self._folder / "mutex"):
            yield


class ClipCache:
    """Clips in `folder`, together at most `max_bytes` long unless more than that is in use.

    Its methods read and write files, so an event loop calls them in a thread, in one at a time.

    Raises:
        OutputError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            owned_paths(folder, suffix=_PART)  # removes those of killed processes
        except OSError as error:
            raise OutputError(f"cannot use the clip folder {folder}: {error.strerror}") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write to the clip folder {folder}: no permission")
        self._locks = ClipLocks(folder / "locks")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unlock this process's clips; they stay in the cache until room is needed."""
        self._locks.close()

    def path_for(self, job_id: str) -> Path:
        """Where the clip of this job is or would be."""
        return self.folder / f"{job_id}{_CLIP}"

    def get(self, job: Job, trusted: bool = False) -> Clip | None:
        """The clip of `job` if it is there and whole; it is then locked until `release` or `close`.

        The first call for a clip reads all of it to verify its checksum, and removes a damaged one, unless it is
        `trusted`: a worker of this process has just written it and reported so.
        """
        job_id = job.id
        path = self.path_for(job_id)
        if not path.exists():
            return None
        if job_id not in self._locks:
            self._locks.add(job_id)
            if not trusted and not has_valid_checksum(path):
                self._locks.discard(job_id)
                path.unlink(missing_ok=True)
                return None
            os.utime(path)
        return Clip(job_id, path)

    def release(self, job_id: str) -> None:
        """Unlock a clip that this process no longer needs."""
        self._locks.discard(job_id)

    @contextmanager
    def writing(self, job_id: str) -> Iterator[Path]:
        """A temporary file for the clip of this job; it becomes the clip if the block ends without an exception.

        Raises:
            OSError: there is no room or no permission; nothing is left behind.
        """
        with owned_path(self.folder, f"{job_id}.", _PART) as part:
            part.touch(mode=0o600)
            yield part
            append_checksum(part)
            part.replace(self.path_for(job_id))

    def write_error(self, error: OSError) -> OutputError:
        """An OSError met while writing a clip, as one line."""
        return OutputError(f"cannot write the clip to {self.folder}: {error.strerror or error}")

    def trim(self) -> int:
        """Remove the least recently used clips that no process has locked until the rest fit; returns bytes freed."""
        clips: list[tuple[float, int, Path]] = []
        for path in self.folder.glob(f"*{_CLIP}"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                clips.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in clips) - self.max_bytes
        freed = 0
        if excess <= 0:
            return freed
        with self._locks.all_locked() as locked:
            for _, size, path in sorted(clips):
                if freed >= excess:
                    break
                if path.stem not in locked:
                    path.unlink(missing_ok=True)
                    freed += size
        return freed


class Upload:
    """A clip that arrives in chunks from a worker on another host; it is in the cache only after `finish`.

    Raises:
        OSError: there is no room or no permission.
    """

    def __init__(self, cache: ClipCache, job_id: str) -> None:
        self._received = 0
        self._stack = ExitStack()
        part = self._stack.enter_context(cache.writing(job_id))
        self._file = self._stack.enter_context(part.open("wb"))

    def write(self, chunk: Chunk) -> None:
        """Append one chunk.

        Raises:
            ProtocolError: it is not the next one, or the clip grows too long.
        """
        if chunk.offset != self._received or self._received + len(chunk.data) > MAX_CLIP_BYTES:
            raise ProtocolError(f"chunk at {chunk.offset} of a clip of which {self._received} bytes were received")
        self._file.write(chunk.data)
        self._received += len(chunk.data)

    def finish(self, size: int) -> None:
        """Put the clip, `size` bytes long, into the cache.

        Raises:
            ProtocolError: chunks are missing; nothing is left of the clip.
        """
        if size != self._received:
            self.abort()
            raise ProtocolError(f"{self._received} of {size} bytes of a clip were received")
        self._stack.close()

    def abort(self) -> None:
        """Remove what was received."""
        self._stack.__exit__(ProtocolError, ProtocolError("aborted"), None)
