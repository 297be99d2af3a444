"""Captions: sung words set in type on the picture while they are sung, in visual order, with Arabic letters joined.

OpenCV sets one glyph a character from left to right. Arabic letters change with their neighbours; Unicode has each
of their forms as a character of its own (Arabic Presentation Forms), found here from its decompositions.
"""

import bisect
import itertools
import math
import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.types import Frame

_FORMS: dict[tuple[str, str], str] = {}  # (base characters, form) -> character
for _code in itertools.chain(range(0xFB50, 0xFE00), range(0xFE70, 0xFF00)):
    _parts = unicodedata.decomposition(chr(_code)).split()
    if _parts and _parts[0] in ("<isolated>", "<initial>", "<medial>", "<final>"):
        _base = "".join(chr(int(each, 16)) for each in _parts[1:])
        _FORMS.setdefault((_base, _parts[0][1:-1]), chr(_code))

_MAX_HEIGHT, _MAX_WIDTH = 0.17, 0.8  # of a word, as shares of the picture's
_FADE_IN_S, _FADE_OUT_S = 0.09, 0.35
_MIN_S = 0.4  # that a word is shown
_CENTRES = ((0.5, 0.76), (0.36, 0.70), (0.62, 0.80), (0.44, 0.82), (0.58, 0.68))  # of words, in turn
_WEIGHT = 760  # of the type: 400 is regular, 700 bold
ARABIC_FONTS = (  # the first that is installed is used; OpenCV's own font lacks the joined forms
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/TTF/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansArabic-Bold.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:/Windows/Fonts/arialbd.ttf",
)


def visual_order(text: str) -> str:
    """The characters of `text` in the order in which they are set from left to right.

    Words follow one another by the Unicode bidirectional algorithm in so far as a sung line needs it: a text whose
    first strong letter is right-to-left runs from right to left, what is left-to-right in it keeps its own order.
    """
    text = unicodedata.normalize("NFC", text)
    runs = [("".join(run), right) for right, run in itertools.groupby(text, _is_right_to_left)]
    if not any(right for _, right in runs):
        return text
    words = [_join_letters(word) if any(map(_is_right_to_left, word)) else word for word in text.split(" ")]
    reversed_words = [
        "".join(reversed(_clusters(word))) if any(map(_is_right_to_left, word)) else word for word in words
    ]
    first = next(character for character in text if unicodedata.bidirectional(character) in ("L", "R", "AL"))
    return " ".join(reversed(reversed_words) if _is_right_to_left(first) else reversed_words)


def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL")


