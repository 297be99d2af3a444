"""Audio-reactive effects: onsets light, zoom and push the picture on screen, and drive the time of its clip.

`Modulator` turns audio features into modulation on the grid of pictures: every rise moves the picture, at most two a
second light it. `Effects` applies the modulation to a picture.
"""

import bisect
import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.playback.yuv import BLACK_LUMA, NEUTRAL_CHROMA, Channels, crop, resize, split
from engine.types import Planes

if TYPE_CHECKING:
    from engine.audio.features import Features

LIGHT_GAP_S = 0.5  # between two lights: two flashes a second, which leaves room for a cut (WCAG 2.3.1 allows three)
_FAINT = 0.12  # light of an onset that comes sooner: too small a change of luminance, and of red, to be a flash
_BASE_LIGHT, _LIGHT_PER_RISE = 0.3, 0.5  # of an onset in which nothing rises yet, and what a usual rise adds
_LOUDER_RISE_RATIO = 1.5  # an onset is not lit if one that rises so much more comes before there may be light again
_RISE_S = 0.03  # until the rise of an onset is complete; live it is not known yet
_LIGHT_DECAY_S, _KICK_DECAY_S = 0.16, 0.4
_ONSET_DECAY_S = 0.15  # of the onset value itself, see engine.audio.features
_NEW_ONSET = 0.08  # an onset is new when it lies this far above the decay of the one before
_ACTIVE_ONSETS = 8  # the latest, whose light may not have decayed
_GOLDEN_ANGLE = 2.399963  # rad: no two directions near one another
_DIRECTION_S = 0.5  # a direction lasts this long, so that rises in a row add up
_MAX_KICK = 2.0
_MIN_SPEED = 0.2  # of a clip while nothing rises; the rest of its time passes as sound rises
_MAX_SPEED = 8.0  # beyond it a clip does not seem to move on but to jump
_MAX_OFFSET_S = 0.6  # a clip is never further than this from where it would be at even speed
_OFFSET_DECAY_S = 2.0  # in which it returns from there
_MEAN_RISE_S = 6.0  # over which the rises are averaged
_HISTORY = 2048  # pictures and onsets kept: a show has no end


class FeatureSource(Protocol):
    """Audio features as a function of song time in seconds; `engine.audio.features.FeatureExtractor` is one."""

    def at(self, time: float) -> "Features": ...


class Modulation(NamedTuple):
    """What the sound up to a moment does to its picture. A strong onset alone gives about 1 of light and kick."""

    light: float
    kick: float  # in and out
    push: tuple[float, float]  # to the right and down
    time_offset_s: float  # by which a clip is ahead of its even course, or behind


class _Onset(NamedTuple):
    start: float  # s, of the picture whose span contains it
    light: float


