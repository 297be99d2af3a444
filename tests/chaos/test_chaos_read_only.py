"""Read-only folders: one line that names the path, before any long work, without leftovers."""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import Command, Tally

ROW = "read-only folders"
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h


def as_others() -> None:
    """In the process to be: let permissions hold for root, too."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    """A folder that may be written and one that may not."""
    for name, mode in (("locked", 0o555), ("open", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    yield tmp_path
    (tmp_path / "locked").chmod(0o755)


@pytest.mark.parametrize(("command", "which"), [("export", "output"), ("score", "output"), ("export", "cache")])
def test_a_folder_that_may_not_be_written(
    places: Path, song: Path, tally: Tally, aimv_process: Callable[..., Command], command: str, which: str
) -> None:
    name = "a.mp4" if command == "export" else "a.score.jsonl"
    out = places / ("locked" if which == "output" else "open") / name
    cache = places / ("locked" if which == "cache" else "open")
    with tally.fault():
        run = aimv_process(command, song, "-o", out, cache=cache, preexec_fn=as_others)
        status, lines = run.end()
        assert (status, len(lines)) == (1, 1), run.output
        assert "locked" in lines[0]
        assert "permission" in lines[0].lower()
        assert list((places / "locked").iterdir()) == []
        assert not out.exists()


def test_a_clip_store_that_may_not_be_written(
    places: Path, song: Path, tally: Tally, aimv_process: Callable[..., Command]
) -> None:
    (places / "open" / "clips").mkdir(mode=0o555)
    with tally.fault():
        out, cache = places / "open" / "a.mp4", places / "open"
        run = aimv_process("export", song, "-o", out, cache=cache, preexec_fn=as_others)
        status, lines = run.end()
        assert (status, len(lines)) == (1, 1), run.output
        assert "clips" in lines[0] and "permission" in lines[0].lower()
        assert not (places / "open" / "a.mp4").exists()
