"""Endurance test of a live show whose input clock is off: synchronization of picture and sound, and memory.

    python -m tools.stress.soak_live --seconds 3600 --virtual
    python -m tools.stress.soak_live --seconds 600 [--ppm 100]

`--virtual` runs the capture clock, live features and the player on a virtual clock; without it all of `aimv live` runs
in real time (no window) and records, with a simulated device at a wrong rate and with an xrun per minute. Prints one
JSON line:

- drift_ms: change of the offset between picture and sound from the first to the last tenth of the show (medians);
- offset_p99_ms: offset between picture and sound; frame_ms for comparison;
- drawn, late, skipped, dropped; xruns_made and xruns_reported;
- rss_growth_mb: growth of the memory from a fifth of the show to its end.
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.beats import Tempo
from engine.audio.capture import CaptureClock
from engine.audio.features import LiveFeatureExtractor
from engine.audio.song import load_song
from engine.outputs.base import BaseOutput, MediaFormat
from engine.playback.player import FrameStats, play
from engine.types import Frame

RATE, FPS = 44_100, 30.0
BLOCK = 882  # samples: 20 ms
XRUN_S = 60.0


class VirtualShow:
    """A device with a rate of its own in virtual time, and a player's clock from the capture clock."""

    def __init__(self, seconds: float, ppm: float, sound: NDArray[np.float32]) -> None:
        self.capture = CaptureClock(RATE)
        self.features = LiveFeatureExtractor(RATE, Tempo())
        self.offsets: list[tuple[float, float]] = []  # machine's time, picture against sound in s
        self.lengths = {"onsets": 0, "levels": 0}
        self._true = RATE * (1.0 + ppm * 1e-6)
        self._sound, self._random = sound, np.random.default_rng(0)
        self._seconds, self._wall = seconds, 0.0
        self._next = (BLOCK / self._true, BLOCK / self._true)  # when the next block is complete, and when it arrives

    def finished(self) -> bool:
        return self._wall >= self._seconds

    def time(self) -> float:
        return self.capture.time(self._wall)

    async def sleep(self, seconds: float) -> None:
        until = self._wall + max(0.0, seconds)
        while self._next[1] <= until:
            self._wall = max(self._wall, self._next[1])
            at = self.capture.samples % (len(self._sound) - BLOCK)
            self.capture.update(BLOCK, self._wall)
            self.features.push(self._sound[at : at + BLOCK])
            complete = (self.capture.samples + BLOCK) / self._true
            self._next = (complete, max(self._next[1], complete + float(self._random.exponential(0.002))))
        self._wall = until

    @property
    def fps(self) -> float:
        """Frames per second."""
        return FPS

    def frame(self, t: float) -> Frame:
        """Read the features, and record the true position of the sound."""
        self.features.at(t)
        self.offsets.append((self._wall, t - self._wall * self._true / RATE))
        self.lengths["onsets"] = max(self.lengths["onsets"], len(self.features.onsets))
        self.lengths["levels"] = max(self.lengths["levels"], len(self.features.extractor.onset_strength))
        return np.zeros((2, 2, 3), np.uint8)


class NullOutput(BaseOutput):
    """Discards frames."""

    def write(self, frame: Frame, time: float) -> None: ...


class Device:
    """A simulated sound card in a thread: wrong sample rate, one xrun per minute."""

    name, rate, channels = "off", RATE, 2

    def __init__(self, sound: NDArray[np.float32], ppm: float) -> None:
        self.xruns = 0
        self.started = 0.0
        self.true = RATE * (1.0 + ppm * 1e-6)
        self._sound = np.repeat(sound[:, None], 2, axis=1)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, callback: Any) -> None:
        """Begin to capture."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, args=(callback,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._ending.set()
        if self._thread:
            self._thread.join()

    def _run(self, callback: Any) -> None:
        self.started = time.perf_counter()
        given = 0
        while not self._ending.is_set():
            complete = self.started + (given + BLOCK) / self.true
            if self._ending.wait(max(0.0, complete - time.perf_counter())):
                return
            at = given % (len(self._sound) - BLOCK)
            lost = given // round(XRUN_S * RATE) != (given + BLOCK) // round(XRUN_S * RATE)
            self.xruns += lost
            callback(self._sound[at : at + BLOCK], complete, lost)
            given += BLOCK


def drift_ppm(clock: CaptureClock) -> float:
    """Estimated rate error of the device against this machine's clock, in ppm."""
    second = clock.time_of(clock.samples + RATE) - clock.time_of(clock.samples)
    return 1e6 * (1.0 / second - 1.0)


