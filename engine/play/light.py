"""Which onsets become light: never more than three flashes in a second."""

import bisect
import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.audio.envelopes import Reaction

GAP_S = 0.36  # between two flashes: at most three in any second (WCAG 2.3.1, ITU-R BT.1702)
FAINT = 0.12  # light of an onset that comes too soon: too small a change of luminance to count as a flash
_DECAY_S = 0.11  # of the light
_ONSET_DECAY_S = 0.15  # of the onset value itself, see engine.audio.envelopes
_RISE = 0.08  # an onset is new when it lies this far above the decay of the one before


class Reactions(Protocol):
    """What is heard as a function of song time in seconds; `engine.audio.envelopes.Envelopes` is one."""

    def at(self, time: float) -> "Reaction": ...


class Light:
    """The light of the picture over time, 0 to 1.

    Onsets are looked for on the grid of frames from the start of the song on, so the light at a time does not depend
    on the order in which times are asked for.
    """

    def __init__(self, reactions: Reactions, fps: float) -> None:
        self._reactions = reactions
        self._fps = fps
        self._scanned = 0  # frames already looked at
        self._before = 0.0  # onset value at the end of the last of them
        self._pulses: list[tuple[float, float]] = []  # when, how strong
        self._last_flash = -math.inf

    def at(self, time: float) -> float:
        """The light at `time` seconds: at its height in the frame whose span contains the onset, then decaying."""
        frame = math.floor(time * self._fps + 1e-6)
        while self._scanned <= frame:
            self._scan(self._scanned)
            self._scanned += 1
        light = 0.0
        last = bisect.bisect_right(self._pulses, (time + 1e-6, 2.0))
        for begun, strength in self._pulses[max(0, last - 8) : last]:
            light = max(light, strength * math.exp(-(time - begun) / _DECAY_S))
        return light

    def _scan(self, frame: int) -> None:
        begins, ends = frame / self._fps, (frame + 1) / self._fps - 1e-6
        decay = math.exp(-1 / (self._fps * _ONSET_DECAY_S))
        end_value = self._reactions.at(ends).onset
        peak = max(end_value, self._reactions.at(begins).onset)
        if peak > self._before * math.sqrt(decay) + _RISE:
            strength = min(1.0, 1.15 * peak)  # the peak has decayed a little by the end of its frame
            if begins - self._last_flash >= GAP_S:
                self._last_flash = begins
            else:
                strength = min(strength, FAINT)
            self._pulses.append((begins, strength))
        self._before = end_value
