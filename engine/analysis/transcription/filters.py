"""What surrounds Whisper: a voice gate before it; after it, removal of hallucinations and repair of repeated lines.

Over silence, applause and instrumental music Whisper writes phrases learnt from subtitles (Koenecke et al. 2024,
"Careless Whisper"; Barański et al. 2025, "Investigation of Whisper ASR Hallucinations") and repeats itself in loops.
"""

import difflib
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from engine.analysis.transcription.commit import normalize
from engine.analysis.transcription.languages import credit_phrases, filler_phrases
from engine.analysis.transcription.types import Word

OPEN_AT = 0.85  # clean guitars have reached 0.82
CLOSE_AT = 0.5
HOLD_S = 2.0
_LONGEST_PHRASE = 16
_LOOP_ROUNDS = 3
_FASTEST_LOOP = 4.0  # words a second; a real refrain is sung slower, a loop squeezes its rounds into no time
DOUBTFUL = 0.6  # mean confidence of words that may be replaced
ADVANTAGE = 0.2
ALIKE = 0.5  # share of letters in common, of words that may be the same misheard
_AROUND = 2  # words on each side that are the same
_MOST_WORDS = 4  # replaced at once
_REMEMBERED = 400  # words: verse and refrain several times over, and bounded


class VoiceGate:
    """Opens when a voice is likely; closes after HOLD_S seconds in which it was unlikely. Unknown counts as a voice.

    The vocal probability is the instrument classifier's, which knows a voice over a band: speech detectors take singing
    for silence. Hysteresis and hold keep a breath from ending a line.
    """

    def __init__(self) -> None:
        self.is_open = False
        self._quiet_s = 0.0

    def update(self, vocal: float | None, seconds: float) -> bool:
        """Pass the vocal probability (None = unknown) of the next `seconds` of audio; returns whether it is open."""
        if vocal is None or vocal >= OPEN_AT:
            self.is_open, self._quiet_s = True, 0.0
        elif vocal < CLOSE_AT:
            self._quiet_s += seconds
            if self._quiet_s >= HOLD_S:
                self.is_open = False
        else:
            self._quiet_s = 0.0
        return self.is_open


def remove_hallucinations(words: Sequence[Word]) -> list[Word]:
    """The words of one decoded stretch without known phrases, annotations and the runaway rounds of a loop."""
    kept = remove_loops(_remove_annotations(words))
    text = " ".join(part for word in kept for part in normalized_parts(word.text))
    if text in filler_phrases() or any(phrase in text for phrase in credit_phrases()):
        return []
    return kept


def _remove_annotations(words: Sequence[Word]) -> list[Word]:
    """Drop what stands in brackets or beside notes: "[♪ OUTRO PLAYS]" describes sound, nobody sings it."""
    kept: list[Word] = []
    depth = 0
    for word in words:
        depth += sum(word.text.count(bracket) for bracket in "[(")
        if not depth and not set(word.text) & set("♪♫"):
            kept.append(word)
        depth = max(0, depth - sum(word.text.count(bracket) for bracket in "])"))
    return kept


def normalized_parts(text: str) -> list[str]:
    """A written word as its normalized parts: "d'avoir" is two."""
    parts = (normalize(piece) for piece in text.replace("'", " ").replace("-", " ").split())
    return [part for part in parts if part]


def remove_loops(words: Sequence[Word]) -> list[Word]:
    """Of a phrase that is repeated three times or more, keep the rounds up to the first one too fast to be sung."""
    texts = _texts(words)
    kept: list[Word] = []
    at = 0
    while at < len(words):
        size, rounds = _longest_loop(texts, at)
        for start in range(at, at + size * rounds, size):
            once = words[start : start + size]
            if rounds > 1 and size / max(0.01, once[-1].end - once[0].start) > _FASTEST_LOOP:
                break
            kept += once
        at += size * rounds
    return kept


