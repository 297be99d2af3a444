"""Each guard against invented words taken away by itself, so that what it removes and what it costs can be counted."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

from engine.analysis.transcription import commit, decoder, filters
from engine.analysis.transcription.commit import CommitPolicy
from engine.analysis.transcription.types import Word


def _always_open(gate: filters.VoiceGate, vocal: float | None, seconds: float) -> bool:
    gate.is_open = True
    return True


def _as_they_are(words: list[Word]) -> list[Word]:
    return list(words)


# name -> what takes that guard away while it is entered
WITHOUT: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "vocal gate": lambda: patch.object(filters.VoiceGate, "update", _always_open),
    "known phrases": lambda: patch.multiple(filters, credit_phrases=tuple, filler_phrases=frozenset),
    "notes in brackets": lambda: patch.object(filters, "_remove_annotations", _as_they_are),
    "loops": lambda: patch.object(filters, "remove_loops", _as_they_are),
    "least confidence": lambda: patch.object(CommitPolicy, "_is_likely", lambda policy, word: True),
    "surer when the voice stops": lambda: patch.object(commit, "LIKELY_ALONE", 0.0),
    "no echo": lambda: patch.object(CommitPolicy, "_is_echo", lambda policy, word: False),
    "placed in time": lambda: patch.object(commit, "_SHORTEST_S", -decoder.LONGEST_S),
}