def _clusters(word: str) -> list[str]:
    """Letters with their combining marks."""
    clusters: list[str] = []
    for character in word:
        if clusters and unicodedata.combining(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _join_letters(word: str) -> str:
    """The word with each Arabic letter in the form that its neighbours require; lam and alef become one."""
    letters = _clusters(word)
    joined: list[str] = []
    index = 0
    while index < len(letters):
        letter = letters[index]
        pair = letter + letters[index + 1] if index + 1 < len(letters) else ""
        both = (pair, "isolated") in _FORMS and len(pair) == 2
        base, marks = (pair, "") if both else (letter[0], letter[1:])
        before = _joins_next(letters[index - 1][0]) if index else False
        following = letters[index + 2 if both else index + 1][0] if index + (2 if both else 1) < len(letters) else ""
        after = _joins_next(base) and (following, "final") in _FORMS
        form = {(False, False): "isolated", (False, True): "initial", (True, True): "medial", (True, False): "final"}
        joined.append(_FORMS.get((base, form[before, after]), base) + marks)
        index += 2 if both else 1
    return "".join(joined)


def _joins_next(letter: str) -> bool:
    """Whether an Arabic letter joins the one after it."""
    return (letter, "initial") in _FORMS


class _Word(NamedTuple):
    start: float
    end: float
    text: str


class CaptionRenderer:
    """Draws words over time in OpenCV's own font, which has most scripts.

    Arabic is drawn where a font with joined letters is installed (Debian's fonts-dejavu-core), else left out.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._words: tuple[_Word, ...] = ()  # replaced at each change, since another thread draws
        self._masks: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def add(self, text: str, start: float, end: float) -> None:
        """Show `text` from `start` to `end` s of the song."""
        if text.strip() and _font(visual_order(text)) is not None:
            self._words = tuple(sorted([*self._words, _Word(start, max(end, start + _MIN_S), text.strip())]))

    def is_visible(self, time: float) -> bool:
        """Whether a word may be visible at `time`."""
        last = bisect.bisect_right(self._words, (time, math.inf, ""))
        return any(word.end + _FADE_OUT_S > time for word in self._words[max(0, last - 3) : last])

    def draw(self, frame: Frame, time: float) -> Frame:
        """The picture with the words at `time`; the picture itself where there are none."""
        words = self._words
        last = bisect.bisect_right(words, (time, math.inf, ""))
        for index in range(max(0, last - 3), last):
            word = words[index]
            following = words[index + 1].start if index + 1 < len(words) else math.inf
            until = min(word.end, following)
            share = min(1.0, (time - word.start) / _FADE_IN_S) * max(
                0.0, min(1.0, (until + _FADE_OUT_S - time) / _FADE_OUT_S)
            )
            if share > 0.0:
                scale = 1.0 + 0.10 * math.exp(-(time - word.start) / 0.12)
                frame = self._draw_word(frame, word.text, share, scale, _CENTRES[index % len(_CENTRES)])
        return frame

    def forget(self, before: float) -> None:
        """Remove words that began before `before` s, in multiples of the centres, so that the others keep theirs."""
        past = bisect.bisect_left(self._words, (before, 0.0, ""))
        self._words = self._words[past - past % len(_CENTRES) :]

    def _draw_word(self, frame: Frame, text: str, share: float, scale: float, centre: tuple[float, float]) -> Frame:
        letters, shadow = self._mask(text)
        size = (round(letters.shape[1] * scale), round(letters.shape[0] * scale))
        x = min(max(round(centre[0] * self._width - size[0] / 2), 0), max(0, self._width - size[0]))
        y = min(max(round(centre[1] * self._height - size[1] / 2), 0), max(0, self._height - size[1]))
        place = np.s_[y : y + size[1], x : x + size[0]]
        part = frame[place].astype(np.float32)
        inside = np.s_[: part.shape[0], : part.shape[1]]
        colour = np.minimum(255.0, 215.0 + 0.2 * part.mean(axis=(0, 1)))  # nearly white, tinted by what is behind
        dark = share * 0.55 * cv2.resize(shadow, size)[inside][..., None]
        light = share * cv2.resize(letters, size)[inside][..., None]
        written = frame.copy()
        written[place] = (part * (1.0 - dark) * (1.0 - light) + colour * light).astype(np.uint8)
        return written

    def _mask(self, text: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coverage of the letters and of their soft shadow, 0..1, at full size."""
        if text not in self._masks:
            line = visual_order(text)
            font = _font(line) or cv2.FontFace("sans")
            size = max(8, round(self._height * _MAX_HEIGHT))
            (wide, _), _ = _extent(line, font, size)
            size = max(8, min(size, int(size * _MAX_WIDTH * self._width / max(1, wide))))
            (wide, tall), base = _extent(line, font, size)
            edge = size // 2
            canvas = np.zeros((tall + 2 * edge, wide + 2 * edge), np.uint8)
            cv2.putText(canvas, line, (edge - base[0], edge - base[1]), (255,), font, size, weight=_WEIGHT)
            letters = canvas.astype(np.float32) / 255.0
            shadow = np.minimum(1.0, 1.8 * cv2.GaussianBlur(letters, (0, 0), max(1.0, size * 0.12)))
            self._masks = {**dict(list(self._masks.items())[-7:]), text: (letters, np.asarray(shadow, np.float32))}
        return self._masks[text]


def _font(line: str) -> "cv2.FontFace | None":
    """The font for `line`; None if none is installed."""
    if not any("\N{ARABIC LETTER ALEF WASLA ISOLATED FORM}" <= character <= "\ufefc" for character in line):
        return cv2.FontFace("sans")
    return _load_first(ARABIC_FONTS)


@cache
def _load_first(paths: tuple[str, ...]) -> "cv2.FontFace | None":
    return next((cv2.FontFace(path) for path in paths if Path(path).is_file()), None)


def _extent(line: str, font: "cv2.FontFace", size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Width and height of a line in pixels, and its offset from the origin."""
    x, y, wide, tall = cv2.getTextSize((0, 0), line, (0, 0), font, size, weight=_WEIGHT)
    return (wide, tall), (x, y)
