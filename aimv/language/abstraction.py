"""Abstractions: for each instrument one picturable word that is near it in meaning.

`data/associations.json` has the nearest words of each instrument, found by word vectors when it was built
(tools/release/build_associations.py).
"""

import functools
import hashlib
import json
from importlib import resources
from typing import Any

# Set by the content language; every other pair is found by similarity.
FIXED_PAIRS = {
    "crash": "impact", "splash": "wave", "synth": "tech",
    "kick": "canon", "bass": "deep", "tom": "bounce",
    "cello": "floating", "vocal": "vibrate", "guitar": "pedal",
}  # fmt: skip


@functools.cache
def read_data(name: str) -> dict[str, Any]:
    """A JSON file of the content language's data, parsed once a process."""
    data: dict[str, Any] = json.loads(resources.files("aimv.language.data").joinpath(name).read_text("utf-8"))
    return data


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
