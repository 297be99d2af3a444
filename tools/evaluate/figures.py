"""Figures of yes-or-no decisions: AUC, precision, recall, F1, balanced accuracy, calibration error."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def auc(truth: Bools, score: Floats) -> float | None:
    """Area under the ROC curve, ties counted half (Mann-Whitney); None where all is there or nothing."""
    there, not_there = int(truth.sum()), int((~truth).sum())
    if not there or not not_there:
        return None
    order = np.sort(score)
    rank = (np.searchsorted(order, score, "left") + np.searchsorted(order, score, "right") + 1) / 2
    return float((rank[truth].sum() - there * (there + 1) / 2) / (there * not_there))


def average_precision(truth: Bools, score: Floats) -> float:
    """Mean of the precision at each score at which more is found, weighed by how much; 0 where nothing is there."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # of those with one score, which count together
    found = np.cumsum(truth[order])[last]
    precision = found / (np.flatnonzero(last) + 1)
    return float((np.diff(found, prepend=0) * precision).sum() / max(1, truth.sum()))


def precision_recall_f1(truth: Bools, yes: Bools) -> tuple[float, float, float]:
    """Precision, recall and F1 of decisions; 0 where nothing was said or was there."""
    hits = float((truth & yes).sum())
    return hits / max(1, yes.sum()), hits / max(1, truth.sum()), 2 * hits / max(1, truth.sum() + yes.sum())


def balanced_accuracy(truth: Bools, yes: Bools) -> float | None:
    """Mean of the shares right among what is there and what is not; None where one of them is empty."""
    if truth.all() or not truth.any():
        return None
    return float((yes[truth].mean() + (~yes)[~truth].mean()) / 2)


def calibration_error(truth: Bools, score: Floats, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins (Naeini et al. 2015), of the probability of the label."""
    place = np.minimum((score * bins).astype(int), bins - 1)
    gaps = [abs(truth[place == b].mean() - score[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(sum(gaps))


def cell(value: float | None, width: int = 7) -> str:
    """A figure as a table prints it."""
    return f"{'-' if value is None else f'{value:.3f}':>{width}}"
