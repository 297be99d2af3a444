"""Endurance test of streaming transcription: memory over hours of a simulated stream.

    python -m tools.stress.soak_words SONG [--hours 8] [--whisper-every 120]

The song is fed in a loop in virtual time, a tenth of a second at a time, with a voice throughout. Whisper decodes one
stretch in --whisper-every; the others get two synthetic words per second, so that eight hours take minutes. The last
line is JSON: hours, decodes, whisper_decodes, words, buffered_s (the most audio buffered), rss_mb (after the first
quarter of an hour, and the most after it), growth_mb.
"""

import argparse
import json
from pathlib import Path

import faster_whisper
import numpy as np
from numpy.typing import NDArray

from engine.analysis.transcription.decoder import WhisperDecoder
from engine.analysis.transcription.models import load_whisper
from engine.analysis.transcription.streaming import StreamingTranscriber
from engine.analysis.transcription.types import SAMPLE_RATE, Word
from engine.audio.song import load_song

BLOCK_S = 0.1
REPORT_S = 900


class SparseDecoder:
    """Whisper once in `every` decodes; in between, two words per second at fixed times of the stream."""

    def __init__(self, model: faster_whisper.WhisperModel, every: int) -> None:
        self.decodes = self.whisper_decodes = 0
        self.language = "en"
        self._decoder = WhisperDecoder(model, self.language)
        self._every = every

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """See `Decoder`."""
        self.decodes += 1
        if self.decodes % self._every == 0:
            self.whisper_decodes += 1
            return self._decoder.decode(audio, start_s)
        end_s = start_s + len(audio) / SAMPLE_RATE
        return tuple(Word(f"word{n}", n / 2, n / 2 + 0.4, 0.9) for n in range(int(2 * start_s) + 1, int(2 * end_s)))

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """See `Decoder`; what is sung is English already."""
        return self.decode(audio, start_s)


def resident_mb() -> float:
    """Memory of this process, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Stream and print a line each simulated quarter of an hour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--whisper-every", type=int, default=120)
    parser.add_argument("--model", default="base")
    given = parser.parse_args()

    audio = load_song(given.song).mono(SAMPLE_RATE)
    decoder = SparseDecoder(load_whisper(given.model), given.whisper_every)
    stream = StreamingTranscriber(decoder, clock=lambda: 0.0)
    block, words, buffered_s, curve = round(BLOCK_S * SAMPLE_RATE), 0, 0.0, list[float]()
    print("  hours    MB   words")
    for number in range(round(given.hours * 3600 / BLOCK_S)):
        at = number * block % (len(audio) - block)
        words += len(stream.feed(audio[at : at + block], 0.9))
        buffered_s = max(buffered_s, stream.buffered_s)
        if (number + 1) % round(REPORT_S / BLOCK_S) == 0:
            curve.append(resident_mb())
            print(f"{(number + 1) * BLOCK_S / 3600:7.2f} {curve[-1]:5.0f} {words:7d}", flush=True)
    totals = {
        "hours": given.hours,
        "decodes": decoder.decodes,
        "whisper_decodes": decoder.whisper_decodes,
        "words": words,
    }
    most = max(curve[1:], default=curve[0])
    memory = {"buffered_s": buffered_s, "rss_mb": [curve[0], most], "growth_mb": most - curve[0]}
    print(json.dumps({**totals, **memory}))


if __name__ == "__main__":
    main()
