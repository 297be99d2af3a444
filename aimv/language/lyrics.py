"""Lyrics: the one sung word that a sentence shows, its article, and sung words as timed captions."""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from importlib import resources

from engine.analysis.transcription.languages import unpicturable_words

_MOST_LETTERS = 24
_CAPTION_S = 1.5  # at most, of one word
_PUNCTUATION = " ,.;:!?…\"'“”«»„()[]¿¡-"
_VOCABLES = re.compile(r"(?:(?:la|na|da|ba|doo|sha|oh|ooh|ah|uh|hey|yeah|whoa|mm+)-?)+|.*(\w)\1{2,}.*")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f'’-]+")


@functools.cache
def blocklist() -> frozenset[str]:
    """Words that are never shown (slurs): the first 12 hex digits of the SHA-256 of each."""
    return frozenset(resources.files("aimv.language.data").joinpath("blocklist.txt").read_text("utf-8").split())


def split_words(text: str) -> list[str]:
    """The words of `text`, lower case, without punctuation; any script."""
    plain = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return [word for word in (part.strip("'-") for part in re.findall(r"[\w'-]+", plain)) if word]


def is_allowed(word: str) -> bool:
    """False for slurs, in singular or plural: they are transcribed but never shown in a picture."""
    folded = unicodedata.normalize("NFKD", word.lower())
    bare = "".join(letter for letter in folded if letter.isalnum())
    forms = (bare, bare.removesuffix("s"), bare.removesuffix("es"))
    return blocklist().isdisjoint(hashlib.sha256(form.encode()).hexdigest()[:12] for form in forms)


def sung_object(words: str | None, english: str | None = None) -> str | None:
    """The word of the sung `words` that a person in the picture can hold; None if there is none.

    It is the last word that is neither a stop word nor a vocable (la, oh) (phrases of English and its
    neighbours put what they are about last), not a slur and not a number; at most 24 characters of it. Where another
    language is sung, `english` is what the words mean, and the object is a word of that.
    """
    stopwords = unpicturable_words()
    for word in reversed(split_words((words if english is None else english) or "")):
        if word in stopwords or word.isdigit() or _VOCABLES.fullmatch(word) or not is_allowed(word):
            continue
        if len(word) > 1 or not _LATIN.fullmatch(word):
            return word[:_MOST_LETTERS]
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
    """Captions of the sung `words`: each word with the seconds at which it appears and goes, without slurs.

    `times` are when the words start; if there are not as many as words (an edited score), the words share the time
    from `start` to `end` evenly.
    """
    texts = [text.strip(_PUNCTUATION) for text in words.split()]
    if len(times) != len(texts):
        times = [start + (end - start) * number / len(texts) for number in range(len(texts))]
    return [
        (text, at, min(until, at + _CAPTION_S))
        for text, at, until in zip(texts, times, [*times, end][1:], strict=True)
        if text and is_allowed(text)
    ]
