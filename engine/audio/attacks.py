"""Attacks told at once: the starts of sounds that a picture can answer within its own frame."""

import numpy as np
from numpy.typing import NDArray

from engine.audio.envelopes import Onset

_STEP_S = 0.0025
_PAST = 20  # steps that an attack must stand out of: 50 ms, four periods of a low voice
_RISE = 4.0  # in power: 6 dB over the loudest of them
_FLOOR = 1e-7  # power of the difference signal below which nothing is an attack
_AGAINST_PEAK = 0.01  # nor below this share of the loudest of late
_MEMORY_S = 8.0
_GAP_S = 0.08


class Attacks:
    """Finds attacks in a stream of mono sound as soon as the 5 ms in which they fall are there.

    An attack is a jump of the power of the differenced signal, which weighs high frequencies as ears do a click or a
    stick. Spectral flux (`Envelopes`) finds soft onsets as well, some 20 ms later.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._step = max(1, round(_STEP_S * rate))
        self._rest = np.zeros(0, np.float32)
        self._before = np.float32(0.0)  # the last sample
        self._past: list[float] = []
        self._peak = 0.0
        self._steps = 0
        self._last = -1.0
        self._begun: tuple[float, float] | None = None  # an attack's time and power: the next step shows its height

    def push(self, mono: NDArray[np.float32]) -> list[Onset]:
        """Take in the next samples, [n]; give the attacks in them."""
        difference = np.diff(mono, prepend=self._before)
        if len(mono):
            self._before = mono[-1]
        held = np.concatenate([self._rest, difference])
        count = len(held) // self._step
        powers = np.square(held[: count * self._step]).reshape(count, self._step).mean(axis=1)
        self._rest = held[count * self._step :]
        return [onset for power in powers.tolist() if (onset := self._hear(power))]

    def _hear(self, power: float) -> Onset | None:
        time = self._steps * self._step / self._rate
        self._steps += 1
        self._peak = max(power, self._peak * (1.0 - _STEP_S / _MEMORY_S))
        stands_out = len(self._past) == _PAST and power > _RISE * max(self._past)
        self._past = [*self._past[1 - _PAST :], power]
        if self._begun:
            begins, before = self._begun
            self._begun = None
            return Onset(begins, min(1.0, (max(power, before) / self._peak) ** 0.25), 2)
        if stands_out and power >= max(_FLOOR, _AGAINST_PEAK * self._peak) and time - self._last >= _GAP_S:
            self._last = time
            self._begun = (time, power)
        return None
