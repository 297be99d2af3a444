#!/usr/bin/env python3
"""Score the instrument classifier against recordings: a table, then one line of JSON.

    tools/evaluate_instruments.py DIR [--model FILE] [--plot FILE.png]

DIR holds one folder a recording, with ``mix.flac`` and ``windows.json``: a list of
{"start_s": 3, "sources": ["bass", "drums", ...], "drum_hits": ["kick", "hihat", ...], "unsure": []}, one for each whole
second. A source is there when it is within 20 dB of the mix, a drum when it is struck in the first 0.9 s.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soundfile
import soxr
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.float32]

DRUMS = ("kick", "snare", "rimshot", "tom", "hi-hat", "crash", "splash", "ride", "clap")
SOURCES = ("bass", "guitar", "vocal", "piano", "organ", "violin", "cello", "flute", "sax", "brass", "synth", "speech")
MODEL = Path(__file__).resolve().parents[1] / "models" / "onnx" / "instruments.onnx"
SURE = 0.70
FEWEST = 5
"""Labels with fewer windows than this, of either kind, are left out of the table."""


class Model:
    """The classifier on one thread, with the labels and sample rate that its metadata name."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        facts = self.session.get_modelmeta().custom_metadata_map
        self.labels: list[str] = json.loads(facts["labels"])
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


def read(path: Path, rate: int) -> Floats:
    """A recording as mono float32 at ``rate`` samples a second."""
    audio, own = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(audio.mean(axis=1), own, rate), dtype=np.float32)


def auc(truth: NDArray[np.bool_], score: Floats) -> float:
    """Area under the ROC curve, ties counted half (Mann-Whitney)."""
    order = np.sort(score)
    rank = (np.searchsorted(order, score, "left") + np.searchsorted(order, score, "right") + 1) / 2
    there, not_there = int(truth.sum()), int((~truth).sum())
    return float((rank[truth].sum() - there * (there + 1) / 2) / (there * not_there))


@dataclass
class Tally:
    """Truth and probability of every window, by label."""

    truth: dict[str, list[bool]] = field(default_factory=dict)
    score: dict[str, list[float]] = field(default_factory=dict)

    def add(self, label: str, there: bool, probability: float) -> None:
        self.truth.setdefault(label, []).append(there)
        self.score.setdefault(label, []).append(probability)

    def arrays(self) -> Iterator[tuple[str, NDArray[np.bool_], Floats]]:
        """(label, truth, probability) of each label with enough windows of both kinds."""
        for label, values in self.truth.items():
            truth = np.array(values)
            if min(truth.sum(), (~truth).sum()) >= FEWEST:
                yield label, truth, np.array(self.score[label], np.float32)


def listen(model: Model, folder: Path, tally: Tally) -> None:
    """Add one recording's windows to ``tally``."""
    audio = read(folder / "mix.flac", model.rate)
    for window in json.loads((folder / "windows.json").read_text()):
        start = int(window["start_s"]) * model.rate
        said = model(audio[start : start + model.window])
        hits = window["drum_hits"]
        there = {label: label in window["sources"] for label in SOURCES}
        there |= {label: label.replace("-", "") in hits for label in DRUMS}
        there["drums"] = "drums" in window["sources"]
        said["drums"] = max(said[label] for label in DRUMS)
        for label, value in there.items():
            if label not in window["unsure"]:
                tally.add(label, value, said[label])


def figures(truth: NDArray[np.bool_], score: Floats) -> dict[str, float | None]:
    """AUC, F1 at 0.5, precision and recall at 0.7, balanced accuracy at 0.5, and calibration error of one label."""
    yes, sure = score >= 0.5, score >= SURE
    return {
        "share": float(truth.mean()),
        "auc": auc(truth, score),
        "f1": float(2 * (truth & yes).sum() / max(1, truth.sum() + yes.sum())),
        "balanced": float((yes[truth].mean() + (~yes)[~truth].mean()) / 2),
        "precision70": float(truth[sure].mean()) if sure.any() else None,
        "recall70": float(sure[truth].mean()),
        "ece": calibration_error(truth, score),
    }


def calibration_error(truth: NDArray[np.bool_], score: Floats, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins (Naeini et al. 2015), of the probability of the label."""
    place = np.minimum((score * bins).astype(int), bins - 1)
    gaps = [abs(truth[place == b].mean() - score[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(sum(gaps))


def report(tally: Tally) -> dict[str, Any]:
    """Print the table; give the figures of each label and of all."""
    table: dict[str, dict[str, float | None]] = {}
    truths, scores = [], []
    print(f"{'label':8} {'share':>6} {'AUC':>6} {'F1@.5':>6} {'bal@.5':>6} {'P@.7':>6} {'R@.7':>6} {'ECE':>6}")
    for label, truth, score in tally.arrays():
        row = table[label] = figures(truth, score)
        print(f"{label:8}", *(f"{'-' if v is None else f'{v:.3f}':>6}" for v in row.values()))
        truths.append(truth)
        scores.append(score)
    truth, score = np.concatenate(truths), np.concatenate(scores)
    rows = [row for label, row in table.items()]
    total = {
        "mean_auc": float(np.mean([row["auc"] for row in rows])),
        "mean_f1": float(np.mean([row["f1"] for row in rows])),
        "right_when_70_sure": float(truth[score >= SURE].mean()) if (score >= SURE).any() else None,
        "mean_recall70": float(np.mean([row["recall70"] for row in rows])),
        "ece": calibration_error(truth, score),
    }
    return {"labels": table, **total}


def plot(tally: Tally, path: Path) -> None:
    """Draw the reliability diagram of all labels together: share right against probability said."""
    truth = np.concatenate([t for _, t, _ in tally.arrays()])
    score = np.concatenate([s for _, _, s in tally.arrays()])
    place = np.minimum((score * 10).astype(int), 9)
    used = [b for b in range(10) if (place == b).sum() >= FEWEST]
    figure = Figure(figsize=(4, 4), dpi=80)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    said, right = [score[place == b].mean() for b in used], [truth[place == b].mean() for b in used]
    axes.plot(said, right, "o-", color="tab:blue")
    for b, x, y in zip(used, said, right, strict=True):
        axes.annotate(str(int((place == b).sum())), (x, y), textcoords="offset points", xytext=(6, -10), fontsize=7)
    axes.set(xlabel="probability said", ylabel="share right", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"{len(truth)} decisions, ECE {calibration_error(truth, score):.3f}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": ""})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--plot", type=Path, help="write a reliability diagram (PNG) here")
    options = parser.parse_args()
    model, tally = Model(options.model), Tally()
    cases = sorted(p.parent for p in options.folder.glob("*/windows.json"))
    if not cases:
        parser.error(f"{options.folder} holds no recording with a windows.json")
    for case in cases:
        listen(model, case, tally)
    total = report(tally)
    if options.plot:
        plot(tally, options.plot)
    total |= {"windows": model.windows, "milliseconds_a_window": 1000 * model.seconds / model.windows}
    print(json.dumps(total))


if __name__ == "__main__":
    main()
