"""What the picture should feel now, from sound that is still coming: the live counterpart of a song's envelopes."""

import math
import threading

import numpy as np
from numpy.typing import NDArray

from engine.audio.attacks import Attacks
from engine.audio.beats import BeatTracker
from engine.audio.envelopes import RATE, Envelopes, Onset, Reaction
from engine.audio.tempo import Tempo

_KEPT_S = 12.0
_SAME_S = 0.09  # an onset this near an attack is the same event
_DECAY_S = 0.15


class LiveReactions:
    """Band levels, attacks and beat of the sound pushed in; `at` may be asked from another thread.

    An attack acts as soon as it is heard; what `at` says of a moment that is not heard yet is what was heard last.
    """

    def __init__(self, rate: int, tempo: Tempo) -> None:
        """`rate` of the sound, Hz."""
        self.tempo = tempo
        self.onsets: list[Onset] = []  # the latest few
        self._envelopes = Envelopes(rate)
        self._attacks = Attacks(rate)
        self._tracker = BeatTracker(RATE)
        self._lock = threading.Lock()

    def push(self, mono: NDArray[np.float32]) -> list[Onset]:
        """Take in the next samples, [n], full scale 1.0; the onsets found in them."""
        with self._lock:
            found = self._attacks.push(mono)
            known, soft = len(self._envelopes.strength), len(self._envelopes.onsets)
            self._envelopes.push(mono)
            for onset in self._envelopes.onsets[soft:]:
                if all(abs(onset.time - other.time) > _SAME_S for other in (*self.onsets[-8:], *found)):
                    found.append(onset)
            for beat in self._tracker.push(np.array(self._envelopes.strength[known:])):
                self.tempo.track(beat)
            for onset in found:
                self.tempo.onset(onset.time)
            self.onsets = sorted([*self.onsets, *found], key=lambda onset: onset.time)[-64:]
            self._envelopes.forget(_KEPT_S)
        return found

    def at(self, time: float) -> Reaction:
        """The reaction at `time` seconds of the show."""
        with self._lock:
            now = self._envelopes.at(time)
            onset = 0.0
            for past in self.onsets[-6:]:
                if past.time <= time:
                    onset = max(onset, past.strength * math.exp(-(time - past.time) / _DECAY_S))
            phase, beat = self.tempo.at(time)
        return Reaction(now.level, now.low, now.mid, now.high, onset, phase, beat, now.risen)
