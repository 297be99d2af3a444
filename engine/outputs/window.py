"""An OpenCV window that shows the pictures and reads keys: q or Esc ends, f fills the screen, h shows the readout.

The readout, what a show hears and does, is drawn over the picture in the window, never on an output.
"""

import os
import sys
from collections import deque
from collections.abc import Callable
from typing import Protocol

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import OutputError
from engine.outputs.base import BaseOutput
from engine.playback.captions import visual_order
from engine.types import Frame

_TEXT_INTERVAL = 3  # pictures
_INK, _DIM, _WARN = (235, 235, 235), (150, 155, 165), (255, 120, 90)
_GOOD = (120, 220, 150)
_WEIGHT = 460  # of the type: 400 is regular
_SIZES = 100  # layouts, ten seconds
_MIN_SIZE = 0.6  # of the usual size of letters, where there is much text
_WARN_LINES, _WORD_LINES, _LINES = 2, 2, 5
_TYPING = "Enter applies · Esc cancels · Delete empties · up, down: earlier styles"


class Readout(msgspec.Struct, frozen=True):
    """What the readout shows; texts may be empty."""

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
    """Draws a `Readout` into the left of a picture; the text is laid out ten times a second, the meters each time."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._usual = self._size = max(9, round(height / 30))  # pixels that letters are tall
        self._sizes: deque[int] = deque(maxlen=_SIZES)  # recent: letters do not change with every word
        self._pad = self._usual
        self._wide = min(width, max(self._usual * 26, round(width * 0.44)))
        self._font = cv2.FontFace("sans")
        self._panel: NDArray[np.uint8] | None = None
        self._drawn = 0

    def draw(self, frame: Frame, readout: Readout) -> Frame:
        """`frame` with the readout on it; a new array."""
        if self._panel is None or self._drawn % _TEXT_INTERVAL == 0:
            self._sizes.append(self._fitting_size(readout))
            self._size = min(self._sizes)
            self._panel = self._layout(readout)
        self._drawn += 1
        shown = frame.copy()
        place = shown[:, : self._wide]
        dark = cv2.convertScaleAbs(place, alpha=0.25)
        place[:] = cv2.max(dark, self._panel)
        self._draw_meters(shown, readout)
        return shown

    def draw_input_line(self, frame: Frame, typed: str) -> Frame:
        """`frame` with the style that is being typed at its foot; a new array."""
        pad, readout_size, self._size = self._pad, self._size, self._usual
        shown = frame.copy()
        top = max(0, self._height - 4 * self._size)
        shown[top:] = cv2.convertScaleAbs(shown[top:], alpha=0.05)
        left = pad + self._text_width("style  ")
        visible = typed
        while visible and self._text_width(f"{visible}|") > self._width - left - pad:
            visible = visible[1:]  # the end is what is being typed
        y = top + round(1.6 * self._size)
        self._draw_text(shown, "style", y, _DIM)
        self._draw_text(shown, f"{visible}|", y, _INK, x=left)
        self._draw_text(shown, _TYPING, y + round(1.5 * self._size), _DIM)
        self._size = readout_size
        return shown

    def _fitting_size(self, readout: Readout) -> int:
        """The largest size of letters, up to the usual one, with which everything fits."""
        for size in range(self._usual, max(8, round(_MIN_SIZE * self._usual)), -1):
            self._size = size
            texts = (readout.warning, _WARN_LINES), (_quoted(readout.words), _WORD_LINES), (readout.sentence, _LINES)
            wrapped = sum(1.3 * len(self._wrap(text, most)) + 0.4 for text, most in texts if text)
            below = 1.25 * (len(readout.bars) + len(readout.rows)) + (1.5 if readout.colour else 0.0)
            if self._pad + (4.4 + wrapped + below) * self._size <= self._height:
                break
        return self._size

    def _draw_meters(self, shown: Frame, readout: Readout) -> None:
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
            begins, top, bottom = along + size, y - size // 3, y + size // 3
            cv2.rectangle(shown, (begins, top), (right, bottom), _DIM, 1)
            cv2.rectangle(shown, (begins, top), (begins + round((right - begins) * share), bottom), ink, -1)

    def _layout(self, readout: Readout) -> NDArray[np.uint8]:
        size, pad = self._size, self._pad
        panel = np.zeros((self._height, self._wide, 3), np.uint8)
        y = pad + size
        self._draw_text(panel, self._truncated(readout.title, self._wide - 2 * pad), y, _DIM)
        self._draw_text(panel, readout.tempo, pad + round(2.4 * size), _INK, x=pad + round(1.6 * size))
        y = pad + round(4.4 * size)
        y = self._draw_wrapped(panel, readout.warning, y, _WARN, _WARN_LINES)
        for name, share in readout.bars:
            left = pad + round(8.5 * size)
            self._draw_text(panel, self._truncated(name, left - pad), y, _INK)
            long = self._wide - pad - left
            cv2.rectangle(panel, (left, y - round(0.6 * size)), (left + round(long * share), y), _GOOD, -1)
            y += round(1.25 * size)
        if readout.colour:
            cv2.rectangle(panel, (pad, y - round(0.8 * size)), (pad + round(1.6 * size), y), readout.rgb, -1)
            self._draw_text(panel, readout.colour, y, _INK, x=pad + 2 * size)
            y += round(1.5 * size)
        y = self._draw_wrapped(panel, _quoted(readout.words), y, _INK, _WORD_LINES)
        y = self._draw_wrapped(panel, readout.sentence, y, _INK, _LINES)
        y = max(y, self._height - pad - round(1.25 * size) * len(readout.rows))
        for name, value in readout.rows:
            self._draw_text(panel, self._truncated(name, 7.5 * size), y, _DIM)
            self._draw_text(panel, self._truncated(value, self._wide - 2 * pad - 8 * size), y, _INK, x=pad + 8 * size)
            y += round(1.25 * size)
        return panel

    def _draw_wrapped(self, panel: NDArray[np.uint8], text: str, y: int, ink: tuple[int, int, int], most: int) -> int:
        """Draw a text that may be empty; returns where the next begins."""
        if not text:
            return y
        for line in self._wrap(text, most):
            self._draw_text(panel, line, y, ink)
            y += round(1.3 * self._size)
        return y + round(0.4 * self._size)

    def _wrap(self, text: str, most: int) -> list[str]:
        """The text in at most so many lines of the panel's width."""
        lines: list[str] = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if self._text_width(longer) <= self._wide - 2 * self._pad or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines[:most]

    def _truncated(self, text: str, room: float) -> str:
        """The text, or as much of it as fits."""
        if self._text_width(text) <= room:
            return text
        while text and self._text_width(f"{text}…") > room:
            text = text[:-1]
        return f"{text.rstrip()}…"

    def _text_width(self, text: str) -> int:
        return int(cv2.getTextSize((0, 0), text, (0, 0), self._font, self._size, weight=_WEIGHT)[2])

    def _draw_text(
        self, panel: NDArray[np.uint8], text: str, y: int, ink: tuple[int, int, int], x: int | None = None
    ) -> None:
        if text and y < self._height:
            cv2.putText(
                panel, visual_order(text), (self._pad if x is None else x, y), ink, self._font, self._size, _WEIGHT
            )


