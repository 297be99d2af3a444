"""Platt calibration, thresholds per label, and label confusion, from logits of held-out windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.train.labels import DRUMS, LABELS

Scores = NDArray[np.float32]
Labels = NDArray[np.int8]

FULL = 4
"""Least number of labels in a window for calibration: in songs several instruments play together."""
RIDGE = 1e-3
"""Regularization of slope and offset towards 1 and 0, for rare labels."""


def sigmoid(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logistic function."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x.astype(np.float64), -50, 50))))


def platt(score: Scores, truth: NDArray[np.bool_], rounds: int = 60) -> tuple[float, float]:
    """Slope and offset of Platt (1999), by Newton's method on the ridged log loss."""
    slope, offset = 1.0, 0.0
    x = score.astype(np.float64)
    for _ in range(rounds):
        p = sigmoid(slope * x + offset)
        error, weight = p - truth, np.maximum(p * (1 - p), 1e-9)
        gradient = np.array([(error * x).mean() + RIDGE * (slope - 1), error.mean() + RIDGE * offset])
        cross = (weight * x).mean()
        hessian = np.array([[(weight * x * x).mean() + RIDGE, cross], [cross, weight.mean() + RIDGE]])
        step = np.linalg.solve(hessian, gradient)
        slope, offset = slope - step[0], offset - step[1]
        if np.abs(step).max() < 1e-8:
            break
    return float(slope), float(offset)


def calibrate(scores: Scores, labels: Labels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slopes and offsets of all labels, from logits and labels [windows, labels] of held-out windows."""
    full = (labels == 1).sum(axis=1) >= FULL
    scores, labels = scores[full], labels[full]
    slopes, offsets = np.ones(len(LABELS), np.float32), np.zeros(len(LABELS), np.float32)
    for i in range(len(LABELS)):
        known = labels[:, i] >= 0
        truth = labels[known, i] == 1
        if 10 <= truth.sum() <= len(truth) - 10:
            slopes[i], offsets[i] = platt(scores[known, i], truth)
    return slopes, offsets


def thresholds(probabilities: NDArray[np.float64], labels: Labels) -> dict[str, float]:
    """The threshold with the best F1 on held-out windows, by label."""
    best = {}
    for i, name in enumerate(LABELS):
        known = labels[:, i] >= 0
        truth, p = labels[known, i] == 1, probabilities[known, i]
        grid = np.arange(0.1, 0.91, 0.05)
        f1 = [2 * (truth & (p >= t)).sum() / max(1, truth.sum() + (p >= t).sum()) for t in grid]
        best[name] = round(float(grid[int(np.argmax(f1))]), 2)
    return best


def confusion(probabilities: NDArray[np.float64], labels: Labels, keep: int = 8) -> dict[str, dict[str, float]]:
    """Weights of the labels that each label is confused with, largest first, at most ``keep``; they sum to 1.

    A weight grows with the mean probability of one label in windows that hold only the other, relative to its mean over
    all windows without it, so that common labels are not everything's neighbour. It is symmetric, and a quarter between
    drums and other labels.
    """
    drum = np.array([name in DRUMS for name in LABELS])
    lacking = labels == 0
    usual = (probabilities * lacking).sum(axis=0) / np.maximum(lacking.sum(axis=0), 1)
    seems = np.zeros((len(LABELS), len(LABELS)))
    for i in range(len(LABELS)):
        there = labels[:, i] == 1
        absent = labels[there] == 0
        mean = (probabilities[there] * absent).sum(axis=0) / np.maximum(absent.sum(axis=0), 1)
        seems[i] = mean * mean / np.maximum(usual, 1e-6)
        seems[i, drum != drum[i]] *= 0.25
    alike = seems + seems.T
    np.fill_diagonal(alike, 0.0)
    table = {}
    for i, name in enumerate(LABELS):
        order = [j for j in np.argsort(-alike[i])[:keep] if alike[i, j] > 0]
        total = float(alike[i, order].sum()) or 1.0
        table[name] = {LABELS[j]: round(float(alike[i, j]) / total, 4) for j in order}
    return table
