"""Slakh2100: bass, drums, guitar and piano of synthesised songs, second by second, beside Blaszke & Kostek 2022."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.song import load_song
from engine.errors import UsageError
from tools.evaluate.clips import decisions, with_progress
from tools.evaluate.dataset import check_complete, load_dataset
from tools.evaluate.model import Model
from tools.metrics import Floats, auc, balanced_accuracy, cell, precision_recall_f1
from tools.train.labels import DRUMS

GROUPS = {"bass": ("bass",), "drums": DRUMS, "guitar": ("guitar",), "piano": ("piano",)}
THEIRS = {"bass": 0.95, "drums": 0.99, "guitar": 0.82, "piano": 0.89}  # F1
THERE_DB = -20.0  # against all stems together
SILENT_DB = -60.0  # full scale; where all is silent there is nothing to classify
VERSIONS = {"slakh2100_flac_redux": "2100-redux", "babyslakh_16k": "baby"}


def evaluate(folder: Path, model: Model) -> dict[str, Any]:
    """Print the table of the test split of Slakh2100-redux, or of all of babyslakh, whichever the folder holds."""
    version = next((version for place, version in VERSIONS.items() if (folder / place).is_dir()), None)
    if version is None:
        raise UsageError(f"slakh: neither {' nor '.join(VERSIONS)} is in {folder}: unpack one of them there")
    dataset = load_dataset("slakh", folder, version)
    songs = [dataset.multitrack(name) for name in dataset.mtrack_ids]
    songs = [song for song in songs if song.split in ("test", None)]
    for song in songs:
        check_complete("slakh", (song.mix_path, song.metadata_path))
        check_complete("slakh", (stem.audio_path for stem in song.tracks.values() if stem.audio_path))
    rows: dict[str, list[tuple[bool, float, bool]]] = {group: [] for group in GROUPS}
    for song in with_progress(songs):
        mix = load_song(Path(song.mix_path)).mono(model.rate)
        for second, there in enumerate(truth(song)):
            window = mix[second * model.rate : (second + 1) * model.rate]
            if there is None or len(window) < model.rate:
                continue
            probabilities = model(window)
            for group, labels in GROUPS.items():
                yes = any(probabilities[label] >= model.thresholds[label] for label in labels)
                rows[group].append((there[group], max(probabilities[label] for label in labels), yes))
    print(f"{'group':7} {'share':>7} {'P':>7} {'R':>7} {'F1':>7} {'F1@.5':>7} {'theirs':>7} {'always':>7}", end="")
    print(f" {'AUC':>7} {'bal':>7}")
    table: dict[str, dict[str, float | None]] = {}
    for group, of_group in rows.items():
        of = decisions(of_group)
        precision, recall, f1 = precision_recall_f1(of.truth, of.yes)
        table[group] = {
            "share": float(of.truth.mean()) if len(of.truth) else 0.0,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "f1_half": precision_recall_f1(of.truth, of.score >= 0.5)[2],
            "theirs": THEIRS[group],
            "always_yes": precision_recall_f1(of.truth, np.ones_like(of.truth))[2],
            "auc": auc(of.truth, of.score),
            "balanced": balanced_accuracy(of.truth, of.yes),
        }
        print(f"{group:7}", *(cell(value) for value in table[group].values()))
    print("P, R, F1 and bal at the model's own thresholds; 'always' is the F1 of saying yes every time; their windows")
    print("are longer than the second used here.")
    return {"classes": table, "version": version, "songs": len(songs)}


def truth(song: Any) -> list[dict[str, bool] | None]:
    """For each whole second of a mirdata multitrack whether each group is within 20 dB of all stems; None in silence.

    Groups go by General MIDI program, as mirdata sorts them; a stem without sound is passed over.
    """
    stems = [(stem.mixing_group, load_song(Path(stem.audio_path))) for stem in song.tracks.values() if stem.audio_path]
    if not stems:
        return []
    rate = stems[0][1].rate
    longest = max(len(stem.samples) for _, stem in stems) // rate * rate
    summed = {group: np.zeros(longest, np.float32) for group in (*GROUPS, "all")}
    for group, stem in stems:
        sound = stem.mono(rate)[:longest]
        for into in {group if group in GROUPS else "all", "all"}:
            summed[into][: len(sound)] += sound
    level = {group: power(sound, rate) for group, sound in summed.items()}
    least = level["all"] * 10 ** (THERE_DB / 10)
    audible = level["all"] > 10 ** (SILENT_DB / 10)
    seconds = range(longest // rate)
    return [{g: bool(level[g][s] >= least[s]) for g in GROUPS} if audible[s] else None for s in seconds]


def power(sound: Floats, rate: int) -> NDArray[np.float64]:
    """Mean square of each whole second of [n] samples."""
    return np.asarray(np.square(sound.astype(np.float64)).reshape(-1, rate).mean(axis=1))
