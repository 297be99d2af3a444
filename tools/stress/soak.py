"""Endurance test: hours of a live show on a virtual clock, checked for leaks, drift and uncounted losses.

    python -m tools.stress.soak [--hours 8] [--fps 5] [--seed 0]

The sound is the example song in a loop at changing levels, from a device whose clock runs 80 ppm fast and whose blocks
have jitter. Real: the capture clock, onsets, features and tempo, windows and classifier, shots and sentences, the
score, the scheduler, a render process with a small clip cache, which evicts clips, the compositor with its flash guard,
and an output that is sometimes too slow. Simulated: the device and the generator; there is no transcription. Prints
a table and, last, one JSON line; exit status 1 if memory grows by 1 MB per hour after the first, the picture drifts by
a frame, or a drop was not counted.
"""

import argparse
import asyncio
import ctypes
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import psutil
import soundfile
from numpy.typing import NDArray

from aimv.app.export import plan_clip
from aimv.app.listen import make_row, make_shot
from aimv.language.score import ScoreRecorder
from aimv.language.shots import LiveCutter
from aimv.options import Settings
from engine.analysis.instruments import load_classifier
from engine.analysis.windows import WindowAnalyzer
from engine.audio.beats import Tempo
from engine.audio.capture import CaptureClock
from engine.audio.features import LiveFeatureExtractor
from engine.audio.windows import RollingWindows
from engine.generators.registry import find_spec, select_generator
from engine.outputs.base import BaseOutput, QueuedOutput
from engine.outputs.fanout import FanOut
from engine.pipeline import PlannedClip, ShowResult, initial_state, run_show
from engine.playback.compositor import Compositor
from engine.playback.player import FrameStats
from engine.render.cache import ClipCache
from engine.render.pool import WorkerPool
from engine.types import Frame, Progress
from tools.report import print_figures

RATE, BLOCK_S, HOP_S = 32_000, 0.2, 1.0
FRAME_S = 1 / 24  # the unit of drift
PPM, JITTER_S = 80.0, 0.008
WIDTH, HEIGHT = 64, 36
CLIP_CACHE_BYTES = 2_000_000
SETTLED_S = 10.0  # until the capture clock has converged
MEMORY_EVERY_S, SAMPLE_S = 15.0, 300.0  # between two measurements; the least of so long counts, as clips come and go
SLOPE_MB, FIRST_H = 1.0, 1.0
SONG = Path(__file__).parents[2] / "examples" / "heart.wav"


