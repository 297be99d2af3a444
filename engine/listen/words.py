"""Hearing words: what the rest of AIMV needs of it, in one place."""

from engine.listen.words_file import transcribe_file
from engine.listen.words_seam import FakeTranscriber, Passage, Transcriber, Word
from engine.listen.words_streaming import StreamingWhisper

__all__ = ["FakeTranscriber", "Passage", "StreamingWhisper", "Transcriber", "Word", "transcribe_file"]
