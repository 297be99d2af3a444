# mypy: allow-subclassing-any
"""musicnn (Pons & Serra 2019), a music tagging network: its layers and a reader of its TensorFlow checkpoints."""

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
"""Channels of all layers together, before pooling over time."""
STRIDE = 4
"""Kernel stride over bands, 1 in the paper: a quarter of the positions gives nearly the same output."""
Weights = dict[str, NDArray[np.float32]]


class FrozenBatchNorm(nn.Module):
    """Batch normalization with frozen statistics: [batch, channels, ...] in and out."""

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


class FrontEnd(nn.Module):
    """A front-end block: convolution over time and bands, maximum over bands, ReLU, normalization.

    Input [batch, time, bands], output [batch, channels, time]. The paper's order is ReLU, normalization, maximum.
    Both are equal, since each step is monotonic: a channel with a negative scale has its sign inverted and is clamped
    below 0 instead of above.
    """

    low: Tensor
    high: Tensor

    def __init__(self, weights: Weights, number: int) -> None:
        super().__init__()
        name = f"_{number}" if number else ""
        self.norm = FrozenBatchNorm(weights, f"batch_normalization_{number + 1}")
        falls = self.norm.scale < 0
        sign = torch.where(falls, -1.0, 1.0)
        self.norm.scale *= sign
        self.register_buffer("low", torch.where(falls, -torch.inf, 0.0)[:, None])
        self.register_buffer("high", torch.where(falls, 0.0, torch.inf)[:, None])
        kernel = (
            round_to_int8(weights[f"conv2d{name}/kernel"].transpose(3, 2, 0, 1)) * sign[:, None, None, None].numpy()
        )
        odd = np.pad(kernel, ((0, 0), (0, 0), (1 - kernel.shape[2] % 2, 0), (0, 0)))
        self.conv = nn.Conv2d(1, *odd.shape[::2], (1, STRIDE), (odd.shape[2] // 2, 0))
        self.conv.weight.data = torch.tensor(odd)
        self.conv.bias = nn.Parameter(torch.tensor(weights[f"conv2d{name}/bias"]) * sign)
        self.positions = (BANDS - kernel.shape[3]) // STRIDE + 1

    def prune(self, rows: Tensor) -> None:
        """Keep only the channels of the mask ``rows``, [channels]."""
        for part in (*self.conv.parameters(), *self.norm.buffers(), self.low, self.high):
            part.data = part.data[rows]

    def forward(self, sound: Tensor) -> Tensor:
        loudest = functional.max_pool2d(self.conv(sound[:, None]), (1, self.positions))[..., 0]
        return self.norm(loudest.clamp(self.low, self.high))


class MidEnd(nn.Module):
    """A mid-end block: convolution over time, ReLU, normalization: [batch, in, time] -> [batch, 64, time]."""

    rest: Tensor

    def __init__(self, weights: Weights, number: int) -> None:
        super().__init__()
        kernel = round_to_int8(weights[f"conv2d_{number}/kernel"][:, :, 0].transpose(2, 1, 0))
        self.conv = nn.Conv1d(kernel.shape[1], *kernel.shape[::2], padding=kernel.shape[2] // 2, bias=False)
        self.conv.weight.data = torch.tensor(kernel)
        self.register_buffer("rest", torch.tensor(weights[f"conv2d_{number}/bias"])[:, None])
        self.norm = FrozenBatchNorm(weights, f"batch_normalization_{number + 1}")

    def prune(self, rows: Tensor, rest: Tensor, time: int) -> None:
        """Drop the input channels outside the mask ``rows``; constant at their value in ``rest``, [channels]."""
        constant = torch.where(rows, 0.0, rest)[None, :, None].expand(-1, -1, time)
        self.rest = self.conv(constant)[0].detach() + self.rest
        self.conv.weight.data = self.conv.weight.data[:, rows]

    def forward(self, sound: Tensor) -> Tensor:
        return self.norm(functional.relu(self.conv(sound) + self.rest))


class LogMel(nn.Module):
    """Input of both networks: audio [batch, 16000] at 16 kHz -> log10(1 + 10000 mel power) [batch, 63, 96]."""

    def __init__(self) -> None:
        super().__init__()
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
        self.spectrum = Fourier(window, FFT, FFT // 2 + 1, HOP)
        self.mel = Filterbank(slaney_filters(BANDS, FFT, RATE))

    def forward(self, audio: Tensor) -> Tensor:
        power = self.spectrum(functional.pad(audio, (FFT // 2, FFT // 2)))
        return torch.log10(10_000.0 * self.mel(power) + 1.0)


class Musicnn(nn.Module):
    """One of the two pretrained networks of the package, without its last two layers.

    Input: :class:`LogMel` [batch, frames, 96]. Output [batch, 2 * WIDE]: the largest and the mean over time of each
    channel.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        weights = read_checkpoint(folder)
        self.norm = FrozenBatchNorm(weights, "batch_normalization")
        self.front = nn.ModuleList(FrontEnd(weights, number) for number in range(5))
        self.middle = nn.ModuleList(MidEnd(weights, number) for number in range(5, 8))

    def prune_constant(self, outputs: NDArray[np.float16]) -> NDArray[np.bool_]:
        """Remove the front end's channels that are constant in ``outputs`` for 1 s windows, [n, 2 * WIDE].

        Most of them are dead units. Returns the mask of the remaining outputs, [2 * WIDE].
        """
        varying = (np.ptp(outputs, axis=0) > 0).reshape(2, WIDE).any(axis=0)
        varying[FRONT:] = True
        rows = torch.tensor(varying[:FRONT])
        self.middle[0].prune(rows, torch.tensor(outputs[0, :FRONT].astype(np.float32)), 1 + RATE // HOP)
        for block, some in zip(self.front, rows.split([len(block.norm.shift) for block in self.front]), strict=True):
            block.prune(some)
        self.front = nn.ModuleList(block for block in self.front if len(block.norm.shift))
        return np.tile(varying, 2)

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


def round_to_int8(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A kernel [out, ...] rounded to 8-bit steps per output channel, which the export packs as int8."""
    peaks = np.abs(kernel).reshape(len(kernel), -1).max(axis=1).reshape(-1, *[1] * (kernel.ndim - 1))
    steps = np.where(peaks > 0, peaks, 1) / 127
    return np.asarray(np.round(kernel / steps) * steps, dtype=np.float32)


def read_checkpoint(folder: Path) -> Weights:
    """Name -> array of a TensorFlow checkpoint, without the optimizer's state.

    The index is a table of blocks of sorted keys (LevelDB's format, here not compressed), each value a protocol buffer
    of shape, offset and size. Raises ValueError for any other format.
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
    """(number, offset after it): seven bits a byte, lowest first."""
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
