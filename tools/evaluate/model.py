"""The instrument classifier as an ONNX file, heard window by window on one thread and timed."""

import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MODEL = Path(__file__).resolve().parents[2] / "models" / "onnx" / "instruments.onnx"
LEAST = 0.5
"""Of a window: a rest of a clip that is shorter is not heard, unless it is all there is."""


class Model:
    """The classifier on one thread, with the labels, thresholds and sample rate that its metadata name."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        facts = self.session.get_modelmeta().custom_metadata_map
        self.labels: list[str] = json.loads(facts["labels"])
        self.thresholds: dict[str, float] = json.loads(facts["thresholds"])
        self.rate = int(facts["sample_rate"])
        self.window = round(float(facts["window_seconds"]) * self.rate)
        self.seconds = 0.0
        self.windows = 0

    def __call__(self, audio: Floats) -> dict[str, float]:
        """Probabilities of one window, [samples] at ``rate``; a shorter one is filled with silence."""
        filled = np.zeros((1, self.window), np.float32)
        filled[0, : len(audio[: self.window])] = audio[: self.window]
        began = time.perf_counter()
        row = self.session.run(["probabilities"], {"audio": filled})[0][0]
        self.seconds += time.perf_counter() - began
        self.windows += 1
        return {label: float(p) for label, p in zip(self.labels, row, strict=True)}

    def clip(self, audio: Floats) -> dict[str, float]:
        """Probabilities of a longer clip, [samples] at ``rate``: the mean over its windows, one after the other."""
        starts = [at for at in range(0, len(audio), self.window) if len(audio) - at >= LEAST * self.window] or [0]
        said = [self(audio[at : at + self.window]) for at in starts]
        return {label: float(np.mean([one[label] for one in said])) for label in self.labels}

    def timing(self) -> dict[str, float]:
        """How many windows were heard, and the wall time of one in ms."""
        return {"windows": self.windows, "milliseconds_a_window": 1000 * self.seconds / max(1, self.windows)}
