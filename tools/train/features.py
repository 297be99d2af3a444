"""Windows made once and heard once: what the fixed part of the classifier gives for them, on disk in 16 bits."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tools.train import bank
from tools.train.export import as_onnx
from tools.train.labels import TAUGHT
from tools.train.mixing import BANDS, Band, Mixer
from tools.train.network import FEATURES, HIGH_BANDS, LOW_BANDS, Listener

SHAPES: dict[str, tuple[int, ...]] = {
    "high": (99, HIGH_BANDS),
    "low": (50, LOW_BANDS),
    "features": (FEATURES,),
    "labels": (len(TAUGHT),),
}
BATCH = 8


@dataclass
class Heard:
    """What the trainable part is given: high [n, 99, 72], low [n, 50, 64], features [n, 5843]; and labels [n, 23]."""

    high: NDArray[np.float16]
    low: NDArray[np.float16]
    features: NDArray[np.float16]
    labels: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.labels)


def _kind(name: str) -> type[np.int8] | type[np.float16]:
    return np.int8 if name == "labels" else np.float16


def load(folder: Path) -> Heard:
    """What :func:`hear` wrote to ``folder``."""
    parts: dict[str, Any] = {name: np.fromfile(folder / name, _kind(name)) for name in SHAPES}
    return Heard(**{name: parts[name].reshape(-1, *shape) for name, shape in SHAPES.items()})


def hear(
    bank_folder: Path, folder: Path, kept: bool, seed: int, count: int, workers: int = 2, bands: Sequence[Band] = BANDS
) -> None:
    """Make ``count`` windows of a split, of these bands, and store what the listener gives for them.

    ``count.json`` is written last: where it is, the folder is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in SHAPES.items():
        np.memmap(folder / name, _kind(name), "w+", shape=(count, *shape)).flush()
    pieces = [range(i, min(i + 512, count)) for i in range(0, count, 512)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_hear_piece, bank_folder, folder, kept, seed, piece, bands) for piece in pieces]
        for job in jobs:
            job.result()
    (folder / "count.json").write_text(str(count))


def session() -> onnxruntime.InferenceSession:
    """The listener as ONNX Runtime runs it on one thread, faster than torch does."""
    model = as_onnx(Listener(), ["high", "low", "features", "presence"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


_ready: dict[str, tuple[Mixer, onnxruntime.InferenceSession]] = {}


def _hear_piece(bank_folder: Path, folder: Path, kept: bool, seed: int, piece: range, bands: Sequence[Band]) -> None:
    """One process's share: windows ``piece``."""
    key = f"{bank_folder} {kept} {seed} {bands}"
    if key not in _ready:
        _ready[key] = (Mixer(bank.load(bank_folder), kept, seed, bands), session())
    mixer, listener = _ready[key]
    out = {name: np.memmap(folder / name, _kind(name), "r+").reshape(-1, *shape) for name, shape in SHAPES.items()}
    for start in range(piece.start, piece.stop, BATCH):
        numbers = range(start, min(start + BATCH, piece.stop))
        made = [mixer.window(number) for number in numbers]
        high, low, features, _ = listener.run(None, {"audio": np.stack([sound for sound, _ in made])})
        rows = slice(numbers.start, numbers.stop)
        out["high"][rows], out["low"][rows] = high, low
        out["features"][rows] = features.clip(-6e4, 6e4)
        out["labels"][rows] = np.stack([labels for _, labels in made])