def summary(offsets: list[tuple[float, float]], played: FrameStats) -> dict[str, Any]:
    """Offset and drift of picture against sound, without the first second, in which the loop settles."""
    found = np.array(offsets)
    found = found[found[:, 0] > found[0, 0] + 1.0]
    tenth = max(1, len(found) // 10)
    return {
        "drift_ms": round(1000 * float(np.median(found[-tenth:, 1]) - np.median(found[:tenth, 1])), 2),
        "offset_p50_ms": round(1000 * float(np.median(found[:, 1])), 2),
        "offset_p99_ms": round(1000 * float(np.quantile(np.abs(found[:, 1]), 0.99)), 2),
        "frame_ms": round(1000 / FPS, 2),
        "drawn": played.drawn,
        "late": played.late,
        "skipped": played.skipped,
    }


def virtual(seconds: float, ppm: float, sound: NDArray[np.float32]) -> dict[str, Any]:
    """The show on the virtual clock."""
    show = VirtualShow(seconds, ppm, sound)
    played = asyncio.run(play(show, show, NullOutput()))  # type: ignore[arg-type]  # fps is a property
    return {**summary(show.offsets, played), "longest": show.lengths, "ppm_found": round(drift_ppm(show.capture), 1)}


def real(seconds: float, ppm: float, sound: NDArray[np.float32], out: Path) -> dict[str, Any]:
    """The show in real time."""
    from aimv.app.export import run_async  # noqa: PLC0415
    from aimv.app.live import LiveShow  # noqa: PLC0415 - loads the models
    from aimv.options import Settings  # noqa: PLC0415
    from engine.analysis.instruments import load_classifier  # noqa: PLC0415
    from engine.generators.registry import select_generator  # noqa: PLC0415
    from engine.outputs.fanout import open_outputs  # noqa: PLC0415

    device = Device(sound, ppm)
    show = LiveShow(Settings(size="160x90", fps=FPS), device, load_classifier(), None, select_generator("shader"))
    offsets: list[tuple[float, float]] = []
    memory: list[float] = []

    class Screen(NullOutput):
        def write(self, frame: Frame, at: float) -> None:
            now = time.perf_counter()
            offsets.append((now, at - (now - device.started) * device.true / RATE))
            if len(offsets) % 300 == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                memory.append(pages * 4096 / 2**20)

    outputs = open_outputs({"record": out}, MediaFormat(160, 90, FPS, RATE))
    ends = time.monotonic() + seconds
    shown = run_async(show.perform(Screen(), outputs, lambda: time.monotonic() > ends))
    return {
        **summary(offsets, shown.frames),
        "dropped": sum(each.dropped for each in outputs),
        "recorded": sum(each.written for each in outputs),
        "xruns_made": device.xruns,
        "xruns_reported": show.input.xruns,
        "not_analyzed_s": round(show.analyzer.skipped_s, 1),
        "rss_growth_mb": round(memory[-1] - memory[len(memory) // 5], 1) if memory else 0.0,
        "ppm_found": round(drift_ppm(show.input.clock), 1),
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description="A long live show whose input's clock runs off.")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--ppm", type=float, default=100.0)
    parser.add_argument("--virtual", action="store_true")
    parser.add_argument("--song", type=Path, default=Path("examples/heart.wav"))
    o = parser.parse_args()
    sound = load_song(o.song).mono(RATE)
    if o.virtual:
        found = virtual(o.seconds, o.ppm, sound)
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = real(o.seconds, o.ppm, sound, Path(folder) / "show.mp4")
    print(json.dumps({"seconds": o.seconds, "ppm": o.ppm, **found}))


if __name__ == "__main__":
    main()
