"""Analysis of a song: a row for each window and a shot for each span, by models that are loaded once."""

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
from msgspec.structs import asdict, replace
from numpy.typing import NDArray

from aimv.language.content import Content, InstrumentChoice, make_content
from aimv.language.score import SUFFIX, Score, ScoreHeader, Shot, is_score
from aimv.language.sentence import sentence
from aimv.language.shots import cut_shots
from aimv.options import HOP_S, WHISPER, AnalysisSettings, ScoreSettings
from engine.analysis.instruments import Classifier, Confusion, load_classifier
from engine.analysis.transcription.decoder import WhisperDecoder
from engine.analysis.transcription.models import load_whisper
from engine.analysis.transcription.offline import transcribe_file
from engine.analysis.transcription.streaming import StreamingTranscriber
from engine.analysis.transcription.types import Passage, VoiceProbability
from engine.analysis.windows import SongAnalyzer, WindowAnalysis, analyze_causally, song_features
from engine.audio.features import FeatureExtractor
from engine.audio.song import Song, check_song, load_song
from engine.errors import UsageError
from engine.files import cache_folder
from engine.types import Progress

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_TOLERANCE_S = 0.05  # between the lengths of a score and of its song
_SHOT_HOP_S = 0.5  # between the windows that shots are made of: cuts need half a second's precision


class Row(msgspec.Struct, frozen=True):
    """One window of a song: its analysis and the content chosen from it, which `sentence` states."""

    analysis: WindowAnalysis
    instruments: InstrumentChoice
    content: Content
    hex: str
    seed: int

    @property
    def sentence(self) -> str:
        """The sentence, made when it is read."""
        return sentence(self.content, self.seed)

    def as_json(self, with_probabilities: bool = False) -> dict[str, Any]:
        """The row as plain values: times in s, frequency in Hz, loudness in LUFS."""
        window, probabilities = self.analysis, self.analysis.probabilities
        row: dict[str, Any] = {
            "start": round(window.start, 4),
            "end": round(window.end, 4),
            "loudness": self.content.loudness,
            "lufs": round(window.lufs, 2),
            "frequency_hz": round(window.frequency_hz, 2),
            "hex": self.hex,
            "colour": self.content.colour,
            "instruments": [
                {"name": name, "confidence": _floor(probabilities[name])} for name in self.instruments.names
            ],
            "confident": self.instruments.confident,
            "words": [{"text": w.text, "start": w.start, "end": w.end, "committed": w.committed} for w in window.words],
            "abstractions": list(self.content.abstractions),
            "sentence": self.sentence,
            "beats": [round(beat, 3) for beat in window.beats],
        }
        if with_probabilities:
            row["probabilities"] = {label: _floor(p) for label, p in probabilities.items()}
        return row


def _floor(probability: float) -> float:
    """Rounded down to four digits, so that a value below the threshold of .7 does not read as .7."""
    return math.floor(probability * 1e4 + 1e-6) / 1e4  # .57 is stored as a little less


def make_row(analysis: WindowAnalysis, confusion: Confusion, seed: int = 0) -> Row:
    """The content of a window, or of a span of windows."""
    content, chosen, hex_colour = make_content(analysis, confusion)
    return Row(analysis, chosen, content, hex_colour, seed)


def make_shot(row: Row, seed: int) -> Shot:
    """The row of a span as a line of the score, its times in whole milliseconds."""
    return Shot(
        start=round(row.analysis.start, 3),
        end=round(row.analysis.end, 3),
        sentence=row.sentence,
        hex=row.hex,
        seed=seed,
        times=tuple(round(word.start, 3) for word in row.analysis.words),
        **asdict(row.content),
    )


def _load_input(song: str | Path | NDArray[Any], rate: int | None) -> Song:
    """A file, or an array of floats [n] or [n, channels] of `rate` Hz, as a song."""
    if isinstance(song, str | Path):
        if rate is not None:
            raise UsageError(f"{song} has a sample rate of its own: give a rate with an array only", option="rate")
        return load_song(Path(song))
    samples = np.asarray(song)
    if rate is None:
        raise UsageError("an array of samples needs its rate in Hz", option="rate")
    if not np.issubdtype(samples.dtype, np.floating):
        raise UsageError(f"samples are floats with full scale 1.0, not {samples.dtype}: divide them by full scale")
    columns = samples[:, None] if samples.ndim == 1 else samples
    return check_song(Song(columns.astype(np.float32), int(rate)))


