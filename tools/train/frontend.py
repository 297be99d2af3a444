# mypy: allow-subclassing-any
"""From samples to spectrograms, as layers that export to ONNX: short-time Fourier transforms and filters."""

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


class Fourier(nn.Module):
    """Power of bins 0.. of a windowed ``fft``-point transform over time.

    Input [batch, samples]; output [batch, frames, bins], frames = 1 + (samples - window) // hop. The window is the
    same from both ends; it may begin with a 0 more, as periodic ones do. Each frame is folded about its middle, which
    halves the sums. The basis is computed where the network runs, once when it is loaded: a file holds no more of it
    than half its window. Raises ValueError when the window's ends differ.
    """

    window: Tensor
    bins: Tensor
    places: Tensor

    def __init__(self, window: Array, fft: int, bins: int, hop: int) -> None:
        super().__init__()
        self.length, self.skipped = len(window), int(window[0] == 0)
        window = window[self.skipped :]
        if not np.allclose(window, window[::-1]):
            raise ValueError("the window is not the same from both ends")
        half = (len(window) + 1) // 2
        weights = window[:half] * np.where(2 * np.arange(half) == len(window) - 1, 0.5, 1.0)
        self.fft, self.hop = fft, hop
        self.register_buffer("window", torch.tensor(weights, dtype=torch.float32)[:, None])
        self.register_buffer("bins", torch.arange(bins, dtype=torch.float32)[None])
        twice = 2 * torch.arange(half, dtype=torch.float32) - (len(window) - 1)
        self.register_buffer("places", twice[:, None])

    def frames(self, audio: Tensor) -> Tensor:
        """The frames of audio [batch, samples] one after the other: [batch, frames, window]."""
        count = 1 + (audio.shape[1] - self.length) // self.hop
        pieces = -(-self.length // self.hop)
        needed = (count + pieces - 1) * self.hop
        whole = nn.functional.pad(audio, (0, max(0, needed - audio.shape[1])))[:, :needed]
        rows = whole.reshape(-1, needed // self.hop, self.hop)
        return torch.cat([rows[:, i : i + count] for i in range(pieces)], 2)[..., self.skipped : self.length]

    def forward(self, audio: Tensor) -> Tensor:
        # The remainder keeps the angle within a turn, where 32 bits are exact enough.
        angle = torch.remainder(self.places * self.bins, 2 * self.fft) * (np.pi / self.fft)
        frames, half = self.frames(audio), len(self.window)
        first, last = frames[..., :half], frames.flip(2)[..., :half]
        real = (first + last) @ (torch.cos(angle) * self.window)
        imaginary = (first - last) @ (torch.sin(angle) * self.window)
        return real**2 + imaginary**2


class Kaldi(Fourier):
    """Kaldi's spectrum of 25 ms frames every 10 ms at 16 kHz: mean taken out, pre-emphasis 0.97, Povey window.

    In and out as :class:`Fourier`, 257 bins. Povey's window is 0 at both ends, so a frame loses those two samples.
    """

    def __init__(self) -> None:
        super().__init__(np.hanning(400)[1:-1] ** 0.85, 512, 257, 160)
        self.length = 400

    def frames(self, audio: Tensor) -> Tensor:
        """The frames of audio [batch, samples], without their ends: [batch, frames, 398]."""
        whole = super().frames(audio)
        return whole[..., 1:-1] - 0.97 * whole[..., :-2] - 0.03 * whole.mean(2, keepdim=True)


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
    """Half the sample rate: [batch, samples] -> [batch, samples / 2], without delay; samples a multiple of 160.

    A step of the convolution makes 80 samples at once, which costs more sums and far less time.
    """

    STEP = 80

    def __init__(self) -> None:
        super().__init__()
        kernel = halving_filter()
        shifted = [np.pad(kernel, (2 * i, 2 * (self.STEP - 1 - i))) for i in range(self.STEP)]
        bank = torch.tensor(np.array(shifted)[:, None], dtype=torch.float32)
        self.conv = nn.Conv1d(1, self.STEP, bank.shape[2], 2 * self.STEP, len(kernel) // 2, bias=False)
        self.conv.weight = nn.Parameter(bank, requires_grad=False)

    def forward(self, audio: Tensor) -> Tensor:
        return self.conv(audio[:, None]).transpose(1, 2).flatten(1)
