"""Where things lie on disk: the caches, and files that appear whole or not at all."""

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from engine.errors import OutputError, UsageError


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


def output_error(path: Path, error: OSError) -> OutputError:
    """An OSError met while writing `path`, as one line that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"no room left on the disk while writing {path}: free some space, then run it again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"no permission to write {path}: choose another place with -o")
    return OutputError(f"{path} cannot be written ({error.strerror or error}): choose another place with -o")


def check_writable(path: Path) -> None:
    """Raise UsageError or OutputError now if `path` could not be written at the end of long work."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it, for example {path / 'out.mp4'}")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist: make it first, or choose another with -o")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".aimv-"):
            pass
    except OSError as error:
        raise output_error(path, error) from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix + ".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
