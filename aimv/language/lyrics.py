"""From sung words to the thing a person in the picture holds: one picturable word of what is sung."""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from importlib import resources

from engine.analysis.transcription.languages import unpicturable_words

_LONGEST = 24
_LONGEST_SHOWN_S = 1.5  # that a word stands in the picture when none follows
_AROUND_WORDS = " ,.;:!?…\"'“”«»„()[]¿¡-"
_SYLLABLES = re.compile(r"(?:(?:la|na|da|ba|doo|sha|oh|ooh|ah|uh|hey|yeah|whoa|mm+)-?)+|.*(\w)\1{2,}.*")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f'’-]+")


@functools.cache
def blocklist() -> frozenset[str]:
    """Words that are never shown (slurs): the first 12 hex digits of the SHA-256 of each."""
    return frozenset(resources.files("aimv.language.data").joinpath("blocklist.txt").read_text("utf-8").split())


def words_in(text: str) -> list[str]:
    """The words of `text`, lower case, without punctuation; any script."""
    plain = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return [word for word in (part.strip("'-") for part in re.findall(r"[\w'-]+", plain)) if word]


def is_allowed(word: str) -> bool:
    """False for slurs, which are heard and transcribed but never put into a picture."""
    folded = unicodedata.normalize("NFKD", word.lower())
    bare = "".join(letter for letter in folded if letter.isalnum())
    return all(_digest(form) not in blocklist() for form in (bare, bare.removesuffix("s"), bare.removesuffix("es")))


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:12]


def sung_object(words: str | None, english: str | None = None) -> str | None:
    """The word of the sung `words` that a person in the picture can hold; None if there is none.

    It is the last word that is neither a stop word nor a syllable sung for its sound (phrases of English and its
    neighbours put what they are about last), not a slur and not a number; at most 24 characters of it. Where another
    language is sung, `english` is what the words mean, and the object is a word of that.
    """
    stopwords = unpicturable_words()
    for word in reversed(words_in((words if english is None else english) or "")):
        if word in stopwords or word.isdigit() or _SYLLABLES.fullmatch(word) or not is_allowed(word):
            continue
        if len(word) > 1 or not _LATIN.fullmatch(word):
            return word[:_LONGEST]
    return None


def with_article(word: str) -> str:
    """`word` with its article: "a heart", "an eye", "hands"; a word in another script is shown as written."""
    if not _LATIN.fullmatch(word):
        return f"the word “{word}”"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word
    return f"{article(word)} {word}"


def article(word: str) -> str:
    """ "a" or "an", by the sound `word` starts with as far as its spelling shows it."""
    lower = word.lower()
    if lower.startswith(("hour", "honest", "honour", "honor", "heir")):
        return "an"
    if lower.startswith(("uni", "use", "usu", "eu", "one", "once", "ewe")):
        return "a"
    return "an" if lower[:1] in "aeiouáàâäéèêíîóôöúü" else "a"


def caption_words(words: str, times: Sequence[float], start: float, end: float) -> list[tuple[str, float, float]]:
    """The sung `words` as type is set: each with the seconds from and to which it stands, slurs left out.

    `times` are when the words start; where there are not as many as words (an edited score), the words share the time
    from `start` to `end` evenly.
    """
    texts = words.split()
    if len(times) != len(texts):
        times = [start + (end - start) * number / len(texts) for number in range(len(texts))]
    untils = [*times[1:], end]
    bare = [text.strip(_AROUND_WORDS) for text in texts]
    return [
        (text, at, min(until, at + _LONGEST_SHOWN_S))
        for text, at, until in zip(bare, times, untils, strict=True)
        if text and is_allowed(text)
    ]
