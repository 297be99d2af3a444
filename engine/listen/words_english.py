"""What a lyric says in English, beside the lyric itself: the video model reads English only.

The rendering is Whisper's own translation of the same seconds. It is rough (a small model, sung words), but of it the
picture takes one thing only, and what is heard and shown as lyric stays in its language.
"""

from collections.abc import Sequence

import msgspec

from engine.listen.words_guards import without_inventions
from engine.listen.words_seam import Word


def is_foreign(language: str | None) -> bool:
    """Whether words of this language (ISO 639-1 code) have to be rendered in English."""
    return language not in (None, "en")


def rendered(words: Sequence[Word], english: Sequence[Word]) -> list[Word]:
    """The words of a foreign lyric, each with the words of its English rendering that begin nearest to it."""
    said: list[list[str]] = [[] for _ in words]
    for one in without_inventions(english) if words else ():
        nearest = min(range(len(words)), key=lambda at: abs(words[at].start - one.start))
        said[nearest].append(one.text)
    return [msgspec.structs.replace(word, english=" ".join(texts)) for word, texts in zip(words, said, strict=True)]
