"""Medley-solos-DB: which of eight instruments plays alone (Lostanlen & Cella 2016); accuracy class by class."""

from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.song import load_song
from tools.evaluate.clips import Names, instrument_scores, print_omitted, split_names, with_progress
from tools.evaluate.dataset import check_complete, load_dataset
from tools.evaluate.model import Model
from tools.metrics import cell

NAMES: Names = {
    "clarinet": (),
    "distorted electric guitar": ("guitar",),
    "female singer": ("vocal",),
    "flute": ("flute",),
    "piano": ("piano",),
    "tenor saxophone": ("sax",),
    "trumpet": ("brass",),
    "violin": ("violin",),
}
PUBLISHED = 0.740  # all eight classes, hybrid of spiral and plain convolutions


def evaluate(folder: Path, model: Model) -> dict[str, Any]:
    """Print the table of the test split; a clip is predicted for the most probable class of those that we have."""
    dataset = load_dataset("medley_solos_db", folder, needs=["annotation/Medley-solos-DB_metadata.csv"])
    tracks = [one for one in dataset.load_tracks().values() if one.subset == "test"]
    ours, _ = split_names(NAMES)
    tracks = [one for one in tracks if one.instrument in ours]
    check_complete("medley_solos_db", (one.audio_path for one in tracks))
    predicted: dict[str, list[str]] = {name: [] for name in ours}
    for one in with_progress(tracks):
        scores = instrument_scores(NAMES, model.clip(load_song(Path(one.audio_path)).mono(model.rate)))
        predicted[one.instrument].append(max(scores, key=scores.__getitem__))
    print(f"{'class':26} {'label':7} {'clips':>6} {'right':>7}  most often predicted for")
    right: dict[str, float] = {}
    for name, answers in predicted.items():
        if not answers:
            continue
        right[name] = answers.count(name) / len(answers)
        wrong = [answer for answer in answers if answer != name]
        other = max(sorted(set(wrong)), key=wrong.count) if wrong else "-"
        print(f"{name:26} {NAMES[name][0]:7} {len(answers):6} {cell(right[name])}  {other}")
    print_omitted(NAMES)
    clips = sum(map(len, predicted.values()))
    total = {
        "mean_accuracy": float(np.mean(list(right.values()))) if right else None,
        "accuracy": sum(answers.count(name) for name, answers in predicted.items()) / max(1, clips),
    }
    print(f"mean over classes {cell(total['mean_accuracy'], 0)} (published, all eight: {PUBLISHED:.3f})")
    return {"classes": right, **total, "clips": clips}
