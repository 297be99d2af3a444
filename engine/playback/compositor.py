"""The picture as a function of song time: the shot's clip frame, the transition into it, the reaction on top.

The picture of a show as it leaves the house: the compositor's, steered, faded to black and back.
"""

import bisect
import math
import time
from pathlib import Path

import cv2
import msgspec
import numpy as np

from engine.playback.captions import Lettering
from engine.playback.clips import ClipReader, Tween, mix
from engine.playback.effects import Reactions, Reactor
from engine.playback.flash_guard import FlashGuard
from engine.playback.yuv import cropped, of_rgb, rgb, scaled
from engine.types import Frame, Planes

FADE_S = 0.3  # crossfade into a shot
_STRUCK, _DROP = 1.0, 3.0  # what rises within two pictures in a usual onset, which a fade springs to; in one cut to
_SLOW = 1.5  # clips with fewer frames than one per this many pictures get pictures in between
_LOOSE = 0.8  # share of the time since a shot's start, or to its end, by which its clip may stray
_SHARP = 0.02  # share of the next frame that is not worth mixing in
_LIGHT_GAPS_S = (math.inf, 1.0, 1.0, 0.5)  # between two lights, by the flashes allowed in a second; a cut may be one
_OPEN = 3  # clip files kept open: the present one, the one before, one to come


class Placed(msgspec.Struct, frozen=True):
    """A clip on the song's time line, in seconds."""

    start: float
    end: float
    path: Path