def refuse_other(settings: ScoreSettings, fixed: Mapping[str, object], owner: str) -> None:
    """Raise UsageError for a setting that is not the default and that `owner` has fixed to something else."""
    for name, value in fixed.items():
        given = getattr(settings, name)
        if given not in (getattr(type(settings)(), name), value):
            own = f", {value!r}" if value not in (None, "") else ""
            raise UsageError(f"{owner} has its own {name}{own}, so {given!r} cannot be used", option=name)


class _Models:
    """The models that analysis needs, each loaded at its first use."""

    def __init__(self, whisper: str) -> None:
        self._name = whisper

    @functools.cached_property
    def classifier(self) -> Classifier:
        return load_classifier()

    @functools.cached_property
    def whisper(self) -> "WhisperModel":
        return load_whisper(self._name)


_shared_models = functools.lru_cache(maxsize=1)(_Models)


class Analyzer:
    """Analyzes songs. Its models, the instrument classifier and Whisper, are loaded at first use and kept.

        with Analyzer(language="en") as analyzer:
            rows = list(analyzer("song.wav"))
            score = analyzer.score("song.wav")

    `whisper` is a name, hub id or folder (see `aimv models`), `language` the ISO 639-1 code that is sung, None to
    detect it in each song. Raises UsageError for a value that is not possible.
    """

    def __init__(self, whisper: str = WHISPER, language: str | None = None) -> None:
        checked = AnalysisSettings(whisper=whisper, language=language)
        self.whisper, self.language = checked.whisper, checked.language
        self._models = _Models(self.whisper)

    @classmethod
    def shared(cls, settings: AnalysisSettings) -> Self:
        """An analyzer for these settings whose models stay loaded for the next one of the same Whisper model."""
        analyzer = cls(settings.whisper, settings.language)
        analyzer._models = _shared_models(settings.whisper)
        return analyzer

    def analyze(
        self,
        song: str | Path | NDArray[Any],
        rate: int | None = None,
        *,
        hop: float = HOP_S,
        live: bool = False,
        seed: int = 0,
        on_progress: Callable[[float, float], None] = lambda done, total: None,
    ) -> Iterator[Row]:
        """Give a `Row` for each window of 1 s, one every `hop` seconds, in order, each as soon as it is known.

        `song` is a file, or an array of floats [n] or [n, channels] with full scale 1.0, of `rate` Hz. With `live`
        nothing is known before it sounds; a row is then given once its words are final, some seconds after its window.
        `seed` is that of the sentences. `on_progress` takes the seconds analyzed and the song's length.

        Raises:
            UsageError: there is no such file, or a value is not possible.
            MediaError: the sound cannot be used.
            ModelError: a model is missing or damaged.
        """
        AnalysisSettings(seed=seed)
        sound = _load_input(song, rate)
        steps: Iterable[tuple[float, list[WindowAnalysis]]]
        if live:
            words = StreamingTranscriber(WhisperDecoder(self._models.whisper, self.language), clock=lambda: 0.0)
            steps = analyze_causally(sound, self._models.classifier, words, hop)
        else:
            steps = ((window.end, [window]) for window in self._windows(sound, song_features(sound), hop))

        def rows() -> Iterator[Row]:
            for until, windows in steps:
                on_progress(until, sound.duration)
                for window in windows:
                    yield make_row(window, self._models.classifier.confusion, seed)

        return rows()

    __call__ = analyze

    def score(
        self, song: str | Path, settings: ScoreSettings | None = None, *, progress: Progress | None = None
    ) -> Score:
        """The score of a song: its shots with their sentences, by the style and the seed of `settings`.

        Raises:
            UsageError: there is no such file, or the settings ask for another model or language than the analyzer's.
            MediaError: the sound cannot be used.
            ModelError: a model is missing or damaged.
        """
        progress = progress or Progress()
        source = ShotSource(song, settings or ScoreSettings(), self, progress)
        progress.set_lengths(source.song.duration, source.song.duration)
        return Score(source.header, tuple(source.shots()))

    def close(self) -> None:
        """Let go of the models; used again, the analyzer loads them again."""
        self._models = _Models(self.whisper)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _windows(self, song: Song, features: FeatureExtractor, hop_s: float) -> SongAnalyzer:
        def words(audio: NDArray[np.float32], voice: VoiceProbability) -> Iterator[Passage]:
            return transcribe_file(audio, self._models.whisper, self.language, voice)

        return SongAnalyzer(song, self._models.classifier, words, features.beats, hop_s)


