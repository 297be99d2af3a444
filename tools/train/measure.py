"""Measure a model on held-out material: mixtures of held-out soundfonts and single strokes of held-out kits.

    python -m tools.train.measure --data DIR [--model models/onnx/instruments.onnx] [--windows 500]

DIR is what ``python -m tools.train`` filled. Prints a table each ("own" is F1 at the model's thresholds), the time
per window on one thread, then one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tools.metrics import auc, balanced_accuracy, precision_recall_f1
from tools.train import bank
from tools.train.bank import Bank
from tools.train.grooves import DrumNote, groove
from tools.train.kits import OPEN, OTHER, SHAKEN
from tools.train.labels import DRUMS, INDEX, LABELS, SAMPLE_RATE, WINDOW
from tools.train.mixing import SPAN, Labels, Mixer, Random
from tools.train.sound import Sound, add

SEED = 2
PAPER = {"bass": 0.95, "drums": 0.99, "guitar": 0.82, "piano": 0.89}
"""F1 of Blaszke & Kostek (2022) on Slakh, which the arranged mixtures imitate with free material."""
SLAKH = {"bass": 0.80, "drums": 0.905, "guitar": 0.48, "piano": 0.61}
"""Share of Slakh's windows that hold each; "always yes" has an F1 of .89, .95, .65 and .76 there."""
TRIES = 200
"""Windows drawn before the bank is known not to hold what is needed."""
DRUM_COLUMNS = [INDEX[name] for name in DRUMS]

Draw = Callable[[Mixer, Random], tuple[Sound, Labels]]


def run(session: onnxruntime.InferenceSession, sounds: list[Sound]) -> NDArray[np.float32]:
    """Probabilities [windows, labels], one window at a time."""
    rows = [session.run(["probabilities"], {"audio": sound[None].astype(np.float32)})[0][0] for sound in sounds]
    return np.stack(rows)


def random_mix(mixer: Mixer, random: Random) -> tuple[Sound, Labels]:
    """A random mix of bass, drums, guitar and piano, each with a probability of 1/2; drums may be one stroke."""
    names = [name for name in ("bass", "guitar", "piano") if random.random() < 0.5]
    notes, drums = mixer.drumming(random) if random.random() < 0.5 or not names else ([], mixer.silence())
    return mixer.mix(random, [part for name in names if (part := mixer.part(random, name))], notes, drums)


def arranged(mixer: Mixer, random: Random) -> tuple[Sound, Labels]:
    """A mix with the instrument frequencies of Slakh, in which drums play grooves.

    Raises ValueError when the bank lacks an instrument.
    """
    included = {name: random.random() < share for name, share in SLAKH.items()}
    for _ in range(TRIES):
        notes: list[DrumNote] = []
        drums = mixer.silence()
        if included["drums"]:
            strokes = [s for s in groove(random, SPAN / SAMPLE_RATE) if s.piece in mixer.pieces]
            notes, drums = mixer.render_drums(random, strokes)
        names = [name for name in ("bass", "guitar", "piano") if included[name]]
        parts = [part for name in names if (part := mixer.part(random, name))]
        sound, labels = mixer.mix(random, parts, notes, drums)
        held = {name: labels[DRUM_COLUMNS].max() if name == "drums" else labels[INDEX[name]] for name in included}
        if all(held[name] == there for name, there in included.items()):
            return sound, labels
    raise ValueError(f"{TRIES} windows were drawn and none holds just {[name for name in included if included[name]]}")


def mixtures(session: onnxruntime.InferenceSession, held: Bank, count: int, draw: Draw) -> dict[str, dict[str, float]]:
    """Bass, drums, guitar and piano in ``count`` windows: F1 and balanced accuracy at 0.5, own F1, AUC.

    Own F1 is at the thresholds of the model's metadata; drums are there when any drum is.
    """
    thresholds = json.loads(session.get_modelmeta().custom_metadata_map["thresholds"])
    limits = np.array([thresholds[label] for label in LABELS])
    mixer = Mixer(held, True, SEED)
    windows = [draw(mixer, np.random.default_rng([SEED, number])) for number in range(count)]
    predicted, truth = run(session, [sound for sound, _ in windows]), np.stack([labels for _, labels in windows])
    table = {}
    for name in PAPER:
        columns = DRUM_COLUMNS if name == "drums" else [INDEX[name]]
        score, label = predicted[:, columns].max(axis=1), truth[:, columns].max(axis=1)
        known = (truth[:, columns] >= 0).all(axis=1) | (label == 1)
        there, yes = label[known] == 1, score[known] >= 0.5
        own = (predicted[known][:, columns] >= limits[columns]).max(axis=1)
        always = 2 * there.mean() / (1 + there.mean())
        table[name] = {
            "f1": precision_recall_f1(there, yes)[2],
            "f1_own": precision_recall_f1(there, own)[2],
            "always": float(always),
            "balanced": balanced_accuracy(there, yes) or float("nan"),
            "auc": auc(there, score[known]) or float("nan"),
        }
    return table


def single_strokes(session: onnxruntime.InferenceSession, held: Bank) -> dict[str, float]:
    """Share of single strokes for which the right drum is the most probable, by drum and in all."""
    right: dict[str, list[bool]] = {}
    for stroke in held.strokes:
        name = "hi-hat" if stroke.piece == OPEN else stroke.piece
        if not stroke.held_out or name in (OTHER, SHAKEN) or stroke.force < 0.3:
            continue
        sound = np.zeros(WINDOW, np.float32)
        add(sound, held.stroke(stroke) * np.float32(0.3), WINDOW // 10)
        predicted = run(session, [sound])[0, : len(DRUMS)]
        right.setdefault(name, []).append(DRUMS[int(predicted.argmax())] == name)
    table = {name: float(np.mean(values)) for name, values in sorted(right.items())}
    return table | {"mean of drums": float(np.mean(list(table.values())))}


def milliseconds(session: onnxruntime.InferenceSession, count: int = 100) -> dict[str, float]:
    """Median wall time and CPU time of one window on one thread."""
    audio = np.random.default_rng(0).standard_normal((1, WINDOW)).astype(np.float32) * 0.1
    walls, works = [], []
    for _ in range(count):
        wall, work = time.perf_counter(), time.process_time()
        session.run(None, {"audio": audio})
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    return {"clock_ms": 1000 * float(np.median(walls)), "processor_ms": 1000 * float(np.median(works))}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", type=Path, default=Path("models/onnx/instruments.onnx"))
    parser.add_argument("--windows", type=int, default=500)
    given = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(given.model), options, providers=["CPUExecutionProvider"])
    held = bank.load(given.data / "bank")
    total: dict[str, Any] = {}
    for kind, draw in (("arranged", arranged), ("random", random_mix)):
        table = total[f"mixtures {kind}"] = mixtures(session, held, given.windows, draw)
        print(f"mixtures {kind}\n{'':10} {'F1':>6} {'own':>6} {'paper':>6} {'always':>6} {'bal.':>6} {'AUC':>6}")
        for name, row in table.items():
            figures = (row["f1"], row["f1_own"], PAPER[name], row["always"], row["balanced"], row["auc"])
            print(f"{name:10} " + " ".join(f"{figure:6.3f}" for figure in figures))
    total["single_strokes"] = single_strokes(session, held)
    print("single strokes, right drum first:")
    for name, share in total["single_strokes"].items():
        print(f"{name:14} {share:6.3f}")
    total |= milliseconds(session)
    print(json.dumps(total))


if __name__ == "__main__":
    main()
