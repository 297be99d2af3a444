"""Memory limits: the command works or ends with one line, without partial files."""

import random
import resource
from collections.abc import Callable
from pathlib import Path

from tests.chaos.conftest import Command, Tally, assert_clean, rounds

ROW = "memory limit reached"
LEAST, MOST = 200, 3000  # MB of address space: from not enough to begin with to plenty


def test_export_within_too_little_memory(
    tmp_path: Path, song: Path, user_cache: Path, tally: Tally, aimv_process: Callable[..., Command], rng: random.Random
) -> None:
    for number in range(rounds(2, 20)):
        megabytes = rng.randrange(LEAST, MOST)
        place = tmp_path / str(number)
        (place / "out").mkdir(parents=True)
        (place / "whisper").symlink_to(user_cache / "whisper")
        (user_cache / "whisper").mkdir(exist_ok=True)

        def limit(size: int = megabytes << 20) -> None:
            resource.setrlimit(resource.RLIMIT_AS, (size, size))

        with tally.fault():
            run = aimv_process(
                "export", song, "-o", place / "out" / "a.mp4", "--size", "64x64", cache=place, preexec_fn=limit
            )
            status, lines = run.end()
            print(megabytes, status, lines, run.output[-300:] if status > 2 else "")
            assert status in (0, 1), (megabytes, run.output)
            assert len(lines) == status and "Traceback" not in run.output, (megabytes, run.output)
            assert (status == 0) == (place / "out" / "a.mp4").exists()
            assert_clean(place, place / "out")
