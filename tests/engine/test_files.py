"""Files are written atomically, leftovers are removed, and the cache folder can be set."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import OutputError, UsageError
from engine.files import cache_folder, check_writable, output_error, scratch_folder, whole_file


def test_a_file_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_failure_keeps_the_previous_file_without_leftovers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_unwritable_paths_are_reported_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        check_writable(tmp_path / "no" / "a.mp4")
    check_writable(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="/proc"):
        check_writable(Path("/proc/a.mp4"))


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no room left"), (errno.EACCES, "no permission"), (errno.EIO, "cannot be written")],
)
def test_each_failure_has_a_hint(number: int, words: str) -> None:
    assert words in str(output_error(Path("a.mp4"), OSError(number, os.strerror(number))))


def test_the_option_that_named_the_file_goes_with_the_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError) as failure, whole_file(tmp_path / "folder", option="plot"):
        pass
    assert failure.value.option == "plot"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_cache_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMV_CACHE", str(tmp_path / "c"))
    assert cache_folder("clips") == tmp_path / "c" / "clips"
    (tmp_path / "f").touch()
    monkeypatch.setenv("AIMV_CACHE", str(tmp_path / "f"))
    with pytest.raises(OutputError, match="AIMV_CACHE"):
        cache_folder("clips")


def test_leftovers_of_killed_processes_are_removed_but_not_files_being_written(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from engine.files import whole_file
with whole_file(Path({str(tmp_path / "a[1].txt")!r})) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = tmp_path.glob("*.part")
    (tmp_path / ".other-1.txt.part").touch()
    with whole_file(tmp_path / "b.txt") as other, whole_file(tmp_path / "a[1].txt") as first:
        assert not left.exists()
        first.write_text("first")
        with whole_file(tmp_path / "a[1].txt") as second:
            second.write_text("second")
        other.write_text("b")
    assert (tmp_path / "a[1].txt").read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other-1.txt.part", "a[1].txt", "b.txt"]


def test_a_scratch_folder_left_by_a_killed_process_is_removed(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from engine.files import scratch_folder
with scratch_folder(Path({str(tmp_path / "model")!r})) as scratch:
    (scratch / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = tmp_path.glob("*.part")
    with scratch_folder(tmp_path / "model") as one, scratch_folder(tmp_path / "model") as two:
        assert not left.exists() and one.exists() and two.exists()
    assert list(tmp_path.iterdir()) == []
