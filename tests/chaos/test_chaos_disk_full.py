"""A full disk, real where one may be mounted: one line, no partial files, and the work can be resumed."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import OutputError
from engine.render.cache import ClipCache
from engine.render.pool import WorkerPool
from engine.render.protocol import Job
from tests.chaos.conftest import LONG, Command, Tally, assert_clean, fill, rounds, small_disk

ROW = "disk full"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    yield from small_disk(tmp_path)


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory, song: Path, user_cache: Path) -> Path:
    path = tmp_path_factory.mktemp("score") / "song.score.jsonl"
    made = Command(["score", str(song), "-o", str(path)], user_cache)
    assert made.end()[0] == 0, made.output
    return path


@pytest.mark.parametrize("leave", [0, 4096, 30_000] if LONG else [4096])
def test_full_under_the_video(
    disk: Path, tmp_path: Path, score: Path, tally: Tally, aimv_process: Callable[..., Command], leave: int
) -> None:
    filler = fill(disk, leave)
    with tally.fault():
        run = aimv_process("export", score, "-o", disk / "a.mp4", "--size", "320x240")
        status, lines = run.end()
        assert (status, len(lines)) == (1, 1), run.output
        assert "no room left" in lines[0]
        assert [path.name for path in disk.iterdir()] == ["filler"]
        assert_clean(tmp_path / "cache", disk)
        filler.unlink()
        again = aimv_process("export", score, "-o", disk / "a.mp4", "--size", "320x240", "--resume")
        assert again.end()[0] == 0, again.output


@pytest.mark.parametrize("leave", [0, 4096, 100_000] if LONG else [4096])
def test_full_under_the_cache(
    disk: Path, tmp_path: Path, score: Path, tally: Tally, aimv_process: Callable[..., Command], leave: int
) -> None:
    filler = fill(disk, leave)
    out = tmp_path / "out"
    out.mkdir()
    with tally.fault():
        run = aimv_process("export", score, "-o", out / "a.mp4", "--size", "320x240", cache=disk)
        status, lines = run.end()
        if status:
            assert (status, len(lines)) == (1, 1), run.output
            assert "room" in lines[0] or "No space" in lines[0], lines
            assert list(out.iterdir()) == []
        assert_clean(disk, out)
        filler.unlink()
        again = aimv_process("export", score, "-o", out / "a.mp4", "--size", "320x240", "--resume", cache=disk)
        assert again.end()[0] == 0, again.output


async def test_full_under_the_clip_store(disk: Path, tally: Tally) -> None:
    """A clip that finds no room fails in one line; with room it is rendered, by the same process."""
    async with WorkerPool(ClipCache(disk / "clips", 10**9), "fake", "0") as pool:
        for number in range(rounds(2, 20)):
            job = Job("fake", "0", "noise", (), ("#102030", "#ffeedd"), number, 640, 480, 24.0, 4.0)
            filler = fill(disk, 3000)
            with tally.fault():
                with pytest.raises(OutputError, match="cannot write the clip") as refused:
                    await pool.render(job)
                assert "\n" not in str(refused.value)
                assert list((disk / "clips").glob("*.part")) == []
                filler.unlink()
                assert (await pool.render(job)).path.exists()


def test_full_under_a_score(disk: Path, song: Path, tally: Tally, aimv_process: Callable[..., Command],
                            user_cache: Path) -> None:  # fmt: skip
    fill(disk, 0)
    with tally.fault():
        run = aimv_process("score", song, "-o", disk / "a.score.jsonl", cache=user_cache)
        status, lines = run.end()
        assert (status, len(lines)) == (1, 1), run.output
        assert "no room left" in lines[0]
        assert [path.name for path in disk.iterdir()] == ["filler"]


def test_a_limit_on_file_size(tmp_path: Path, score: Path, tally: Tally, aimv_process: Callable[..., Command]) -> None:
    """What stands in for a full disk where none can be mounted."""
    out = tmp_path / "out"
    out.mkdir()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    with tally.fault():
        run = aimv_process("export", score, "-o", out / "a.mp4", "--size", "320x240", preexec_fn=limit)
        status, lines = run.end()
        assert (status, len(lines)) == (1, 1), run.output
        assert list(out.iterdir()) == []
