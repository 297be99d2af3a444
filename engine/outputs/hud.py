"""What the show hears and does, written over the picture in the window for whoever plays it; never on an output."""

from collections import deque

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.playback.captions import visual
from engine.types import Frame

_EVERY = 3  # pictures between two settings of the text
_INK, _DIM, _WARN = (235, 235, 235), (150, 155, 165), (255, 120, 90)
_GOOD = (120, 220, 150)
_WEIGHT = 460  # of the type: 400 is regular
_STEADY = 100  # settings of the text, ten seconds
_LEAST = 0.6  # of the usual size of letters, where there is much to say
_WARN_LINES, _WORD_LINES, _LINES = 2, 2, 5
_TYPING = "Enter applies · Esc leaves · Delete empties · up, down: styles before"


class Readout(msgspec.Struct, frozen=True):
    """What is written; texts may be empty."""

    title: str = ""
    warning: str = ""
    sentence: str = ""
    words: str = ""
    bars: tuple[tuple[str, float], ...] = ()  # name, 0..1
    colour: str = ""
    rgb: tuple[int, int, int] = (0, 0, 0)
    level_db: float | None = None
    phase: float = 0.0  # of the beat, 0..1
    beat: float = 0.0  # 1 on the beat, decaying
    tempo: str = ""
    rows: tuple[tuple[str, str], ...] = ()  # name, value


