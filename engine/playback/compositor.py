"""The picture as a function of song time: the clip's frame, the crossfade into it, effects, captions, flash guard.

What a performer changes while a show runs (reaction, flash limit, blackout) is read from `Overrides` for each picture.
"""

import bisect
import math
import time
from pathlib import Path

import cv2
import msgspec
import numpy as np

from engine.playback.captions import CaptionRenderer
from engine.playback.clips import ClipReader, mix
from engine.playback.effects import Effects, FeatureSource
from engine.playback.flash_guard import FlashGuard
from engine.playback.yuv import crop, from_rgb, resize, to_rgb
from engine.types import Frame, Overrides, Planes

FADE_S = 0.3  # crossfade into a shot
_FULL_RISE, _DROP_RISE = 1.0, 3.0  # rise within two pictures that makes a fade as hard as can be; that makes it a cut
_SLOW = 1.5  # clips with fewer frames than one per this many pictures get interpolated frames
_OFFSET_SHARE = 0.8  # of the time since a shot's start, or to its end, by which its clip may be off its even course
_SHARP = 0.02  # share of the next frame that is not worth mixing in
_LIGHT_GAPS_S = (math.inf, 1.0, 1.0, 0.5)  # between two lights, by the flashes allowed in a second; a cut may be one
_OPEN_CLIPS = 3  # files kept open: the present one, the one before, one to come
_BLACKOUT_S = 0.25  # to black and back: slower than a flash
_KEEP_S = 30.0  # of past clips and captions


class PlacedClip(msgspec.Struct, frozen=True):
    """A clip on the song's time line, in seconds."""

    start: float
    end: float
    path: Path


