# mypy: allow-subclassing-any
"""From samples to spectrograms, as layers that export to ONNX: short-time Fourier bases held as convolutions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


def hertz_to_mel(hertz: Array) -> Array:
    """Mel scale of HTK and Kaldi: 1127 ln(1 + f / 700)."""
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz, dtype=np.float64) / 700.0))


def mel_to_hertz(mel: Array) -> Array:
    """Inverse of :func:`hertz_to_mel`."""
    return np.asarray(700.0 * np.expm1(np.asarray(mel, dtype=np.float64) / 1127.0))


def mel_filters(bins: int, fft: int, rate: float, low: float, high: float) -> Array:
    """Triangles over mel: [fft // 2 + 1, bins], each triangle straight in mel and of peak 1 (HTK)."""
    edges = np.linspace(hertz_to_mel(np.array(low)), hertz_to_mel(np.array(high)), bins + 2)
    mel = hertz_to_mel(np.arange(fft // 2 + 1) * rate / fft)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rows = np.maximum(0.0, np.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)))
    rows[0] = 0.0
    return np.asarray(rows)


def slaney_filters(bins: int, fft: int, rate: float) -> Array:
    """Triangles over Slaney's mel scale up to half the rate, each of area 1 Hz^-1 (librosa's): [fft // 2 + 1, bins]."""
    step, corner = 200.0 / 3, 1000.0
    top = corner / step + np.log(rate / 2 / corner) / np.log(6.4) * 27
    mel = np.linspace(0.0, top, bins + 2)
    edges = np.where(mel < corner / step, mel * step, corner * np.exp(np.log(6.4) / 27 * (mel - corner / step)))
    hertz = (np.arange(fft // 2 + 1) * rate / fft)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rows = np.maximum(0.0, np.minimum((hertz - left) / (centre - left), (right - hertz) / (right - centre)))
    return np.asarray(rows * 2 / (right - left))


def wide_filters(centres: Array, fft: int, rate: float) -> Array:
    """Triangles about ``centres`` (rising, Hz), each of area 1 and at least one bin wide: [fft // 2 + 1, centres]."""
    step = rate / fft
    hertz = np.arange(fft // 2 + 1)[:, None] * step
    width = np.maximum(np.gradient(centres), step)
    rows = np.maximum(0.0, 1.0 - np.abs(hertz - centres) / width)
    return np.asarray(rows / rows.sum(axis=0, keepdims=True))


def fourier_basis(window: Array, fft: int, bins: int | None = None) -> Array:
    """Windowed cosines, then windowed sines: [2 * bins, len(window)], for bins 0.. of an ``fft``-point transform."""
    count = fft // 2 + 1 if bins is None else bins
    angle = 2 * np.pi * np.outer(np.arange(count), np.arange(len(window))) / fft
    return np.concatenate([np.cos(angle), -np.sin(angle)]) * window


def kaldi_basis(length: int = 400, fft: int = 512) -> Array:
    """Kaldi's frame: mean taken out, pre-emphasis 0.97, Povey window, transform; all linear, so one matrix."""
    mean = np.eye(length) - 1.0 / length
    emphasis = np.eye(length) - 0.97 * np.eye(length, k=-1)
    emphasis[0, 0] = 1.0 - 0.97
    povey = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))) ** 0.85
    return fourier_basis(povey, fft) @ emphasis @ mean


class Spectrum(nn.Module):
    """Power of each bin over time.

    Input [batch, samples]; output [batch, frames, bins], frames = 1 + (samples - window) // hop.
    """

    def __init__(self, basis: Array, hop: int) -> None:
        super().__init__()
        self.bins = basis.shape[0] // 2
        self.conv = nn.Conv1d(1, basis.shape[0], basis.shape[1], stride=hop, bias=False)
        self.conv.weight = nn.Parameter(torch.tensor(basis[:, None], dtype=torch.float32), requires_grad=False)

    def forward(self, audio: Tensor) -> Tensor:
        parts = self.conv(audio[:, None])
        power = parts[:, : self.bins] ** 2 + parts[:, self.bins :] ** 2
        return power.transpose(1, 2)


class Fourier(nn.Module):
    """Power of bins 0.. of a windowed ``fft``-point transform over time, in and out as :class:`Spectrum`.

    The basis is computed where the network runs, once when it is loaded: a file holds no more of it than its window.
    """

    window: Tensor
    bins: Tensor
    places: Tensor

    def __init__(self, window: Array, fft: int, bins: int, hop: int) -> None:
        super().__init__()
        self.fft, self.hop = fft, hop
        self.register_buffer("window", torch.tensor(window, dtype=torch.float32))
        self.register_buffer("bins", torch.arange(bins, dtype=torch.float32)[:, None])
        self.register_buffer("places", torch.arange(len(window), dtype=torch.float32)[None])

    def forward(self, audio: Tensor) -> Tensor:
        # The remainder keeps the angle within a turn, where 32 bits are exact enough.
        angle = torch.remainder(self.bins * self.places, self.fft) * (2 * np.pi / self.fft)
        real, imaginary = (
            nn.functional.conv1d(audio[:, None], (part * self.window)[:, None], stride=self.hop)
            for part in (torch.cos(angle), torch.sin(angle))
        )
        return (real**2 + imaginary**2).transpose(1, 2)


class Filterbank(nn.Module):
    """Weighted sums of bins: [batch, frames, bins] -> [batch, frames, filters]."""

    matrix: Tensor

    def __init__(self, filters: Array) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.tensor(filters, dtype=torch.float32))

    def forward(self, spectrum: Tensor) -> Tensor:
        return spectrum @ self.matrix


def halving_filter(taps: int = 63) -> Array:
    """Low-pass for halving the sample rate: windowed sinc, -6 dB at 0.235 of the rate, Kaiser window of beta 8."""
    n = np.arange(taps) - (taps - 1) / 2
    kernel = np.sinc(2 * 0.235 * n) * np.kaiser(taps, 8.0)
    return np.asarray(kernel / kernel.sum())


class Halve(nn.Module):
    """Half the sample rate: [batch, samples] -> [batch, samples / 2], without delay."""

    def __init__(self) -> None:
        super().__init__()
        kernel = halving_filter()
        self.conv = nn.Conv1d(1, 1, len(kernel), stride=2, padding=len(kernel) // 2, bias=False)
        self.conv.weight = nn.Parameter(torch.tensor(kernel[None, None], dtype=torch.float32), requires_grad=False)

    def forward(self, audio: Tensor) -> Tensor:
        return self.conv(audio[:, None])[:, 0]
