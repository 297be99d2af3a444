"""Classification of the clips of a data set, with its instrument names mapped to our labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.audio.song import load_song
from tools.evaluate.model import Model
from tools.metrics import Bools, Floats

T = TypeVar("T")
Names = Mapping[str, tuple[str, ...]]
"""A data set's name of an instrument -> our labels for it; empty if there is none."""


@dataclass(frozen=True)
class Clip:
    """One excerpt and its annotation: instrument -> present; without the instruments that are not annotated."""

    path: Path
    there: Mapping[str, bool]


@dataclass(frozen=True)
class Decisions:
    """Of one instrument, by clip: ground truth, probability, and whether a label passes its threshold."""

    truth: Bools
    score: Floats
    yes: Bools


def split_names(names: Names) -> tuple[list[str], list[str]]:
    """The data set's instruments with a label of ours, and those without."""
    return [name for name, labels in names.items() if labels], [name for name, labels in names.items() if not labels]


def instrument_scores(names: Names, probabilities: Mapping[str, float]) -> dict[str, float]:
    """Probability of each of the data set's instruments: of the most probable of its labels."""
    return {name: max(probabilities[label] for label in labels) for name, labels in names.items() if labels}


def classify(model: Model, clips: Sequence[Clip], names: Names) -> dict[str, Decisions]:
    """Classify every clip (`Model.clip`); decisions by instrument, over the clips annotated for it."""
    rows: dict[str, list[tuple[bool, float, bool]]] = {name: [] for name in split_names(names)[0]}
    for clip in with_progress(clips):
        probabilities = model.clip(load_song(clip.path).mono(model.rate))
        scores = instrument_scores(names, probabilities)
        for name, of_one in rows.items():
            if name in clip.there:
                yes = any(probabilities[label] >= model.thresholds[label] for label in names[name])
                of_one.append((clip.there[name], scores[name], yes))
    return {name: decisions(of_one) for name, of_one in rows.items()}


def decisions(rows: Iterable[tuple[bool, float, bool]]) -> Decisions:
    """Rows of (truth, probability, passes its threshold) as arrays."""
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return Decisions(np.array(columns[0], bool), np.array(columns[1], np.float32), np.array(columns[2], bool))


def with_progress(items: Sequence[T]) -> Iterable[T]:
    """The items, with a progress bar on stderr if that is a terminal."""
    console = Console(stderr=True)
    return track(items, "classifying", console=console, transient=True, disable=not console.is_terminal)


def print_omitted(names: Names) -> None:
    """Print which instruments of the data set have no label here."""
    if missing := split_names(names)[1]:
        print(f"left out, for want of a label: {', '.join(missing)}")
