"""What the show hears and does, written over the picture in the window for whoever plays it; never on an output."""

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.play.script import visual
from engine.play.sinks import Frame

_EVERY = 3  # pictures between two settings of the text
_INK, _DIM, _WARN = (235, 235, 235), (150, 155, 165), (255, 120, 90)
_GOOD = (120, 220, 150)
_WEIGHT = 460  # of the type: 400 is regular
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
        self._size = max(9, round(height / 30))
        self._pad = self._size
        self._wide = min(width, max(self._size * 26, round(width * 0.44)))
        self._font = cv2.FontFace("sans")
        self._panel: NDArray[np.uint8] | None = None
        self._drawn = 0

    def draw(self, frame: Frame, readout: Readout) -> Frame:
        """`frame` with the readout on it; a new array."""
        if self._panel is None or self._drawn % _EVERY == 0:
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
        size, pad = self._size, self._pad
        shown = frame.copy()
        top = max(0, self._height - 4 * size)
        shown[top:] = cv2.convertScaleAbs(shown[top:], alpha=0.15)
        left = pad + self._width_of("style ")
        room = self._width - left - pad
        visible = typed
        while visible and self._width_of(f"{visible}|") > room:
            visible = visible[1:]  # the end is what is being typed
        y = top + round(1.6 * size)
        self._text(shown, "style", y, _DIM)
        self._text(shown, f"{visible}|", y, _INK, x=left)
        self._text(shown, _TYPING, y + round(1.5 * size), _DIM)
        return shown

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
        self._text(panel, readout.title, y, _DIM)
        self._text(panel, readout.tempo, pad + round(2.4 * size), _INK, x=pad + round(1.6 * size))
        y = pad + round(4.4 * size)
        if readout.warning:
            y = self._wrapped(panel, readout.warning, y, _WARN, 2)
        for name, share in readout.bars:
            left = pad + round(8.5 * size)
            self._text(panel, f"{name}", y, _INK)
            long = self._wide - pad - left
            cv2.rectangle(panel, (left, y - round(0.6 * size)), (left + round(long * share), y), _GOOD, -1)
            y += round(1.25 * size)
        if readout.colour:
            cv2.rectangle(panel, (pad, y - round(0.8 * size)), (pad + round(1.6 * size), y), readout.rgb, -1)
            self._text(panel, readout.colour, y, _INK, x=pad + 2 * size)
            y += round(1.5 * size)
        if readout.words:
            y = self._wrapped(panel, f"“{readout.words}”", y, _INK, 2)
        if readout.sentence:
            y = self._wrapped(panel, readout.sentence, y, _INK, 5)
        y = max(y, self._height - pad - round(1.25 * size) * len(readout.rows))
        for name, value in readout.rows:
            self._text(panel, name, y, _DIM)
            self._text(panel, value, y, _INK, x=pad + 8 * size)
            y += round(1.25 * size)
        return panel

    def _wrapped(self, panel: NDArray[np.uint8], text: str, y: int, ink: tuple[int, int, int], most: int) -> int:
        lines: list[str] = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if self._width_of(longer) <= self._wide - 2 * self._pad or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        for line in lines[:most]:
            self._text(panel, line, y, ink)
            y += round(1.3 * self._size)
        return y + round(0.4 * self._size)

    def _width_of(self, text: str) -> int:
        return int(cv2.getTextSize((0, 0), text, (0, 0), self._font, self._size, weight=_WEIGHT)[2])

    def _text(
        self, panel: NDArray[np.uint8], text: str, y: int, ink: tuple[int, int, int], x: int | None = None
    ) -> None:
        if text and y < self._height:
            cv2.putText(panel, visual(text), (self._pad if x is None else x, y), ink, self._font, self._size, _WEIGHT)
