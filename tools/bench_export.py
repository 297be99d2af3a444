"""Time `aimv export` with the shader generator against the song's length, and beside x264 alone on the same frames.

    python tools/bench_export.py [SONG] [--size 640x360] [--fps 24]

Everything is made anew in an empty cache: listening, rendering, composing, encoding, and starting up. Prints a table
and, last, one JSON line: song_s, export_s, times_real_time, x264_alone_s, processors.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from engine.audio.song import load_song
from engine.play.file_sink import FileSink

ROOT = Path(__file__).parent.parent


def export(song: Path, out: Path, size: str, fps: float, cache: Path) -> float:
    """Seconds that the whole command takes."""
    command = [sys.executable, "-m", "aimv", "export", str(song), "-o", str(out), "--generator", "shader"]
    began = time.perf_counter()
    subprocess.run(
        [*command, "--size", size, "--fps", str(fps)],
        check=True,
        env={**os.environ, "AIMV_CACHE": str(cache)},
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def encode_alone(video: Path, out: Path) -> float:
    """Seconds that x264 takes, as the exporter sets it, for the frames of `video`, decoding left out."""
    with av.open(str(video)) as source:
        shown = source.streams.video[0]
        silence = np.zeros((0, 1), np.float32)
        sink = FileSink(out, shown.width, shown.height, float(shown.average_rate or 0), sound=silence, rate=48_000)
        spent = 0.0
        for frame in source.decode(shown):
            planes = frame.to_ndarray(format="yuv420p")
            began = time.perf_counter()
            sink.write(planes)
            spent += time.perf_counter() - began
        began = time.perf_counter()
        sink.close()
        return spent + time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("song", nargs="?", type=Path, default=ROOT / "examples" / "heart.wav")
    asked.add_argument("--size", default="640x360")
    asked.add_argument("--fps", type=float, default=24.0)
    given = asked.parse_args()
    length = load_song(given.song).duration
    with tempfile.TemporaryDirectory() as folder:
        # The first run joins the speech model's parts, which is done once per machine; the second is measured.
        export(given.song, Path(folder, "first.mp4"), "64x64", given.fps, Path(folder))
        took = export(given.song, Path(folder, "second.mp4"), given.size, given.fps, Path(folder))
        alone = encode_alone(Path(folder, "second.mp4"), Path(folder, "third.mp4"))
    print(f"{'song':24} {length:8.1f} s")
    print(f"{'export, everything':24} {took:8.1f} s   {length / took:5.2f} times real time")
    print(f"{'x264 alone':24} {alone:8.1f} s   {length / alone:5.2f} times real time")
    totals = {"song_s": length, "export_s": took, "times_real_time": length / took, "x264_alone_s": alone}
    print(json.dumps({**totals, "processors": os.cpu_count()}))


if __name__ == "__main__":
    main()
