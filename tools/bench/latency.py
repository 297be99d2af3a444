"""Benchmark of latency from sound to screen by stage: clicks through a real audio server to the frame with their flash.

    python -m tools.bench.latency [--seconds 60] [--size 640x360] [--fps 30] [--no-words]

Starts a PulseAudio server with a null sink and a virtual screen, plays clicks over a quiet song into the sink with
paplay, runs a live show in a window while recording, and detects the flash of each click in the frames.
Prints a table and, last, one JSON line:

- capture_to_frame_p95_ms: from the block that holds the click until the frame with its flash is on screen;
- window_to_sentence_p95_ms: from the end of a window of sound to its sentence;
- av_offset_p99_ms: offset between flash and click in the recording; window_offset_p99_ms: between each frame's
  time and the time when it was shown;
- words: number of transcribed words;
- dropped: frames dropped by the recording; late and skipped are the window's.
"""

import argparse
import itertools
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tests.support.virtual_desktop import sound_server, virtual_screen

RATE = 44_100
GAPS_S = (0.83, 0.97, 1.13, 0.71, 1.31)  # between clicks, in turn: no multiple of a frame, with room for each flash
FLASH = 6.0  # rise of mean luminance from one frame to the next
STAGES = (
    "captured to delivered",
    "delivered to analyzed",
    "analyzed to drawing",
    "drawing",
    "showing",
    "delivered to shown",
)
SONG = Path(__file__).parents[2] / "examples" / "heart.wav"
SONG_PEAK = 0.05  # below what counts as a click
WITHIN_S = 0.4  # the latest flash of a click


def clicks(seconds: float) -> NDArray[np.float32]:
    """Noise bursts of 5 ms over a quiet song, so that there are words to transcribe."""
    random = np.random.default_rng(1)
    times, time_ = [], 1.0
    while time_ < seconds - 1.0:
        times.append(time_)
        time_ += GAPS_S[len(times) % len(GAPS_S)]
    song, rate = soundfile.read(SONG, dtype="float32", always_2d=True)
    song = np.asarray(soxr.resample(song.mean(axis=1), rate, RATE), dtype=np.float32)
    sound = np.resize(song * (SONG_PEAK / np.abs(song).max()), round(seconds * RATE))
    for at in times:
        first = round(at * RATE)
        sound[first : first + RATE // 200] = random.normal(0, 0.4, RATE // 200).clip(-0.99, 0.99)
    return sound


def luminance(frame: NDArray[np.uint8]) -> float:
    """Mean of the picture's luminance, 0 to 255."""
    small = cv2.resize(frame, (64, 36), interpolation=cv2.INTER_AREA)
    return float(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).mean())


class ShownFrame(NamedTuple):
    """A frame of the show; points in time in s of time.perf_counter."""

    time: float  # of the show, s
    begun: float  # to be drawn
    drawn: float
    shown: float
    light: float  # mean luminance
    clock: float  # of the show when it was shown, s


class Click(NamedTuple):
    """A captured click, and the times of its stages in s of time.perf_counter."""

    captured: float
    delivered: float  # the block that holds it
    analyzed: float  # features and onsets of that block


class Recorder:
    """Records each frame and each captured click of a running show."""

    def __init__(self, show: Any) -> None:
        self.pictures: list[ShownFrame] = []
        self.clicks: list[Click] = []
        self.words = 0
        self._show = show
        self._last = -1.0

    def add_block(self, block: Any, analyzed: float) -> None:
        """Record the click of a block that was analyzed by that time, if it has one."""
        loud = np.flatnonzero(np.abs(block.samples).max(axis=1) > 0.1)
        if len(loud):
            sample = block.start + int(loud[0])
            at = sample / self._show.input.device.rate
            if at - self._last > 0.3:
                self.clicks.append(Click(self._show.input.clock.time_of(sample), block.arrival, analyzed))
            self._last = at

    def add_frame(self, frame: NDArray[np.uint8], drawn: float) -> None:
        """Record a frame that is shown now and was drawn at that time."""
        compositor, shown = self._show.compositor, time.perf_counter()
        clock = self._show.input.clock.time(shown)
        self.pictures.append(
            ShownFrame(compositor.time, compositor.drawing_since, drawn, shown, luminance(frame), clock)
        )

    def stages(self) -> list[tuple[float, ...]]:
        """Seconds of each of `STAGES`, for each click with a flash."""
        found: list[tuple[float, ...]] = []
        rises = [after for before, after in itertools.pairwise(self.pictures) if after.light - before.light > FLASH]
        for captured, delivered, analyzed in self.clicks:
            answer = next((rise for rise in rises if delivered <= rise.shown <= delivered + WITHIN_S), None)
            if answer:
                moments = (captured, delivered, analyzed, answer.begun, answer.drawn, answer.shown)
                found.append((*(b - a for a, b in itertools.pairwise(moments)), answer.shown - delivered))
        return found


def recorded_offsets(path: Path) -> list[float]:
    """Delay of each flash after its click in the recording, in s."""
    import av  # noqa: PLC0415 - windows hang where PyAV is loaded before OpenCV

    with av.open(str(path)) as file:
        pictures = [(float(f.time or 0), luminance(f.to_ndarray(format="rgb24"))) for f in file.decode(video=0)]
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        frames = [(float(f.time or 0), np.abs(f.to_ndarray()).max(axis=0)) for f in file.decode(stream)]
        rate = stream.rate or RATE
    loud = np.array([at + k / rate for at, part in frames for k in np.flatnonzero(part > 0.1)])
    times = loud[np.diff(loud, prepend=-1.0) > 0.3]
    rises = [b[0] for a, b in itertools.pairwise(pictures) if b[1] - a[1] > FLASH]
    offsets = []
    for at in times:
        near = [rise - at for rise in rises if -0.1 <= rise - at <= WITHIN_S]
        if near:
            offsets.append(min(near, key=abs))
    return offsets


