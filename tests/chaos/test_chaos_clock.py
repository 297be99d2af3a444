"""The wall clock steps by hours while AIMV runs: only the monotonic clock is used, so nothing happens."""

import ast
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import aimv
import engine
from engine.generators.fake import FakeGenerator
from engine.outputs.encoder import encode_clip
from engine.render.cache import ClipCache
from engine.render.protocol import Job
from tests.chaos.conftest import LONG, Command, Tally, rounds

ROW = "clock steps"
WALL = {"time.time", "datetime.now", "datetime.utcnow", "time.time_ns", "time.localtime", "time.gmtime"}


def test_the_wall_clock_is_never_read() -> None:
    for package in (aimv, engine):
        for path in Path(str(package.__file__)).parent.rglob("*.py"):
            if path.name == "logs.py":
                continue  # what a log says of its time is the wall clock's
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    assert ast.unparse(node.func).removeprefix("datetime.") not in WALL, path


FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


@pytest.mark.skipif(FAKETIME is None, reason="needs Debian's libfaketime")
@pytest.mark.parametrize("step", ["-2h", "+30d", "+0 x40"] if LONG else ["-2h"])
def test_an_export_under_a_clock_that_steps(
    tmp_path: Path, song: Path, user_cache: Path, tally: Tally, aimv_process: Callable[..., Command], step: str
) -> None:
    """A clock that is set while the command and its render process run, or that runs 40 times too fast."""
    clock_file = tmp_path / "now"
    clock_file.write_text("+0" if "x" not in step else step)
    env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock_file), "FAKETIME_CACHE_DURATION": "0",
           "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    out = tmp_path / "a.mp4"
    with tally.fault():
        running = aimv_process("export", song, "-o", out, "--size", "64x64", env=env)
        for share in range(rounds(4, 12)):
            time.sleep(0.3)
            clock_file.write_text(step if share % 2 == 0 or "x" in step else "+0")
        status, lines = running.end()
        assert (status, lines) == (0, []), running.output
        assert out.exists()


def test_clips_from_the_future_and_the_past(tmp_path: Path, tally: Tally) -> None:
    """Their times, which a clock that was set has spoilt, choose what goes first, and nothing else."""
    with ClipCache(tmp_path, 10**9) as cache:
        jobs = [Job("fake", "", "a", (), (), seed, 32, 32, 8.0, 0.5) for seed in range(4)]
        for job, when in zip(jobs, (0, 1, 2**31 - 1, 2**33), strict=True):
            with cache.writing(job.id) as part:
                encode_clip(FakeGenerator().render(job, lambda: False, lambda share: None), part, lambda count: None)
            os.utime(cache.path_for(job.id), (when, when))
        for job in jobs:
            with tally.fault():
                assert cache.get(job)
    with ClipCache(tmp_path, 0) as cache, tally.fault():
        assert cache.get(jobs[0])
        cache.trim()
        assert cache.get(jobs[0]) and not cache.get(jobs[3])
