"""The clip store: finished clips in one folder, each under its job's id, bounded in size, shared by runs.

A clip becomes visible whole or not at all: it is written under a temporary name, sealed (`engine.render.seal`),
flushed to the disk and renamed. The writer holds a lock on its temporary, so that one left behind by a crash is told
from one being written and removed. Clips least recently used go first when room is needed; those that any run is
using (`engine.render.leases`) stay.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import OutputError
from engine.messages import Clip, Job
from engine.render.leases import Leases
from engine.render.seal import is_sealed, seal

_CLIP = ".mp4"
_PART = ".part"


class ClipStore:
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
        self._leases = Leases(folder / "leases")
        self._remove_stale_parts()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End this run's use of its clips; they stay in the store, for others and for room to be made."""
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
        if not is_sealed(path):
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
