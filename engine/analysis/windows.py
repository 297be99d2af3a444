"""Analysis of a song window by window: loudness, pitch, instruments, words, beats; offline or causally."""

import bisect
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from engine.analysis.instruments import REACH_S, Classifier, smooth
from engine.analysis.transcription.types import Passage, Transcriber, VoiceProbability, Word, english_of, text_of
from engine.audio.beats import BeatTracker, track_beats
from engine.audio.features import RATE as FEATURE_RATE
from engine.audio.features import FeatureExtractor
from engine.audio.loudness import SILENCE_LUFS, RunningLoudness, dominant_frequency, loudness
from engine.audio.song import Song
from engine.audio.windows import RollingWindows, Window

ANALYSIS_RATE = 22_050  # Hz, of the features and beats
SPEECH_RATE = 16_000  # Hz, of transcription

# 16 kHz mono and the voice's probability -> words in order of their start
SongTranscriber = Callable[[NDArray[np.float32], VoiceProbability], Iterator[Passage]]


class WindowAnalysis(msgspec.Struct, frozen=True):
    """The analysis of one window, or of a span of windows."""

    start: float  # s
    end: float  # s
    loud: bool  # louder than the song has been so far
    lufs: float
    frequency_hz: float  # 0.0 in silence
    probabilities: dict[str, float]
    words: tuple[Word, ...] = ()  # those that start in the window; live, those committed since the last one
    beats: tuple[float, ...] = ()  # s, those in the window
    committed: tuple[Word, ...] | None = None  # analysed causally: the words known only since the last window ended

    @property
    def text(self) -> str:
        """The lyric: of the words that were new when the window ended where it was analysed causally."""
        return text_of(self.words if self.committed is None else self.committed)

    @property
    def english(self) -> str | None:
        """`text` in English where another language is sung, else None."""
        return english_of(self.words if self.committed is None else self.committed)


def song_features(song: Song) -> FeatureExtractor:
    """Features of a song whose future is known, its beats included."""
    features = FeatureExtractor.of(song.mono(ANALYSIS_RATE), ANALYSIS_RATE)
    beats = track_beats(np.array(features.onset_strength), FEATURE_RATE)
    features.beats = [float(beat) for beat in beats if beat < song.duration]
    return features


class SongAnalyzer:
    """Iterates over the windows of a song whose future is known; analysis runs just ahead of the iteration.

    Instrument probabilities are smoothed over the windows around each; `beats` are those of the song, in s.
    """

    def __init__(
        self, song: Song, classifier: Classifier, transcribe: SongTranscriber, beats: list[float], hop_s: float
    ) -> None:
        self._song = song
        self._transcribe = transcribe
        self._classifier = classifier
        self._hop_s = hop_s
        self._beats = beats

    def __iter__(self) -> Iterator[WindowAnalysis]:
        ready: list[WindowAnalysis] = []  # before smoothing
        splitter = RollingWindows(self._song.rate, self._hop_s)
        windows = itertools.chain(splitter.push(self._song.samples), splitter.finish())
        rest = map(WindowAnalyzer(self._classifier).analyze, windows)

        def voice_between(start: float, end: float) -> float:
            while (not ready or ready[-1].start < end) and (window := next(rest, None)) is not None:
                ready.append(window)
            voices = [each.probabilities.get("vocal", 1.0) for each in ready if each.start < end and each.end > start]
            return max(voices, default=0.0)

        passages = self._transcribe(self._song.mono(SPEECH_RATE), voice_between)
        known: list[Word] = []
        complete_until = 0.0  # s; every word that starts before it is known
        reach = math.ceil(REACH_S / self._hop_s)
        for index in itertools.count():
            while len(ready) <= index + reach and (ahead := next(rest, None)) is not None:
                ready.append(ahead)
            if index >= len(ready):
                return
            first = max(0, index - reach)
            window = self._smoothed(ready[first : index + reach + 1], index - first)
            while complete_until < window.end:
                passage = next(passages, Passage((), math.inf))
                known += passage.words
                complete_until = passage.until
            yield _with_words(window, known, self._beats)

    def _smoothed(self, windows: list[WindowAnalysis], at: int) -> WindowAnalysis:
        labels = self._classifier.labels
        rows = np.array([[window.probabilities[label] for label in labels] for window in windows])
        smoothed = smooth(labels, rows, at, self._hop_s)
        return msgspec.structs.replace(windows[at], probabilities=dict(zip(labels, smoothed.tolist(), strict=True)))


