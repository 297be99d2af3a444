"""Windows that lean on their neighbours: what plays now most likely played a second ago and will a second on.

A hidden Markov chain of two states a label, there or not, smoothed forward and backward (Rabiner 1989). The classifier
hears each window alone; where a song's future is known, what the windows about it say is evidence too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

REACH_S = 3.0
"""Seconds before and after a window that count; beyond them a neighbour's say is spent."""
_STAYS = 0.7
"""How probable it is that a label is a second later as it is now."""
_THROWN_IN = {"tom": 0.55, "crash": 0.55, "splash": 0.55}
_TRUST = 0.3
"""Share of a second's evidence that neighbours are given: what misleads the classifier, misleads it for a while."""
_LEAST = 1e-5
"""Probabilities nearer to 0 or 1 than this count as this near: their logits stay finite."""

Logits = NDArray[np.float64]


def steadied(labels: Sequence[str], rows: NDArray[np.floating], at: int, hop_s: float) -> NDArray[np.float64]:
    """Probabilities of window `at` given the windows about it.

    `rows` [windows, labels] are what the classifier said of windows `hop_s` apart, at most a second; [labels] comes
    back. What was ruled out (0, as in silence) stays so.
    """
    kept = 2 * np.array([_THROWN_IN.get(label, _STAYS) for label in labels]) - 1
    stays = (1 + kept**hop_s) / 2
    sure = np.clip(np.asarray(rows, np.float64), _LEAST, 1 - _LEAST)
    logits = np.log(sure / (1 - sure))
    weak = _TRUST * hop_s * logits
    told = logits[at] + _message(weak[:at], stays) + _message(weak[:at:-1], stays)
    return np.asarray(np.where(rows[at] > 0, 1 / (1 + np.exp(-told)), 0.0))


def _message(evidence: Logits, stays: Logits) -> Logits:
    """What windows in a row say of the one after the last of them, as logits."""
    said = np.zeros(len(stays))
    for now in evidence:
        odds = np.exp(said + now)
        said = np.log((odds * stays + (1 - stays)) / (odds * (1 - stays) + stays))
    return said
