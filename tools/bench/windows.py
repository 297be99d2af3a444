#!/usr/bin/env python3
"""Benchmark of the instrument classifier on one core, in turn with librosa's mel spectrogram.

    python -m tools.bench.windows [SONG] [--windows 1000] [--model FILE]

Windows of 1 s at 32 kHz are cut evenly out of SONG (the example song). Each is classified, and its mel
spectrogram is computed by librosa with its usual settings (2048 points, hop 512, 128 bands): as called, which
computes the filter bank every time, and with a cached filter bank. Wall time of one process held to one core and one
thread; the last line is JSON. Needs librosa (the `evaluate` extra).
"""

import argparse
import os
import time

for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[pool] = "1"  # read when numpy is imported

import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from engine.audio.song import load_song  # noqa: E402
from engine.errors import AimvError, MissingExtra  # noqa: E402
from tools.evaluate.model import MODEL, Model  # noqa: E402
from tools.metrics import Floats  # noqa: E402

SONG = Path(__file__).parents[2] / "examples" / "heart.wav"
WARM_UP = 20  # windows that are not counted


def mel_spectrograms(rate: int) -> dict[str, Callable[[Floats], Any]]:
    """librosa's mel spectrogram of [n] at `rate` Hz, by how it is called."""
    try:
        librosa = importlib.import_module("librosa")
    except ImportError as error:
        raise MissingExtra("the comparison with librosa", "evaluate") from error
    bank = librosa.filters.mel(sr=rate, n_fft=2048)
    return {
        "librosa mel": lambda window: librosa.feature.melspectrogram(y=window, sr=rate),
        "librosa mel, bank cached": lambda window: bank @ np.abs(librosa.stft(window, n_fft=2048, hop_length=512)) ** 2,
    }


def measure(ways: dict[str, Callable[[Floats], Any]], windows: list[Floats]) -> dict[str, list[float]]:
    """Wall time in ms of each way on each window, the ways taking turns."""
    for window in windows[:WARM_UP]:
        for way in ways.values():
            way(window)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for window in windows:
        for name, way in ways.items():
            began = time.perf_counter()
            way(window)
            took[name].append(1000 * (time.perf_counter() - began))
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path, nargs="?", default=SONG, metavar="SONG")
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--model", type=Path, default=MODEL)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        model = Model(options.model)
        sound = load_song(options.song).mono(model.rate)
        starts = np.linspace(0, max(0, len(sound) - model.window), options.windows).astype(int)
        windows = [np.ascontiguousarray(sound[at : at + model.window]) for at in starts]
        took = measure({"classifier": model, **mel_spectrograms(model.rate)}, windows)
    except AimvError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    figures = {
        name: {"median_ms": float(np.median(ms)), "p95_ms": float(np.percentile(ms, 95)), "total_s": sum(ms) / 1000}
        for name, ms in took.items()
    }
    print(f"{'one window of 1 s, one core':30} {'median ms':>10} {'p95 ms':>8} {f'{len(windows)} in s':>10}")
    for name, row in figures.items():
        print(f"{name:30} {row['median_ms']:10.2f} {row['p95_ms']:8.2f} {row['total_s']:10.2f}")
    ours, *theirs = figures.items()
    ratios = {name: ours[1]["total_s"] / row["total_s"] for name, row in theirs}
    for name, ratio in ratios.items():
        print(f"classifier / {name}: {ratio:.2f}")
    print(json.dumps({"windows": len(windows), **figures, "ratio": ratios}))


if __name__ == "__main__":
    main()
