"""The fast clock: what is heard at this moment moves the picture that is on screen."""

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.play.pulses import Pulse, Pulses, Reactions

if TYPE_CHECKING:
    from engine.audio.envelopes import Reaction

Frame = NDArray[np.uint8]  # height x width x 3, RGB, top row first

_GRAINS, _SHIFT = 2, 64  # noise fields, shown in turn at places that shift by up to so many pixels


class Reactor:
    """Moves a picture with the music: light on onsets, zoom on kick and beat, colour fringes on highs, grain.

    A function of the picture and the time; nothing is remembered from frame to frame.
    """

    def __init__(self, width: int, height: int, fps: float, reactions: Reactions, amount: float = 1.0) -> None:
        """`amount` scales every movement: 0 leaves pictures as they are, 1 is the default, 2 is a lot."""
        self._width, self._height, self._fps = width, height, fps
        self._reactions = reactions
        self._pulses = Pulses(reactions, fps)
        self.amount = amount
        random = np.random.default_rng(1)
        size = (_GRAINS, height + _SHIFT, width + _SHIFT, 1)
        grain = np.clip(random.normal(128.0, 34.0, size), 0, 255).astype(np.uint8)
        self._grain = np.repeat(grain, 3, axis=3)

    @property
    def amount(self) -> float:
        """How far the music moves the picture."""
        return self._amount

    @amount.setter
    def amount(self, amount: float) -> None:
        self._amount = amount
        y, x = np.mgrid[0 : self._height, 0 : self._width].astype(np.float32)
        radius2 = ((x / self._width - 0.5) ** 2 + (y / self._height - 0.5) ** 2) * 2.0  # 0 in the centre, 1 in corners
        shade = 255.0 * (1.0 - min(1.0, 0.28 * amount) * radius2**1.3)
        self._vignette = np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)

    def space_lights(self, gap: float) -> None:
        """Let onsets become light at most every `gap` s; infinite for never."""
        self._pulses.gap = gap

    def move(self, frame: Frame, time: float) -> Frame:
        """`frame` as it is seen at `time` seconds of the song; same shape, a new array."""
        if self._amount == 0.0:
            return frame.copy()
        now = self._reactions.at(time)
        pulse = self._pulses.at(time)
        moved = self._warp(frame, time, now, pulse)
        moved = self._brighten(moved, pulse.light, now.level)
        moved = cv2.multiply(moved, self._vignette, scale=1.0 / 255.0)
        return self._grained(moved, time, 0.03 + 0.05 * now.high)

    def stray(self, time: float) -> float:
        """Seconds by which what is shown should be ahead of its even course: it goes on as sound rises."""
        return min(1.0, self._amount) * self._pulses.at(time).stray

    def _warp(self, frame: Frame, time: float, now: "Reaction", pulse: Pulse) -> Frame:
        """Zoom, shift and turn about the centre; red and blue a little apart towards the edges."""
        amount = self._amount
        kick = pulse.kick * (0.5 + 0.5 * now.low)
        push = 0.018 * amount * self._width
        zoom = 1.02 + amount * (0.065 * kick + 0.012 * now.beat + 0.012 * now.low**2 + 0.006 * math.sin(0.9 * time))
        angle = amount * (0.35 * math.sin(0.53 * time) + 0.5 * pulse.push[0])
        fringe = amount * 0.0055 * (now.high**2 + 0.5 * pulse.kick)
        centre = ((self._width - 1) / 2.0, (self._height - 1) / 2.0)

        def matrix(zoomed: float) -> NDArray[np.float64]:
            turned = cv2.getRotationMatrix2D(centre, angle, zoomed)
            turned[:, 2] += (push * pulse.push[0], push * pulse.push[1])
            return np.asarray(turned)

        planes = [
            cv2.warpAffine(
                plane,
                matrix(zoom * (1.0 + side * fringe)),
                (self._width, self._height),
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            for plane, side in zip(cv2.split(frame), (1.0, 0.0, -1.0), strict=True)
        ]
        return np.asarray(cv2.merge(planes), dtype=np.uint8)

    def _brighten(self, frame: Frame, light: float, level: float) -> Frame:
        """Exposure follows loudness a little; a pulse of light is screened over the picture and blooms."""
        lift = min(0.5, 0.20 * light * self._amount)
        exposure = 1.0 - 0.05 * min(1.0, self._amount) * (1.0 - level) + 0.25 * light * self._amount
        gain, black = exposure * (1.0 - lift), 255.0 * lift  # screen: 1 - (1 - picture) * (1 - lift)
        if light < 0.05:
            return np.asarray(cv2.convertScaleAbs(frame, alpha=gain, beta=black), dtype=np.uint8)
        small = cv2.resize(frame, (max(1, self._width // 8), max(1, self._height // 8)), interpolation=cv2.INTER_AREA)
        glow = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3.0), (self._width, self._height))
        share = min(0.4, 0.22 * light * self._amount)
        return np.asarray(cv2.addWeighted(frame, gain, glow, share, black - 60.0 * share), dtype=np.uint8)

    def _grained(self, frame: Frame, time: float, strength: float) -> Frame:
        number = round(time * self._fps)
        x, y = (number * 23) % _SHIFT, (number * 37) % _SHIFT
        noise = self._grain[number % _GRAINS, y : y + self._height, x : x + self._width]
        share = strength * self._amount
        return np.asarray(cv2.addWeighted(frame, 1.0, noise, share, -128.0 * share), dtype=np.uint8)