class Hud:
    """Draws a `Readout` into the left of a picture. The text is set anew ten times a second, what moves each time."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._usual = self._size = max(9, round(height / 30))  # pixels that letters are tall
        self._sizes: deque[int] = deque(maxlen=_STEADY)  # of late: letters do not change with every word
        self._pad = self._usual
        self._wide = min(width, max(self._usual * 26, round(width * 0.44)))
        self._font = cv2.FontFace("sans")
        self._panel: NDArray[np.uint8] | None = None
        self._drawn = 0

    def draw(self, frame: Frame, readout: Readout) -> Frame:
        """`frame` with the readout on it; a new array."""
        if self._panel is None or self._drawn % _EVERY == 0:
            self._sizes.append(self._fitting(readout))
            self._size = min(self._sizes)
            self._panel = self._set(readout)
        self._drawn += 1
        shown = frame.copy()
        place = shown[:, : self._wide]
        dark = cv2.convertScaleAbs(place, alpha=0.25)
        place[:] = cv2.max(dark, self._panel)
        self._move(shown, readout)
        return shown

    def line(self, frame: Frame, typed: str) -> Frame:
        """`frame` with the style that is being typed at its foot; a new array."""
        pad, readout_size, self._size = self._pad, self._size, self._usual
        shown = frame.copy()
        top = max(0, self._height - 4 * self._size)
        shown[top:] = cv2.convertScaleAbs(shown[top:], alpha=0.05)
        left = pad + self._width_of("style  ")
        visible = typed
        while visible and self._width_of(f"{visible}|") > self._width - left - pad:
            visible = visible[1:]  # the end is what is being typed
        y = top + round(1.6 * self._size)
        self._text(shown, "style", y, _DIM)
        self._text(shown, f"{visible}|", y, _INK, x=left)
        self._text(shown, _TYPING, y + round(1.5 * self._size), _DIM)
        self._size = readout_size
        return shown

    def _fitting(self, readout: Readout) -> int:
        """The largest letters, up to the usual ones, with which everything has room."""
        for size in range(self._usual, max(8, round(_LEAST * self._usual)), -1):
            self._size = size
            texts = (readout.warning, _WARN_LINES), (_quoted(readout.words), _WORD_LINES), (readout.sentence, _LINES)
            wrapped = sum(1.3 * len(self._lines(text, most)) + 0.4 for text, most in texts if text)
            below = 1.25 * (len(readout.bars) + len(readout.rows)) + (1.5 if readout.colour else 0.0)
            if self._pad + (4.4 + wrapped + below) * self._size <= self._height:
                break
        return self._size

    def _move(self, shown: Frame, readout: Readout) -> None:
        """The beat and the level, which change with each picture."""
        size, pad = self._size, self._pad
        y = pad + round(2.4 * size)
        centre = (pad + size // 2, y)
        cv2.circle(shown, centre, size // 2, _DIM, 1, cv2.LINE_AA)
        cv2.circle(shown, centre, max(1, round(size / 2 * readout.beat)), _INK, -1, cv2.LINE_AA)
        left, right = pad + round(1.6 * size), self._wide - pad
        along = left + round((right - left) * 0.42)
        cv2.line(shown, (left, y + size // 2), (left + round((along - left) * readout.phase), y + size // 2), _INK, 2)
        if readout.level_db is not None:
            share = min(1.0, max(0.0, (readout.level_db + 60.0) / 60.0))
            ink = _WARN if readout.level_db > -1.0 else _GOOD
            begins = along + size
            cv2.rectangle(shown, (begins, y - size // 3), (right, y + size // 3), _DIM, 1)
            cv2.rectangle(
                shown, (begins, y - size // 3), (begins + round((right - begins) * share), y + size // 3), ink, -1
            )

    def _set(self, readout: Readout) -> NDArray[np.uint8]:
        size, pad = self._size, self._pad
        panel = np.zeros((self._height, self._wide, 3), np.uint8)
        y = pad + size
        self._text(panel, self._cut(readout.title, self._wide - 2 * pad), y, _DIM)
        self._text(panel, readout.tempo, pad + round(2.4 * size), _INK, x=pad + round(1.6 * size))
        y = pad + round(4.4 * size)
        y = self._wrapped(panel, readout.warning, y, _WARN, _WARN_LINES)
        for name, share in readout.bars:
            left = pad + round(8.5 * size)
            self._text(panel, self._cut(name, left - pad), y, _INK)
            long = self._wide - pad - left
            cv2.rectangle(panel, (left, y - round(0.6 * size)), (left + round(long * share), y), _GOOD, -1)
            y += round(1.25 * size)
        if readout.colour:
            cv2.rectangle(panel, (pad, y - round(0.8 * size)), (pad + round(1.6 * size), y), readout.rgb, -1)
            self._text(panel, readout.colour, y, _INK, x=pad + 2 * size)
            y += round(1.5 * size)
        y = self._wrapped(panel, _quoted(readout.words), y, _INK, _WORD_LINES)
        y = self._wrapped(panel, readout.sentence, y, _INK, _LINES)
        y = max(y, self._height - pad - round(1.25 * size) * len(readout.rows))
        for name, value in readout.rows:
            self._text(panel, self._cut(name, 7.5 * size), y, _DIM)
            self._text(panel, self._cut(value, self._wide - 2 * pad - 8 * size), y, _INK, x=pad + 8 * size)
            y += round(1.25 * size)
        return panel

    def _wrapped(self, panel: NDArray[np.uint8], text: str, y: int, ink: tuple[int, int, int], most: int) -> int:
        """Set a text that may be empty; where the next begins."""
        if not text:
            return y
        for line in self._lines(text, most):
            self._text(panel, line, y, ink)
            y += round(1.3 * self._size)
        return y + round(0.4 * self._size)

    def _lines(self, text: str, most: int) -> list[str]:
        """The text in at most so many lines of the panel's width."""
        lines: list[str] = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if self._width_of(longer) <= self._wide - 2 * self._pad or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines[:most]

    def _cut(self, text: str, room: float) -> str:
        """The text, or as much of it as has room."""
        if self._width_of(text) <= room:
            return text
        while text and self._width_of(f"{text}…") > room:
            text = text[:-1]
        return f"{text.rstrip()}…"

    def _width_of(self, text: str) -> int:
        return int(cv2.getTextSize((0, 0), text, (0, 0), self._font, self._size, weight=_WEIGHT)[2])

    def _text(
        self, panel: NDArray[np.uint8], text: str, y: int, ink: tuple[int, int, int], x: int | None = None
    ) -> None:
        if text and y < self._height:
            cv2.putText(panel, visual(text), (self._pad if x is None else x, y), ink, self._font, self._size, _WEIGHT)


def _quoted(words: str) -> str:
    return f"“{words}”" if words else ""
