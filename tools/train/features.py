"""Features of the training windows, extracted by the frozen part of the classifier and stored as 16-bit floats."""

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
from tools.train.labels import TARGETS
from tools.train.mixing import BANDS, Band, Mixer
from tools.train.network import FEATURES, HIGH_BANDS, LOW_BANDS, FeatureExtractor

SHAPES: dict[str, tuple[int, ...]] = {
    "high": (99, HIGH_BANDS),
    "low": (50, LOW_BANDS),
    "features": (FEATURES,),
    "labels": (len(TARGETS),),
}
BATCH = 8


@dataclass
class FeatureSet:
    """Inputs of the trainable network: high [n, 99, 72], low [n, 50, 64], features [n, 5843]; and labels [n, 23]."""

    high: NDArray[np.float16]
    low: NDArray[np.float16]
    features: NDArray[np.float16]
    labels: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.labels)


def _dtype(name: str) -> type[np.int8] | type[np.float16]:
    return np.int8 if name == "labels" else np.float16


def load(folder: Path) -> FeatureSet:
    """The features that :func:`extract` wrote to ``folder``."""
    parts: dict[str, Any] = {name: np.fromfile(folder / name, _dtype(name)) for name in SHAPES}
    return FeatureSet(**{name: parts[name].reshape(-1, *shape) for name, shape in SHAPES.items()})


def extract(
    bank_folder: Path,
    folder: Path,
    held_out: bool,
    seed: int,
    count: int,
    workers: int = 2,
    bands: Sequence[Band] = BANDS,
) -> None:
    """Generate ``count`` windows of a split and store their features and labels in ``folder``.

    ``count.json`` is written last and marks the folder as complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in SHAPES.items():
        np.memmap(folder / name, _dtype(name), "w+", shape=(count, *shape)).flush()
    chunks = [range(i, min(i + 512, count)) for i in range(0, count, 512)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_extract_chunk, bank_folder, folder, held_out, seed, chunk, bands) for chunk in chunks]
        for job in jobs:
            job.result()
    (folder / "count.json").write_text(str(count))


def session() -> onnxruntime.InferenceSession:
    """The feature extractor in ONNX Runtime on one thread, faster than torch."""
    model = as_onnx(FeatureExtractor(), ["high", "low", "features", "presence"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


_loaded: dict[str, tuple[Mixer, onnxruntime.InferenceSession]] = {}


def _extract_chunk(
    bank_folder: Path, folder: Path, held_out: bool, seed: int, chunk: range, bands: Sequence[Band]
) -> None:
    """Extract the windows ``chunk`` in a worker process."""
    key = f"{bank_folder} {held_out} {seed} {bands}"
    if key not in _loaded:
        _loaded[key] = (Mixer(bank.load(bank_folder), held_out, seed, bands), session())
    mixer, extractor = _loaded[key]
    out = {name: np.memmap(folder / name, _dtype(name), "r+").reshape(-1, *shape) for name, shape in SHAPES.items()}
    for start in range(chunk.start, chunk.stop, BATCH):
        numbers = range(start, min(start + BATCH, chunk.stop))
        windows = [mixer.window(number) for number in numbers]
        high, low, features, _ = extractor.run(None, {"audio": np.stack([sound for sound, _ in windows])})
        rows = slice(numbers.start, numbers.stop)
        out["high"][rows], out["low"][rows] = high, low
        out["features"][rows] = features.clip(-6e4, 6e4)
        out["labels"][rows] = np.stack([labels for _, labels in windows])
