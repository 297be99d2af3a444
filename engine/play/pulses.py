"""Onsets on the grid of pictures: each strikes the picture, and no more than two a second become light."""

import bisect
import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from engine.audio.envelopes import Reaction

GAP_S = 0.5  # s between two lights: two flashes a second, which leaves room for a cut (WCAG 2.3.1 allows three)
FAINT = 0.12  # light of an onset that comes sooner: too small a change of luminance, and of red, to be a flash
_LIGHT_S, _KICK_S = 0.16, 0.20  # decay of the light and of the movement
_ONSET_DECAY_S = 0.15  # of the onset value itself, see engine.audio.envelopes
_RISE = 0.08  # an onset is new when it lies this far above the decay of the one before
_REMEMBERED = 8  # pulses that may still be felt


class Reactions(Protocol):
    """What is heard as a function of song time in seconds; `engine.audio.envelopes.Envelopes` is one."""

    def at(self, time: float) -> "Reaction": ...


class Pulse(NamedTuple):
    """What the onsets up to a moment do to its picture, each from 0 to 1."""

    light: float
    kick: float  # to the left and right, up and down, in and out
    number: int  # of the onset that kicks most, counted from the song's start


class _Onset(NamedTuple):
    begins: float  # s, of the picture whose span contains it
    strength: float
    light: float


class Pulses:
    """The pulses of a song at a rate of pictures.

    Onsets are looked for on the grid of pictures from the start of the song on, so what is found for a time does not
    depend on the order in which times are asked for.
    """

    def __init__(self, reactions: Reactions, fps: float) -> None:
        self.gap = GAP_S  # s between two lights; infinite for none
        self._reactions = reactions
        self._fps = fps
        self._scanned = 0  # pictures already looked at
        self._before = 0.0  # onset value at the end of the last of them
        self._found: list[_Onset] = []
        self._last_flash = -math.inf

    def at(self, time: float) -> Pulse:
        """At its height in the picture whose span contains the onset, then decaying; `time` in s."""
        picture = math.floor(time * self._fps + 1e-6)
        while self._scanned <= picture:
            self._scan(self._scanned)
            self._scanned += 1
        light, kick, number = 0.0, 0.0, 0
        last = bisect.bisect_right(self._found, (time + 1e-6, 2.0, 2.0))
        for index in range(max(0, last - _REMEMBERED), last):
            onset = self._found[index]
            since = time - onset.begins
            light = max(light, onset.light * math.exp(-since / _LIGHT_S))
            felt = onset.strength * math.exp(-since / _KICK_S)
            if felt > kick:
                kick, number = felt, index
        return Pulse(light, kick, number)

    def _scan(self, picture: int) -> None:
        begins, ends = picture / self._fps, (picture + 1) / self._fps - 1e-6
        decay = math.exp(-1 / (self._fps * _ONSET_DECAY_S))
        end_value = self._reactions.at(ends).onset
        peak = max(end_value, self._reactions.at(begins).onset)
        if peak > self._before * math.sqrt(decay) + _RISE:
            strength = min(1.0, 1.15 * peak)  # the peak has decayed a little by the end of its picture
            light = strength
            if begins - self._last_flash >= self.gap - 1e-6 and math.isfinite(self.gap):
                self._last_flash = begins
            else:
                light = min(strength, FAINT)
            self._found.append(_Onset(begins, strength, light))
        self._before = end_value
