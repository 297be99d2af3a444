"""An OpenCV window that shows the pictures and takes keys: q or Esc ends, f fills the screen, h shows the readout."""

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import cv2

from engine.errors import OutputError
from engine.outputs.hud import Hud, Readout
from engine.types import Frame

_KEYS_A_PICTURE = 8
_LOOK_EVERY = 10  # pictures: asking whether the window is still there costs milliseconds
# OpenCV's codes of keys that are no characters, on Linux, Windows and macOS.
_NAMED = {
    **dict.fromkeys((0xFF52, 0x260000, 0xF700), "up"),
    **dict.fromkeys((0xFF54, 0x280000, 0xF701), "down"),
    **dict.fromkeys((0xFFFF, 0x2E0000, 0xF728), "delete"),
    0x7F: "\b",  # macOS
    0x0A: "\r",
}


class Keys(Protocol):
    """Who takes the keys that the window has no use for itself."""

    typing: str | None  # a line that is being typed: while there is one, every key belongs to it

    def press(self, key: str) -> None:
        """A character, or "up", "down", "delete"."""
        ...


class WindowSink:
    """Shows pictures; `quit` is true once the person has closed the window or pressed q or Esc."""

    def __init__(
        self,
        title: str,
        width: int,
        height: int,
        keys: Keys | None = None,
        readout: Callable[[], Readout] | None = None,
    ) -> None:
        """`keys` are told of each key that the window has no use for itself, `readout` gives what h shows.

        Raises:
            OutputError: there is no screen.
        """
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise OutputError("there is no screen to show a window on: use `aimv export` to write a video file")
        self.quit = False
        self.readout_shown = False
        self._written = 0
        self._title, self._keys, self._full = title, keys, False
        self._readout, self._hud = readout, Hud(width, height)
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # Qt's own misses its fonts; none are drawn
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(title, width, height)
        except cv2.error as error:
            raise OutputError(f"a window cannot be opened ({error.err}): use `aimv export`") from None

    def write(self, frame: Frame) -> None:
        """Show `frame` and look at the keys pressed since the last one."""
        if self.quit:
            return
        if self.readout_shown and self._readout:
            frame = self._hud.draw(frame, self._readout())
        if self._keys and self._keys.typing is not None:
            frame = self._hud.line(frame, self._keys.typing)
        cv2.imshow(self._title, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        for _ in range(_KEYS_A_PICTURE):
            code = cv2.pollKey()
            if code < 0:
                break
            if key := _NAMED.get(code) or (chr(code) if code < 0x100 else ""):
                self._press(key)
        self._written += 1
        if self._written % _LOOK_EVERY == 0 and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1.0:
            self.quit = True

    def fill_screen(self, full: bool = True) -> None:
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
                self.fill_screen(not self._full)
            case "h":
                self.readout_shown = not self.readout_shown
            case _ if keys:
                keys.press(key)

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
