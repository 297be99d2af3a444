"""Fitting the trainable part to windows already heard, and measuring it on held-out ones."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tools.metrics import auc
from tools.train.features import Heard
from tools.train.labels import LABELS
from tools.train.network import Judge

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """How to fit: passes over the data, windows a step, top learning rate, decay of weights."""

    passes: int = 6
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.02
    smooth: float = 0.01


def tensors(heard: Heard, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows as float tensors: high, low, features, labels."""
    parts = (heard.high, heard.low, heard.features, heard.labels)
    high, low, features, labels = (torch.from_numpy(np.asarray(part[rows], np.float32)) for part in parts)
    return high, low, features, labels


def rarity(labels: NDArray[np.int8]) -> Tensor:
    """How much more a label's presence weighs than its absence: the root of how much rarer it is, 1 to 4."""
    there = (labels == 1).mean(axis=0)
    return torch.tensor(np.clip(np.sqrt((1 - there) / np.maximum(there, 1e-3)), 1, 4), dtype=torch.float32)


def loss_of(scores: Tensor, labels: Tensor, weight: Tensor, smooth: float) -> Tensor:
    """Binary cross-entropy where the label is known (not -1), presence weighted, targets smoothed a little."""
    known = (labels >= 0).float()
    target = labels.clamp(min=0) * (1 - 2 * smooth) + smooth
    losses = functional.binary_cross_entropy_with_logits(scores, target, reduction="none", pos_weight=weight)
    return (losses * known).sum() / known.sum()


def vary(high: Tensor, low: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Small changes that should not matter: tone of the bands, noise on the features, bands or moments blanked."""
    count = len(high)
    tilt = torch.randn(count, 1, 4) * 0.7
    high = high + functional.interpolate(tilt, high.shape[2], mode="linear", align_corners=True)
    low = low + torch.randn(count, 1, 1) * 0.5 + torch.randn(count, 1, 1) * 0.4 * torch.linspace(-1, 1, low.shape[2])
    if torch.rand(()) < 0.5:
        first = int(torch.randint(0, high.shape[2] - 8, ()))
        high = high.clone()
        high[: count // 2, :, first : first + 8] = high[: count // 2].mean((1, 2), keepdim=True)
    return high, low, features * (1 + 0.05 * torch.randn_like(features))


def fit(judge: Judge, heard: Heard, plan: Plan, seed: int) -> None:
    """Fit in place: AdamW, one warm-up and cosine."""
    torch.manual_seed(seed)
    random = np.random.default_rng([seed, 5])
    optimiser = torch.optim.AdamW(judge.parameters(), plan.rate, weight_decay=plan.decay)
    steps = plan.passes * (len(heard) // plan.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=steps + 1, pct_start=0.1)
    began, weight = time.monotonic(), rarity(heard.labels)
    for number in range(plan.passes):
        judge.train()
        total = 0.0
        for rows in np.array_split(random.permutation(len(heard)), len(heard) // plan.batch):
            high, low, features, labels = tensors(heard, np.sort(rows))
            high, low, features = vary(high, low, features)
            joined, own, told = judge(high, low, features)
            loss = loss_of(joined, labels, weight, plan.smooth)
            loss = loss + 0.3 * sum(loss_of(part, labels, weight, plan.smooth) for part in (own, told))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(judge.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        mean, spent = total / (len(heard) // plan.batch), time.monotonic() - began
        print(f"pass {number + 1}/{plan.passes}: loss {mean:.4f}, {spent:.0f} s", flush=True)
    judge.eval()


def scores(judge: nn.Module, heard: Heard, batch: int = 256) -> tuple[Scores, Scores, Scores]:
    """Joined, ear's and trunk's scores of every window: three arrays [n, labels]."""
    judge.eval()
    rows: list[list[Scores]] = [[], [], []]
    with torch.no_grad():
        for start in range(0, len(heard), batch):
            high, low, features, _ = tensors(heard, np.arange(start, min(start + batch, len(heard))))
            for kept, part in zip(rows, judge(high, low, features), strict=True):
                kept.append(part.numpy())
    first, second, third = (np.concatenate(part) for part in rows)
    return first, second, third


def areas(score: Scores, labels: NDArray[np.int8]) -> dict[str, float]:
    """Area under the ROC curve of each label that occurs, over the windows where it is known."""
    out = {}
    for i, name in enumerate(LABELS):
        known = labels[:, i] >= 0
        truth = labels[known, i] == 1
        if (value := auc(truth, score[known, i])) is not None:
            out[name] = value
    return out
