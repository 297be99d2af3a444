"""Clips with instruments named by a data set, heard by the classifier: the data set's names against ours."""

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
"""A data set's name of an instrument -> labels of ours, any of which says it; none where we have no label for it."""


@dataclass(frozen=True)
class Clip:
    """One excerpt and which instruments are in it; an instrument that nobody judged is not in ``there``."""

    path: Path
    there: Mapping[str, bool]


@dataclass(frozen=True)
class Decisions:
    """Of one instrument: whether it is there, how probable we say it is, and whether a label passes its threshold."""

    truth: Bools
    score: Floats
    yes: Bools


def split_names(names: Names) -> tuple[list[str], list[str]]:
    """The data set's instruments that we have a label for, and those that are left out."""
    return [name for name, labels in names.items() if labels], [name for name, labels in names.items() if not labels]


def says(names: Names, said: Mapping[str, float]) -> dict[str, float]:
    """Probability of each of the data set's instruments: of the most probable of its labels."""
    return {name: max(said[label] for label in labels) for name, labels in names.items() if labels}


def hear(model: Model, clips: Sequence[Clip], names: Names) -> dict[str, Decisions]:
    """Hear every clip whole (`Model.clip`); decisions by the data set's instrument, over the clips judged for it."""
    rows: dict[str, list[tuple[bool, float, bool]]] = {name: [] for name in split_names(names)[0]}
    for clip in following(clips):
        said = model.clip(load_song(clip.path).mono(model.rate))
        scores = says(names, said)
        for name, of_one in rows.items():
            if name in clip.there:
                yes = any(said[label] >= model.thresholds[label] for label in names[name])
                of_one.append((clip.there[name], scores[name], yes))
    return {name: decisions(of_one) for name, of_one in rows.items()}


def decisions(rows: Iterable[tuple[bool, float, bool]]) -> Decisions:
    """Rows of (there, probability, passes its threshold) as arrays."""
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return Decisions(np.array(columns[0], bool), np.array(columns[1], np.float32), np.array(columns[2], bool))


def following(items: Sequence[T]) -> Iterable[T]:
    """The items, with a bar on stderr while it is a terminal."""
    console = Console(stderr=True)
    return track(items, "hearing", console=console, transient=True, disable=not console.is_terminal)


def left_out(names: Names) -> None:
    """Say which instruments of the data set have no label here."""
    if missing := split_names(names)[1]:
        print(f"left out, for want of a label: {', '.join(missing)}")
