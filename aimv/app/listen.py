"""Listening to a song: what is heard in each window, as the row that a table or a program reads."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimv.language.content import InstrumentChoice, content_of
from aimv.language.score import Shot
from aimv.language.sentence import Content, sentence
from aimv.options import WHISPER
from engine.analysis.instruments import Classifier, Confusion, OnnxClassifier
from engine.analysis.transcription.models import load as load_whisper
from engine.analysis.transcription.offline import transcribe_file
from engine.analysis.transcription.streaming import StreamingWhisper
from engine.analysis.transcription.types import Passage
from engine.analysis.windows import SongAnalyzer, VoiceProbability, WindowAnalysis, analyze_causally, song_envelopes
from engine.audio.features import Envelopes
from engine.audio.song import Song, load_song


class Row(msgspec.Struct, frozen=True):
    """One window of a song: what is heard in it and what is said of it."""

    analysis: WindowAnalysis
    instruments: InstrumentChoice
    content: Content
    hex: str
    sentence: str

    def as_json(self, with_probabilities: bool = False) -> dict[str, Any]:
        """The row as plain values: times in s, frequency in Hz, loudness in LUFS."""
        heard, certain = self.analysis, self.analysis.probabilities
        row: dict[str, Any] = {
            "start": round(heard.start, 4),
            "end": round(heard.end, 4),
            "loudness": self.content.loudness,
            "lufs": round(heard.lufs, 2),
            "frequency_hz": round(heard.frequency_hz, 2),
            "hex": self.hex,
            "colour": self.content.colour,
            "instruments": [{"name": name, "confidence": _cut_off(certain[name])} for name in self.instruments.names],
            "confident": self.instruments.confident,
            "words": [{"text": w.text, "start": w.start, "end": w.end, "committed": w.committed} for w in heard.words],
            "abstractions": list(self.content.abstractions),
            "sentence": self.sentence,
            "beats": [round(beat, 3) for beat in heard.beats],
        }
        if with_probabilities:
            row["probabilities"] = {label: _cut_off(p) for label, p in certain.items()}
        return row


def _cut_off(probability: float) -> float:
    """Four digits, none rounded up: what is not 70 % sure must not read as if it were."""
    return math.floor(probability * 1e4 + 1e-6) / 1e4  # .57 is stored as a little less


def make_row(heard: WindowAnalysis, confusion: Confusion, seed: int = 0) -> Row:
    """What is said of what is heard."""
    content, chosen, hex_colour = content_of(heard, confusion)
    return Row(heard, chosen, content, hex_colour, sentence(content, seed))


def make_shot(row: Row, seed: int) -> Shot:
    """The row of a span as a line of the score, its times in whole milliseconds."""
    return Shot(
        start=round(row.analysis.start, 3),
        end=round(row.analysis.end, 3),
        sentence=row.sentence,
        loudness=row.content.loudness,
        words=row.content.words,
        instruments=row.content.instruments,
        abstractions=row.content.abstractions,
        colour=row.content.colour,
        hex=row.hex,
        seed=seed,
        times=tuple(round(word.start, 3) for word in row.analysis.words),
        english=row.content.english,
    )


class Ears:
    """The models that listening needs, loaded once: the instrument classifier and Whisper.

    `language` is an ISO 639-1 code, or None to detect it; `whisper` a name, hub id or folder (see `aimv models`).
    Raises ModelError if a model is missing or damaged, UsageError for a language Whisper does not know.
    """

    def __init__(self, language: str | None = None, whisper: str = WHISPER) -> None:
        self.classifier: Classifier = OnnxClassifier()
        self._whisper = load_whisper(whisper)
        self._language = language

    def hearing(self, song: Song, envelopes: Envelopes, hop_s: float = 0.25) -> SongAnalyzer:
        """The song heard with its future known; `envelopes` are those of the song, beats included."""
        return SongAnalyzer(song, self.classifier, self._words, envelopes.beats, hop_s)

    def causally(self, song: Song, hop_s: float = 0.25) -> Iterator[tuple[float, list[WindowAnalysis]]]:
        """The song heard as a live input by a machine that keeps up, so always the same; see `analyze_causally`."""
        transcriber = StreamingWhisper(self._whisper, language=self._language, clock=lambda: 0.0)
        return analyze_causally(song, self.classifier, transcriber, hop_s)

    def _words(self, audio: NDArray[np.float32], voice: VoiceProbability) -> Iterator[Passage]:
        return transcribe_file(audio, self._whisper, self._language, voice)


def listen(
    path: str | Path,
    *,
    hop: float = 1.0,
    language: str | None = None,
    live: bool = False,
    whisper: str = WHISPER,
    seed: int = 0,
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> Iterator[Row]:
    """Hear a song and give a `Row` for each window of 1 s, one every `hop` seconds, in order.

    With `live` nothing of the song is known before it sounds; the rows then come at its end. `on_progress` takes
    the seconds heard and the song's length.

    Raises MediaError or UsageError for a file that cannot be used, ModelError for a missing model.
    """
    song = load_song(Path(path))
    ears = Ears(language, whisper)
    if live:
        for until, heard in ears.causally(song, hop):
            on_progress(until, song.duration)
            yield from (make_row(one, ears.classifier.confusion, seed) for one in heard)
        return
    for one in ears.hearing(song, song_envelopes(song), hop):
        on_progress(one.end, song.duration)
        yield make_row(one, ears.classifier.confusion, seed)
