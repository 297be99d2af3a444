"""Hearing the words of a whole song: full context, a beam search, and only where somebody sings."""

from collections.abc import Callable, Iterator

import faster_whisper
import numpy as np
from numpy.typing import NDArray

from engine.listen.words_gate import VocalGate
from engine.listen.words_guards import without_inventions
from engine.listen.words_seam import SAMPLE_RATE, Word

BEAM_SIZE = 5
_GATE_STEP_S = 0.5

# (start s, end s) -> probability of a voice in that stretch
VocalBetween = Callable[[float, float], float]


def transcribe_file(
    audio: NDArray[np.float32],
    model: faster_whisper.WhisperModel,
    language: str | None = None,
    vocal: VocalBetween | None = None,
) -> Iterator[Word]:
    """The words of a song whose future is known, in order, as soon as each segment of it is read.

    `audio` is mono at 16 kHz; `language` an ISO 639-1 code, None to detect it; `vocal` answers how likely a voice
    is between two times, None for a song that is sung throughout.
    """
    if vocal is not None and not any(_sung(vocal, len(audio) / SAMPLE_RATE)):
        return
    segments, _ = model.transcribe(
        audio,
        language=language,
        beam_size=BEAM_SIZE,
        temperature=0.0,
        condition_on_previous_text=False,
        word_timestamps=True,
        vad_filter=False,
    )
    for segment in segments:
        words = [
            Word(w.word.strip(), round(float(w.start), 3), round(float(w.end), 3), round(float(w.probability), 4))
            for w in segment.words
        ]
        for word in without_inventions(words):
            if vocal is None or vocal(word.start - 0.5, word.end + 0.5) >= 0.15:
                yield word


def _sung(vocal: VocalBetween, duration_s: float) -> Iterator[bool]:
    gate = VocalGate()
    for start in np.arange(0.0, duration_s, _GATE_STEP_S):
        yield gate.hear(vocal(float(start), float(start) + _GATE_STEP_S), _GATE_STEP_S)
