"""The picture as a function of song time: the shot's clip frame, the transition into it, the reaction on top."""

import bisect
import math
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.play.blend import Tween, mix
from engine.play.clips import ClipReader
from engine.play.flashes import FlashGuard
from engine.play.lettering import Lettering
from engine.play.pulses import Reactions
from engine.play.reaction import Reactor

Frame = NDArray[np.uint8]  # height x width x 3, RGB, top row first

FADE_S = 0.3  # crossfade into a shot where nothing is struck
_DROP = 1.0  # a usual onset within two pictures is cut to, not faded
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
    """`frame(t)` is the picture at `t` seconds of the song. Asking forward in time is the fast path."""

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
        """The picture at `t` seconds; uint8, height x width x 3, RGB.

        Raises:
            RenderError: a clip is damaged.
        """
        moved = self._reactor.move(self._still(t), t)
        return self._guard.limit(self._lettering.draw(moved, t), t)

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

    def _still(self, t: float) -> Frame:
        placed = self._placed
        index = bisect.bisect_right([each.start for each in placed], t + 1e-6) - 1
        if index < 0:
            return self._calm(t)
        now = placed[index]
        if t > now.end + 0.5 / self.fps:
            self.held += 1
        picture = self._picture(now, t)
        since = t - now.start
        if index == 0 or since >= FADE_S or since >= (fade := self._fade(now.start)):
            return picture
        share = since / fade
        share = share * share * (3.0 - 2.0 * share)
        before = self._picture(placed[index - 1], now.start)  # its last frame, held while it fades
        return mix(before, picture, share)

    def _fade(self, start: float) -> float:
        """Seconds of the crossfade into a shot: the more rises where it begins, the shorter; a drop is cut to."""
        before, after = (self._reactions.at(start + pictures / self.fps).risen for pictures in (-0.5, 1.5))
        return FADE_S * max(0.0, 1.0 - (after - before) / _DROP)

    def _picture(self, placed: Placed, t: float) -> Frame:
        """The clip's picture at `t`, filling the frame; the clip's time passes as the music moves."""
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
            return self._fill(reader.frame(first))
        pair = (reader.frame(first), reader.frame(first + 1))
        if not slow:  # so near in time that no motion would be seen between them
            return self._fill(mix(*pair, rest))
        return self._fill(self._tweens[placed.path].between(*pair, rest, (first, first + 1)))

    def _reader(self, path: Path) -> ClipReader:
        reader = self._readers.pop(path, None) or ClipReader(path)
        self._readers[path] = reader  # most recently used last
        self._tweens.setdefault(path, Tween())
        while len(self._readers) > _OPEN:
            oldest = next(iter(self._readers))
            self._readers.pop(oldest).close()
            del self._tweens[oldest]
        return reader

    def _fill(self, picture: Frame) -> Frame:
        """Scale so that the picture covers the frame, cut off what is over on both sides."""
        height, width = picture.shape[:2]
        if (width, height) == (self.width, self.height):
            return picture
        scale = max(self.width / width, self.height / height)
        wide, high = min(width, round(self.width / scale)), min(height, round(self.height / scale))
        x, y = (width - wide) // 2, (height - high) // 2
        part = picture[y : y + high, x : x + wide]
        method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(part, (self.width, self.height), interpolation=method), dtype=np.uint8)

    def _calm(self, t: float) -> Frame:
        """Before the first clip: a dim field of light that drifts."""
        x, y = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 18))
        light = np.exp(-((x - 0.5 * math.sin(0.7 * t)) ** 2 + (y - 0.3 * math.cos(0.9 * t)) ** 2) * 1.5)
        tint = np.array([70.0, 80.0, 110.0])
        small = (18.0 + light[..., None] * tint).astype(np.uint8)
        return np.asarray(cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
