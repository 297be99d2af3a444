"""The instrument classifier in ONNX Runtime on one thread, with timing."""

import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MODEL = Path(__file__).resolve().parents[2] / "models" / "onnx" / "instruments.onnx"
MIN_SHARE = 0.5
"""Of a window: a shorter rest of a clip is skipped, unless it is the whole clip."""


class Model:
    """The classifier on one thread, with the labels, thresholds and sample rate that its metadata name."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.labels: list[str] = json.loads(metadata["labels"])
        self.thresholds: dict[str, float] = json.loads(metadata["thresholds"])
        self.rate = int(metadata["sample_rate"])
        self.window = round(float(metadata["window_seconds"]) * self.rate)
        self.seconds = 0.0
        self.windows = 0

    def __call__(self, audio: Floats) -> dict[str, float]:
        """Probabilities of one window, [samples] at ``rate``; a shorter one is padded with silence."""
        padded = np.zeros((1, self.window), np.float32)
        padded[0, : len(audio[: self.window])] = audio[: self.window]
        began = time.perf_counter()
        row = self.session.run(["probabilities"], {"audio": padded})[0][0]
        self.seconds += time.perf_counter() - began
        self.windows += 1
        return {label: float(p) for label, p in zip(self.labels, row, strict=True)}

    def clip(self, audio: Floats) -> dict[str, float]:
        """Probabilities of a longer clip, [samples] at ``rate``: the mean over its windows, one after the other."""
        starts = [at for at in range(0, len(audio), self.window) if len(audio) - at >= MIN_SHARE * self.window] or [0]
        rows = [self(audio[at : at + self.window]) for at in starts]
        return {label: float(np.mean([row[label] for row in rows])) for label in self.labels}

    def timing(self) -> dict[str, float]:
        """Number of windows, and the mean wall time of one in ms."""
        return {"windows": self.windows, "milliseconds_a_window": 1000 * self.seconds / max(1, self.windows)}
