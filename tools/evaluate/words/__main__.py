"""Measure the hearing of words: live and over whole songs, beside faster-whisper offline and plain LocalAgreement.

"agreement alone" and "attention alone" are our live looks with the one half of the commit policy only; with --guards
"without ..." are our live looks without that one guard: the words it removes, and those it costs.

    python -m tools.evaluate.words [--lyrics DIR] [--instrumentals DIR] [--systems NAME,NAME] [--guards] [--model NAME]

--lyrics holds songs as NAME/song.mp3 or .ogg, words.csv (start_s, end_s, word) and song.json (Language);
--instrumentals holds songs as NAME/sourceNN.flac and sources.json (what each is); singers are left out.
Speech over music is spoken by espeak-ng over the first instrumental. The last line is JSON.
"""

import argparse
import functools
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faster_whisper
import numpy as np

from engine.analysis.instruments import Classifier, load_classifier
from engine.analysis.transcription.commit import OLD_S, CommitPolicy
from engine.analysis.transcription.models import load_whisper
from engine.analysis.transcription.offline import transcribe_file
from engine.analysis.transcription.streaming import StreamingTranscriber
from engine.analysis.transcription.types import Word
from tools.evaluate.words.cases import RATE, Case, instrumentals, lyrics, silence_and_noise, speech_over
from tools.evaluate.words.guards import WITHOUT
from tools.evaluate.words.peers import Remembering, local_agreement, offline
from tools.evaluate.words.scores import Score

BLOCK_S = 0.5
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


POLICIES: dict[str, Callable[[], CommitPolicy]] = {
    "streaming": CommitPolicy,
    "agreement alone": lambda: CommitPolicy(old_s=math.inf),
    "attention alone": lambda: CommitPolicy(youngest_s=OLD_S),
}
_looked: dict[str, Remembering] = {}


def live(policy: str, model: faster_whisper.WhisperModel, case: Case, voice: Voice) -> list[Word]:
    """Ours, live; what Whisper reads in a look is the same whatever is committed of it, so it is read once."""
    decoder = _looked.setdefault(case.name + case.kind, Remembering(model, case.language))
    transcriber = StreamingTranscriber(decoder, clock=lambda: 0.0, policy=POLICIES[policy]())
    block = round(BLOCK_S * RATE)
    audio, words = case.audio, list[Word]()
    for index, at in enumerate(range(0, len(audio), block)):
        words += transcriber.feed(audio[at : at + block], voice.at(index))
    return words + transcriber.finish()


def unguarded(guard: str, model: faster_whisper.WhisperModel, case: Case, voice: Voice) -> list[Word]:
    """Ours, live, without one of its guards."""
    with WITHOUT[guard]():
        return live("streaming", model, case, voice)


SYSTEMS: dict[str, Callable[[faster_whisper.WhisperModel, Case, Voice], list[Word]]] = {
    **{policy: functools.partial(live, policy) for policy in POLICIES},
    "file": lambda model, case, voice: [
        word for passage in transcribe_file(case.audio, model, case.language, voice.between) for word in passage.words
    ],
    "faster-whisper": lambda model, case, voice: offline(model, case),
    "local-agreement": lambda model, case, voice: local_agreement(model, case),
}
UNGUARDED = {f"without {guard}": functools.partial(unguarded, guard) for guard in WITHOUT}


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """All that is measured, in order."""
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
    parser.add_argument("--guards", action="store_true", help="our live words without each guard, too")
    parser.add_argument("--model", default="base", help="as `aimv models` lists, a hub id or a folder")
    options = parser.parse_args()

    systems = {name: SYSTEMS[name] for name in options.systems.split(",")} | (UNGUARDED if options.guards else {})
    model, classifier = load_whisper(options.model), load_classifier()
    totals: dict[tuple[str, str], Score] = {}
    print(f"{'':28}{'':36}{'WER':>9}{'delay s':>9}{'p95 s':>9}{'inv/min':>9}{'x real':>9}")
    for case in cases(options):
        voice = Voice(classifier, case)
        for system, hear in systems.items():
            began = time.perf_counter()
            words = hear(model, case, voice)
            took, alone = time.perf_counter() - began, Score()
            if system in POLICIES | UNGUARDED:
                took += _looked[case.name + case.kind].saved_s()
            for score in (alone, totals.setdefault((case.kind, system), Score())):
                score.add(case, words, took)
            show(f"{case.name}, {case.kind}", system, alone)
    print()
    for (kind, system), score in totals.items():
        show(kind, system, score)
    print(json.dumps(summary(totals)))


def summary(totals: dict[tuple[str, str], Score]) -> dict[str, float | None]:
    """The figures of the whole run under the names that reports use; None for what was not measured."""

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
