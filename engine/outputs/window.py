"""An OpenCV window that shows the pictures and reads keys: q or Esc ends, f fills the screen, h shows the readout."""

import os
import sys
from collections.abc import Callable
from typing import Protocol

import cv2

from engine.errors import OutputError
from engine.outputs.base import BaseOutput
from engine.outputs.hud import Hud, Readout
from engine.types import Frame

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
