"""The slow clock's view of sound: per window, what a listener would say is playing; from a file or causally."""

import bisect
import math
from collections import deque
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from engine.analysis.instruments import REACH_S, Classifier, smooth
from engine.analysis.transcription.types import Passage, Transcriber, Word, english_of, text_of
from engine.audio.beats import BeatTracker, track_beats
from engine.audio.features import RATE as FEATURE_RATE
from engine.audio.features import FeatureExtractor
from engine.audio.loudness import SILENCE_LUFS, RunningLoudness, loudness
from engine.audio.pitch import dominant_frequency
from engine.audio.song import Song
from engine.audio.windows import RollingWindows, Window

ANALYSIS_RATE = 22_050  # Hz, of the features and beats
SPEECH_RATE = 16_000  # Hz, of transcription

# (start s, end s) -> the highest probability of a voice in that stretch
VoiceProbability = Callable[[float, float], float]
# 16 kHz mono and the voice's probability -> words in order of their start
SongTranscriber = Callable[[NDArray[np.float32], VoiceProbability], Iterator[Passage]]


class WindowAnalysis(msgspec.Struct, frozen=True):
    """What one window holds."""

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
    """FeatureExtractor, onsets and beats of a song whose future is known."""
    features = FeatureExtractor.of(song.mono(ANALYSIS_RATE), ANALYSIS_RATE)
    beats = track_beats(np.array(features.onset_strength), FEATURE_RATE)
    features.beats = [float(beat) for beat in beats if beat < song.duration]
    return features


class SongAnalyzer:
    """A song whose future is known, window by window with their words and beats, heard as they are asked for."""

    def __init__(
        self, song: Song, classifier: Classifier, words: SongTranscriber, beats: list[float], hop_s: float = 0.25
    ) -> None:
        self._song = song
        self._words = words
        self._cutter = RollingWindows(song.rate, hop_s)
        self._listener = WindowAnalyzer(classifier)
        self._labels = classifier.labels
        self._hop_s = hop_s
        self._beats = beats

    def __iter__(self) -> Iterator[WindowAnalysis]:
        """Hear window after window, in order; work is done as it is asked for."""
        ready: list[WindowAnalysis] = []
        rest = self._windows()

        def voice_between(start: float, end: float) -> float:
            while (not ready or ready[-1].start < end) and (heard := next(rest, None)) is not None:
                ready.append(heard)
            voices = [h.probabilities.get("vocal", 1.0) for h in ready if h.start < end and h.end > start]
            return max(voices, default=0.0)

        coming = self._words(self._song.mono(SPEECH_RATE), voice_between)
        known: list[Word] = []
        complete_until = 0.0  # s; every word that starts before it is known
        given = 0
        reach = math.ceil(REACH_S / self._hop_s)
        while True:
            while len(ready) <= given + reach and (ahead := next(rest, None)) is not None:
                ready.append(ahead)
            if given >= len(ready):
                return
            first = max(0, given - reach)
            heard = self._steadied(ready[first : given + reach + 1], given - first)
            given += 1
            while complete_until < heard.end:
                passage = next(coming, Passage((), math.inf))
                known += passage.words
                complete_until = passage.until
            yield _with_words(heard, known, self._beats)

    def _steadied(self, about: list[WindowAnalysis], at: int) -> WindowAnalysis:
        rows = np.array([[heard.probabilities[label] for label in self._labels] for heard in about])
        found = smooth(self._labels, rows, at, self._hop_s)
        return msgspec.structs.replace(about[at], probabilities=dict(zip(self._labels, found.tolist(), strict=True)))

    def _windows(self) -> Iterator[WindowAnalysis]:
        block = self._song.rate * 5
        for at in range(0, len(self._song.samples), block):
            for window in self._cutter.push(self._song.samples[at : at + block]):
                yield self._listener.hear(window)
        for window in self._cutter.finish():
            yield self._listener.hear(window)


def analyze_causally(
    song: Song, classifier: Classifier, transcriber: Transcriber, hop_s: float = 0.25
) -> Iterator[tuple[float, list[WindowAnalysis]]]:
    """Hear a song as a live input would be heard: nothing is known before it sounds.

    Yields (seconds heard, the windows that are final by then) for each block of `hop_s`. A window is final once its
    beats are known and no word that starts in it can be committed any more: some seconds after its end.
    """
    cutter = RollingWindows(song.rate, hop_s)
    listener = WindowAnalyzer(classifier)
    features, tracker = FeatureExtractor(ANALYSIS_RATE), BeatTracker(FEATURE_RATE)
    to_speech = soxr.ResampleStream(song.rate, SPEECH_RATE, 1, dtype="float32")
    to_analysis = soxr.ResampleStream(song.rate, ANALYSIS_RATE, 1, dtype="float32")
    pending: deque[tuple[WindowAnalysis, list[Word]]] = (
        deque()
    )  # with the words committed since the window before ended
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
        ended = list(cutter.push(samples)) + (list(cutter.finish()) if last else [])
        new = [listener.hear(window) for window in ended]
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
    """What one window alone tells, and the running average that needs the windows before it."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._running = RunningLoudness()

    def hear(self, window: Window) -> WindowAnalysis:
        mono = window.mono
        lufs = loudness(window.samples, window.rate)
        found = self._classifier(mono, window.rate)
        return WindowAnalysis(
            start=window.start_s,
            end=window.end_s,
            loud=self._running.is_loud(lufs),
            lufs=lufs,
            frequency_hz=dominant_frequency(mono, window.rate) if lufs > SILENCE_LUFS else 0.0,
            probabilities={label: float(p) for label, p in zip(self._classifier.labels, found, strict=True)},
        )


def _with_words(heard: WindowAnalysis, words: list[Word], beats: list[float]) -> WindowAnalysis:
    started = tuple(word for word in words if heard.start <= word.start < heard.end)
    return msgspec.structs.replace(
        heard,
        words=started,
        beats=tuple(beats[bisect.bisect_left(beats, heard.start) : bisect.bisect_left(beats, heard.end)]),
    )