class Compositor:
    """`planes(t)`, or `frame(t)`, is the picture at `t` s of the song. Reading forward in time is the fast path."""

    def __init__(
        self, width: int, height: int, fps: float, features: FeatureSource, overrides: Overrides | None = None
    ) -> None:
        """`overrides` are read for each picture; they may be changed or replaced at any time, from any thread."""
        self.width, self.height, self.fps = width, height, fps
        self.overrides = overrides or Overrides()
        self.time = 0.0  # of the latest `frame`, s
        self.drawing_since = 0.0  # when it was begun, s, time.perf_counter
        self.latest_clip: Path | None = None  # the one placed last
        self.ready_until = 0.0  # s, the latest end of a clip
        self._features = features
        self._effects = Effects(width, height, fps, features)
        self._captions = CaptionRenderer(width, height)
        self._guard = FlashGuard(fps)
        self._brightness = 1.0
        self._placed: tuple[PlacedClip, ...] = ()
        self._readers: dict[Path, ClipReader] = {}
        self._last_frames: dict[PlacedClip, int] = {}  # read of the latest clips

    def place(self, start_s: float, end_s: float, clip_path: Path) -> None:
        """Show the clip from `start_s` to `end_s`, from its first frame to its last; replaces one at the same start.

        Clips that ended, and captions that began, 30 s before `start_s` are forgotten.

        Raises:
            ValueError: a span that is empty or not finite.
        """
        if not (math.isfinite(start_s) and math.isfinite(end_s) and end_s > start_s):
            raise ValueError(f"a clip cannot be shown from {start_s} to {end_s} s")
        others = [each for each in self._placed if each.start != start_s]
        placed = sorted([*others, PlacedClip(start_s, end_s, clip_path)], key=lambda each: each.start)
        past = sum(each.end < start_s - _KEEP_S for each in placed)
        self._placed = tuple(placed[max(0, past - 1) :])
        self._captions.forget(start_s - _KEEP_S)
        self.latest_clip, self.ready_until = clip_path, max(self.ready_until, end_s)

    def show_caption(self, text: str, start_s: float, end_s: float) -> None:
        """Set a sung word in type from `start_s` to `end_s`, over whatever is shown."""
        self._captions.add(text, start_s, end_s)

    def frame(self, t: float) -> Frame:
        """The picture at `t` seconds in RGB, as screens take it, faded to black in a blackout; see `planes`."""
        self.drawing_since = time.perf_counter()
        frame = to_rgb(self.planes(t))
        step = max(0.0, t - self.time) / _BLACKOUT_S
        self.time = t
        wanted = 0.0 if self.overrides.blackout else 1.0
        self._brightness = min(max(wanted, self._brightness - step), self._brightness + step)
        if self._brightness == 1.0:
            return frame
        return np.asarray(cv2.convertScaleAbs(frame, alpha=self._brightness), dtype=np.uint8)

    def planes(self, t: float) -> Planes:
        """The picture at `t` seconds, as encoders take it. Not to be written to.

        Raises:
            RenderError: a clip is damaged.
        """
        reaction, flashes = self.overrides.reaction, self.overrides.flashes
        self._guard.set_limit(max(1, flashes))
        self._effects.space_lights(_LIGHT_GAPS_S[flashes])
        picture = self._effects.apply(self._clip_picture(t, reaction), t, reaction)
        if self._captions.is_visible(t):
            picture = from_rgb(self._captions.draw(to_rgb(picture), t))
        return self._guard.apply(picture, t)

    def prepare(self, t: float) -> None:
        """Read from its file what the picture at `t` s will most likely show; not while a picture is drawn.

        Raises:
            RenderError: a clip is damaged.
        """
        now = next((each for each in reversed(self._placed) if each.start <= t + 1e-6), None)
        if now is None:
            return
        reader = self._reader(now.path)
        before_first = math.floor((t - now.start) / (now.end - now.start) * reader.count) - 1
        following = self._last_frames.get(now, before_first) + 1
        reader.frame(following)
        reader.frame(following + 1)

    def close(self) -> None:
        """Release the clip files."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _clip_picture(self, t: float, reaction: float) -> Planes:
        """The clip at `t`, mixed with the one before it while it fades in."""
        placed = self._placed
        index = bisect.bisect_right([each.start for each in placed], t + 1e-6) - 1
        if index < 0:
            return self._opening(t)
        now = placed[index]
        picture = self._frame_of(now, t, reaction)
        since = t - now.start
        if index == 0 or since >= FADE_S or (share := self._fade_share(now.start, since)) >= 1.0:
            return picture
        before = self._frame_of(placed[index - 1], now.start, reaction)  # its last frame stands while it fades
        if before.shape != picture.shape:
            before, picture = self._fitted(before), self._fitted(picture)
        return mix(before, picture, share)

    def _fade_share(self, start: float, since: float) -> float:
        """How much of a shot is seen in the picture `since` s after its start: it fades in, the harder the more rises.

        On an onset it springs in with the first picture, as far as an onset moves a picture otherwise, and settles.
        """
        before, after = (self._features.at(start + pictures / self.fps).cumulative_flux for pictures in (-0.5, 1.5))
        if after - before >= _DROP_RISE:
            return 1.0
        hard = min(1.0, (after - before) / _FULL_RISE)
        gone, end = since / FADE_S, min(1.0, (since + 1.0 / self.fps) / FADE_S)
        return (1.0 - hard) * gone * gone * (3.0 - 2.0 * gone) + hard * (1.0 - (1.0 - end) ** 3)

    def _frame_of(self, placed: PlacedClip, t: float, reaction: float) -> Planes:
        """The clip's picture at `t`, in the clip's own size; the clip's time passes as the music moves."""
        reader = self._reader(placed.path)
        pictures = (placed.end - placed.start) * self.fps
        t = min(max(t, placed.start), placed.end)
        offset = self._effects.time_offset(t, reaction) - self._effects.time_offset(placed.start, reaction)
        # Never backwards, never past the end.
        offset = min(max(offset, _OFFSET_SHARE * (placed.start - t)), _OFFSET_SHARE * (placed.end - t))
        share = (t - placed.start + offset) * self.fps / pictures
        # Frame k of n covers [k / n, (k + 1) / n) of the shot; a slow clip's last one is reached by its last picture.
        slow = reader.count * _SLOW < pictures
        position = min(share * pictures / (pictures - 1.0), 1.0) * (reader.count - 1) if slow else share * reader.count
        first = math.floor(position + 1e-6)
        rest = position - first
        self._last_frames = {**dict(list(self._last_frames.items())[-_OPEN_CLIPS:]), placed: first}
        if rest < _SHARP:
            return reader.frame(first)
        if not slow:  # frames so near in time that no motion would be seen between them
            return mix(reader.frame(first), reader.frame(first + 1), rest)
        return reader.between(first, rest)

    def _reader(self, path: Path) -> ClipReader:
        reader = self._readers.pop(path, None) or ClipReader(path)
        self._readers[path] = reader  # most recently used last
        while len(self._readers) > _OPEN_CLIPS:
            self._readers.pop(next(iter(self._readers))).close()
        return reader

    def _fitted(self, picture: Planes) -> Planes:
        """The picture in the size of the frame."""
        return resize(crop(picture, self.width, self.height), self.width, self.height)

    def _opening(self, t: float) -> Planes:
        """Before the first clip: a dim field of light that drifts."""
        x, y = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 18))
        light = np.exp(-((x - 0.5 * math.sin(0.7 * t)) ** 2 + (y - 0.3 * math.cos(0.9 * t)) ** 2) * 1.5)
        tint = np.array([70.0, 80.0, 110.0])
        small = (18.0 + light[..., None] * tint).astype(np.uint8)
        whole = cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        return from_rgb(np.asarray(whole, dtype=np.uint8))