def _longest_loop(texts: Sequence[str], first: int) -> tuple[int, int]:
    """Size and rounds of the phrase that, repeated from `first`, covers most words; (1, 1) if none is a loop."""
    best = (1, 1)
    for size in range(1, min(_LONGEST_PHRASE, (len(texts) - first) // _LOOP_ROUNDS) + 1):
        phrase, rounds = texts[first : first + size], 1
        while texts[first + size * rounds : first + size * (rounds + 1)] == phrase:
            rounds += 1
        if rounds >= _LOOP_ROUNDS and size * rounds > best[0] * best[1]:
            best = (size, rounds)
    return best


class RepetitionRepair:
    """Remembers the lyric so far, and repairs the doubtful words of a line that returns."""

    def __init__(self) -> None:
        self._history: list[Word] = []
        self._waiting: list[Word] = []

    def push(self, words: Sequence[Word], whole: bool) -> list[Word]:
        """Take in the next words of the lyric; returns those that are final, repaired, in order.

        The latest wait for the words after them, unless the segment is `whole` with these.
        """
        before = self._history[-_AROUND:]
        repaired = self.repair([*before, *self._waiting, *words])[len(before) :]
        count = len(repaired) if whole else max(0, len(repaired) - _MOST_WORDS - _AROUND)
        final, self._waiting = repaired[:count], repaired[count:]
        self.remember(final)
        return final

    def remember(self, words: Sequence[Word]) -> None:
        """Take in words of the lyric, in order."""
        self._history = [*self._history, *words][-_REMEMBERED:]

    def repair(self, line: Sequence[Word]) -> list[Word]:
        """`line` (some seconds of lyric, in order), its doubtful words replaced where those before are surer."""
        repaired: list[Word] = []
        at = 0
        for first in range(_AROUND, len(line) - _AROUND):
            for last in range(first + 1, min(first + _MOST_WORDS, len(line) - _AROUND) + 1):
                better = self._surer(line, first, last) if at <= first else None
                if better:
                    repaired += [*line[at:first], *_spread(better, line[first].start, line[last - 1].end)]
                    at = last
        return [*repaired, *line[at:]]

    def _surer(self, line: Sequence[Word], first: int, last: int) -> list[Word] | None:
        """The surest replacement of `line[first:last]`, None if it needs none or there is none."""
        doubtful = line[first:last]
        least = _confidence(doubtful) + ADVANTAGE
        if least > DOUBTFUL + ADVANTAGE:
            return None
        found = [
            before
            for before in self._between(_texts(line[first - _AROUND : first]), _texts(line[last : last + _AROUND]))
            if _differ(before, doubtful) and _confidence(before) >= least and _are_alike(before, doubtful)
        ]
        return max(found, key=_confidence, default=None)

    def _between(self, left: list[str], right: list[str]) -> Iterator[list[Word]]:
        """What was sung between these words."""
        texts = _texts(self._history)
        for first in range(_AROUND, len(texts) - _AROUND):
            if texts[first - _AROUND : first] == left:
                for last in range(first + 1, first + _MOST_WORDS + 1):
                    if texts[last : last + _AROUND] == right:
                        yield self._history[first:last]


def _texts(words: Sequence[Word]) -> list[str]:
    return [normalize(word.text) for word in words]


def _differ(some: Sequence[Word], others: Sequence[Word]) -> bool:
    """Whether they differ at their first and last word: only a difference is replaced, not what is around it."""
    return all(normalize(some[at].text) != normalize(others[at].text) for at in (0, -1))


def _are_alike(some: Sequence[Word], others: Sequence[Word]) -> bool:
    letters = difflib.SequenceMatcher(None, "".join(_texts(some)), "".join(_texts(others)), autojunk=False)
    return letters.ratio() >= ALIKE


def _confidence(words: Sequence[Word]) -> float:
    return float(np.mean([word.confidence for word in words]))


def _spread(words: Sequence[Word], start_s: float, end_s: float) -> list[Word]:
    """The words at even times between two times in seconds."""
    times = np.linspace(start_s, end_s, len(words) + 1)
    return [replace(word, start=float(times[i]), end=float(times[i + 1])) for i, word in enumerate(words)]
