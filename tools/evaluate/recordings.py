"""Evaluation of the classifier on recordings whose sources and drum hits are annotated per second.

The folder holds one folder a recording, with ``mix.flac`` and ``windows.json``: a list of
{"start_s": 3, "sources": ["bass", "drums", ...], "drum_hits": ["kick", "hihat", ...], "unsure": []}, one for each whole
second. A source is present when it is within 20 dB of the mix, a drum with an onset in the first 0.9 s.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from engine.analysis.instruments import smooth
from engine.audio.song import load_song
from engine.errors import UsageError
from tools.evaluate.model import Model
from tools.metrics import Floats, auc, balanced_accuracy, calibration_error, cell, precision_recall_f1
from tools.train.labels import DRUMS

SOURCES = ("bass", "guitar", "vocal", "piano", "organ", "violin", "cello", "flute", "sax", "brass", "synth", "speech")
SURE = 0.70
FEWEST = 5
"""Least number of windows with and without a label for a row of the table."""


def evaluate(folder: Path, model: Model, picture: Path | None) -> dict[str, Any]:
    """Print two tables of the recordings in ``folder``; give the figures of each label and of all.

    First of raw windows, as of a live input; then of temporally smoothed ones, as of a file. A reliability diagram of
    the first is drawn into ``picture`` (PNG) if given.
    """
    cases = sorted(p.parent for p in folder.glob("*/windows.json"))
    if not cases:
        raise UsageError(f"{folder} holds no recording with a windows.json")
    raw, smoothed = DecisionsByLabel(), DecisionsByLabel()
    for case in cases:
        classify(model, case, raw, smoothed)
    print("raw windows, as of a live input")
    total = report(raw)
    print("windows smoothed over time, as of a file")
    total["in_a_file"] = report(smoothed)
    if picture:
        plot(raw, picture)
    return total


@dataclass
class DecisionsByLabel:
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


def classify(model: Model, folder: Path, raw: DecisionsByLabel, smoothed: DecisionsByLabel) -> None:
    """Classify one recording; add its raw and its smoothed windows."""
    audio = load_song(folder / "mix.flac").mono(model.rate)
    windows = json.loads((folder / "windows.json").read_text())
    count = 1 + max((int(window["start_s"]) for window in windows), default=0)
    rows = [model(audio[second * model.rate :][: model.window]) for second in range(count)]
    matrix = np.array([[row[label] for label in model.labels] for row in rows])
    for window in windows:
        second = int(window["start_s"])
        add(raw, window, rows[second])
        smooth_row = smooth(model.labels, matrix, second, 1.0).tolist()
        add(smoothed, window, dict(zip(model.labels, smooth_row, strict=True)))


def add(decisions: DecisionsByLabel, window: dict[str, Any], probabilities: dict[str, float]) -> None:
    """Add one window's truth and probabilities."""
    hits = window["drum_hits"]
    there = {label: label in window["sources"] for label in SOURCES}
    there |= {label: label.replace("-", "") in hits for label in DRUMS}
    there["drums"] = "drums" in window["sources"]
    probabilities = probabilities | {"drums": max(probabilities[label] for label in DRUMS)}
    for label, value in there.items():
        if label not in window["unsure"]:
            decisions.add(label, value, probabilities[label])


def figures(truth: NDArray[np.bool_], score: Floats) -> dict[str, float | None]:
    """AUC, F1 at 0.5, precision and recall at 0.7, balanced accuracy at 0.5, and calibration error of one label."""
    yes, sure = score >= 0.5, score >= SURE
    return {
        "share": float(truth.mean()),
        "auc": auc(truth, score),
        "f1": precision_recall_f1(truth, yes)[2],
        "balanced": balanced_accuracy(truth, yes),
        "precision70": float(truth[sure].mean()) if sure.any() else None,
        "recall70": float(sure[truth].mean()),
        "ece": calibration_error(truth, score),
    }


def report(decisions: DecisionsByLabel) -> dict[str, Any]:
    """Print the table; give the figures of each label and of all."""
    table: dict[str, dict[str, float | None]] = {}
    truths, scores = [], []
    print(f"{'label':8} {'share':>6} {'AUC':>6} {'F1@.5':>6} {'bal@.5':>6} {'P@.7':>6} {'R@.7':>6} {'ECE':>6}")
    for label, truth, score in decisions.arrays():
        row = table[label] = figures(truth, score)
        print(f"{label:8}", *(cell(v, 6) for v in row.values()))
        truths.append(truth)
        scores.append(score)
    if not truths:
        raise UsageError(f"no label is there in {FEWEST} windows and absent in {FEWEST}: more recordings are needed")
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


def plot(decisions: DecisionsByLabel, path: Path) -> None:
    """Draw the reliability diagram of all labels together: fraction of positives against probability."""
    truth = np.concatenate([t for _, t, _ in decisions.arrays()])
    score = np.concatenate([s for _, _, s in decisions.arrays()])
    place = np.minimum((score * 10).astype(int), 9)
    used = [b for b in range(10) if (place == b).sum() >= FEWEST]
    figure = Figure(figsize=(4, 4), dpi=80)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    mean, right = [score[place == b].mean() for b in used], [truth[place == b].mean() for b in used]
    axes.plot(mean, right, "o-", color="tab:blue")
    for b, x, y in zip(used, mean, right, strict=True):
        axes.annotate(str(int((place == b).sum())), (x, y), textcoords="offset points", xytext=(6, -10), fontsize=7)
    axes.set(xlabel="mean predicted probability", ylabel="fraction of positives", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"{len(truth)} decisions, ECE {calibration_error(truth, score):.3f}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": ""})
