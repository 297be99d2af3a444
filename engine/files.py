"""Cache folders, atomic writes, paths locked by the process that uses them, and a silent standard error."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from engine.errors import OutputError, UsageError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_PART, _LOCK = ".part", ".lock"
_LOCK_TIMEOUT_S = 2.0  # a new path's lock is contended by nobody but `owned_paths` of another process


def cache_folder(*parts: str) -> Path:
    """A folder of AIMV's in the user's cache (`AIMV_CACHE` overrides where), made if missing."""
    root = os.environ.get("AIMV_CACHE") or platformdirs.user_cache_dir("aimv")
    folder = Path(root, *parts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OutputError(
            f"the cache folder {folder} cannot be made ({error.strerror}): set AIMV_CACHE to a folder you can write to"
        ) from error
    return folder


def sha256_of(path: Path) -> str:
    """The file's SHA-256, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def output_error(path: Path, error: OSError, option: str = "") -> OutputError:
    """An OSError met while writing `path`, as one line; `option` is the field that named `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"no room left on the disk while writing {path}: free some space, then run it again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"no permission to write {path}: choose another place", option=option)
    return OutputError(f"{path} cannot be written ({error.strerror or error}): choose another place", option=option)


def check_writable(path: Path, option: str = "out") -> None:
    """Raise UsageError or OutputError, of that option, if `path` could not be written at the end of long work."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it, for example {path / 'out.mp4'}", option=option)
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist: make it first, or choose another", option=option)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".aimv-"):
            pass
    except OSError as error:
        raise output_error(path, error, option) from error


@contextlib.contextmanager
def owned_path(folder: Path, prefix: str = "", suffix: str = "") -> Iterator[Path]:
    """A new path in `folder` that belongs to this process while the block runs; what is there at its end is removed.

    A lock in a file beside it, which ends with the process, distinguishes leftovers of killed processes.

    Raises:
        OSError: the folder cannot be written to.
    """
    path = folder / f"{prefix}{uuid.uuid4().hex[:12]}{suffix}"
    lock = file_lock(path)
    lock.acquire(timeout=_LOCK_TIMEOUT_S)
    try:
        yield path
    finally:
        _remove(path, lock)


def owned_paths(folder: Path, prefix: str = "", suffix: str = "") -> list[Path]:
    """The paths of `owned_path` that running processes own; what killed ones left is removed."""
    owned = []
    for name in {each.name.removesuffix(_LOCK) for each in folder.iterdir()}:
        if name.startswith(prefix) and name.endswith(suffix):
            lock = file_lock(folder / name)
            try:
                lock.acquire(timeout=0)
            except OSError:
                owned.append(folder / name)
            else:
                _remove(folder / name, lock)
    return owned


def file_lock(path: Path) -> "BaseFileLock":
    """The lock in the file `path` + ".lock": between processes, and between two such objects of one process."""
    from filelock import FileLock  # noqa: PLC0415 - takes longer to import than some commands take

    return FileLock(f"{path}{_LOCK}", thread_local=False, poll_interval=0.005)


def _remove(path: Path, lock: "BaseFileLock") -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        Path(lock.lock_file).unlink()  # while it is held, so that nobody else's is removed
    lock.release()


@contextlib.contextmanager
def whole_file(path: Path, option: str = "out") -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Raises:
        OutputError: it cannot be written; its `option` is that which named `path`.
    """
    names = (path.parent, f".{path.stem}-", path.suffix + _PART)
    try:
        owned_paths(*names)
        with owned_path(*names) as temporary:
            temporary.touch()
            yield temporary
            temporary.replace(path)
    except OSError as error:
        raise output_error(path, error, option) from error


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, gone when the block ends, or, where a process was killed, at the next call."""
    owned_paths(path.parent, f".{path.name}-", _PART)
    with owned_path(path.parent, f".{path.name}-", _PART) as scratch:
        scratch.mkdir(mode=0o700)
        yield scratch


@contextlib.contextmanager
def suppress_stderr() -> Iterator[None]:
    """Suppress what C libraries print: ALSA and PortAudio of every device they try, libmpg123 of what it skips."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