class Modulator:
    """The modulation of a song at a rate of pictures.

    Features are read on the grid of pictures from the start of the song on, so the result for a time does not depend
    on the order of calls, as far back as the history reaches.
    """

    def __init__(self, features: FeatureSource, fps: float) -> None:
        self.light_gap_s = LIGHT_GAP_S  # between two lights; infinite for none
        self._features = features
        self._fps = fps
        self._scanned = 0  # pictures read
        self._last_onset = 0.0  # onset value at the end of the last of them
        self._cumulative_flux = 0.0  # cumulative rise by then
        self._mean_rise = 0.0  # of a picture
        self._onsets: list[_Onset] = []
        self._history: list[Modulation] = []  # of the last pictures, at their starts
        self._last_light = -math.inf

    def at(self, time: float) -> Modulation:
        """At its height in the picture whose span contains the onset, then decaying; `time` in s."""
        picture = max(0, math.floor(time * self._fps + 1e-6))
        while self._scanned <= picture:
            self._scan(self._scanned)
            self._scanned += 1
        light = 0.0
        last = bisect.bisect_right(self._onsets, (time + 1e-6, 2.0))
        for onset in self._onsets[max(0, last - _ACTIVE_ONSETS) : last]:
            light = max(light, onset.light * math.exp(-(time - onset.start) / _LIGHT_DECAY_S))
        start = self._history[max(picture - self._scanned, -len(self._history))]
        decay = math.exp(-max(0.0, time - picture / self._fps) / _KICK_DECAY_S)
        push = (start.push[0] * decay, start.push[1] * decay)
        return Modulation(light, start.kick * decay, push, start.time_offset_s)

    def _scan(self, picture: int) -> None:
        start, end = picture / self._fps, (picture + 1) / self._fps - 1e-6
        decay = math.exp(-1 / (self._fps * _ONSET_DECAY_S))
        now = self._features.at(end)
        rise, self._cumulative_flux = max(0.0, now.cumulative_flux - self._cumulative_flux), now.cumulative_flux
        self._history.append(self._next(start, rise))
        peak = max(now.onset, self._features.at(start).onset)
        if peak > self._last_onset * math.sqrt(decay) + _NEW_ONSET:
            strength = min(1.0, 1.15 * peak)  # the peak has decayed a little by the end of its picture
            whole = self._rise(start)
            light = strength * min(1.0, _BASE_LIGHT + _LIGHT_PER_RISE * whole)
            free = start - self._last_light >= self.light_gap_s - 1e-6 and math.isfinite(self.light_gap_s)
            if free and not self._has_stronger_soon(start, whole):
                self._last_light = start
            else:
                light = min(light, _FAINT)
            self._onsets.append(_Onset(start, light))
        self._last_onset = now.onset
        for history in (self._history, self._onsets):
            if len(history) > 2 * _HISTORY:
                del history[:_HISTORY]

    def _rise(self, start: float) -> float:
        """How much rises in the picture that starts then."""
        end = start + 1 / self._fps + _RISE_S
        return self._features.at(end).cumulative_flux - self._features.at(start).cumulative_flux

    def _has_stronger_soon(self, start: float, rise: float) -> bool:
        """Whether a clearly stronger onset comes before there may be light again; live that is not known."""
        coming = range(2, round(self.light_gap_s * self._fps))
        return any(self._rise(start + pictures / self._fps) > _LOUDER_RISE_RATIO * rise for pictures in coming)

    def _next(self, start: float, rise: float) -> Modulation:
        """The modulation of a picture in whose span so much rises, from that of the one before."""
        _, kick, (x, y), offset = self._history[-1] if self._history else Modulation(0.0, 0.0, (0.0, 0.0), 0.0)
        decay = math.exp(-1 / (self._fps * _KICK_DECAY_S))
        direction = _GOLDEN_ANGLE * math.floor(start / _DIRECTION_S)
        push = (x * decay + rise * math.cos(direction), y * decay + rise * math.sin(direction))
        self._mean_rise += (rise - self._mean_rise) * max(1 / (self._fps * _MEAN_RISE_S), 1 / (self._scanned + 1))
        relative = rise / self._mean_rise if self._mean_rise > 1e-6 else 1.0
        speed = min(_MAX_SPEED, _MIN_SPEED + (1.0 - _MIN_SPEED) * relative)
        offset += (speed - 1.0 - offset / _OFFSET_DECAY_S) / self._fps
        return Modulation(
            0.0, min(kick * decay + rise, _MAX_KICK), push, min(_MAX_OFFSET_S, max(-_MAX_OFFSET_S, offset))
        )


_GRAINS, _SHIFT = 2, 64  # noise fields, shown in turn at places that shift by up to so many pixels
_RANGE = 219.0 / 255.0  # of luma
_CR_PER_LUMA, _CB_PER_LUMA = 0.58, -0.67  # change of chroma for a red that is brighter, a blue that is darker, by 1
_MIN_FRINGE = 0.12  # chroma pixels by which red and blue must part to be visible


