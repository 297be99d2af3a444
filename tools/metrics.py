"""Metrics of binary decisions by scikit-learn, defined for a single class too."""

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def auc(truth: Bools, score: Floats) -> float | None:
    """Area under the ROC curve; None where only one class occurs."""
    return None if truth.all() or not truth.any() else float(metrics.roc_auc_score(truth, score))


def average_precision(truth: Bools, score: Floats) -> float:
    """Average precision; 0 where nothing is positive."""
    return float(metrics.average_precision_score(truth, score)) if truth.any() else 0.0


def precision_recall_f1(truth: Bools, yes: Bools) -> tuple[float, float, float]:
    """Precision, recall and F1 of decisions; 0 where one of them is not defined."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, yes, average="binary", zero_division=0.0)
    return float(precision), float(recall), float(f1)


def balanced_accuracy(truth: Bools, yes: Bools) -> float | None:
    """Mean of the recalls of both classes; None where only one occurs."""
    return None if truth.all() or not truth.any() else float(metrics.balanced_accuracy_score(truth, yes))


def calibration_error(truth: Bools, score: Floats, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins (Naeini et al. 2015), of the probability of the label."""
    place = np.minimum((score * bins).astype(int), bins - 1)
    gaps = [abs(truth[place == b].mean() - score[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(sum(gaps))


def cell(value: float | None, width: int = 7) -> str:
    """A figure as a table prints it."""
    return f"{'-' if value is None else f'{value:.3f}':>{width}}"