class Show(BaseOutput):
    """The parts of the show, and the simulated device and clock that drive them: `sleep` advances time."""

    def __init__(self, hours: float, fps: float, seed: int, recording: Path) -> None:
        self.length, self.fps = 3600 * hours, fps
        self._rng = random.Random(seed)
        sound, rate = soundfile.read(SONG, dtype="float32", always_2d=True)
        assert rate == RATE  # noqa: S101 - the shipped song
        self._song: NDArray[np.float32] = sound
        self._at = 0  # in the song
        self._gain = 1.0
        self.machine = 0.0  # s of this machine's clock
        self.captured = 0  # samples
        self.capture = CaptureClock(RATE)
        self.tempo = Tempo()
        self.features = LiveFeatureExtractor(RATE, self.tempo)
        self._windows = RollingWindows(RATE, HOP_S)
        self._classifier = load_classifier()
        self._analyzer = WindowAnalyzer(self._classifier)
        self._cutter = LiveCutter(self.tempo)
        self._score = ScoreRecorder(recording)
        self._planned: deque[PlannedClip] = deque()
        self._added = asyncio.Event()
        self._choice = select_generator("fake", "0")
        self._settings = Settings(size=(WIDTH, HEIGHT), fps=fps)
        self.outputs: FanOut | None = None
        self.windows = self.shots = self.given = self.drops = 0
        self.deepest = 0
        self.drift_s = 0.0
        self.first_s = float("inf")  # of the pictures
        self.memory: list[tuple[float, float]] = []  # hours, MB
        self._next_memory = self._next_sample = 0.0
        self._memory_samples: list[tuple[float, float]] = []

    # The clock of the player.

    def finished(self) -> bool:
        return self.time() >= self.length

    def time(self) -> float:
        return self.capture.time(self.machine)

    async def sleep(self, seconds: float) -> None:
        self.machine += max(0.0, seconds)
        while (self.captured / RATE + BLOCK_S) / (1 + PPM * 1e-6) <= self.machine:
            self._take_block()
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.sleep(1.0)  # the first block
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def _take_block(self) -> None:
        """Process the device's next block as a live show does."""
        samples = self._sound(round(BLOCK_S * RATE))
        start = self.captured
        self.captured += len(samples)
        at = self.captured / RATE / (1 + PPM * 1e-6)
        self.capture.update(len(samples), at + self._rng.uniform(0, JITTER_S))
        found = self.features.push(samples.mean(axis=1))
        if self.outputs:
            if found:
                self.outputs.note_onset(time.perf_counter())
            self.outputs.write_audio(samples, start)
        for window in self._windows.push(samples):
            self.windows += 1
            if analysis := self._cutter.push(self._analyzer.analyze(window)):
                self.shots += 1
                shot = make_shot(make_row(analysis, self._classifier.confusion, 0), self.shots)
                self._score.add(shot)
                planned = plan_clip(shot, "", self._choice, self._settings)
                self._planned.append(msgspec.structs.replace(planned, section="|".join(shot.abstractions)))
                self.deepest = max(self.deepest, len(self._planned))
                self._added.set()
        self._measure_memory(at)

    def _measure_memory(self, at: float) -> None:
        """Measure the memory at intervals."""
        if at >= self._next_memory:
            self._next_memory = at + MEMORY_EVERY_S
            self._memory_samples.append(private_memory_mb())
        if at >= self._next_sample:
            self._next_sample = at + SAMPLE_S
            own, others = (min(column) for column in zip(*self._memory_samples, strict=True))
            self._memory_samples.clear()
            self.memory.append((at / 3600, own + others))
            print(
                f"{at / 3600:6.2f} h  {own:7.1f} MB here {others:6.1f} MB in the render process  {self.shots} shots",
                file=sys.stderr,
            )

    def _sound(self, count: int) -> NDArray[np.float32]:
        """The next samples of the song, at its end with another gain or silence."""
        part = self._song[self._at : self._at + count]
        self._at += count
        if len(part) < count:
            self._at = 0
            self._gain = self._rng.choice((1.0, 0.5, 0.1, 0.02, 0.0))
            part = np.zeros((count, self._song.shape[1]), np.float32)
        return np.asarray(self._gain * part, dtype=np.float32)

    async def planned(self) -> AsyncIterator[PlannedClip]:
        """The shots as they begin."""
        while True:
            while self._planned:
                yield self._planned.popleft()
            self._added.clear()
            await self._added.wait()

    # The window of the show.

    def write(self, frame: Frame, time: float) -> None:
        """Count a frame."""
        self.given += 1

    def shown(self, picture_s: float) -> None:
        """Compare a picture's time with the true count of the device's samples."""
        self.first_s = min(self.first_s, picture_s)
        if picture_s > SETTLED_S:
            true_s = self.machine * (1 + PPM * 1e-6)
            self.drift_s = max(self.drift_s, abs(true_s - picture_s))


class SlowOutput(BaseOutput):
    """An output that is sometimes too slow."""

    name = "slow"

    def __init__(self) -> None:
        self._pictures = 0

    def write(self, frame: Frame, at: float) -> None:
        self._pictures += 1
        if self._pictures % 5000 == 0:
            time.sleep(0.5)


