"""The outputs beside the window that were asked for: a recording, streams, a virtual camera, NDI."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from engine.play.av_drain import Recording, streamed
from engine.play.devices import Ndi, VirtualCamera
from engine.play.tap import Drain, Tap

_RECORDED_S, _STREAMED_S, _SEEN_S = 4.0, 2.0, 0.1  # of pictures that may wait for each kind of output


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which outputs."""

    record: Path | None = None
    streams: tuple[str, ...] = ()
    camera: bool = False
    ndi: bool = False


class Taps:
    """The outputs; `recording` is None without one."""

    def __init__(self, wanted: Wanted, width: int, height: int, fps: float, rate: int) -> None:
        """Open them all; `rate` of the sound, Hz.

        Raises:
            UsageError, MissingExtra, OutputError: one cannot be had; none is then open.
        """
        self.all: list[Tap] = []
        self.recording: Recording | None = None
        with contextlib.ExitStack() as stack:
            for make, waiting, again in self._makers(wanted, (width, height, fps, rate)):
                tap = Tap(make, waiting, fps, again)
                stack.callback(tap.close)
                self.all.append(tap)
            stack.pop_all()

    def _makers(
        self, wanted: Wanted, shape: tuple[int, int, float, int]
    ) -> Iterator[tuple[Callable[[], Drain], float, bool]]:
        if path := wanted.record:

            def record() -> Recording:
                self.recording = Recording(path, *shape)
                return self.recording

            yield record, _RECORDED_S, False
        for url in wanted.streams:
            yield functools.partial(streamed, url, *shape), _STREAMED_S, True
        if wanted.camera:
            yield lambda: VirtualCamera(*shape[:3]), _SEEN_S, True
        if wanted.ndi:
            yield lambda: Ndi(*shape[:3]), _SEEN_S, True
