"""Benchmark of `aimv export` with the shader generator, against the song's length and x264 alone on the same frames.

    python -m tools.bench.export [SONG] [--size 640x360] [--fps 24]

The cache is empty, so that the time includes start-up, analysis, rendering, composing and encoding. Analysis alone
(`aimv score`) and x264 alone are timed as well. Prints a table and, last, one JSON line: song_s, export_s,
times_real_time, x264_alone_s, listening_s, export_processor_s, listening_processor_s, x264_processor_s, processors.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from aimv.app import export as video
from aimv.options import Settings, parse_size
from engine.audio.song import load_song
from engine.outputs.base import MediaFormat
from engine.outputs.encoder import EXPORT, Encoder, encode_file
from engine.types import Frame, Planes

ROOT = Path(__file__).parents[2]


class Timer:
    """Wall time and CPU time of a block in seconds, the latter of its child processes or of this process."""

    def __init__(self, who: int = resource.RUSAGE_CHILDREN) -> None:
        self._who = who

    def __enter__(self) -> "Timer":
        self._began, self._spent = time.perf_counter(), self._used()
        return self

    def __exit__(self, *raised: object) -> None:
        self.clock = time.perf_counter() - self._began
        self.processor = self._used() - self._spent

    def _used(self) -> float:
        used = resource.getrusage(self._who)
        return used.ru_utime + used.ru_stime


def run(cache: Path, *arguments: str) -> Timer:
    """Time an `aimv` command."""
    with Timer() as taken:
        subprocess.run(
            [sys.executable, "-m", "aimv", *arguments],
            check=True,
            env={**os.environ, "AIMV_CACHE": str(cache)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return taken


def export(song: Path, out: Path, size: str, fps: float, cache: Path) -> Timer:
    """Time an export."""
    return run(cache, "export", str(song), "-o", str(out), "--generator", "shader", "--size", size, "--fps", f"{fps:g}")


def join_models(song: Path, folder: Path) -> None:
    """Join the speech model's parts, with `folder` as the cache: done once per machine, so not timed."""
    short = ("--generator", "shader", "--size", "64x64", "--duration", "3")
    run(folder, "export", str(song), "-o", str(folder / "short.mp4"), *short)


def with_raw_copy(write: Callable[[Encoder, Frame | Planes, float], None]) -> Callable[..., None]:
    """`Encoder.write` with a raw copy of each frame in a file beside the video."""

    def write_both(encoder: Encoder, frame: Frame | Planes, time: float) -> None:
        with Path(encoder.name).with_suffix(".raw").open("ab") as raw:
            raw.write(frame.tobytes())
        write(encoder, frame, time)

    return write_both


def encode_alone(song: Path, folder: Path, size: str, fps: float, cache: Path) -> tuple[Timer, int]:
    """What x264 takes, as the exporter sets it, for the frames that an export of `song` gave it, and how many.

    The frames are composed once more, from the clips that the export left in `cache`, and kept raw in `folder`.
    """
    width, height = parse_size(size)
    with (
        patch.dict(os.environ, {"AIMV_CACHE": str(cache)}),
        patch.object(Encoder, "write", with_raw_copy(Encoder.write)),
    ):
        video.export(song, folder / "kept.mp4", Settings(generator="shader", size=(width, height), fps=fps))
    raw = folder / "kept.raw"
    frames: NDArray[np.uint8] = np.memmap(raw, np.uint8, "r").reshape(-1, height * 3 // 2, width)
    alone = encode_file(folder / "alone.mp4", MediaFormat(width, height, fps), EXPORT)
    with Timer(resource.RUSAGE_SELF) as taken, alone:
        for number, frame in enumerate(frames):
            alone.write(frame, number / fps)
    raw.unlink()
    return taken, len(frames)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", nargs="?", type=Path, default=ROOT / "examples" / "heart.wav")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--fps", type=float, default=24.0)
    given = parser.parse_args()
    length = load_song(given.song).duration
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        join_models(given.song, folder)
        whole = export(given.song, folder / "whole.mp4", given.size, given.fps, folder)
        listening = run(folder, "score", str(given.song), "-o", str(folder / "song.score.jsonl"))
        alone, _ = encode_alone(given.song, folder, given.size, given.fps, folder)
    print(f"{'':24} {'by the clock':>14} {'of processors':>14}")
    for stage, taken in (("export, everything", whole), ("listening alone", listening), ("x264 alone", alone)):
        print(
            f"{stage:24} {taken.clock:12.1f} s {taken.processor:12.1f} s   {length / taken.clock:5.2f} times real time"
        )
    totals = {
        "song_s": length,
        "export_s": whole.clock,
        "times_real_time": length / whole.clock,
        "x264_alone_s": alone.clock,
        "listening_s": listening.clock,
        "export_processor_s": whole.processor,
        "listening_processor_s": listening.processor,
        "x264_processor_s": alone.processor,
    }
    print(json.dumps({**totals, "processors": os.cpu_count()}))


if __name__ == "__main__":
    main()
