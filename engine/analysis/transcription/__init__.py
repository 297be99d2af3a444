"""Hearing words: what the rest of AIMV needs of it, in one place."""

from engine.analysis.transcription.offline import transcribe_file
from engine.analysis.transcription.streaming import StreamingWhisper
from engine.analysis.transcription.types import FakeTranscriber, Passage, Transcriber, Word

__all__ = ["FakeTranscriber", "Passage", "StreamingWhisper", "Transcriber", "Word", "transcribe_file"]
