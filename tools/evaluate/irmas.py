"""IRMAS: the predominant instruments of excerpts of 5 to 20 s (Bosch et al. 2012); micro and macro F1, testing set."""

from pathlib import Path
from typing import Any

import numpy as np

from tools.evaluate.clips import Clip, Names, classify, print_omitted
from tools.evaluate.dataset import check_complete, load_dataset
from tools.evaluate.model import Model
from tools.metrics import cell, precision_recall_f1

CODES = {
    "cel": "cello",
    "cla": "clarinet",
    "flu": "flute",
    "gac": "guitar",
    "gel": "guitar",
    "org": "organ",
    "pia": "piano",
    "sax": "saxophone",
    "tru": "trumpet",
    "vio": "violin",
    "voi": "voice",
}
NAMES: Names = {
    "cello": ("cello",),
    "clarinet": (),
    "flute": ("flute",),
    "guitar": ("guitar",),
    "organ": ("organ",),
    "piano": ("piano",),
    "saxophone": ("sax",),
    "trumpet": ("brass",),
    "violin": ("violin",),
    "voice": ("vocal",),
}


def evaluate(folder: Path, model: Model) -> dict[str, Any]:
    """Print the table of the testing set. Acoustic and electric guitar are one class here."""
    dataset = load_dataset("irmas", folder)
    tracks = [one for one in dataset.load_tracks().values() if one.split == "test"]
    check_complete("irmas", (path for one in tracks for path in (one.audio_path, one.annotation_path)))
    clips = []
    for one in tracks:
        present = {CODES[code] for code in one.instrument}
        clips.append(Clip(Path(one.audio_path), {name: name in present for name in NAMES}))
    by_name = classify(model, clips, NAMES)
    print(f"{'class':10} {'label':7} {'share':>7} {'P':>7} {'R':>7} {'F1':>7} {'F1@.5':>7}")
    table: dict[str, dict[str, float]] = {}
    for name, of in by_name.items():
        precision, recall, f1 = precision_recall_f1(of.truth, of.yes)
        half = precision_recall_f1(of.truth, of.score >= 0.5)[2]
        share = float(of.truth.mean()) if len(of.truth) else 0.0
        table[name] = {"share": share, "precision": precision, "recall": recall, "f1": f1, "f1_half": half}
        print(f"{name:10} {NAMES[name][0]:7}", *(cell(value) for value in table[name].values()))
    truth = np.concatenate([of.truth for of in by_name.values()])
    yes = np.concatenate([of.yes for of in by_name.values()])
    total = {
        "micro_f1": precision_recall_f1(truth, yes)[2],
        "macro_f1": float(np.mean([row["f1"] for row in table.values()])),
    }
    print_omitted(NAMES)
    print("P, R and F1 at the model's own thresholds; gac and gel are one class; all that sounds counts, not only")
    print(f"predominant instruments. Micro F1 {total['micro_f1']:.3f}, macro {total['macro_f1']:.3f}", end=" ")
    print("(Han et al. 2017, all eleven: .602 and .503)")
    return {"classes": table, **total, "clips": len(clips)}
