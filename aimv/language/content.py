"""From an analysis to the content tuple: instruments, words, loudness, colour, and an abstraction of each instrument.

An abstraction is one picturable word that is near the instrument in meaning. `data/associations.json` has the nearest
words of each instrument, found by word vectors when it was built (tools/release/build_associations.py).
"""

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from engine.audio.loudness import SILENCE_LUFS
from engine.colour import SILENT_HEX, colour_name, hex_of_frequency

if TYPE_CHECKING:  # a sentence is made without loading a sound library
    from engine.analysis.instruments import Confusion
    from engine.analysis.windows import WindowAnalysis

_COUNT = 3  # instruments in the tuple
_CONFIDENT = 0.7  # the least probability of an instrument that is named
# Set by the content language; every other pair is found by similarity.
FIXED_PAIRS = {
    "crash": "impact", "splash": "wave", "synth": "tech",
    "kick": "canon", "bass": "deep", "tom": "bounce",
    "cello": "floating", "vocal": "vibrate", "guitar": "pedal",
}  # fmt: skip


class Content(msgspec.Struct, frozen=True):
    """The content tuple of a span of sound, in its order.

    `instruments` has three names, or none when nothing could be named with confidence; `abstractions` has three
    words, or none in silence.
    """

    loudness: str  # "loud" | "quiet"
    words: str | None  # what is sung, as sung
    instruments: tuple[str, ...]
    colour: str  # a named colour
    abstractions: tuple[str, ...]
    english: str | None = None  # `words` in English where another language is sung


class InstrumentChoice(msgspec.Struct, frozen=True):
    """The instruments chosen for the content tuple."""

    names: tuple[str, ...]  # three, or fewer if the classifier knows fewer labels
    confident: int  # how many of them, from the first, passed the threshold


def choose_instruments(probabilities: dict[str, float], confusion: Confusion) -> InstrumentChoice:
    """The three instruments of the tuple.

    Those with a probability of at least .7, most confident first. If they are fewer than three, the rest are second and
    third guesses of those: what the classifier mistakes each for (`confusion[label][other]`, measured on validation
    data), weighted by the probability in this window. Without a confident one, the three most probable, none confident.
    """
    ranked = sorted(probabilities, key=lambda label: -probabilities[label])
    confident = [label for label in ranked if probabilities[label] >= _CONFIDENT][:_COUNT]
    if not confident:
        return InstrumentChoice(tuple(ranked[:_COUNT]), 0)

    def mistaken_for(label: str) -> float:
        confusions = sum(probabilities[known] * confusion.get(known, {}).get(label, 0.0) for known in confident)
        return confusions * (0.1 + probabilities[label])

    others = [label for label in ranked if label not in confident and label != "speech"]
    others.sort(key=mistaken_for, reverse=True)
    return InstrumentChoice((*confident, *others)[:_COUNT], len(confident))


def make_content(analysis: WindowAnalysis, confusion: Confusion) -> tuple[Content, InstrumentChoice, str]:
    """The content tuple of a window or a span, the instruments chosen for it and its colour as "#rrggbb".

    In silence the tuple has neither instruments nor abstractions; where nothing is confident it has abstractions of
    the best guesses but names no instrument.
    """
    silent = analysis.lufs <= SILENCE_LUFS
    choice = choose_instruments(analysis.probabilities, confusion)
    hex_colour = SILENT_HEX if silent else hex_of_frequency(analysis.frequency_hz)
    content = Content(
        loudness="loud" if analysis.loud else "quiet",
        words=analysis.text or None,
        instruments=() if silent or not choice.confident else choice.names,
        colour=colour_name(hex_colour),
        abstractions=() if silent else abstractions(choice.names),
        english=analysis.english,
    )
    return content, choice, hex_colour


@functools.cache
def read_data(name: str) -> Any:
    """The JSON file `name` of the content language's data, parsed once."""
    return json.loads(resources.files("aimv.language.data").joinpath(name).read_text("utf-8"))


def picturable_words() -> tuple[str, ...]:
    """Every word an abstraction may be, nouns first."""
    vocabulary = read_data("vocabulary.json")
    return (*vocabulary["nouns"], *vocabulary["adjectives"])


def is_adjective(word: str) -> bool:
    """Whether `word` is an adjective already, so that it needs no -y."""
    adjectives = read_data("vocabulary.json")["adjectives"]
    return word in adjectives or word.endswith(("y", "ing", "ed", "ful", "ous", "less", "ish", "ic"))


def associations(instrument: str) -> tuple[str, ...]:
    """Picturable words for the instrument, best first; one without word vectors has all words in a fixed order."""
    if near := read_data("associations.json").get(instrument):
        return (FIXED_PAIRS[instrument], *near) if instrument in FIXED_PAIRS else tuple(near)
    return tuple(sorted(picturable_words(), key=lambda word: hashlib.sha256(f"{instrument} {word}".encode()).digest()))


def abstractions(instruments: tuple[str, ...]) -> tuple[str, ...]:
    """One picturable word for each of up to three instruments, no word twice."""
    chosen: list[str] = []
    for instrument in instruments:
        chosen.append(next(word for word in associations(instrument) if word not in chosen))
    return tuple(chosen)
