"""Train the instrument classifier from nothing: render, hear, fit, calibrate, export.

    python -m tools.train --data DIR [--seed 1] [--windows 11520] [--out models/onnx/instruments.onnx]

Needs the `train` extra, and `pip install --no-deps musicnn==0.1.0`: that package asks for TensorFlow and an old numpy,
but only its weights are read.

DIR/sources holds the sources that tools/train/sources.py names, each in a folder of its repository's name, the tonejs
packages under DIR/sources/tonejs, and the @audio-samples packages together under DIR/sources/salamander. What is
rendered goes to DIR/bank, what is heard to DIR/heard; both are kept and used again by a later run with the same DIR:
delete them to start from nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from tools.train import bank, calibrate, features, fit
from tools.train.export import Facts, export
from tools.train.features import Heard
from tools.train.labels import LABELS
from tools.train.mixing import BANDS, Band
from tools.train.network import Classifier, Judge, Judges, Listener
from tools.train.sources import SOURCES

VERSION = "1.2.0"


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--windows", type=int, default=11_520, help="training windows a judge; a tenth as many are held out"
    )
    parser.add_argument("--share", type=float, default=1.0, help="how much of the bank to render, for trials")
    parser.add_argument("--passes", type=int, default=fit.Plan.passes)
    parser.add_argument("--judges", type=int, default=2, help="how many are fitted, to be heard together")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("models/onnx/instruments.onnx"))
    return parser.parse_args()


def main() -> None:
    """Run the stages, saying how long each took."""
    given = options()
    began = time.monotonic()

    def said(what: str) -> None:
        print(f"{time.monotonic() - began:7.0f} s  {what}", flush=True)

    torch.set_num_threads(given.threads)
    bank_folder = given.data / "bank"
    if not (bank_folder / "bank.json").exists():
        bank.build(bank_folder, given.data / "sources", given.seed, given.share)
    said("bank rendered")

    def heard(name: str, kept: bool, count: int, bands: list[Band]) -> Heard:
        folder = given.data / "heard" / name
        if not (folder / "count.json").exists():
            features.hear(bank_folder, folder, kept, given.seed, count, given.threads, bands)
        said(f"{name}: windows heard")
        return features.load(folder)

    fitted: list[Judge] = []
    listened = []
    for number in range(given.judges):
        windows = heard(f"train {number + 1}", False, given.windows, [BANDS[number % len(BANDS)]])
        torch.manual_seed(given.seed + number)
        judge = Judge()
        fit.fit(judge, windows, fit.Plan(passes=given.passes), given.seed + number)
        judge.head.pack()
        fitted.append(judge)
        listened.append(windows.features)
        said(f"judge {number + 1} of {given.judges} fitted")
    judges = Judges(fitted)

    held_out = heard("held out", True, given.windows // 10, list(BANDS))
    scores, labels = fit.scores(judges, held_out)[0][:, : len(LABELS)], held_out.labels[:, : len(LABELS)]
    slopes, offsets = calibrate.calibrate(scores, labels)
    probabilities = calibrate.sigmoid(scores * slopes + offsets)
    print(json.dumps({"held_out_auc": fit.areas(scores, labels)}))
    classifier = Classifier(Listener(), judges)
    classifier.slope, classifier.offset = torch.tensor(slopes), torch.tensor(offsets)
    classifier.leave_out(np.concatenate(listened))
    facts = Facts(
        calibrate.thresholds(probabilities, labels),
        calibrate.confusion(probabilities, labels),
        [asdict(source) for source in SOURCES],
        VERSION,
    )
    export(classifier, facts, given.out)
    said(f"written to {given.out}")


if __name__ == "__main__":
    main()
