# mypy: allow-subclassing-any
"""musicnn (Pons & Serra 2019), trained on real music with 50 tags: its weights, read from the installed package."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tools.train.frontend import Filterbank, Fourier, slaney_filters

RATE, FFT, HOP, BANDS = 16_000, 512, 256, 96
FRONT = 2 * 204 + 3 * 51
WIDE = FRONT + 3 * 64
"""Channels that its layers join before they are pooled over time."""
STRIDE = 4
"""Bands from one place of a kernel to the next, 1 in the paper: a quarter of the places says nearly as much."""
Weights = dict[str, NDArray[np.float32]]


class Normalise(nn.Module):
    """Batch normalisation with weights that stay: [batch, channels, ...] in and out."""

    scale: Tensor
    shift: Tensor

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        scale = weights[f"{name}/gamma"] / np.sqrt(weights[f"{name}/moving_variance"] + 1e-3)
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("shift", torch.tensor(weights[f"{name}/beta"] - weights[f"{name}/moving_mean"] * scale))

    def forward(self, sound: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (sound.ndim - 2)
        return sound * self.scale.reshape(shape) + self.shift.reshape(shape)


class Front(nn.Module):
    """Convolution over time and bands, the loudest band of each channel, ReLU, normalisation.

    Input [batch, time, bands], output [batch, channels, time]. The paper's order is ReLU, normalisation, loudest band;
    it comes to the same, as each only rises or only falls: a channel whose scale is below 0 has its sign turned, and is
    held below 0 where others are held above.
    """

    low: Tensor
    high: Tensor

    def __init__(self, weights: Weights, number: int) -> None:
        super().__init__()
        name = f"_{number}" if number else ""
        self.norm = Normalise(weights, f"batch_normalization_{number + 1}")
        falls = self.norm.scale < 0
        sign = torch.where(falls, -1.0, 1.0)
        self.norm.scale *= sign
        self.register_buffer("low", torch.where(falls, -torch.inf, 0.0)[:, None])
        self.register_buffer("high", torch.where(falls, 0.0, torch.inf)[:, None])
        kernel = rounded(weights[f"conv2d{name}/kernel"].transpose(3, 2, 0, 1)) * sign[:, None, None, None].numpy()
        odd = np.pad(kernel, ((0, 0), (0, 0), (1 - kernel.shape[2] % 2, 0), (0, 0)))
        self.conv = nn.Conv2d(1, *odd.shape[::2], (1, STRIDE), (odd.shape[2] // 2, 0))
        self.conv.weight.data = torch.tensor(odd)
        self.conv.bias = nn.Parameter(torch.tensor(weights[f"conv2d{name}/bias"]) * sign)
        self.places = (BANDS - kernel.shape[3]) // STRIDE + 1

    def keep(self, rows: Tensor) -> None:
        """Compute no other channels than these, [channels] of bool."""
        for part in (*self.conv.parameters(), *self.norm.buffers(), self.low, self.high):
            part.data = part.data[rows]

    def forward(self, sound: Tensor) -> Tensor:
        loudest = functional.max_pool2d(self.conv(sound[:, None]), (1, self.places))[..., 0]
        return self.norm(loudest.clamp(self.low, self.high))


class Middle(nn.Module):
    """Convolution over time, ReLU, normalisation: [batch, in, time] -> [batch, 64, time]."""

    rest: Tensor

    def __init__(self, weights: Weights, number: int) -> None:
        super().__init__()
        kernel = rounded(weights[f"conv2d_{number}/kernel"][:, :, 0].transpose(2, 1, 0))
        self.conv = nn.Conv1d(kernel.shape[1], *kernel.shape[::2], padding=kernel.shape[2] // 2, bias=False)
        self.conv.weight.data = torch.tensor(kernel)
        self.register_buffer("rest", torch.tensor(weights[f"conv2d_{number}/bias"])[:, None])
        self.norm = Normalise(weights, f"batch_normalization_{number + 1}")

    def keep(self, rows: Tensor, rest: Tensor, time: int) -> None:
        """Take no other channels in than these, [channels] of bool; the others always are ``rest``, [channels]."""
        still = torch.where(rows, 0.0, rest)[None, :, None].expand(-1, -1, time)
        self.rest = self.conv(still)[0].detach() + self.rest
        self.conv.weight.data = self.conv.weight.data[:, rows]

    def forward(self, sound: Tensor) -> Tensor:
        return self.norm(functional.relu(self.conv(sound) + self.rest))


class LogMel(nn.Module):
    """What both networks are given: audio [batch, 16000] at 16 kHz -> log10(1 + 10000 mel power) [batch, 63, 96]."""

    def __init__(self) -> None:
        super().__init__()
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
        self.spectrum = Fourier(window, FFT, FFT // 2 + 1, HOP)
        self.mel = Filterbank(slaney_filters(BANDS, FFT, RATE))

    def forward(self, audio: Tensor) -> Tensor:
        power = self.spectrum(functional.pad(audio, (FFT // 2, FFT // 2)))
        return torch.log10(10_000.0 * self.mel(power) + 1.0)


class Musicnn(nn.Module):
    """One of the two networks that the package holds, without its last two layers.

    Input: :class:`LogMel` [batch, frames, 96]. Output [batch, 2 * WIDE]: the largest and the mean over time of each
    channel.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_checkpoint(folder)
        self.norm = Normalise(weights, "batch_normalization")
        self.front = nn.ModuleList(Front(weights, number) for number in range(5))
        self.middle = nn.ModuleList(Middle(weights, number) for number in range(5, 8))

    def leave_out(self, heard: NDArray[np.float16]) -> NDArray[np.bool_]:
        """Compute the front's channels that never moved in outputs heard, [n, 2 * WIDE] of 1 s, no more.

        Most of them never could. Returns which outputs are left, [2 * WIDE].
        """
        moved = (np.ptp(heard, axis=0) > 0).reshape(2, WIDE).any(axis=0)
        moved[FRONT:] = True
        rows = torch.tensor(moved[:FRONT])
        self.middle[0].keep(rows, torch.tensor(heard[0, :FRONT].astype(np.float32)), 1 + RATE // HOP)
        for block, some in zip(self.front, rows.split([len(block.norm.shift) for block in self.front]), strict=True):
            block.keep(some)
        self.front = nn.ModuleList(block for block in self.front if len(block.norm.shift))
        return np.tile(moved, 2)

    def forward(self, bands: Tensor) -> Tensor:
        sound = self.norm(bands[:, None])[:, 0]
        front = torch.cat([block(sound) for block in self.front], 1)
        layers, last = [front], front
        for i, block in enumerate(self.middle):
            new = block(last)
            last = new if i == 0 else new + last
            layers.append(last)
        every = torch.cat(layers, 1)
        return torch.cat([every.amax(2), every.mean(2)], 1)


def rounded(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A kernel [out, ...] on 8-bit steps of each output channel, so that it packs small."""
    peaks = np.abs(kernel).reshape(len(kernel), -1).max(axis=1).reshape(-1, *[1] * (kernel.ndim - 1))
    steps = np.where(peaks > 0, peaks, 1) / 127
    return np.asarray(np.round(kernel / steps) * steps, dtype=np.float32)


def read_checkpoint(folder: Path) -> Weights:
    """Name -> array of a TensorFlow checkpoint, without what only its optimiser used.

    The index is a table of blocks of sorted keys (LevelDB's format, here not compressed), each value a protocol buffer
    of shape, place and size. Raises ValueError when the folder's files are not so.
    """
    index, data = (folder / ".index").read_bytes(), (folder / ".data-00000-of-00001").read_bytes()
    if index[-8:] != bytes.fromhex("57fb808b247547db"):
        raise ValueError(f"{folder} holds no TensorFlow checkpoint")
    _, at = varint(index, len(index) - 48)
    _, at = varint(index, at)
    start, at = varint(index, at)
    size, _ = varint(index, at)
    out: Weights = {}
    for _, handle in entries(index[start : start + size]):
        first, at = varint(handle, 0)
        length, _ = varint(handle, at)
        for key, value in entries(index[first : first + length]):
            name = key.decode()
            if not name or "Adam" in name or name.endswith("_power"):
                continue
            shape, offset, count = described(value)
            out[name] = np.frombuffer(data[offset : offset + count], np.float32).reshape(shape).copy()
    return out


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """(number, place after it): seven bits a byte, lowest first."""
    value = shift = 0
    while True:
        value |= (raw[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if raw[at - 1] < 0x80:
            return value, at


def entries(block: bytes) -> list[tuple[bytes, bytes]]:
    """(key, value) of a block; a key repeats the beginning of the one before it."""
    (restarts,) = struct.unpack("<I", block[-4:])
    out, at, key = [], 0, b""
    while at < len(block) - 4 * (restarts + 1):
        shared, at = varint(block, at)
        own, at = varint(block, at)
        length, at = varint(block, at)
        key = key[:shared] + block[at : at + own]
        out.append((key, block[at + own : at + own + length]))
        at += own + length
    return out


def described(value: bytes) -> tuple[tuple[int, ...], int, int]:
    """(shape, offset, bytes) of an entry: fields 2, 4 and 5 of BundleEntryProto."""
    shape: tuple[int, ...] = ()
    numbers = {4: 0, 5: 0}
    at = 0
    while at < len(value):
        tag, at = varint(value, at)
        field, kind = tag >> 3, tag & 7
        if kind == 2:
            length, at = varint(value, at)
            if field == 2:
                shape = sizes(value[at : at + length])
            at += length
        elif kind == 5:
            at += 4
        else:
            number, at = varint(value, at)
            if field in numbers:
                numbers[field] = number
    return shape, numbers[4], numbers[5]


def sizes(value: bytes) -> tuple[int, ...]:
    """The dimensions of a TensorShapeProto whose dimensions have a size and no name."""
    out, at = [], 0
    while at < len(value):
        _, at = varint(value, at)
        length, at = varint(value, at)
        size, _ = varint(value, at + 1)
        out.append(size)
        at += length
    return tuple(out)
