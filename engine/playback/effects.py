"""The fast clock: what is heard at this moment moves the picture that is on screen.

What sound does to the picture, on the grid of pictures: every rise moves it, no more than two a second light it.
"""

import bisect
import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.playback.yuv import DARKEST, GREY, Parts, cropped, parts, scaled
from engine.types import Planes

if TYPE_CHECKING:
    from engine.audio.features import Features
if TYPE_CHECKING:
    from engine.audio.features import Features

GAP_S = 0.5  # s between two lights: two flashes a second, which leaves room for a cut (WCAG 2.3.1 allows three)
FAINT = 0.12  # light of an onset that comes sooner: too small a change of luminance, and of red, to be a flash
_LEAST_LIGHT, _LIGHT_BY_RISE = (
    0.3,
    0.5,
)  # of an onset in which nothing rises (it has hardly begun), and for a usual rise
_OUTDONE = 1.5
_RISING_S = 0.03  # until the rise of an onset is complete; live it is not known yet
_LIGHT_S, _KICK_S = 0.16, 0.4  # decay of the light and of the movement
_ONSET_DECAY_S = 0.15  # of the onset value itself, see engine.audio.features
_RISE = 0.08  # an onset is new when it lies this far above the decay of the one before
_REMEMBERED = 8  # onsets that may still be felt
_GOLDEN = 2.399963  # rad, the golden angle: no two directions near one another
_TURN_S = 0.5  # a direction lasts this long, so that rises in a row add up
_MOST = 2.0  # kicks at once
_SLOWEST = 0.2  # speed of a clip while nothing rises; the rest of its time passes as sound rises
_FASTEST = 8.0  # beyond it a clip is not seen to move on but to be cut
_STRAY_S = 0.6  # a clip is never further than this from where it would be at even speed
_BACK_S = 2.0  # in which it comes back from there
_USUAL_S = 6.0  # over which the rises are averaged
_KEPT = 2048  # pictures and onsets: a show has no end


class Reactions(Protocol):
    """What is heard as a function of song time in seconds; `engine.audio.features.FeatureExtractor` is one."""

    def at(self, time: float) -> "Features": ...


class Pulse(NamedTuple):
    """What was heard up to a moment does to its picture. A strong onset alone gives about 1 of each of the first."""

    light: float
    kick: float  # in and out
    push: tuple[float, float]  # to the right and down
    stray: float  # s by which a clip is ahead of its even course, or behind


class _Onset(NamedTuple):
    begins: float  # s, of the picture whose span contains it
    strength: float
    light: float


class Pulses:
    """The pulses of a song at a rate of pictures.

    Sound is looked at on the grid of pictures from the start of the song on, so what is found for a time does not
    depend on the order in which times are asked for, as far back as is kept.
    """

    def __init__(self, reactions: Reactions, fps: float) -> None:
        self.gap = GAP_S  # s between two lights; infinite for none
        self._reactions = reactions
        self._fps = fps
        self._scanned = 0  # pictures already looked at
        self._before = 0.0  # onset value at the end of the last of them
        self._flux_before = 0.0  # what had risen by then
        self._usual = 0.0  # of a picture's rise
        self._found: list[_Onset] = []
        self._moves: list[Pulse] = []  # of the last pictures as they begin
        self._last_flash = -math.inf

    def at(self, time: float) -> Pulse:
        """At its height in the picture whose span contains the onset, then decaying; `time` in s."""
        picture = max(0, math.floor(time * self._fps + 1e-6))
        while self._scanned <= picture:
            self._scan(self._scanned)
            self._scanned += 1
        light = 0.0
        last = bisect.bisect_right(self._found, (time + 1e-6, 2.0, 2.0))
        for onset in self._found[max(0, last - _REMEMBERED) : last]:
            light = max(light, onset.light * math.exp(-(time - onset.begins) / _LIGHT_S))
        moved = self._moves[max(picture - self._scanned, -len(self._moves))]
        felt = math.exp(-max(0.0, time - picture / self._fps) / _KICK_S)
        return Pulse(light, moved.kick * felt, (moved.push[0] * felt, moved.push[1] * felt), moved.stray)

    def _scan(self, picture: int) -> None:
        begins, ends = picture / self._fps, (picture + 1) / self._fps - 1e-6
        decay = math.exp(-1 / (self._fps * _ONSET_DECAY_S))
        heard = self._reactions.at(ends)
        rise, self._flux_before = max(0.0, heard.cumulative_flux - self._flux_before), heard.cumulative_flux
        self._moves.append(self._moved(begins, rise))
        peak = max(heard.onset, self._reactions.at(begins).onset)
        if peak > self._before * math.sqrt(decay) + _RISE:
            strength = min(1.0, 1.15 * peak)  # the peak has decayed a little by the end of its picture
            whole = self._rise(begins)
            light = strength * min(1.0, _LEAST_LIGHT + _LIGHT_BY_RISE * whole)
            free = begins - self._last_flash >= self.gap - 1e-6 and math.isfinite(self.gap)
            if free and not self._is_outdone(begins, whole):
                self._last_flash = begins
            else:
                light = min(light, FAINT)
            self._found.append(_Onset(begins, strength, light))
        self._before = heard.onset
        if len(self._moves) > 2 * _KEPT:
            del self._moves[:_KEPT]
        if len(self._found) > 2 * _KEPT:
            del self._found[:_KEPT]

    def _rise(self, begins: float) -> float:
        """How much rises in the picture that begins then."""
        ends = begins + 1 / self._fps + _RISING_S
        return self._reactions.at(ends).cumulative_flux - self._reactions.at(begins).cumulative_flux

    def _is_outdone(self, begins: float, rise: float) -> bool:
        """Whether a clearly stronger onset comes before there may be light again; live that is not known."""
        coming = range(2, round(self.gap * self._fps))
        return any(self._rise(begins + pictures / self._fps) > _OUTDONE * rise for pictures in coming)

    def _moved(self, begins: float, rise: float) -> Pulse:
        """What a picture does in whose span so much rises, after what the one before it did."""
        _, kick, (x, y), stray = self._moves[-1] if self._moves else Pulse(0.0, 0.0, (0.0, 0.0), 0.0)
        felt = math.exp(-1 / (self._fps * _KICK_S))
        way = _GOLDEN * math.floor(begins / _TURN_S)
        push = (x * felt + rise * math.cos(way), y * felt + rise * math.sin(way))
        self._usual += (rise - self._usual) * max(1 / (self._fps * _USUAL_S), 1 / (self._scanned + 1))
        relative = rise / self._usual if self._usual > 1e-6 else 1.0
        speed = min(_FASTEST, _SLOWEST + (1.0 - _SLOWEST) * relative)
        stray += (speed - 1.0 - stray / _BACK_S) / self._fps
        return Pulse(0.0, min(kick * felt + rise, _MOST), push, min(_STRAY_S, max(-_STRAY_S, stray)))


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

    def _warp(self, seen: Parts, time: float, now: "Features", pulse: Pulse) -> Parts:
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
