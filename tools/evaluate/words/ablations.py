"""Streaming transcription as shipped, with half of its commit policy, and with one of its filters disabled each."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.analysis.transcription import commit, decoder, filters
from engine.analysis.transcription.commit import OLD_S, CommitPolicy
from engine.analysis.transcription.streaming import StreamingTranscriber
from engine.analysis.transcription.types import SAMPLE_RATE, Decoder, Word

BLOCK_S = 0.5
_ANNOTATION_MARKS = str.maketrans("", "", "[]()♪♫")


class WithoutAnnotationMarks:
    """A decoder whose words have no brackets and notes, by which the filter recognizes annotations."""

    def __init__(self, whole: Decoder) -> None:
        self._whole = whole

    @property
    def language(self) -> str | None:
        """See `Decoder`."""
        return self._whole.language

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """See `Decoder`."""
        words = self._whole.decode(audio, start_s)
        return tuple(replace(word, text=word.text.translate(_ANNOTATION_MARKS)) for word in words)

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """See `Decoder`."""
        return self._whole.translate(audio, start_s)


@dataclass(frozen=True)
class Configuration:
    """One way to set up streaming transcription; `patched` is entered while it runs."""

    policy: Callable[[], CommitPolicy] = CommitPolicy
    gated: bool = True
    decoder: Callable[[Decoder], Decoder] = lambda whole: whole
    patched: Callable[[], AbstractContextManager[object]] = nullcontext

    def transcribe(self, audio: NDArray[np.float32], whole: Decoder, vocal: Callable[[int], float]) -> list[Word]:
        """The words of `audio`, mono at 16 kHz, fed in blocks of BLOCK_S; `vocal` is the vocal probability by block."""
        transcriber = StreamingTranscriber(self.decoder(whole), clock=lambda: 0.0, policy=self.policy())
        block, words = round(BLOCK_S * SAMPLE_RATE), list[Word]()
        with self.patched():
            for index, at in enumerate(range(0, len(audio), block)):
                # An unknown probability counts as a voice.
                words += transcriber.feed(audio[at : at + block], vocal(index) if self.gated else None)
            return words + transcriber.finish()


POLICIES = {
    "streaming": Configuration(),
    "agreement alone": Configuration(lambda: CommitPolicy(old_s=math.inf)),
    "attention alone": Configuration(lambda: CommitPolicy(youngest_s=OLD_S)),
}

ABLATIONS = {
    "voice gate": Configuration(gated=False),
    "known hallucinations": Configuration(
        patched=lambda: patch.multiple(filters, credit_phrases=tuple, filler_phrases=frozenset)
    ),
    "bracketed annotations": Configuration(decoder=WithoutAnnotationMarks),
    "loop removal": Configuration(patched=lambda: patch.object(filters, "remove_loops", list)),
    "minimum confidence": Configuration(lambda: CommitPolicy(least_confidence=0.0)),
    "minimum confidence after the voice": Configuration(patched=lambda: patch.object(commit, "LIKELY_ALONE", 0.0)),
    "echo removal": Configuration(patched=lambda: patch.object(commit, "ECHO_S", 0.0)),
    # The commit policy has no public setting for this one.
    "word timing": Configuration(patched=lambda: patch.object(commit, "_SHORTEST_S", -decoder.LONGEST_S)),
}
