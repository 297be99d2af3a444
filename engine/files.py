"""Where things lie on disk: the caches, and files that appear whole or not at all."""

import contextlib
import errno
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from engine.errors import OutputError, UsageError

_PART = ".part"


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
    """An OSError met while writing `path`, as one line that says what to do; `option` is the one that named `path`."""
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
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    One that was left by a process that was killed is removed: while somebody writes it, it is locked.
    """
    try:
        _remove_left(path)
        temporary, lock = _locked_temporary(path)
    except OSError as error:
        raise output_error(path, error) from error
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
        os.close(lock)


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, gone when the block ends; one left by a process that was killed is removed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}-*"):
        if _is_left(left):
            shutil.rmtree(left, ignore_errors=True)
    while True:
        scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
        lock = os.open(scratch, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if scratch.exists():
            break
        os.close(lock)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(lock)


def _locked_temporary(path: Path) -> tuple[Path, int]:
    while True:
        lock, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix + _PART)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if Path(name).exists():  # else another process took it for left behind, between the two lines above
            return Path(name), lock
        os.close(lock)


def _remove_left(path: Path) -> None:
    for left in path.parent.glob(f".{glob.escape(path.stem)}-*{glob.escape(path.suffix)}{_PART}"):
        if _is_left(left):
            left.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    """Whether nobody holds `path` locked any more: its process was killed."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
