"""What sound does to the picture, on the grid of pictures: every rise moves it, no more than two a second light it."""

import bisect
import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from engine.audio.envelopes import Reaction

GAP_S = 0.5  # s between two lights: two flashes a second, which leaves room for a cut (WCAG 2.3.1 allows three)
FAINT = 0.12  # light of an onset that comes sooner: too small a change of luminance, and of red, to be a flash
_LEAST_LIGHT, _LIGHT_BY_RISE = (
    0.3,
    0.5,
)  # of an onset in which nothing rises (it has hardly begun), and for a usual rise
_OUTDONE = 1.5
_RISING_S = 0.03  # until the rise of an onset is complete; live it is not known yet
_LIGHT_S, _KICK_S = 0.16, 0.4  # decay of the light and of the movement
_ONSET_DECAY_S = 0.15  # of the onset value itself, see engine.audio.envelopes
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
    """What is heard as a function of song time in seconds; `engine.audio.envelopes.Envelopes` is one."""

    def at(self, time: float) -> "Reaction": ...


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
        self._risen = 0.0  # what had risen by then
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
        rise, self._risen = max(0.0, heard.risen - self._risen), heard.risen
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
        return self._reactions.at(ends).risen - self._reactions.at(begins).risen

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