def measure(seconds: float, size: tuple[int, int], fps: float, words: bool, song: Path, out: Path) -> dict[str, Any]:
    """Run the show in this process and measure it."""
    from aimv.app.export import run_async  # noqa: PLC0415
    from aimv.app.live import LiveShow  # noqa: PLC0415
    from aimv.cli.live import load_transcriber  # noqa: PLC0415 - sound and screen must be there first
    from aimv.options import Settings  # noqa: PLC0415
    from engine.analysis.instruments import load_classifier  # noqa: PLC0415
    from engine.audio.devices import SoundCard, find_input  # noqa: PLC0415
    from engine.generators.registry import select_generator  # noqa: PLC0415
    from engine.outputs.base import MediaFormat  # noqa: PLC0415
    from engine.outputs.fanout import open_outputs  # noqa: PLC0415
    from engine.outputs.window import Window  # noqa: PLC0415

    settings = Settings(size=size, fps=fps)
    card = SoundCard(find_input(None))
    transcriber = load_transcriber("base", "en") if words else None
    show = LiveShow(settings, card, load_classifier(), transcriber, select_generator("shader"))
    recorder = Recorder(show)
    on_block = show.input._on_block

    def analyze(block: Any) -> None:
        on_block(block)
        recorder.add_block(block, time.perf_counter())

    show.input._on_block = analyze
    if transcriber:
        feed = transcriber.feed

        def counted_feed(*audio: Any) -> list[Any]:
            given = feed(*audio)
            recorder.words += len(given)
            return given

        transcriber.feed = counted_feed  # type: ignore[assignment, method-assign]
    outputs = open_outputs({"record": out}, MediaFormat(*size, fps, card.rate))
    player = subprocess.Popen(["paplay", "--latency-msec=20", str(song)])
    ends = time.monotonic() + seconds + 3.0
    with Window("AIMV latency", *size) as window:
        write = window.write

        def shown(frame: NDArray[np.uint8], at: float) -> None:
            drawn = time.perf_counter()
            write(frame, at)
            recorder.add_frame(frame, drawn)

        window.write = shown  # type: ignore[assignment, method-assign]
        run_async(show.perform(window, outputs, lambda: time.monotonic() > ends))
    player.wait()
    answers = np.array(recorder.stages()) * 1000
    if len(answers) < 0.5 * len(recorder.clicks) or not len(recorder.clicks):
        raise SystemExit(
            f"only {len(answers)} of {len(recorder.clicks)} clicks were answered: is the machine too busy?"
        )
    own = np.abs(np.array([each.clock - each.time for each in recorder.pictures[30:]])) * 1000
    recorded = np.array(recorded_offsets(out)) * 1000
    return {
        "answers": answers,
        "capture_to_frame_p95_ms": float(np.quantile(answers[:, -1], 0.95)),
        "capture_to_frame_p50_ms": float(np.quantile(answers[:, -1], 0.5)),
        "window_to_sentence_p95_ms": float(np.quantile(np.array(show.lags), 0.95) * 1000),
        "av_offset_p99_ms": float(np.quantile(np.abs(recorded), 0.99)),
        "av_offset_p50_ms": float(np.quantile(recorded, 0.5)),
        "window_offset_p99_ms": float(np.quantile(own, 0.99)),
        "words": recorder.words,
        "dropped": sum(each.dropped for each in outputs),
        "late": show.stats.late,
        "skipped": show.stats.skipped,
        "drawn": show.stats.drawn,
        "clicks": len(recorder.clicks),
        "answered": len(answers),
        "xruns": show.input.xruns,
        "not_analyzed_s": round(show.analyzer.skipped_s, 1),
    }


def main() -> None:
    """Set up the environment, measure, print."""
    parser = argparse.ArgumentParser(description="Measure the time from sound to screen.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--no-words", action="store_true", help="without transcription")
    o = parser.parse_args()
    width, height = map(int, o.size.split("x"))
    with tempfile.TemporaryDirectory() as name, virtual_screen() as screen:
        folder = Path(name)
        with sound_server(folder) as server:
            os.environ.update({**screen, **server, "AIMV_CACHE": os.environ.get("AIMV_CACHE", str(folder / "cache"))})
            soundfile.write(folder / "clicks.wav", clicks(o.seconds), RATE)
            found = measure(
                o.seconds, (width, height), o.fps, not o.no_words, folder / "clicks.wav", folder / "show.mp4"
            )
    answers = found.pop("answers")
    table = Table(
        title=f"{o.size}, {o.fps:g} pictures a second, {found['answered']} of {found['clicks']} clicks answered"
    )
    for heading in ("ms", "p50", "p95", "max"):
        table.add_column(heading, justify="left" if heading == "ms" else "right")
    for index, stage in enumerate(STAGES):
        values = answers[:, index]
        table.add_row(stage, *(f"{value:.1f}" for value in (*np.quantile(values, [0.5, 0.95]), values.max())))
    Console().print(table)
    print(json.dumps({key: round(value, 1) if isinstance(value, float) else value for key, value in found.items()}))


if __name__ == "__main__":
    main()