class Effects:
    """Moves a picture with the music: light on onsets, zoom on kick and beat, colour fringes on highs, grain.

    A function of picture, time and reaction; nothing is kept from frame to frame. `reaction` scales every movement:
    0 leaves pictures as they are, 1 is the default, 2 is a lot.
    """

    def __init__(self, width: int, height: int, fps: float, features: FeatureSource) -> None:
        self._width, self._height, self._fps = width, height, fps
        self._features = features
        self._modulator = Modulator(features, fps)
        random = np.random.default_rng(1)
        grain = random.normal(128.0, 34.0, (_GRAINS, height + _SHIFT, width + _SHIFT))
        self._grain = np.clip(grain, 0, 255).astype(np.uint8)

    def space_lights(self, gap_s: float) -> None:
        """Let onsets become light at most every `gap_s`; infinite for never."""
        self._modulator.light_gap_s = gap_s

    def apply(self, picture: Planes, time: float, reaction: float) -> Planes:
        """`picture` as it is shown at `time` seconds of the song, filling the frame; a new array.

        It may have another size: what is over on two sides is cropped. A smaller one is moved as it is and then
        enlarged.
        """
        cropped = crop(picture, self._width, self._height)
        if reaction == 0.0:
            return resize(cropped, self._width, self._height)
        now = self._features.at(time)
        modulation = self._modulator.at(time)
        moved = resize(_warp(cropped, time, now, modulation, reaction), self._width, self._height)
        self._light(moved, modulation.light, now, self._noise(time), reaction)
        return moved

    def time_offset(self, time: float, reaction: float) -> float:
        """Seconds by which a clip should be ahead of its even course: it goes on as sound rises."""
        return min(1.0, reaction) * self._modulator.at(time).time_offset_s

    def _light(self, moved: Planes, light: float, now: "Features", noise: NDArray[np.uint8], reaction: float) -> None:
        """Exposure follows loudness a little; light is screened over the picture and blooms; edges dim; grain."""
        lift = min(0.5, 0.10 * light * reaction)
        exposure = 1.0 - 0.05 * min(1.0, reaction) * (1.0 - now.level) + 0.125 * light * reaction
        gain, black = exposure * (1.0 - lift), 255.0 * lift  # screen: 1 - (1 - picture) * (1 - lift)
        share = min(0.4, 0.11 * light * reaction) if light >= 0.05 else 0.0
        vignette, chroma_vignette, neutral = _vignette(self._width, self._height, reaction)
        for number, plane in enumerate(split(moved)):
            glow = self._glow(plane) if share else plane
            if number == 0:
                above = (black - 60.0 * share) * _RANGE - (gain + share) * BLACK_LUMA
                lit = cv2.addWeighted(plane, gain, glow, share, above)  # 0 is black
                lit = cv2.multiply(lit, vignette, scale=1.0 / 255.0)
                grain = (0.03 + 0.05 * now.high) * reaction * _RANGE
                cv2.addWeighted(lit, 1.0, noise, grain, BLACK_LUMA - 128.0 * grain, plane)
            else:
                lit = cv2.addWeighted(plane, gain, glow, share, NEUTRAL_CHROMA * (1.0 - gain - share))
                cv2.add(cv2.multiply(lit, chroma_vignette, scale=1.0 / 255.0), neutral, plane)

    def _glow(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = plane.shape
        step = 8 * width // self._width
        small = cv2.resize(plane, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), 3.0), (width, height)), dtype=np.uint8)

    def _noise(self, time: float) -> NDArray[np.uint8]:
        number = round(time * self._fps)
        x, y = (number * 23) % _SHIFT, (number * 37) % _SHIFT
        return self._grain[number % _GRAINS, y : y + self._height, x : x + self._width]


def _warp(picture: Channels, time: float, now: "Features", modulation: Modulation, reaction: float) -> Channels:
    """Zoom, shift and turn about the centre; red and blue a little apart towards the edges."""
    kick = modulation.kick * (0.5 + 0.5 * now.low)
    zoom = 1.03 + reaction * (0.05 * kick + 0.012 * now.beat + 0.012 * now.low**2 + 0.006 * math.sin(0.9 * time))
    angle = reaction * (0.35 * math.sin(0.53 * time) + 0.75 * modulation.push[0])
    fringe = reaction * 0.0055 * (now.high**2 + 0.5 * modulation.kick)

    def warped(plane: NDArray[np.uint8], zoomed: float) -> NDArray[np.uint8]:
        height, width = plane.shape
        push = 0.027 * reaction * width
        turned = cv2.getRotationMatrix2D(((width - 1) / 2.0, (height - 1) / 2.0), angle, zoomed)
        turned[:, 2] += (push * modulation.push[0], push * modulation.push[1])
        method, edge = cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
        return np.asarray(cv2.warpAffine(plane, turned, (width, height), flags=method, borderMode=edge), np.uint8)

    luma, cb, cr = (warped(plane, zoom) for plane in picture)
    height, width = picture.cb.shape
    if fringe * width / 2 > _MIN_FRINGE:
        # The luma of red, zoomed more, less that of blue, zoomed less, is what parts the two.
        small = np.asarray(cv2.resize(picture.luma, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        outer, inner = (warped(small, zoom * (1.0 + side * fringe)) for side in (1.0, -1.0))
        apart = cv2.subtract(outer, inner, dtype=cv2.CV_16S)
        cr = _added(cr, apart, 0.5 * _CR_PER_LUMA)
        cb = _added(cb, apart, 0.5 * _CB_PER_LUMA)
    return Channels(luma, cb, cr)


def _added(plane: NDArray[np.uint8], change: "cv2.typing.MatLike", share: float) -> NDArray[np.uint8]:
    """`plane` with a share of a signed change."""
    return np.asarray(cv2.add(plane, cv2.multiply(change, share), dtype=cv2.CV_8U), dtype=np.uint8)


@lru_cache(maxsize=2)
def _vignette(
    width: int, height: int, reaction: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """What dims the edges: the factor (of 255) of luma, that of chroma, and the neutral part that chroma fades to."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius2 = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2.0  # 0 in the centre, 1 in corners
    luma = (255.0 * (1.0 - min(1.0, 0.28 * reaction) * radius2**1.3)).astype(np.uint8)
    chroma = np.ascontiguousarray(luma[::2, ::2])
    return luma, chroma, np.round(NEUTRAL_CHROMA * (1.0 - chroma / 255.0)).astype(np.uint8)
