"""Signals at random times: one line, the right status, no partial files, and the work can be resumed."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import av
import psutil
import pytest

from aimv.language.score import Score
from tests.chaos.conftest import Command, Tally, assert_clean, rounds

ROW = "Ctrl-C, SIGTERM, SIGKILL at random moments"
SIZE = ("--size", "64x64", "--fps", "24")
FRAMES = 72  # of three seconds


class Stage:
    """Fresh folders for each fault, with the joined speech model of the whole run, and the commands to stop."""

    def __init__(self, folder: Path, song: Path, session_cache: Path, start: Callable[..., Command]) -> None:
        self.folder, self.song, self._session, self._start = folder, song, session_cache, start
        (self._session / "whisper").mkdir(exist_ok=True)
        self.score = folder / "song.score.jsonl"
        self.lasts: dict[str, float] = {}
        self.whole("score", self.new("first"), self.score)

    def new(self, name: str) -> Path:
        place = self.folder / name
        (place / "cache").mkdir(parents=True)
        (place / "out").mkdir()
        (place / "cache" / "whisper").symlink_to(self._session / "whisper")
        return place

    def run(self, kind: str, place: Path, out: Path | None = None, *more: str) -> Command:
        if kind == "score":
            arguments = ["score", self.song, "-o", out or place / "out" / "a.score.jsonl"]
        else:
            source = self.song if kind == "song" else self.score
            arguments = ["export", source, "-o", out or place / "out" / "a.mp4", *SIZE, *more]
        return self._start(*arguments, cache=place / "cache")

    def whole(self, kind: str, place: Path, out: Path | None = None, *more: str) -> None:
        """Run it without a fault, and record how long it took."""
        begun = time.monotonic()
        run = self.run(kind, place, out, *more)
        status, _ = run.end()
        assert status == 0, run.output
        self.lasts.setdefault(kind, time.monotonic() - begun)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, song: Path, user_cache: Path) -> Stage:
    def start(*arguments: object, cache: Path) -> Command:
        return Command([str(each) for each in arguments], cache)

    return Stage(tmp_path_factory.mktemp("signals"), song, user_cache, start)


def workers_of(place: Path) -> list[int]:
    """Render processes that use the clip cache of that folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(place / "cache") in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def no_worker_is_left(place: Path) -> None:
    deadline = time.monotonic() + 10
    while workers_of(place):
        assert time.monotonic() < deadline, "a render process was left behind"
        time.sleep(0.1)


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def inject(stage: Stage, kind: str, how: signal.Signals, share: float, number: int) -> None:
    """Stop one command after that share of its usual life, look at what is there, and now and then go on with it."""
    place = stage.new(f"{kind}-{number}")
    run = stage.run(kind, place)
    status, lines = run.stop_after(share * stage.lasts[kind], how)
    out = list((place / "out").iterdir())
    if status == 0:
        assert len(out) == 1
        assert lines == []
    else:
        begun = "in main" in run.output or "aimv: " in run.output
        if begun:
            assert len(lines) == 1 and lines[0].startswith("aimv: stopped"), run.output
        # Python that is interrupted in loading itself, before AIMV's first line, says 1
        assert status == 128 + how or (status == 1 and not begun and "KeyboardInterrupt" in run.output), run.output
    for path in out:  # the signal arrived between the last byte and the end
        assert frames(path) == FRAMES if path.suffix == ".mp4" else Score.load(path).shots
    assert_clean(place / "cache", place / "out")
    no_worker_is_left(place)
    if number % 10 == 0 and kind != "score":
        stage.whole(kind, place, None, "--resume")
        assert frames(place / "out" / "a.mp4") == FRAMES
        assert_clean(place / "cache", place / "out")


def test_stopped_at_random_moments(stage: Stage, tally: Tally, rng: random.Random) -> None:
    for kind in ("scored", "song"):
        stage.whole(kind, stage.new(f"whole {kind}"))
    for number in range(rounds(4, 200)):
        kind = ("scored", "score", "scored", "song")[number % 4]
        how = rng.choice((signal.SIGINT, signal.SIGTERM))
        with tally.fault():
            inject(stage, kind, how, rng.uniform(0.0, 1.05), number)


def test_killed_at_random_moments(stage: Stage, tally: Tally, rng: random.Random) -> None:
    """Nobody can tidy up after itself then: whoever comes next does."""
    for number in range(rounds(1, 12)):
        kind = ("scored", "song")[number % 2]
        place = stage.new(f"killed {number}")
        with tally.fault():
            run = stage.run(kind, place)
            run.stop_after(rng.uniform(0.3, 0.95) * stage.lasts.get(kind, 2.0), signal.SIGKILL)
            no_worker_is_left(place)
            stage.whole(kind, place, None, "--resume")
            assert [path.name for path in (place / "out").iterdir()] == ["a.mp4"]
            assert frames(place / "out" / "a.mp4") == FRAMES
            assert_clean(place / "cache", place / "out")