class ShotSource:
    """A song and its shots: those of `score` if there is one, else those that `analyzer` finds while they are read.

    Raises UsageError for a score whose song is missing or another, and for settings that the score or the analyzer
    has fixed otherwise; MediaError.
    """

    def __init__(
        self, song: str | Path | Score, settings: ScoreSettings, analyzer: Analyzer, progress: Progress
    ) -> None:
        if isinstance(song, Score):
            song.check_song()
        self.score = song if isinstance(song, Score) else Score.load(song) if is_score(song) else None
        self.analyzer, self._progress = analyzer, progress
        if self.score:
            self.header = self.score.header
            fixed = {"style": self.header.style, "seed": self.header.seed, "language": None, "whisper": WHISPER}
            refuse_other(settings, fixed, "the score")
            self.song = load_song(self.score.song)
            if abs(self.song.duration - self.header.duration) > _TOLERANCE_S:
                raise UsageError(
                    f"the score is {self.header.duration:.2f} s long, its song {self.header.song} "
                    f"{self.song.duration:.2f} s: make it anew from its song"
                )
        else:
            path = Path(str(song))
            refuse_other(settings, {"language": analyzer.language, "whisper": analyzer.whisper}, "the analyzer")
            self.song = load_song(path)
            self.header = ScoreHeader.of(path, self.song.duration, settings.style, settings.seed)
        self.features = song_features(self.song)

    def shots(self) -> Iterator[Shot]:
        """The shots in order, each as soon as it is known, from 0 s to the song's end without a gap; iterate once."""
        if self.score:
            self._progress.analyzed(self.song.duration)
            yield from self.score.shots
            return
        confusion = self.analyzer._models.classifier.confusion
        repeats, before = 0, None
        spans = cut_shots(self._windows(), self.features.beats, self.features.onsets, self.song.duration)
        for span in spans:
            row = make_row(span, confusion, self.header.seed)
            # Shots in a row with the same abstractions differ; a chorus that returns looks as before.
            repeats = repeats + 1 if row.content.abstractions == before else 0
            before = row.content.abstractions
            yield make_shot(row, self.header.seed + repeats)

    def _windows(self) -> Iterator[WindowAnalysis]:
        for window in self.analyzer._windows(self.song, self.features, _SHOT_HOP_S):
            self._progress.analyzed(window.end)
            yield window


class ResumeCache:
    """The score that an export has analyzed, kept in the user's cache until the export is finished."""

    def __init__(self, out: Path, source: ShotSource) -> None:
        header, analyzer = source.header, source.analyzer
        made_with = (header.sha256, header.style, header.seed, analyzer.language, analyzer.whisper, str(out.absolute()))
        name = hashlib.sha256(repr(made_with).encode()).hexdigest()[:32]
        self._path = cache_folder("exports") / f"{name}{SUFFIX}"
        self._source = source

    def restore(self) -> None:
        """Take the shots from the cached score, if there is one."""
        if self._path.exists() and not self._source.score:
            self._source.score = Score.load(self._path)

    def save_when_complete(self) -> Iterator[Shot]:
        """The source's shots; once all are known they are cached."""
        shots = []
        for shot in self._source.shots():
            shots.append(shot)
            yield shot
        if not self._source.score:
            header = self._source.header
            Score(replace(header, song=str(Path(header.song).absolute())), tuple(shots)).save(self._path)

    def clear(self) -> None:
        """Remove the cached score."""
        self._path.unlink(missing_ok=True)


def listen(
    song: str | Path | NDArray[Any],
    rate: int | None = None,
    *,
    hop: float = HOP_S,
    language: str | None = None,
    live: bool = False,
    whisper: str = WHISPER,
    seed: int = 0,
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> Iterator[Row]:
    """Analyze a song window by window: `Analyzer.analyze` with models that stay loaded."""
    analyzer = Analyzer.shared(AnalysisSettings(language=language, whisper=whisper))
    return analyzer.analyze(song, rate, hop=hop, live=live, seed=seed, on_progress=on_progress)


def score(song: str | Path, settings: ScoreSettings | None = None, *, progress: Progress | None = None) -> Score:
    """Analyze a song and give its score: `Analyzer.score` with models that stay loaded."""
    return Analyzer.shared(settings or ScoreSettings()).score(song, settings, progress=progress)
