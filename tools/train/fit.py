"""Training of the network on extracted features, and its logits and AUC on held-out windows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tools.metrics import auc
from tools.train.features import FeatureSet
from tools.train.labels import LABELS
from tools.train.network import TrainableNetwork

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Hyperparameters:
    """Epochs, windows per step, peak learning rate, weight decay, label smoothing."""

    epochs: int = 6
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.02
    smooth: float = 0.01


def tensors(data: FeatureSet, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows as float tensors: high, low, features, labels."""
    parts = (data.high, data.low, data.features, data.labels)
    high, low, features, labels = (torch.from_numpy(np.asarray(part[rows], np.float32)) for part in parts)
    return high, low, features, labels


def positive_weights(labels: NDArray[np.int8]) -> Tensor:
    """Positive class weights: the root of the ratio of negatives to positives, from 1 to 4."""
    there = (labels == 1).mean(axis=0)
    return torch.tensor(np.clip(np.sqrt((1 - there) / np.maximum(there, 1e-3)), 1, 4), dtype=torch.float32)


def loss_of(logits: Tensor, labels: Tensor, weight: Tensor, smooth: float) -> Tensor:
    """Weighted binary cross-entropy with label smoothing, over the labels that are known (not -1)."""
    known = (labels >= 0).float()
    target = labels.clamp(min=0) * (1 - 2 * smooth) + smooth
    losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none", pos_weight=weight)
    return (losses * known).sum() / known.sum()


def augment(high: Tensor, low: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Augmentation: tilt of the spectrograms, noise on the features, a blanked frequency band."""
    count = len(high)
    tilt = torch.randn(count, 1, 4) * 0.7
    high = high + functional.interpolate(tilt, high.shape[2], mode="linear", align_corners=True)
    low = low + torch.randn(count, 1, 1) * 0.5 + torch.randn(count, 1, 1) * 0.4 * torch.linspace(-1, 1, low.shape[2])
    if torch.rand(()) < 0.5:
        first = int(torch.randint(0, high.shape[2] - 8, ()))
        high = high.clone()
        high[: count // 2, :, first : first + 8] = high[: count // 2].mean((1, 2), keepdim=True)
    return high, low, features * (1 + 0.05 * torch.randn_like(features))


def fit(network: TrainableNetwork, data: FeatureSet, settings: Hyperparameters, seed: int) -> None:
    """Train in place: AdamW with a one-cycle schedule."""
    torch.manual_seed(seed)
    random = np.random.default_rng([seed, 5])
    optimiser = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    steps = settings.epochs * (len(data) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps + 1, pct_start=0.1)
    began, weight = time.monotonic(), positive_weights(data.labels)
    for number in range(settings.epochs):
        network.train()
        total = 0.0
        for rows in np.array_split(random.permutation(len(data)), len(data) // settings.batch):
            high, low, features, labels = tensors(data, np.sort(rows))
            high, low, features = augment(high, low, features)
            fused, encoder, backbone = network(high, low, features)
            loss = loss_of(fused, labels, weight, settings.smooth)
            loss = loss + 0.3 * sum(loss_of(part, labels, weight, settings.smooth) for part in (encoder, backbone))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        mean, spent = total / (len(data) // settings.batch), time.monotonic() - began
        print(f"epoch {number + 1}/{settings.epochs}: loss {mean:.4f}, {spent:.0f} s", flush=True)
    network.eval()


def scores(network: nn.Module, data: FeatureSet, batch: int = 256) -> tuple[Scores, Scores, Scores]:
    """Logits of every window, fused, of the encoder and of the backbones: three arrays [n, targets]."""
    network.eval()
    rows: list[list[Scores]] = [[], [], []]
    with torch.no_grad():
        for start in range(0, len(data), batch):
            high, low, features, _ = tensors(data, np.arange(start, min(start + batch, len(data))))
            for column, part in zip(rows, network(high, low, features), strict=True):
                column.append(part.numpy())
    first, second, third = (np.concatenate(part) for part in rows)
    return first, second, third


def areas(score: Scores, labels: NDArray[np.int8]) -> dict[str, float]:
    """ROC AUC of each label that occurs, over the windows where it is known."""
    out = {}
    for i, name in enumerate(LABELS):
        known = labels[:, i] >= 0
        truth = labels[known, i] == 1
        if (value := auc(truth, score[known, i])) is not None:
            out[name] = value
    return out
