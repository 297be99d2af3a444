"""Hearing the words of a whole song: long context, a beam search, and only where somebody sings."""

from collections.abc import Callable, Iterator, Sequence

import faster_whisper
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.listen.words_decoder import Decoder, whole_words
from engine.listen.words_english import is_foreign, rendered
from engine.listen.words_gate import VocalGate
from engine.listen.words_guards import without_inventions
from engine.listen.words_language import LanguageVote
from engine.listen.words_reconcile import reconcile
from engine.listen.words_refrain import Refrains
from engine.listen.words_seam import SAMPLE_RATE, Passage, Word

BEAM_SIZE = 5
LEAST_CONFIDENCE = 0.2  # of words read with long context; below it more are wrong than right
_GATE_STEP_S = 0.5
_MARGIN_S = 1.0
LONGEST_STRETCH_S = 60.0
_BREAK_S = 4.0  # a rest shorter than this stays inside a stretch: Whisper reads better with context
_GAP_S = 5.0  # sung seconds without a word that are read again
_SURE_ALONE = 0.5  # mean confidence of words that stand in such a gap
_SHORTEST_WORD_S = 0.02
_SHORTEST_S, _LONGEST_S = 9.0, 14.0  # of a passage that is read twice
_REST_S = 0.25
_AROUND_S = 0.4
_MOST_TOKENS = 112  # of 30 s: more than is sung; a longer reading goes on from its last whole phrase, a loop ends
_LANGUAGE_LOOKS = 3
_SURE_OF_LANGUAGE = 0.9  # then one look is enough

# (start s, end s) -> probability of a voice in that stretch
VocalBetween = Callable[[float, float], float]


def transcribe_file(
    audio: NDArray[np.float32],
    model: faster_whisper.WhisperModel,
    language: str | None = None,
    vocal: VocalBetween | None = None,
) -> Iterator[Passage]:
    """The words of a song whose future is known, in order, as soon as each passage of it is read.

    `audio` is mono at 16 kHz; `language` an ISO 639-1 code, None to detect it in each stretch that is sung; `vocal`
    answers how likely a voice is between two times, None for a song that is sung throughout.
    """
    vote = LanguageVote(language if model.model.is_multilingual else "en")
    refrains = Refrains()
    for start_s, end_s in sung_stretches(vocal, len(audio) / SAMPLE_RATE):
        yield Passage((), start_s)
        if end_s <= start_s:
            continue
        stretch = audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        if vote.is_due():
            _detect(model, stretch, vote)
        decoder = Decoder(model, vote.language)
        last_s = start_s
        for words in read_twice(read_stretch(model, decoder, stretch, start_s), decoder, audio, refrains):
            placed = []
            for word in words:
                last_s = max(last_s, word.start)
                placed.append(msgspec.structs.replace(word, start=last_s, end=max(word.end, last_s)))
            yield Passage(tuple(placed), last_s)


def sung_stretches(vocal: VocalBetween | None, duration_s: float) -> Iterator[tuple[float, float]]:
    """(start, end) in seconds of each stretch in which somebody sings, short rests and a margin included.

    A stretch longer than LONGEST_STRETCH_S is parted where its voice is weakest, so that words come before the whole
    song was listened to. An empty stretch tells that nobody sings up to there.
    """
    if vocal is None:
        yield 0.0, duration_s
        return
    gate, stretch = VocalGate(), None
    voice: list[tuple[float, float]] = []  # (probability, time) of the stretch
    for step in range(int(np.ceil(duration_s / _GATE_STEP_S))):
        at = step * _GATE_STEP_S
        voice.append((vocal(at, at + _GATE_STEP_S), at))
        if gate.hear(voice[-1][0], _GATE_STEP_S):
            begin = max(0.0, at - _MARGIN_S) if stretch is None else stretch[0]
            stretch = (begin, min(duration_s, at + _GATE_STEP_S))
            if stretch[1] - begin > LONGEST_STRETCH_S:
                _, parted = min(v for v in voice if v[1] > begin + LONGEST_STRETCH_S / 2)
                yield begin, parted
                stretch = (parted, stretch[1])
        elif stretch is not None and at - stretch[1] >= _BREAK_S:
            yield stretch
            stretch = None
        elif stretch is None and at > _MARGIN_S:
            yield at - _MARGIN_S, at - _MARGIN_S
        voice = voice if stretch is not None else []
    if stretch is not None:
        yield stretch


