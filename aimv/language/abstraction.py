"""Abstractions: for each instrument one picturable word near it in meaning."""

import functools
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING

from engine.errors import ModelError

if TYPE_CHECKING:
    from gensim.models import KeyedVectors


# Set by the content language; every other pair is found by similarity.
FIXED_PAIRS = {
    "crash": "impact", "splash": "wave", "synth": "tech",
    "kick": "canon", "bass": "deep", "tom": "bounce",
    "cello": "floating", "vocal": "vibrate", "guitar": "pedal",
}  # fmt: skip


@functools.cache
def _vectors() -> "KeyedVectors":
    try:
        from gensim.models import KeyedVectors  # noqa: PLC0415 - takes a second to load
    except (ImportError, RuntimeError) as error:  # gensim raises the second where the first is the cause
        why = str(error).partition("\n")[0][:120]
        raise ModelError(f"gensim cannot be loaded ({why}): free some memory, or reinstall aimv") from error

    with resources.as_file(resources.files("aimv.language.data").joinpath("words.bin")) as path:
        return KeyedVectors.load_word2vec_format(str(path), binary=True)


@functools.cache
def _vocabulary() -> dict[str, list[str]]:
    read: dict[str, list[str]] = json.loads(
        resources.files("aimv.language.data").joinpath("vocabulary.json").read_text("utf-8")
    )
    return read


@functools.cache
def picturable_words() -> tuple[str, ...]:
    """Every word an abstraction may be, nouns first."""
    return (*_vocabulary()["nouns"], *_vocabulary()["adjectives"])


def is_adjective(word: str) -> bool:
    """Whether `word` already says how something is, so that it needs no -y."""
    return word in _vocabulary()["adjectives"] or word.endswith(("y", "ing", "ed", "ful", "ous", "less", "ish", "ic"))


@functools.cache
def _nearest(instrument: str) -> tuple[str, ...]:
    """Picturable words by similarity to the instrument, nearest first; an unknown one gets a fixed order of its own."""
    words = picturable_words()
    vectors, key = _vectors(), f"instrument:{instrument}"
    if key in vectors:
        return tuple(sorted(words, key=lambda word: -float(vectors.similarity(key, word))))
    return tuple(sorted(words, key=lambda word: hashlib.sha256(f"{instrument} {word}".encode()).digest()))


def abstractions(instruments: tuple[str, ...]) -> tuple[str, ...]:
    """One picturable word per instrument, no word twice in a row of up to three."""
    chosen: list[str] = []
    for instrument in instruments:
        own = (FIXED_PAIRS[instrument],) if instrument in FIXED_PAIRS else ()
        chosen.append(next(word for word in (*own, *_nearest(instrument)) if word not in chosen))
    return tuple(chosen)
