"""The fast clock: what is heard at this moment moves the picture that is on screen."""

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.play.planes import DARKEST, GREY, Parts, Planes, cropped, parts, scaled
from engine.play.pulses import Pulse, Pulses, Reactions

if TYPE_CHECKING:
    from engine.audio.envelopes import Reaction

_GRAINS, _SHIFT = 2, 64  # noise fields, shown in turn at places that shift by up to so many pixels
_RANGE = 219.0 / 255.0  # of light
_RED_BY_LIGHT, _BLUE_BY_LIGHT = 0.58, -0.67  # by what a red that is brighter, and a blue darker, by 1 differ from light
_SEEN = 0.12  # pixels of colour by which red and blue must part to be seen to


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
        grain = random.normal(128.0, 34.0, (_GRAINS, height + _SHIFT, width + _SHIFT))
        self._grain = np.clip(grain, 0, 255).astype(np.uint8)

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
        self._vignette = shade.astype(np.uint8)
        self._faded = np.ascontiguousarray(self._vignette[::2, ::2])  # for colour ...
        self._grey = np.round(GREY * (1.0 - self._faded / 255.0)).astype(np.uint8)  # ... which fades to grey

    def space_lights(self, gap: float) -> None:
        """Let onsets become light at most every `gap` s; infinite for never."""
        self._pulses.gap = gap

    def move(self, picture: Planes, time: float) -> Planes:
        """`picture` as it is seen at `time` seconds of the song, filling the frame; a new array.

        It may have another size: what is over on two sides is cut off. A smaller one is moved as it is and then
        enlarged.
        """
        seen = cropped(picture, self._width, self._height)
        if self._amount == 0.0:
            return scaled(seen, self._width, self._height)
        now = self._reactions.at(time)
        pulse = self._pulses.at(time)
        moved = scaled(self._warp(seen, time, now, pulse), self._width, self._height)
        self._light(moved, pulse.light, now.level, self._noise(time), (0.03 + 0.05 * now.high) * self._amount)
        return moved

    def stray(self, time: float) -> float:
        """Seconds by which what is shown should be ahead of its even course: it goes on as sound rises."""
        return min(1.0, self._amount) * self._pulses.at(time).stray

    def _warp(self, seen: Parts, time: float, now: "Reaction", pulse: Pulse) -> Parts:
        """Zoom, shift and turn about the centre; red and blue a little apart towards the edges."""
        amount = self._amount
        kick = pulse.kick * (0.5 + 0.5 * now.low)
        zoom = 1.03 + amount * (0.05 * kick + 0.012 * now.beat + 0.012 * now.low**2 + 0.006 * math.sin(0.9 * time))
        angle = amount * (0.35 * math.sin(0.53 * time) + 0.75 * pulse.push[0])
        fringe = amount * 0.0055 * (now.high**2 + 0.5 * pulse.kick)

        def warped(plane: NDArray[np.uint8], zoomed: float) -> NDArray[np.uint8]:
            height, width = plane.shape
            push = 0.027 * amount * width
            turned = cv2.getRotationMatrix2D(((width - 1) / 2.0, (height - 1) / 2.0), angle, zoomed)
            turned[:, 2] += (push * pulse.push[0], push * pulse.push[1])
            method, edge = cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
            return np.asarray(cv2.warpAffine(plane, turned, (width, height), flags=method, borderMode=edge), np.uint8)

        light, blue, red = (warped(plane, zoom) for plane in seen)
        height, width = seen.blue.shape
        if fringe * width / 2 > _SEEN:
            # Light as red shows it, zoomed more, less light as blue shows it, zoomed less: what parts the two.
            small = np.asarray(cv2.resize(seen.light, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            outer, inner = (warped(small, zoom * (1.0 + side * fringe)) for side in (1.0, -1.0))
            apart = cv2.subtract(outer, inner, dtype=cv2.CV_16S)
            red = _with(red, apart, 0.5 * _RED_BY_LIGHT)
            blue = _with(blue, apart, 0.5 * _BLUE_BY_LIGHT)
        return Parts(light, blue, red)

    def _light(self, moved: Planes, light: float, level: float, noise: NDArray[np.uint8], grain: float) -> None:
        """Exposure follows loudness a little; a pulse of light is screened over the picture and blooms; edges dim."""
        lift = min(0.5, 0.10 * light * self._amount)
        exposure = 1.0 - 0.05 * min(1.0, self._amount) * (1.0 - level) + 0.125 * light * self._amount
        gain, black = exposure * (1.0 - lift), 255.0 * lift  # screen: 1 - (1 - picture) * (1 - lift)
        share = min(0.4, 0.11 * light * self._amount) if light >= 0.05 else 0.0
        for number, plane in enumerate(parts(moved)):
            glow = self._glow(plane) if share else plane
            if number == 0:
                above = (black - 60.0 * share) * _RANGE - (gain + share) * DARKEST
                lit = cv2.addWeighted(plane, gain, glow, share, above)  # 0 is black
                lit = cv2.multiply(lit, self._vignette, scale=1.0 / 255.0)
                grain *= _RANGE
                cv2.addWeighted(lit, 1.0, noise, grain, DARKEST - 128.0 * grain, plane)
            else:
                lit = cv2.addWeighted(plane, gain, glow, share, GREY * (1.0 - gain - share))
                cv2.add(cv2.multiply(lit, self._faded, scale=1.0 / 255.0), self._grey, plane)

    def _glow(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = plane.shape
        step = 8 * width // self._width
        small = cv2.resize(plane, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), 3.0), (width, height)), dtype=np.uint8)

    def _noise(self, time: float) -> NDArray[np.uint8]:
        number = round(time * self._fps)
        x, y = (number * 23) % _SHIFT, (number * 37) % _SHIFT
        return self._grain[number % _GRAINS, y : y + self._height, x : x + self._width]


def _with(plane: NDArray[np.uint8], change: "cv2.typing.MatLike", share: float) -> NDArray[np.uint8]:
    """`plane` with a share of a signed change."""
    return np.asarray(cv2.add(plane, cv2.multiply(change, share), dtype=cv2.CV_8U), dtype=np.uint8)
