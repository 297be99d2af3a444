"""Guards against words that nobody sang: Whisper's known phrases, and loops in which it repeats itself.

The phrases are what Whisper writes over silence, applause and instrumental music, learnt from subtitles
(Koenecke et al. 2024, "Careless Whisper"; Barański et al. 2025, "Investigation of Whisper ASR Hallucinations").

Is anybody singing? The classifier's vocal probability with hysteresis, so that a breath does not end a line.

Speech detectors call singing silence; the instrument classifier knows a voice over a band.
"""

from collections.abc import Sequence

from engine.analysis.transcription.commit import plain
from engine.analysis.transcription.languages import credit_phrases, filler_phrases
from engine.analysis.transcription.types import Word

_LONGEST_PHRASE = 16
_LOOP_ROUNDS = 3
_FASTEST_LOOP = 4.0  # words a second; a real refrain is sung slower, a loop squeezes its rounds into no time


def remove_hallucinations(words: Sequence[Word]) -> list[Word]:
    """The words of one look without known phrases and without the runaway rounds of a loop."""
    kept = remove_loops(_remove_annotations(words))
    said = " ".join(part for word in kept for part in plain_parts(word.text))
    if said in filler_phrases() or any(phrase in said for phrase in credit_phrases()):
        return []
    return kept


def _remove_annotations(words: Sequence[Word]) -> list[Word]:
    """Drop what stands in brackets or beside notes: "[♪ OUTRO PLAYS]" tells of sound, nobody sings it."""
    kept: list[Word] = []
    depth = 0
    for word in words:
        depth += sum(word.text.count(bracket) for bracket in "[(")
        if not depth and not set(word.text) & set("♪♫"):
            kept.append(word)
        depth = max(0, depth - sum(word.text.count(bracket) for bracket in "])"))
    return kept


def plain_parts(text: str) -> list[str]:
    """A written word as its plain parts: "d'avoir" is two."""
    return [part for part in (plain(piece) for piece in text.replace("'", " ").replace("-", " ").split()) if part]


def remove_loops(words: Sequence[Word]) -> list[Word]:
    """Of a phrase that is repeated three times or more, keep the rounds up to the first one too fast to be sung."""
    texts = [plain(word.text) for word in words]
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


OPEN_AT = 0.85  # clean guitars have seemed a voice at 0.82
CLOSE_AT = 0.5
HOLD_S = 2.0


class VoiceGate:
    """Opens when a voice is likely; closes after HOLD_S seconds in which it was unlikely. Unknown counts as a voice."""

    def __init__(self) -> None:
        self.is_open = False
        self._quiet_s = 0.0

    def hear(self, vocal: float | None, seconds: float) -> bool:
        """Take the vocal probability (None = unknown) of the next `seconds` of audio; returns whether it is open."""
        if vocal is None or vocal >= OPEN_AT:
            self.is_open, self._quiet_s = True, 0.0
        elif vocal < CLOSE_AT:
            self._quiet_s += seconds
            if self._quiet_s >= HOLD_S:
                self.is_open = False
        else:
            self._quiet_s = 0.0
        return self.is_open