def analyze_causally(
    song: Song, classifier: Classifier, transcriber: Transcriber, hop_s: float
) -> Iterator[tuple[float, list[WindowAnalysis]]]:
    """Analyze a song as a live input: nothing is known before it sounds.

    Yields (seconds analyzed, the windows that are final by then) for each block of `hop_s`. A window is final once its
    beats are known and no word that starts in it can be committed any more: some seconds after its end.
    """
    splitter = RollingWindows(song.rate, hop_s)
    analyzer = WindowAnalyzer(classifier)
    features, tracker = FeatureExtractor(ANALYSIS_RATE), BeatTracker(FEATURE_RATE)
    to_speech = soxr.ResampleStream(song.rate, SPEECH_RATE, 1, dtype="float32")
    to_analysis = soxr.ResampleStream(song.rate, ANALYSIS_RATE, 1, dtype="float32")
    pending = deque[tuple[WindowAnalysis, list[Word]]]()  # with the words committed since the window before ended
    uncounted: list[Word] = []  # committed since the last window ended
    words: list[Word] = []
    beats: list[float] = []
    block = max(1, round(hop_s * song.rate))
    for at in range(0, len(song.samples), block):
        samples = song.samples[at : at + block]
        last = at + block >= len(song.samples)
        mono = np.asarray(samples.mean(axis=1), dtype=np.float32)
        known = len(features.onset_strength)
        features.push(to_analysis.resample_chunk(mono, last=last))
        beats += tracker.push(np.array(features.onset_strength[known:]))
        ended = list(splitter.push(samples)) + (list(splitter.finish()) if last else [])
        new = [analyzer.analyze(window) for window in ended]
        voice = new[-1].probabilities.get("vocal") if new else None
        committed = transcriber.feed(to_speech.resample_chunk(mono, last=last), voice)
        words += committed
        uncounted += committed
        for window in new:
            pending.append((window, uncounted))
            uncounted = []
        complete_until = min(transcriber.complete_until, len(features.onset_strength) / FEATURE_RATE)
        if last:
            words += transcriber.finish()
            beats = [beat for beat in beats if beat < song.duration]
            complete_until = math.inf
        final: list[WindowAnalysis] = []
        while pending and pending[0][0].end <= complete_until:
            window, known_words = pending.popleft()
            complete = _with_words(window, words, beats)
            final.append(msgspec.structs.replace(complete, committed=tuple(known_words)))
        yield min(at + block, len(song.samples)) / song.rate, final


class WindowAnalyzer:
    """Analyzes windows one by one, in order: loudness is compared with the windows before."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._running = RunningLoudness()

    def analyze(self, window: Window) -> WindowAnalysis:
        """Analyze the next window, without words and beats."""
        mono = window.mono
        lufs = loudness(window.samples, window.rate)
        probabilities = self._classifier(mono, window.rate)
        return WindowAnalysis(
            start=window.start_s,
            end=window.end_s,
            loud=self._running.is_loud(lufs),
            lufs=lufs,
            frequency_hz=dominant_frequency(mono, window.rate) if lufs > SILENCE_LUFS else 0.0,
            probabilities={label: float(p) for label, p in zip(self._classifier.labels, probabilities, strict=True)},
        )


def _with_words(window: WindowAnalysis, words: list[Word], beats: list[float]) -> WindowAnalysis:
    return msgspec.structs.replace(
        window,
        words=tuple(word for word in words if window.start <= word.start < window.end),
        beats=tuple(beats[bisect.bisect_left(beats, window.start) : bisect.bisect_left(beats, window.end)]),
    )
