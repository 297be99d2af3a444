# mypy: allow-subclassing-any
"""The classifier: pretrained trunk, an own network that hears drum strokes and low notes, and what joins them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tools.train.frontend import Filterbank, Fourier, Halve, hertz_to_mel, mel_to_hertz, wide_filters
from tools.train.labels import LABELS, SAMPLE_RATE, TAUGHT
from tools.train.musicnn import WIDE, rounded
from tools.train.pretrained import TRUNK_RATE, Trunk

TARGET_RMS = 0.1
SILENCE_RMS = 1e-4
FEATURES = 1024 + 1024 + 521 + 128 + 128 + 3 + 3 + 4 * WIDE
HIGH_BANDS, LOW_BANDS = 72, 64


class Level(nn.Module):
    """Brings a window to one loudness.

    Input [batch, samples] of any gain; output (audio of RMS 0.1, presence [batch, 1]: 0 in silence, 1/2 at an RMS of
    -80 dB full scale, 1 from about -60 dB).
    """

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        audio = audio - audio.mean(1, keepdim=True)
        power = (audio * audio).mean(1, keepdim=True)
        presence = power / (power + SILENCE_RMS**2)
        return audio * (TARGET_RMS / torch.sqrt(power + 1e-12)), presence


class Bands(nn.Module):
    """The own network's two spectrograms of 1 s at 32 kHz, in natural log of power.

    High [batch, 99, 72]: 16 ms windows every 10 ms, mel 100 Hz to 15 kHz. Low [batch, 50, 64]: 128 ms windows every
    20 ms of the audio halved thrice, 32 Hz to 1 kHz in even log steps.
    """

    def __init__(self) -> None:
        super().__init__()
        mel = np.linspace(hertz_to_mel(np.array(100.0)), hertz_to_mel(np.array(15_000.0)), HIGH_BANDS)
        self.fast = Fourier(np.hanning(514)[1:-1], 512, 248, 320)
        self.high = Filterbank(wide_filters(mel_to_hertz(mel), 512, SAMPLE_RATE)[:248])
        self.halve, self.slow = Halve(), Fourier(np.hanning(514)[1:-1], 512, 140, 80)
        self.low = Filterbank(wide_filters(np.geomspace(32.0, 1000.0, LOW_BANDS), 512, TRUNK_RATE / 4)[:140])

    def forward(self, audio: Tensor, halved: Tensor) -> tuple[Tensor, Tensor]:
        high = torch.log(self.high(self.fast(audio)) + 1e-4)
        quarter = self.halve(self.halve(halved))
        low = torch.log(self.low(self.slow(nn.functional.pad(quarter, (216, 216)))) + 6e-5)
        return high, low


def steps(inputs: int, outputs: int, width: int, stride: int = 1) -> nn.Sequential:
    """Convolution along time, batch normalisation, ReLU."""
    layer = nn.Conv1d(inputs, outputs, width, stride, padding=width // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm1d(outputs), nn.ReLU())


class Ear(nn.Module):
    """The own network: high [batch, 99, 72], low [batch, 50, 64] -> hidden states every 20 ms, [batch, 160, 50]."""

    WIDTH = 160

    def __init__(self) -> None:
        super().__init__()
        self.high_norm, self.low_norm = nn.BatchNorm1d(HIGH_BANDS), nn.BatchNorm1d(LOW_BANDS)
        self.high = nn.Sequential(steps(HIGH_BANDS, 128, 3), steps(128, 128, 5, 2))
        self.low = steps(LOW_BANDS, 96, 3)
        self.place = nn.Parameter(torch.zeros(1, 224, 50))
        self.time = nn.Sequential(steps(224, self.WIDTH, 5), nn.Dropout(0.1), steps(self.WIDTH, self.WIDTH, 3))

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        fast = self.high(self.high_norm(high.transpose(1, 2)))
        slow = self.low(self.low_norm(low.transpose(1, 2)))
        return self.time(torch.cat([fast, slow], 1) + self.place)


class Head(nn.Module):
    """Joins hidden states of the ear and features of the trunk into scores before the sigmoid.

    Output: (scores [batch, taught], the ear's own scores, the trunk's own scores); the latter two serve training.
    """

    def __init__(self) -> None:
        super().__init__()
        count = len(TAUGHT)
        self.norm = nn.BatchNorm1d(FEATURES, eps=1e-4)  # some features hardly ever move
        self.trunk = nn.Sequential(nn.Dropout(0.3), nn.Linear(FEATURES, 192), nn.ReLU(), nn.Dropout(0.2))
        self.trunk_out = nn.Linear(192, count)
        self.frame = nn.Conv1d(Ear.WIDTH, 2 * count, 1)
        join = nn.Linear(192 + 2 * Ear.WIDTH, 128)
        self.join = nn.Sequential(join, nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, count))

    def pack(self) -> None:
        """Put the widest layer on 8-bit steps, so that the file stays small."""
        layer = self.trunk[1]
        layer.weight.data = torch.tensor(rounded(layer.weight.detach().numpy()))

    def keep(self, columns: Tensor, rest: Tensor) -> None:
        """Take no other features in than these, [FEATURES] of bool; the others always are ``rest``, [FEATURES]."""
        layer, norm = self.trunk[1], self.norm.eval()
        still = torch.where(columns, 0.0, norm(rest[None])[0])
        layer.bias.data += layer.weight.data @ still.detach()
        layer.weight.data = layer.weight.data[:, columns]
        for part in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            part.data = part.data[columns]

    def forward(self, hidden: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores, weight = self.frame(hidden).chunk(2, 1)
        heard = (scores * torch.softmax(weight, 2)).sum(2)
        known = self.trunk(self.norm(features))
        told = self.trunk_out(known)
        joined = self.join(torch.cat([known, hidden.mean(2), hidden.amax(2)], 1))
        return joined + heard + told, heard, told


def pool(trunk: dict[str, Tensor]) -> Tensor:
    """What the trunk says of the whole window: [batch, FEATURES]."""
    grid, hidden, events = trunk["map"], trunk["hidden"], trunk["events"]
    parts = [grid.mean((2, 3)), grid.amax((2, 3)), trunk["classes"], hidden.mean(1), hidden.amax(1)]
    return torch.cat([*parts, events.mean(1), events.amax(1), trunk["music"]], 1)


class Listener(nn.Module):
    """Audio to everything that the trainable part needs, nothing in it trainable.

    Input [batch, 32000] at 32 kHz. Output: (high, low, features, presence).
    """

    def __init__(self) -> None:
        super().__init__()
        self.level, self.halve, self.bands, self.trunk = Level(), Halve(), Bands(), Trunk()
        for parameter in self.parameters():
            parameter.requires_grad = False

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        audio, presence = self.level(audio)
        halved = self.halve(audio)
        high, low = self.bands(audio, halved)
        return high, low, pool(self.trunk(halved)), presence


class Judge(nn.Module):
    """The trainable part: ear and head."""

    def __init__(self) -> None:
        super().__init__()
        self.ear, self.head = Ear(), Head()

    def forward(self, high: Tensor, low: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores: tuple[Tensor, Tensor, Tensor] = self.head(self.ear(high, low), features)
        return scores


class Judges(nn.Module):
    """Several judges, each fitted from another beginning: the means of their scores (deep ensembles).

    Lakshminarayanan et al. 2017.
    """

    def __init__(self, judges: list[Judge]) -> None:
        super().__init__()
        self.members = nn.ModuleList(judges)

    def forward(self, high: Tensor, low: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        joined, own, told = zip(*(judge(high, low, features) for judge in self.members), strict=True)
        return torch.stack(joined).mean(0), torch.stack(own).mean(0), torch.stack(told).mean(0)


class Classifier(nn.Module):
    """The whole: audio [batch, 32000] at 32 kHz -> calibrated probabilities [batch, labels].

    Calibration is Platt's: sigmoid(slope * score + offset), one pair a label; silence scales all of it to 0.
    """

    slope: Tensor
    offset: Tensor

    def __init__(self, listener: Listener, judge: Judges) -> None:
        super().__init__()
        self.listener, self.judge = listener, judge
        self.register_buffer("slope", torch.ones(len(LABELS)))
        self.register_buffer("offset", torch.zeros(len(LABELS)))

    def leave_out(self, heard: NDArray[np.float16]) -> None:
        """Leave out what never moved in features heard, [n, FEATURES], so that a window takes less time."""
        columns, start = np.ones(FEATURES, bool), FEATURES - 4 * WIDE
        for network in self.listener.trunk.musicnn:
            columns[start : start + 2 * WIDE] = network.leave_out(heard[:, start : start + 2 * WIDE])
            start += 2 * WIDE
        for judge in self.judge.members:
            judge.head.keep(torch.tensor(columns), torch.tensor(heard[0].astype(np.float32)))

    def forward(self, audio: Tensor) -> Tensor:
        high, low, features, presence = self.listener(audio)
        scores = self.judge(high, low, features)[0][:, : len(LABELS)]
        return torch.sigmoid(scores * self.slope + self.offset) * presence