def _quoted(words: str) -> str:
    return f"“{words}”" if words else ""


_KEYS_PER_PICTURE = 8
_CHECK_EVERY = 10  # pictures: asking whether the window is still open costs milliseconds
# OpenCV's codes of keys that are no characters, on Linux, Windows and macOS.
_KEY_NAMES = {
    **dict.fromkeys((0xFF52, 0x260000, 0xF700), "up"),
    **dict.fromkeys((0xFF54, 0x280000, 0xF701), "down"),
    **dict.fromkeys((0xFFFF, 0x2E0000, 0xF728), "delete"),
    0x7F: "\b",  # macOS
    0x0A: "\r",
}


class KeyHandler(Protocol):
    """Receives the keys that the window does not use itself."""

    typing: str | None  # the text that is being typed: while there is one, every key belongs to it

    def press(self, key: str) -> None:
        """A character, or "up", "down", "delete"."""
        ...


class Window(BaseOutput):
    """Shows RGB pictures; `quit` is true once the person has closed the window or pressed q or Esc."""

    name = "window"

    def __init__(
        self,
        title: str,
        width: int,
        height: int,
        keys: KeyHandler | None = None,
        readout: Callable[[], Readout] | None = None,
    ) -> None:
        """`keys` receives each key that the window does not use itself, `readout` gives what h shows.

        Raises:
            OutputError: there is no screen.
        """
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise OutputError("there is no screen to show a window on: a video file can be exported without one")
        self.quit = False
        self.readout_shown = False
        self._written = 0
        self._title, self._keys, self._full = title, keys, False
        self._readout, self._hud = readout, Hud(width, height)
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # of fonts that Qt lacks; none are drawn
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(title, width, height)
        except cv2.error as error:
            raise OutputError(f"a window cannot be opened ({error.err}): a video can be exported without one") from None

    def write(self, frame: Frame, time: float) -> None:
        """Show the RGB picture and handle the keys pressed since the last one."""
        if self.quit:
            return
        if self.readout_shown and self._readout:
            frame = self._hud.draw(frame, self._readout())
        if self._keys and self._keys.typing is not None:
            frame = self._hud.draw_input_line(frame, self._keys.typing)
        cv2.imshow(self._title, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        for _ in range(_KEYS_PER_PICTURE):
            code = cv2.pollKey()
            if code < 0:
                break
            if key := _KEY_NAMES.get(code) or (chr(code) if code < 0x100 else ""):
                self._press(key)
        self._written += 1
        if self._written % _CHECK_EVERY == 0 and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1.0:
            self.quit = True

    def set_fullscreen(self, full: bool = True) -> None:
        """Fill the screen, or be a window again."""
        self._full = full
        flag = cv2.WINDOW_FULLSCREEN if full else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, flag)

    def _press(self, key: str) -> None:
        keys = self._keys
        if keys and keys.typing is not None:
            keys.press(key)
            return
        match key:
            case "q" | "\x1b":
                self.quit = True
            case "f":
                self.set_fullscreen(not self._full)
            case "h":
                self.readout_shown = not self.readout_shown
            case _ if keys:
                keys.press(key)

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()
