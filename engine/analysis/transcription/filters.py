"""Filters against words that nobody sang: a voice gate, and removal of Whisper's hallucinations.

Over silence, applause and instrumental music Whisper writes phrases learnt from subtitles (Koenecke et al. 2024,
"Careless Whisper"; Barański et al. 2025, "Investigation of Whisper ASR Hallucinations") and repeats itself in loops.
"""

from collections.abc import Sequence

from engine.analysis.transcription.commit import normalize
from engine.analysis.transcription.languages import credit_phrases, filler_phrases
from engine.analysis.transcription.types import Word

OPEN_AT = 0.85  # clean guitars have reached 0.82
CLOSE_AT = 0.5
HOLD_S = 2.0
_LONGEST_PHRASE = 16
_LOOP_ROUNDS = 3
_FASTEST_LOOP = 4.0  # words a second; a real refrain is sung slower, a loop squeezes its rounds into no time


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
    texts = [normalize(word.text) for word in words]
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
