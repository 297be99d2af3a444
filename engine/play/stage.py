"""The picture of a show as it leaves the house: the compositor's, steered, faded to black and back."""

import time
from pathlib import Path

import cv2
import numpy as np

from engine.play.compositor import Compositor
from engine.play.sinks import Frame

_FADE_S = 0.25  # to black and back: slower than a flash
_KEPT_S = 30.0  # of clips past


class Stage:
    """A `Drawing` whose look may be changed while it is shown. The attributes may be set from the event loop."""

    def __init__(self, compositor: Compositor) -> None:
        self.fps = compositor.fps
        self.amount = 1.0  # how far the music moves the picture
        self.flashes = 3  # allowed in any second
        self.black = False
        self.time = 0.0  # of the latest picture, s
        self.begun = 0.0  # when it was begun to be drawn, s, time.perf_counter
        self.clip: Path | None = None  # the one placed last
        self._compositor = compositor
        self._light = 1.0

    def place(self, start_s: float, end_s: float, clip_path: Path) -> None:
        """Show a clip; see `Compositor.place`."""
        self.clip = clip_path
        self._compositor.place(start_s, end_s, clip_path)
        self._compositor.forget(start_s - _KEPT_S)

    def prepare(self, t: float) -> None:
        """See `Compositor.prepare`."""
        self._compositor.prepare(t)

    def frame(self, t: float) -> Frame:
        """The picture at `t` s of the show, height x width x 3, RGB."""
        self.begun = time.perf_counter()
        self._compositor.react(self.amount)
        self._compositor.allow_flashes(self.flashes)
        frame = self._compositor.frame(t)
        step = max(0.0, t - self.time) / _FADE_S
        self.time = t
        wanted = 0.0 if self.black else 1.0
        self._light = min(max(wanted, self._light - step), self._light + step)
        if self._light == 1.0:
            return frame
        return np.asarray(cv2.convertScaleAbs(frame, alpha=self._light), dtype=np.uint8)
