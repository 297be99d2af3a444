"""Train the instrument classifier from scratch: render, extract features, train, calibrate, export.

    python -m tools.train --data DIR [--seed 1] [--windows 11520] [--out models/onnx/instruments.onnx]

Needs the `train` extra, and `pip install --no-deps musicnn==0.1.0`: that package asks for TensorFlow and an old numpy,
but only its weights are read.

DIR/sources holds the sources that tools/train/sources.py names, each in a folder of its repository's name, the tonejs
packages under DIR/sources/tonejs, and the @audio-samples packages together under DIR/sources/salamander. What is
rendered goes to DIR/bank, extracted features to DIR/features; both are reused by a later run with the same DIR:
delete them to start from scratch.
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
from tools.train.export import ModelMetadata, export
from tools.train.features import FeatureSet
from tools.train.labels import LABELS
from tools.train.mixing import BANDS, Band
from tools.train.network import Classifier, Ensemble, FeatureExtractor, TrainableNetwork
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
        "--windows", type=int, default=11_520, help="training windows per member; a tenth as many are held out"
    )
    parser.add_argument("--share", type=float, default=1.0, help="how much of the bank to render, for trials")
    parser.add_argument("--epochs", type=int, default=fit.Hyperparameters.epochs)
    parser.add_argument("--members", type=int, default=2, help="networks in the ensemble")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("models/onnx/instruments.onnx"))
    return parser.parse_args()


def main() -> None:
    """Run the stages and print the time after each."""
    given = options()
    began = time.monotonic()

    def log(message: str) -> None:
        print(f"{time.monotonic() - began:7.0f} s  {message}", flush=True)

    torch.set_num_threads(given.threads)
    bank_folder = given.data / "bank"
    if not (bank_folder / "bank.json").exists():
        bank.build(bank_folder, given.data / "sources", given.seed, given.share)
    log("bank rendered")

    def extracted(name: str, held_out: bool, count: int, bands: list[Band]) -> FeatureSet:
        folder = given.data / "features" / name
        if not (folder / "count.json").exists():
            features.extract(bank_folder, folder, held_out, given.seed, count, given.threads, bands)
        log(f"{name}: features extracted")
        return features.load(folder)

    members: list[TrainableNetwork] = []
    training_features = []
    for number in range(given.members):
        windows = extracted(f"train {number + 1}", False, given.windows, [BANDS[number % len(BANDS)]])
        torch.manual_seed(given.seed + number)
        network = TrainableNetwork()
        fit.fit(network, windows, fit.Hyperparameters(epochs=given.epochs), given.seed + number)
        network.head.quantize()
        members.append(network)
        training_features.append(windows.features)
        log(f"member {number + 1} of {given.members} trained")
    ensemble = Ensemble(members)

    held_out = extracted("held out", True, given.windows // 10, list(BANDS))
    scores, labels = fit.scores(ensemble, held_out)[0][:, : len(LABELS)], held_out.labels[:, : len(LABELS)]
    slopes, offsets = calibrate.calibrate(scores, labels)
    probabilities = calibrate.sigmoid(scores * slopes + offsets)
    print(json.dumps({"held_out_auc": fit.areas(scores, labels)}))
    classifier = Classifier(FeatureExtractor(), ensemble)
    classifier.slope, classifier.offset = torch.tensor(slopes), torch.tensor(offsets)
    classifier.prune_constant(np.concatenate(training_features))
    metadata = ModelMetadata(
        calibrate.thresholds(probabilities, labels),
        calibrate.confusion(probabilities, labels),
        [asdict(source) for source in SOURCES],
        VERSION,
    )
    export(classifier, metadata, given.out)
    log(f"written to {given.out}")


if __name__ == "__main__":
    main()
