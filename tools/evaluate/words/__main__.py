"""Evaluate transcription, streaming and of whole songs, beside faster-whisper offline and plain LocalAgreement.

"agreement alone" and "attention alone" are our streaming transcription with one half of the commit policy; with
--ablations, "without ..." is our streaming transcription with that filter disabled.

    python -m tools.evaluate.words [--lyrics DIR] [--instrumentals DIR] [--systems NAMES] [--ablations] [--model NAME]

--lyrics holds songs as NAME/song.mp3 or .ogg, words.csv (start_s, end_s, word) and song.json (Language);
--instrumentals holds songs as NAME/sourceNN.flac and sources.json (what each is); singers are left out.
Speech over music is spoken by espeak-ng over the first instrumental. The last line is JSON.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faster_whisper
import numpy as np

from engine.analysis.instruments import Classifier, load_classifier
from engine.analysis.transcription.models import load_whisper
from engine.analysis.transcription.offline import transcribe_file
from engine.analysis.transcription.types import Word
from tools.evaluate.words.ablations import ABLATIONS, BLOCK_S, POLICIES, Configuration
from tools.evaluate.words.cases import Case, instrumentals, lyrics, silence_and_noise, speech_over
from tools.evaluate.words.peers import CachedDecoder, local_agreement, offline
from tools.evaluate.words.scores import Score

SPEECH_DB = (0.0, 6.0, 12.0)


class Voice:
    """The classifier's vocal probability over a case, one window of 1 s ending at each block."""

    def __init__(self, classifier: Classifier, case: Case) -> None:
        vocal = classifier.labels.index("vocal")
        rate, block = case.rate, round(BLOCK_S * case.rate)
        ends = range(block, len(case.sound) + block, block)
        self._at = [float(classifier(case.sound[max(0, end - rate) : end], rate)[vocal]) for end in ends]

    def between(self, start_s: float, end_s: float) -> float:
        """The highest probability in windows that touch this stretch."""
        first, last = int(max(0.0, start_s) / BLOCK_S), int(np.ceil((end_s + 1.0) / BLOCK_S))
        return max(self._at[first:last], default=0.0)

    def at(self, block: int) -> float:
        """The probability in the window that ends with this block."""
        return self._at[min(block, len(self._at) - 1)]


_decoders: dict[str, CachedDecoder] = {}


def stream(configuration: Configuration, model: faster_whisper.WhisperModel, case: Case, voice: Voice) -> list[Word]:
    """Our streaming transcription; a stretch is decoded once for all configurations, which differ only after that."""
    decoder = _decoders.setdefault(case.name + case.kind, CachedDecoder(model, case.language))
    return configuration.transcribe(case.audio, decoder, voice.at)


System = Callable[[faster_whisper.WhisperModel, Case, Voice], list[Word]]
STREAMING: dict[str, System] = {name: functools.partial(stream, each) for name, each in POLICIES.items()}
WITHOUT: dict[str, System] = {f"without {name}": functools.partial(stream, each) for name, each in ABLATIONS.items()}
SYSTEMS: dict[str, System] = {
    **STREAMING,
    "file": lambda model, case, voice: [
        word for passage in transcribe_file(case.audio, model, case.language, voice.between) for word in passage.words
    ],
    "faster-whisper": lambda model, case, voice: offline(model, case),
    "local-agreement": lambda model, case, voice: local_agreement(model, case),
}


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """All cases, in order."""
    if options.lyrics:
        yield from lyrics(options.lyrics)
    if options.instrumentals:
        pieces = list(instrumentals(options.instrumentals))
        yield from (speech_over(pieces[0], decibels) for decibels in SPEECH_DB)
        yield from pieces
    yield from silence_and_noise()


def show(label: str, system: str, score: Score) -> None:
    """One line of the table."""
    figures = (score.word_error_rate, score.late(50), score.late(95), score.invented_per_minute)
    written = "".join(f"{'-' if figure is None else format(figure, '.2f'):>9}" for figure in figures)
    print(f"{label:28}{system:36}{written}{score.times_real_time:9.1f}", flush=True)


def main() -> None:
    """Print a line per case and system, then per kind, then the totals as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lyrics", type=Path)
    parser.add_argument("--instrumentals", type=Path)
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--ablations", action="store_true", help="also with each filter disabled")
    parser.add_argument("--model", default="base", help="as `aimv models` lists, a hub id or a folder")
    options = parser.parse_args()

    systems = {name: SYSTEMS[name] for name in options.systems.split(",")} | (WITHOUT if options.ablations else {})
    model, classifier = load_whisper(options.model), load_classifier()
    totals: dict[tuple[str, str], Score] = {}
    print(f"{'':28}{'':36}{'WER':>9}{'delay s':>9}{'p95 s':>9}{'inv/min':>9}{'x real':>9}")
    for case in cases(options):
        voice = Voice(classifier, case)
        for system, transcribe in systems.items():
            began = time.perf_counter()
            words = transcribe(model, case, voice)
            took, score_of_case = time.perf_counter() - began, Score()
            if system in STREAMING | WITHOUT:
                took += _decoders[case.name + case.kind].saved_s()
            for score in (score_of_case, totals.setdefault((case.kind, system), Score())):
                score.add(case, words, took)
            show(f"{case.name}, {case.kind}", system, score_of_case)
    print()
    for (kind, system), score in totals.items():
        show(kind, system, score)
    print(json.dumps(summary(totals)))


def summary(totals: dict[tuple[str, str], Score]) -> dict[str, float | None]:
    """The figures of the whole run; None for what was not measured."""

    def of(kind: str, system: str) -> Score:
        return totals.get((kind, system), Score())

    live = of("lyrics", "streaming")
    return {
        "wer_streaming": live.word_error_rate,
        "wer_file": of("lyrics", "file").word_error_rate,
        "wer_offline_peer": of("lyrics", "faster-whisper").word_error_rate,
        "wer_local_agreement": of("lyrics", "local-agreement").word_error_rate,
        "wer_agreement_alone": of("lyrics", "agreement alone").word_error_rate,
        "wer_attention_alone": of("lyrics", "attention alone").word_error_rate,
        "commit_delay_median_s": live.late(50),
        "commit_delay_p95_s": live.late(95),
        "hallucinated_per_minute": of("instrumental", "streaming").invented_per_minute,
        "times_real_time": live.times_real_time if live.audio_s else None,
    }


if __name__ == "__main__":
    main()