def read_stretch(
    model: faster_whisper.WhisperModel, decoder: Decoder, audio: NDArray[np.float32], start_s: float
) -> Iterator[Word]:
    """The words of one stretch; where Whisper passed over seconds that are sung, or lost them in a loop, once more."""
    language = decoder.language or "en"
    segments, _ = model.transcribe(
        audio,
        language=language,
        beam_size=BEAM_SIZE,
        temperature=0.0,
        condition_on_previous_text=False,
        word_timestamps=True,
        max_new_tokens=_MOST_TOKENS,
    )

    def passed_over(until_s: float) -> Iterator[Word]:
        for at in np.arange(read_s, until_s - _GAP_S, _LONGEST_S):
            end_s = min(at + _LONGEST_S, until_s)
            sung = audio[round((at - start_s) * SAMPLE_RATE) : round((end_s - start_s) * SAMPLE_RATE)]
            words = _placed(without_inventions(decoder.look(sung, float(at))))
            if words and np.mean([word.confidence for word in words]) >= _SURE_ALONE:
                yield from words

    read_s = start_s
    for segment in segments:
        pieces = [(w.word, start_s + w.start, start_s + w.end, w.probability) for w in segment.words]
        for word in _placed(without_inventions(whole_words(pieces, language))):
            yield from passed_over(word.start)
            yield word
            read_s = max(read_s, word.end)
    yield from passed_over(start_s + len(audio) / SAMPLE_RATE)


def read_twice(
    first: Iterator[Word], decoder: Decoder, audio: NDArray[np.float32], refrains: Refrains
) -> Iterator[list[Word]]:
    """Read every ten seconds or so once more by themselves: other context, other mistakes; then mend the refrains."""
    for passage in _passages(first):
        start_s = max(0.0, passage[0].start - _AROUND_S)
        heard = audio[round(start_s * SAMPLE_RATE) : round((passage[-1].end + _AROUND_S) * SAMPLE_RATE)]
        words = reconcile(passage, _placed(without_inventions(decoder.look(heard, start_s))))
        words = [word for word in refrains.mended(words) if word.confidence >= LEAST_CONFIDENCE]
        refrains.remember(words)
        yield rendered(words, decoder.look_in_english(heard, start_s)) if is_foreign(decoder.language) else words


def _passages(words: Iterator[Word]) -> Iterator[list[Word]]:
    """Words in groups of 9 to 14 s, parted at a pause where there is one."""
    passage: list[Word] = []
    for word in words:
        if passage:
            pause, length = word.start - passage[-1].end, passage[-1].end - passage[0].start
            if word.end - passage[0].start > _LONGEST_S or pause > (_REST_S if length > _SHORTEST_S else _BREAK_S):
                yield passage
                passage = []
        passage.append(word)
    if passage:
        yield passage


def _placed(words: Sequence[Word]) -> list[Word]:
    """The words that Whisper could place in time: invented ones are squeezed into none."""
    return [word for word in words if word.end > word.start + _SHORTEST_WORD_S]


def _detect(model: faster_whisper.WhisperModel, audio: NDArray[np.float32], vote: LanguageVote) -> None:
    length = model.feature_extractor.n_samples
    for start in range(0, max(1, min(len(audio) - length // 2, _LANGUAGE_LOOKS * length)), length):
        _, sure, heard = model.detect_language(audio[start : start + length])
        vote.hear(dict(heard))
        if sure > _SURE_OF_LANGUAGE:
            return