class Compositor:
    """`planes(t)`, or `frame(t)`, is the picture at `t` s of the song. Asking forward in time is the fast path."""

    def __init__(self, width: int, height: int, fps: float, reactions: Reactions, amount: float = 1.0) -> None:
        """`amount` scales how far the music moves the picture; see `Reactor`."""
        self.width, self.height, self.fps = width, height, fps
        self.held = 0  # pictures drawn after the end of the last clip that was there
        self._reactions = reactions
        self._reactor = Reactor(width, height, fps, reactions, amount)
        self._lettering = Lettering(width, height)
        self._guard = FlashGuard(fps)
        self._placed: tuple[Placed, ...] = ()
        self._readers: dict[Path, ClipReader] = {}
        self._tweens: dict[Path, Tween] = {}
        self._read: dict[Placed, int] = {}  # the frame that each clip of late was at

    def place(self, start_s: float, end_s: float, clip_path: Path) -> None:
        """Show the clip from `start_s` to `end_s`, from its first frame to its last; replaces one at the same start.

        Raises:
            ValueError: a span that is empty or not finite.
        """
        if not (math.isfinite(start_s) and math.isfinite(end_s) and end_s > start_s):
            raise ValueError(f"a clip cannot be shown from {start_s} to {end_s} s")
        others = [each for each in self._placed if each.start != start_s]
        self._placed = tuple(sorted([*others, Placed(start_s, end_s, clip_path)], key=lambda each: each.start))

    def react(self, amount: float) -> None:
        """From now on the music moves the picture by so much; see `Reactor`."""
        if amount != self._reactor.amount:
            self._reactor.amount = amount

    def allow_flashes(self, most: int) -> None:
        """From now on show at most `most` flashes in any second; with 0 onsets make no light at all."""
        self._guard.allow(max(1, most))
        self._reactor.space_lights(_LIGHT_GAPS_S[most])

    def forget(self, before: float) -> None:
        """Let go of clips that ended before `before` s, all but the last, and of words, for a show without an end."""
        past = [each for each in self._placed if each.end < before]
        if len(past) > 1:
            self._placed = self._placed[len(past) - 1 :]
        self._lettering.forget(before)

    def say(self, text: str, start_s: float, end_s: float) -> None:
        """Set a sung word in type from `start_s` to `end_s`, over whatever is shown."""
        self._lettering.say(text, start_s, end_s)

    def frame(self, t: float) -> Frame:
        """The picture at `t` seconds in RGB, as screens take it; see `planes`."""
        return rgb(self.planes(t))

    def planes(self, t: float) -> Planes:
        """The picture at `t` seconds, as encoders take it. Not to be written to.

        Raises:
            RenderError: a clip is damaged.
        """
        moved = self._reactor.move(self._still(t), t)
        if self._lettering.is_set(t):
            moved = of_rgb(self._lettering.draw(rgb(moved), t))
        return self._guard.limit(moved, t)

    def prepare(self, t: float) -> None:
        """Read from its file what the picture at `t` s will most likely show; not while a picture is drawn.

        Raises:
            RenderError: a clip is damaged.
        """
        now = next((each for each in reversed(self._placed) if each.start <= t + 1e-6), None)
        if now is None:
            return
        reader = self._reader(now.path)
        begins = math.floor((t - now.start) / (now.end - now.start) * reader.count) - 1
        following = self._read.get(now, begins) + 1
        reader.frame(following)
        reader.frame(following + 1)

    def close(self) -> None:
        """Release the clip files."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._tweens.clear()

    def _still(self, t: float) -> Planes:
        placed = self._placed
        index = bisect.bisect_right([each.start for each in placed], t + 1e-6) - 1
        if index < 0:
            return self._calm(t)
        now = placed[index]
        if t > now.end + 0.5 / self.fps:
            self.held += 1
        picture = self._picture(now, t)
        since = t - now.start
        if index == 0 or since >= FADE_S or (share := self._share(now.start, since)) >= 1.0:
            return picture
        before = self._picture(placed[index - 1], now.start)  # its last frame, held while it fades
        if before.shape != picture.shape:
            before, picture = self._whole(before), self._whole(picture)
        return mix(before, picture, share)

    def _share(self, start: float, since: float) -> float:
        """How much of a shot is seen in the picture `since` s after its start: it fades in, the harder the more rises.

        On a stroke it springs in with the first picture, as far as a stroke moves a picture otherwise, and settles.
        """
        before, after = (self._reactions.at(start + pictures / self.fps).cumulative_flux for pictures in (-0.5, 1.5))
        if after - before >= _DROP:
            return 1.0
        hard = min(1.0, (after - before) / _STRUCK)
        gone, ends = since / FADE_S, min(1.0, (since + 1.0 / self.fps) / FADE_S)
        return (1.0 - hard) * gone * gone * (3.0 - 2.0 * gone) + hard * (1.0 - (1.0 - ends) ** 3)

    def _picture(self, placed: Placed, t: float) -> Planes:
        """The clip's picture at `t`, in the clip's own size; the clip's time passes as the music moves."""
        reader = self._reader(placed.path)
        pictures = (placed.end - placed.start) * self.fps
        t = min(max(t, placed.start), placed.end)
        stray = self._reactor.stray(t) - self._reactor.stray(placed.start)
        # Never backwards, never past the end.
        stray = min(max(stray, _LOOSE * (placed.start - t)), _LOOSE * (placed.end - t))
        share = (t - placed.start + stray) * self.fps / pictures
        # Frame k of n covers [k / n, (k + 1) / n) of the shot; a slow clip's last one is reached by its last picture.
        slow = reader.count * _SLOW < pictures
        position = min(share * pictures / (pictures - 1.0), 1.0) * (reader.count - 1) if slow else share * reader.count
        first = math.floor(position + 1e-6)
        rest = position - first
        self._read = {**dict(list(self._read.items())[-_OPEN:]), placed: first}
        if rest < _SHARP:
            return reader.frame(first)
        pair = (reader.frame(first), reader.frame(first + 1))
        if not slow:  # so near in time that no motion would be seen between them
            return mix(*pair, rest)
        return self._tweens[placed.path].between(*pair, rest, (first, first + 1))

    def _reader(self, path: Path) -> ClipReader:
        reader = self._readers.pop(path, None) or ClipReader(path)
        self._readers[path] = reader  # most recently used last
        self._tweens.setdefault(path, Tween())
        while len(self._readers) > _OPEN:
            oldest = next(iter(self._readers))
            self._readers.pop(oldest).close()
            del self._tweens[oldest]
        return reader

    def _whole(self, picture: Planes) -> Planes:
        """The picture in the size of the frame."""
        return scaled(cropped(picture, self.width, self.height), self.width, self.height)

    def _calm(self, t: float) -> Planes:
        """Before the first clip: a dim field of light that drifts."""
        x, y = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 18))
        light = np.exp(-((x - 0.5 * math.sin(0.7 * t)) ** 2 + (y - 0.3 * math.cos(0.9 * t)) ** 2) * 1.5)
        tint = np.array([70.0, 80.0, 110.0])
        small = (18.0 + light[..., None] * tint).astype(np.uint8)
        whole = cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        return of_rgb(np.asarray(whole, dtype=np.uint8))


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
