"""Commands and the render process work without `fcntl`; modules import without any POSIX module."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import tone

BLOCK = """
import os, sys
sys.modules["fcntl"] = None  # importing it raises ModuleNotFoundError
with open(os.environ["BLOCKED_IN"], "a") as log:
    print(*sys.orig_argv, file=log)
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python without `fcntl`, as are the processes that it starts; all are listed in the file `blocked`."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BLOCK)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(site), os.environ.get("PYTHONPATH", os.curdir))),
        "AIMV_CACHE": str(tmp_path / "cache"),
        "BLOCKED_IN": str(tmp_path / "blocked"),
    }

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)

    return run


def test_listening_works(run: Callable[..., subprocess.CompletedProcess[str]], wav: Callable[..., Path]) -> None:
    ran = run("-m", "aimv", "listen", wav(tone(3)))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_exporting_works(
    run: Callable[..., subprocess.CompletedProcess[str]], wav: Callable[..., Path], tmp_path: Path
) -> None:
    ran = run("-m", "aimv", "export", wav(tone(3)), "-o", tmp_path / "a.mp4", "--size", "64x64")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "a.mp4").stat().st_size > 0
    assert "engine.worker.main" in (tmp_path / "blocked").read_text(), "the render process ran without it as well"
    assert list((tmp_path / "cache" / "clips").glob("*.mp4"))
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".part", ".lock")] == []


IMPORT_ALL = """
import importlib, os, pkgutil, sys
for name in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
for name in ("SCHED_OTHER", "PRIO_PROCESS", "fork", "getppid", "getpriority", "killpg", "setpriority", "umask"):
    delattr(os, name)
import aimv, engine
for package in (aimv, engine):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""


def test_every_module_can_be_imported_without_what_only_posix_has(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ran = run("-c", IMPORT_ALL)
    assert ran.returncode == 0, ran.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
from engine.files import whole_file
with whole_file(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""

WRITING = """
import sys
from pathlib import Path
from engine.files import whole_file
with whole_file(Path(sys.argv[1])) as first:
    first.write_text("first")
    with whole_file(Path(sys.argv[1])) as second:
        second.write_text("second")
"""


def test_what_a_killed_process_left_is_removed(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    out = tmp_path / "folder" / "a.txt"
    out.parent.mkdir()
    run("-c", KILLED, out)
    assert len(list(out.parent.glob("*.part"))) == 1
    ran = run("-c", WRITING, out)
    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in out.parent.iterdir()] == ["a.txt"]
    assert out.read_text() == "first"
