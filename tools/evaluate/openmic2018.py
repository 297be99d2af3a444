"""OpenMIC-2018: 20 instruments in 10 s excerpts (Humphrey et al. 2018); mean average precision."""

from pathlib import Path
from typing import Any

import numpy as np

from tools.evaluate.clips import Clip, Names, classify, print_omitted
from tools.evaluate.dataset import check_complete, load_dataset
from tools.evaluate.model import Model
from tools.metrics import average_precision, cell, precision_recall_f1
from tools.train.labels import DRUMS

NAMES: Names = {
    "accordion": (),
    "banjo": (),
    "bass": ("bass",),
    "cello": ("cello",),
    "clarinet": (),
    "cymbals": ("hi-hat", "crash", "splash", "ride"),
    "drums": DRUMS,
    "flute": ("flute",),
    "guitar": ("guitar",),
    "mallet_percussion": (),
    "mandolin": (),
    "organ": ("organ",),
    "piano": ("piano",),
    "saxophone": ("sax",),
    "synthesizer": ("synth",),
    "trombone": ("brass",),
    "trumpet": ("brass",),
    "ukulele": (),
    "violin": ("violin",),
    "voice": ("vocal",),
}
SPLIT = "split01_test"
SURE = 0.5  # relevance from which an instrument counts as present, as in the data set's own baseline
NEEDS = ["openmic-2018-metadata.csv", "openmic-2018-aggregated-labels.csv", f"partitions/{SPLIT}.csv"]


def evaluate(folder: Path, model: Model) -> dict[str, Any]:
    """Print the table of the test split, each instrument over the clips annotated for it."""
    dataset = load_dataset("openmic2018", folder, needs=NEEDS)
    tracks = [one for one in dataset.load_tracks().values() if one.split == SPLIT]
    check_complete("openmic2018", (one.audio_path for one in tracks))
    annotated = [{name: relevance >= SURE for name, relevance in one.instruments.items()} for one in tracks]
    clips = [Clip(Path(one.audio_path), there) for one, there in zip(tracks, annotated, strict=True)]
    print(f"{'class':12} {'clips':>6} {'share':>7} {'AP':>7} {'F1':>7}  labels")
    table: dict[str, dict[str, float]] = {}
    for name, of in classify(model, clips, NAMES).items():
        if not of.truth.any():
            continue
        table[name] = {
            "clips": len(of.truth),
            "share": float(of.truth.mean()),
            "average_precision": average_precision(of.truth, of.score),
            "f1": precision_recall_f1(of.truth, of.yes)[2],
        }
        count, *rest = table[name].values()
        print(f"{name:12} {int(count):6}", *(cell(value) for value in rest), "", ", ".join(NAMES[name]))
    print_omitted(NAMES)
    total = {
        "map": float(np.mean([row["average_precision"] for row in table.values()])) if table else None,
        "macro_f1": float(np.mean([row["f1"] for row in table.values()])) if table else None,
    }
    print(f"mean average precision {cell(total['map'], 0)} (published, all twenty: .843 to .855); F1 at own thresholds")
    return {"classes": table, **total, "clips": len(clips)}
