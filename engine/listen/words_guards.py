"""Guards against words that nobody sang: Whisper's known phrases, and loops in which it repeats itself.

The phrases are what Whisper writes over silence, applause and instrumental music, learnt from subtitles
(Koenecke et al. 2024, "Careless Whisper"; Barański et al. 2025, "Investigation of Whisper ASR Hallucinations").
"""

from collections.abc import Sequence

from engine.listen.local_agreement import plain
from engine.listen.words_seam import Word

# Never sung: dropped wherever they stand.
_CREDITS = (
    "subtitles by", "subtitled by", "subtitles made by", "captions by", "captioned by", "transcribed by",
    "translated by", "amara org", "thanks for watching", "thank you for watching",
    "thank you so much for watching", "please subscribe", "subscribe to my channel", "like and subscribe",
    "see you in the next video", "sous titres", "sous titrage", "merci d avoir regardé", "untertitel",
    "subtítulos", "subtitulado por", "gracias por ver", "suscríbete", "sottotitoli", "legendas pela",
)  # fmt: skip
# Could be sung, but are Whisper's answer to no voice: dropped when a look holds nothing else.
_FILLERS = frozenset({
    "you", "thank you", "thanks", "bye", "bye bye", "okay", "so", "hmm", "mm", "uh", "music", "applause",
    "i m sorry", "the end", "gracias", "merci", "danke", "vielen dank", "música", "musique", "musik",
})  # fmt: skip
_FASTEST_WORDS_PER_S = 7.0
_LONGEST_PHRASE = 8
_REPEATS_KEPT = 2


def without_inventions(words: Sequence[Word]) -> list[Word]:
    """The words of one look without known phrases and without the runaway part of a loop."""
    kept = _without_loop(words)
    said = " ".join(_plain_words(kept))
    if said in _FILLERS or any(phrase in said for phrase in _CREDITS):
        return []
    return kept


def _plain_words(words: Sequence[Word]) -> list[str]:
    return [part for word in words for part in plain_parts(word.text)]


def plain_parts(text: str) -> list[str]:
    """A written word as its plain parts: "d'avoir" is two."""
    return [part for part in (plain(piece) for piece in text.replace("'", " ").replace("-", " ").split()) if part]


def _without_loop(words: Sequence[Word]) -> list[Word]:
    """Cut a look where it begins to repeat a phrase faster than anybody sings, or without end."""
    texts = [plain(word.text) for word in words]
    for size in range(1, _LONGEST_PHRASE + 1):
        for first in range(len(texts) - size * (_REPEATS_KEPT + 2) + 1):
            repeats = _repeats(texts, first, size)
            run = words[first : first + size * repeats]
            if repeats > _REPEATS_KEPT + 1 and len(run) / max(0.01, run[-1].end - run[0].start) > _FASTEST_WORDS_PER_S:
                return [*words[: first + size * _REPEATS_KEPT], *_without_loop(words[first + size * repeats :])]
    return list(words)


def _repeats(texts: Sequence[str], first: int, size: int) -> int:
    phrase, count = texts[first : first + size], 1
    while texts[first + size * count : first + size * (count + 1)] == phrase:
        count += 1
    return count