class WatchedCompositor(Compositor):
    """A compositor that reports the time of each picture to the show."""

    def __init__(self, show: Show) -> None:
        super().__init__(WIDTH, HEIGHT, show.fps, show.features)
        self._show = show

    def frame(self, t: float) -> Frame:
        self._show.shown(t)
        return super().frame(t)


async def run(show: Show, folder: Path) -> tuple[ShowResult, QueuedOutput]:
    """Run the show to its end."""
    compositor = WatchedCompositor(show)
    output = QueuedOutput(SlowOutput, 2.0, show.fps)
    with (
        ClipCache(folder, CLIP_CACHE_BYTES) as cache,
        FanOut(show, [output], lambda: compositor.drawing_since) as outputs,
    ):
        show.outputs = outputs
        async with WorkerPool(cache, "fake", "0") as pool:
            shown = await run_show(
                show.planned(),
                pool,
                compositor,
                show,
                outputs,
                lambda: False,
                initial_state(find_spec("fake")),
                Progress(),
                live=True,
                stats=FrameStats(),
            )
    return shown, output


def private_memory_mb() -> tuple[float, float]:
    """Private memory in MB of this process, without what its allocator keeps free, and of its children."""
    process = psutil.Process()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc's
        trim(0)
    children = (child.memory_full_info().uss for child in process.children(recursive=True) if child.is_running())
    return process.memory_full_info().uss / 2**20, sum(children) / 2**20


def slope(points: list[tuple[float, float]]) -> float:
    """MB per hour by least squares, over the points after the first hour (in short runs, the second half)."""
    after = points[-1][0] / 2 if points[-1][0] <= 2 * FIRST_H else FIRST_H
    hours, megabytes = np.array([point for point in points if point[0] >= after]).T
    return float(np.polyfit(hours, megabytes, 1)[0]) if len(hours) > 1 else 0.0


def uncounted(show: Show, shown: ShowResult, output: QueuedOutput) -> list[str]:
    """The counts that do not add up."""
    played, end = shown.frames, show.time()
    wrong = {
        "pictures": abs(played.drawn + played.skipped - (end - show.first_s) * show.fps) > 1.5,
        "pictures of the output": show.given != output.written + output.dropped,
        "seconds on the screen": abs(sum(shown.seconds.values()) - end) > 1.0,
        "windows": abs(show.windows - int(show.captured / RATE / HOP_S)) > 1,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def main() -> None:
    """Read the arguments, soak, print."""
    parser = argparse.ArgumentParser(description="Hours of a live show on a virtual clock.")
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()

    async def soak(folder: Path) -> tuple[Show, ShowResult, QueuedOutput]:
        show = Show(options.hours, options.fps, options.seed, folder / "show.mp4")
        return show, *await run(show, folder)

    with tempfile.TemporaryDirectory() as folder:
        show, shown, output = asyncio.run(soak(Path(folder)))
        left = sum(path.stat().st_size for path in Path(folder).glob("*.mp4"))
    played = shown.frames
    end = show.time()
    lost = uncounted(show, shown, output)
    totals = {
        "hours": round(end / 3600, 3),
        "memory_slope_mb_per_hour": round(slope(show.memory), 3),
        "drift_frames": round(show.drift_s / FRAME_S, 3),
        "drops_uncounted": len(lost),
        "pictures": played.drawn,
        "skipped": played.skipped,
        "late": played.late,
        "output_dropped": output.dropped,
        "seconds": {kind: round(value, 1) for kind, value in shown.seconds.items()},
        "shots": show.shots,
        "deepest_queue": show.deepest,
        "failures": len(shown.failures),
        "store_bytes": left,
        "memory_mb": round(show.memory[-1][1], 1),
        "wall_s": round(time.monotonic() - started, 1),
    }
    print_figures("Endurance", totals, [("uncounted", name) for name in lost])
    bad = slope(show.memory) >= SLOPE_MB or show.drift_s >= FRAME_S or bool(lost)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
