# mypy: allow-subclassing-any
"""The instrument classifier: pretrained backbones, a spectrogram encoder, and a head on the features of both.

The modules' attribute names become initializer names of the exported ONNX model, and so stay as they are.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tools.train.frontend import Filterbank, Fourier, Halve, hertz_to_mel, mel_to_hertz, wide_filters
from tools.train.labels import LABELS, SAMPLE_RATE, TARGETS
from tools.train.musicnn import WIDE, round_to_int8
from tools.train.pretrained import BACKBONE_RATE, Backbones

TARGET_RMS = 0.1
SILENCE_RMS = 1e-4
FEATURES = 1024 + 1024 + 521 + 128 + 128 + 3 + 3 + 4 * WIDE
HIGH_BANDS, LOW_BANDS = 72, 64


class LevelNormalization(nn.Module):
    """Normalizes a window to RMS 0.1.

    Input [batch, samples] of any gain; output (audio of RMS 0.1, presence [batch, 1]: 0 in silence, 1/2 at an RMS of
    -80 dBFS, 1 from about -60 dBFS).
    """

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        audio = audio - audio.mean(1, keepdim=True)
        power = (audio * audio).mean(1, keepdim=True)
        presence = power / (power + SILENCE_RMS**2)
        return audio * (TARGET_RMS / torch.sqrt(power + 1e-12)), presence


class Spectrograms(nn.Module):
    """Two log-power spectrograms of 1 s at 32 kHz, the input of the encoder.

    High [batch, 99, 72]: 16 ms windows every 10 ms, mel 100 Hz to 15 kHz. Low [batch, 50, 64]: 128 ms windows every
    20 ms at 4 kHz, 32 Hz to 1 kHz in even log steps.
    """

    def __init__(self) -> None:
        super().__init__()
        mel = np.linspace(hertz_to_mel(np.array(100.0)), hertz_to_mel(np.array(15_000.0)), HIGH_BANDS)
        self.fast = Fourier(np.hanning(514)[1:-1], 512, 248, 320)
        self.high = Filterbank(wide_filters(mel_to_hertz(mel), 512, SAMPLE_RATE)[:248])
        self.halve, self.slow = Halve(), Fourier(np.hanning(514)[1:-1], 512, 140, 80)
        self.low = Filterbank(wide_filters(np.geomspace(32.0, 1000.0, LOW_BANDS), 512, BACKBONE_RATE / 4)[:140])

    def forward(self, audio: Tensor, halved: Tensor) -> tuple[Tensor, Tensor]:
        high = torch.log(self.high(self.fast(audio)) + 1e-4)
        quarter = self.halve(self.halve(halved))
        low = torch.log(self.low(self.slow(nn.functional.pad(quarter, (216, 216)))) + 6e-5)
        return high, low


def conv_block(inputs: int, outputs: int, width: int, stride: int = 1) -> nn.Sequential:
    """1-D convolution over time, batch normalization, ReLU."""
    layer = nn.Conv1d(inputs, outputs, width, stride, padding=width // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm1d(outputs), nn.ReLU())


class SpectrogramEncoder(nn.Module):
    """Encodes high [batch, 99, 72] and low [batch, 50, 64] as hidden states every 20 ms, [batch, 160, 50]."""

    WIDTH = 160

    def __init__(self) -> None:
        super().__init__()
        self.high_norm, self.low_norm = nn.BatchNorm1d(HIGH_BANDS), nn.BatchNorm1d(LOW_BANDS)
        self.high = nn.Sequential(conv_block(HIGH_BANDS, 128, 3), conv_block(128, 128, 5, 2))
        self.low = conv_block(LOW_BANDS, 96, 3)
        self.place = nn.Parameter(torch.zeros(1, 224, 50))
        self.time = nn.Sequential(
            conv_block(224, self.WIDTH, 5), nn.Dropout(0.1), conv_block(self.WIDTH, self.WIDTH, 3)
        )

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        fast = self.high(self.high_norm(high.transpose(1, 2)))
        slow = self.low(self.low_norm(low.transpose(1, 2)))
        return self.time(torch.cat([fast, slow], 1) + self.place)


class Head(nn.Module):
    """Fuses hidden states of the encoder and features of the backbones into logits.

    Output: (logits, logits of the encoder alone, logits of the backbones alone), each [batch, targets]; the latter two
    are auxiliary outputs for training.
    """

    def __init__(self) -> None:
        super().__init__()
        count = len(TARGETS)
        self.norm = nn.BatchNorm1d(FEATURES, eps=1e-4)  # some features have almost no variance
        self.trunk = nn.Sequential(nn.Dropout(0.3), nn.Linear(FEATURES, 192), nn.ReLU(), nn.Dropout(0.2))
        self.trunk_out = nn.Linear(192, count)
        self.frame = nn.Conv1d(SpectrogramEncoder.WIDTH, 2 * count, 1)
        join = nn.Linear(192 + 2 * SpectrogramEncoder.WIDTH, 128)
        self.join = nn.Sequential(join, nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, count))

    def quantize(self) -> None:
        """Round the widest layer to 8-bit steps, which the export packs as int8."""
        layer = self.trunk[1]
        layer.weight.data = torch.tensor(round_to_int8(layer.weight.detach().numpy()))

    def prune(self, columns: Tensor, rest: Tensor) -> None:
        """Drop the input features outside the mask ``columns``; constant at their value in ``rest``, [FEATURES]."""
        layer, norm = self.trunk[1], self.norm.eval()
        constant = torch.where(columns, 0.0, norm(rest[None])[0])
        layer.bias.data += layer.weight.data @ constant.detach()
        layer.weight.data = layer.weight.data[:, columns]
        for part in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            part.data = part.data[columns]

    def forward(self, hidden: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores, weight = self.frame(hidden).chunk(2, 1)
        encoder_logits = (scores * torch.softmax(weight, 2)).sum(2)
        embedding = self.trunk(self.norm(features))
        backbone_logits = self.trunk_out(embedding)
        fused = self.join(torch.cat([embedding, hidden.mean(2), hidden.amax(2)], 1))
        return fused + encoder_logits + backbone_logits, encoder_logits, backbone_logits


def pool_features(outputs: dict[str, Tensor]) -> Tensor:
    """The outputs of the backbones pooled over the window: [batch, FEATURES]."""
    grid, hidden, events = outputs["map"], outputs["hidden"], outputs["events"]
    parts = [grid.mean((2, 3)), grid.amax((2, 3)), outputs["classes"], hidden.mean(1), hidden.amax(1)]
    return torch.cat([*parts, events.mean(1), events.amax(1), outputs["music"]], 1)


class FeatureExtractor(nn.Module):
    """The frozen part: audio to the inputs of the trainable network.

    Input [batch, 32000] at 32 kHz. Output: (high, low, features, presence).
    """

    def __init__(self) -> None:
        super().__init__()
        self.level, self.halve, self.bands, self.trunk = LevelNormalization(), Halve(), Spectrograms(), Backbones()
        for parameter in self.parameters():
            parameter.requires_grad = False

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        audio, presence = self.level(audio)
        halved = self.halve(audio)
        high, low = self.bands(audio, halved)
        return high, low, pool_features(self.trunk(halved)), presence


class TrainableNetwork(nn.Module):
    """The trainable part: encoder and head."""

    def __init__(self) -> None:
        super().__init__()
        self.ear, self.head = SpectrogramEncoder(), Head()

    def forward(self, high: Tensor, low: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits: tuple[Tensor, Tensor, Tensor] = self.head(self.ear(high, low), features)
        return logits


class Ensemble(nn.Module):
    """Deep ensemble: the mean logits of several networks trained from different seeds.

    Lakshminarayanan et al. 2017.
    """

    def __init__(self, networks: list[TrainableNetwork]) -> None:
        super().__init__()
        self.members = nn.ModuleList(networks)

    def forward(self, high: Tensor, low: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fused, encoder, backbone = zip(*(network(high, low, features) for network in self.members), strict=True)
        return torch.stack(fused).mean(0), torch.stack(encoder).mean(0), torch.stack(backbone).mean(0)


class Classifier(nn.Module):
    """The exported model: audio [batch, 32000] at 32 kHz -> calibrated probabilities [batch, labels].

    Platt scaling: sigmoid(slope * logit + offset), one pair per label; the presence factor scales silence to 0.
    """

    slope: Tensor
    offset: Tensor

    def __init__(self, extractor: FeatureExtractor, ensemble: Ensemble) -> None:
        super().__init__()
        self.listener, self.judge = extractor, ensemble
        self.register_buffer("slope", torch.ones(len(LABELS)))
        self.register_buffer("offset", torch.zeros(len(LABELS)))

    def prune_constant(self, features: NDArray[np.float16]) -> None:
        """Remove what is constant over the training features, [n, FEATURES], which makes inference faster."""
        columns, start = np.ones(FEATURES, bool), FEATURES - 4 * WIDE
        for network in self.listener.trunk.musicnn:
            columns[start : start + 2 * WIDE] = network.prune_constant(features[:, start : start + 2 * WIDE])
            start += 2 * WIDE
        for member in self.judge.members:
            member.head.prune(torch.tensor(columns), torch.tensor(features[0].astype(np.float32)))

    def forward(self, audio: Tensor) -> Tensor:
        high, low, features, presence = self.listener(audio)
        logits = self.judge(high, low, features)[0][:, : len(LABELS)]
        return torch.sigmoid(logits * self.slope + self.offset) * presence
