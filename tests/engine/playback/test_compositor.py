"""The composited picture over time: clips mapped onto shots, transitions, frozen frames, seeking."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.features import Features
from engine.outputs.encoder import encode_clip
from engine.playback.clips import ClipReader
from engine.playback.compositor import FADE_S, Compositor
from engine.types import Overrides
from tests.engine.playback.test_clips import count_reads

WIDTH, HEIGHT, FPS = 96, 64, 24.0
STILL = Features(level=1.0, low=0.0, mid=0.0, high=0.0, onset=0.0, beat_phase=0.0, beat=0.0)


class Quiet:
    """Silence, except for a rise, with or without an onset value, at one moment."""

    def __init__(self, rises_at: float | None = None, rises: float = 1.0, onset: float = 1.0) -> None:
        self._rises_at, self._rises, self._onset = rises_at, rises, onset

    def at(self, time: float) -> Features:
        has_risen = self._rises_at is not None and time >= self._rises_at
        onset = self._onset if has_risen and time - (self._rises_at or 0.0) < 0.1 else 0.0
        return Features(1.0, 0.0, 0.0, 0.0, onset, 0.0, 0.0, cumulative_flux=self._rises if has_risen else 0.0)


class Frames:
    """Frames that are there already, as a rendering."""

    def __init__(self, frames: list[NDArray[np.uint8]], fps: float) -> None:
        self.frames, self.fps, self.count = frames, fps, len(frames)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return iter(self.frames)


def grey(level: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def clip(path: Path, frames: list[NDArray[np.uint8]], fps: float = FPS) -> Path:
    encode_clip(Frames(frames, fps), path, lambda done: None)
    return path


def compositor(reactions: Quiet | None = None) -> Compositor:
    return Compositor(WIDTH, HEIGHT, FPS, reactions or Quiet(), Overrides(reaction=0.0))


def test_a_clip_is_mapped_onto_its_shot_from_first_to_last(tmp_path: Path) -> None:
    ramp = clip(tmp_path / "a.mp4", [grey(20 + 8 * k) for k in range(24)])
    shown = compositor()
    shown.place(0.0, 2.0, ramp)  # twice as long as the clip
    levels = [shown.frame(k / FPS).mean() for k in range(48)]
    assert levels[0] == pytest.approx(20, abs=2)
    assert levels[-1] == pytest.approx(20 + 8 * 23, abs=3)
    assert np.all(np.diff(levels) > 1.5), "pictures between the frames"


def test_a_clip_of_the_shots_own_rate_is_shown_frame_by_frame(tmp_path: Path) -> None:
    frames = [grey(20 + 8 * k) for k in range(24)]
    shown = compositor()
    shown.place(1.0, 2.0, clip(tmp_path / "a.mp4", frames))
    numbers = [round((shown.frame(1.0 + k / FPS).mean() - 20) / 8) for k in range(24)]
    assert numbers == list(range(24))


def test_motion_of_a_slow_clip_is_filled_in_not_mixed(tmp_path: Path) -> None:
    """A disc that moves 10 px a frame at 8 fps: half way, it is one disc half way, not two pale ones."""

    def disc(x: float) -> NDArray[np.uint8]:
        picture = grey(30, 192, 128)
        texture = np.random.default_rng(3).integers(0, 60, (128, 192, 1)).astype(np.uint8)
        picture += cv2.GaussianBlur(texture, (0, 0), 3)[..., None] // 2
        cv2.circle(picture, (round(x), 64), 26, (230, 230, 230), -1, cv2.LINE_AA)
        return picture

    shown = Compositor(192, 128, FPS, Quiet(), Overrides(reaction=0.0))
    shown.place(0.0, 1.0, clip(tmp_path / "a.mp4", [disc(40 + 10 * k) for k in range(8)], fps=8.0))
    between = shown.frame(11.5 / FPS)
    mixed = (disc(70).astype(int) + disc(80)) // 2
    half_way = disc(75).astype(int)
    assert np.abs(between - half_way).mean() < 0.6 * np.abs(mixed - half_way).mean()


def test_clips_are_scaled_to_fill_and_cropped_evenly(tmp_path: Path) -> None:
    tall = grey(0, 64, 128)
    tall[:, :, 0] = 200  # red, with blue bands that must be cut off
    tall[:32], tall[-32:] = (0, 0, 200), (0, 0, 200)
    shown = compositor()
    shown.place(0.0, 1.0, clip(tmp_path / "a.mp4", [tall] * 4))
    picture = shown.frame(0.5)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture[..., 0].mean() > 185 and picture[..., 2].mean() < 25


def test_a_shot_fades_in_over_the_last_frame_of_the_one_before(tmp_path: Path) -> None:
    shown = compositor()
    shown.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(40)] * 24))
    shown.place(1.0, 2.0, clip(tmp_path / "b.mp4", [grey(200)] * 24))
    levels = [shown.frame(1.0 + k / FPS).mean() for k in range(10)]
    assert levels[0] == pytest.approx(40, abs=3)
    assert levels[-1] == pytest.approx(200, abs=3)
    assert np.all(np.diff(levels) >= -0.5) and max(np.diff(levels)) < 60, "no jump"
    assert shown.frame(1.0 + FADE_S / 2).mean() == pytest.approx(120, abs=6)


def test_clips_of_two_sizes_fade_into_one_another(tmp_path: Path) -> None:
    shown = compositor()
    shown.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(40, WIDTH // 2, HEIGHT // 2)] * 24))
    shown.place(1.0, 2.0, clip(tmp_path / "b.mp4", [grey(200)] * 24))
    between = shown.frame(1.0 + FADE_S / 2)
    assert between.shape == (HEIGHT, WIDTH, 3)
    assert between.mean() == pytest.approx(120, abs=6) and between.std() < 3


def from_grey_to_grey(tmp_path: Path, rises: float) -> list[float]:
    """How much of the second shot is seen, picture by picture, from the last before it on."""
    shown = compositor(Quiet(rises_at=1.0, rises=rises))
    shown.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(40)] * 24))
    shown.place(1.0, 2.0, clip(tmp_path / "b.mp4", [grey(200)] * 24))
    return [float((shown.frame(1.0 + k / FPS).mean() - 40) / 160) for k in range(-1, 9)]


def test_a_shot_that_begins_on_a_drop_is_cut_to(tmp_path: Path) -> None:
    assert from_grey_to_grey(tmp_path, rises=4.0) == pytest.approx([0.0] + [1.0] * 9, abs=0.02)


def test_a_shot_that_begins_on_a_rise_springs_in_and_settles(tmp_path: Path) -> None:
    """No onset moves a picture as far as a cut does; the largest step is the first."""
    steps = np.diff(from_grey_to_grey(tmp_path, rises=1.0))
    assert 0.3 < steps[0] < 0.5 and steps[0] == steps.max()
    assert steps[:3].sum() > 0.75 and steps.sum() == pytest.approx(1.0, abs=0.02)


def test_the_last_frame_stands_while_the_next_shot_has_no_clip(tmp_path: Path) -> None:
    shown = compositor()
    shown.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(20 + 8 * k) for k in range(24)]))
    late = [shown.frame(1.2 + k / FPS).mean() for k in range(6)]
    assert late == pytest.approx([20 + 8 * 23] * 6, abs=3)


def test_before_the_first_clip_the_picture_is_calm_but_alive() -> None:
    shown = compositor()
    first, second = shown.frame(0.0), shown.frame(0.5)
    assert first.mean() > 20 and first.std() > 5
    assert not np.array_equal(first, second)
    assert np.abs(first.astype(int) - shown.frame(1 / FPS)).mean() < 4


def test_a_late_clip_replaces_the_placed_one(tmp_path: Path) -> None:
    shown = compositor()
    shown.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(40)] * 4))
    shown.place(0.0, 1.0, clip(tmp_path / "b.mp4", [grey(200)] * 4))
    assert shown.frame(0.5).mean() == pytest.approx(200, abs=3)


def test_the_picture_is_a_function_of_time(tmp_path: Path) -> None:
    """Asked in any order, with reaction on: the same pictures as played forwards."""

    class Music:
        def at(self, time: float) -> Features:
            since = time % 0.4
            felt, beat = float(np.exp(-since / 0.15)), float(np.exp(-since / 0.12))
            return Features(0.7, 0.5, 0.3, 0.6, felt, 0.0, beat, cumulative_flux=time // 0.4)

    rng = np.random.default_rng(1)
    noise = [cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8), (0, 0), 4) for _ in range(24)]
    paths = [clip(tmp_path / f"{k}.mp4", noise[k:] + noise[:k]) for k in range(3)]

    def music_video() -> Compositor:
        made = Compositor(WIDTH, HEIGHT, FPS, Music())
        for k, path in enumerate(paths):
            made.place(float(k), k + 1.0, path)
        return made

    forwards = music_video()
    played = [forwards.frame(k / FPS) for k in range(72)]
    seeking = music_video()
    for k in [60, 3, 2, 47, 25, 24, 71, 0, 1]:
        assert np.array_equal(seeking.frame(k / FPS), played[k]), k


@pytest.mark.parametrize("span", [(1.0, 1.0), (2.0, 1.0), (0.0, float("nan"))])
def test_an_empty_span_is_refused(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="cannot be shown"):
        compositor().place(*span, Path("a.mp4"))


def test_a_rise_jerks_the_clip_on_and_it_lingers_after(tmp_path: Path) -> None:
    """The clip's own motion is largest where the sound rises; in the centre no edge is dimmed."""
    drawn = Compositor(WIDTH, HEIGHT, FPS, Quiet(rises_at=1.0, onset=0.0))
    drawn.place(0.0, 2.0, clip(tmp_path / "a.mp4", [grey(20 + 4 * k) for k in range(48)]))

    def shown(k: int) -> float:
        return float((drawn.frame(k / FPS)[28:36, 44:52].mean() - 20) / 4)

    steps = np.diff([shown(k) for k in range(20, 34)])
    assert steps[:3] == pytest.approx(1.0, abs=0.3)
    assert steps[3] > 2.5, "from picture 23 to 24, where the rise is"
    assert steps[4:].min() > -0.3 and steps[4:].mean() < 0.85
    assert shown(47) == pytest.approx(47, abs=0.6 * FPS), "it does not get lost"


class Dancing:
    """Rises now and then, so that the clip's time does not pass evenly."""

    def at(self, time: float) -> Features:
        return Features(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, cumulative_flux=float(int(time / 0.37)))


def three_shots(folder: Path) -> Compositor:
    shown = Compositor(WIDTH, HEIGHT, FPS, Dancing(), Overrides(reaction=1.0))
    shown.place(0.0, 2.0, clip(folder / "a.mp4", [grey(20 + 2 * k) for k in range(48)]))
    shown.place(2.0, 4.0, clip(folder / "b.mp4", [grey(200 - 8 * k) for k in range(16)], 8.0))
    shown.place(4.0, 6.0, folder / "a.mp4")
    return shown


def test_reading_ahead_changes_no_picture(tmp_path: Path) -> None:
    ahead, plain = three_shots(tmp_path), three_shots(tmp_path)
    ahead.prepare(-1.0)
    for number in range(150):
        if number % 10 != 3:
            ahead.prepare(number / FPS)
        assert np.array_equal(ahead.frame(number / FPS), plain.frame(number / FPS)), number


def test_frames_read_ahead_are_not_read_again_while_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = compositor()
    shown.place(0.0, 2.0, clip(tmp_path / "a.mp4", [grey(20 + 2 * k) for k in range(48)]))
    shown.place(2.0, 4.0, clip(tmp_path / "b.mp4", [grey(200 - 2 * k) for k in range(48)]))
    counts = count_reads(monkeypatch)
    drawing = 0
    for number in range(96):
        shown.prepare(number / FPS)
        before = counts["packet"]
        shown.frame(number / FPS)
        drawing += counts["packet"] > before
    assert drawing <= 1, "the last picture of the shot before, which the new one fades from"


def plain(tmp_path: Path, level: int = 200, overrides: Overrides | None = None) -> Compositor:
    """One grey clip for ten seconds, without reaction."""
    drawn = Compositor(WIDTH, HEIGHT, FPS, Quiet(), overrides or Overrides(reaction=0.0))
    drawn.place(0.0, 10.0, clip(tmp_path / "plain.mp4", [grey(level)] * 24))
    return drawn


def test_a_blackout_fades_within_a_quarter_of_a_second_and_back(tmp_path: Path) -> None:
    drawn = plain(tmp_path)
    assert drawn.frame(1.0).mean() == pytest.approx(200, abs=3)
    drawn.overrides.blackout = True
    levels = [drawn.frame(1.0 + seconds).mean() for seconds in (0.125, 0.25, 0.5)]
    assert levels == pytest.approx([100, 0, 0], abs=3)
    assert drawn.planes(1.5).mean() > 100, "a file is not blacked out"
    drawn.overrides.blackout = False
    assert [drawn.frame(1.5 + seconds).mean() for seconds in (0.05, 0.25, 1.0)] == pytest.approx([40, 200, 200], abs=3)
    drawn.overrides.blackout = True
    assert drawn.frame(1.0).mean() == pytest.approx(200, abs=3), "a jump back changes nothing at once"


def test_the_compositor_reports_what_it_draws(tmp_path: Path) -> None:
    drawn = compositor()
    assert (drawn.latest_clip, drawn.ready_until, drawn.time) == (None, 0.0, 0.0)
    a, b = clip(tmp_path / "a.mp4", [grey(40)] * 4), clip(tmp_path / "b.mp4", [grey(200)] * 4)
    drawn.place(5.0, 9.0, a)
    drawn.place(1.0, 2.0, b)
    assert (drawn.latest_clip, drawn.ready_until) == (b, 9.0)
    before = time.perf_counter()
    drawn.frame(1.25)
    assert drawn.time == 1.25 and before <= drawn.drawing_since <= time.perf_counter()


class Clicks:
    """An onset, and a usual rise, every `every` s."""

    def __init__(self, every: float) -> None:
        self._every = every

    def at(self, time: float) -> Features:
        since = (time - 0.001) % self._every
        return Features(
            1.0, 0.0, 0.0, 0.0, float(np.exp(-since / 0.15)), 0.0, 0.0, cumulative_flux=(time - 0.001) // self._every
        )


@pytest.mark.parametrize(("flashes", "lights"), [(3, 8), (2, 4), (1, 4), (0, 0)])
def test_the_flashes_allowed_space_the_lights(tmp_path: Path, flashes: int, lights: int) -> None:
    """Onsets come twice a second; a dim picture is lit within the guard's limit."""
    drawn = Compositor(WIDTH, HEIGHT, FPS, Clicks(0.5), Overrides(flashes=flashes))
    drawn.place(0.0, 10.0, clip(tmp_path / "dim.mp4", [grey(60)] * 24))
    shown = np.array([drawn.frame(1.75 + k / FPS)[20:44, 30:66].mean() for k in range(96)])
    assert int((np.diff(shown) > 8).sum()) == lights


def test_overrides_may_be_replaced_while_a_show_runs(tmp_path: Path) -> None:
    drawn = Compositor(WIDTH, HEIGHT, FPS, Clicks(0.5), Overrides(reaction=0.0))
    drawn.place(0.0, 10.0, clip(tmp_path / "dim.mp4", [grey(60)] * 24))
    still = drawn.frame(2.0)
    drawn.overrides = Overrides(reaction=2.0)
    assert np.abs(drawn.frame(2.0 + 1 / FPS).astype(int) - still).max() > 20
    drawn.overrides.reaction = 0.0
    assert np.abs(drawn.frame(2.0 + 2 / FPS).astype(int) - still).max() <= 1


def test_the_flash_guard_has_the_last_word(tmp_path: Path) -> None:
    for flashes, limited in ((3, False), (1, True)):
        drawn = Compositor(WIDTH, HEIGHT, FPS, Quiet(), Overrides(reaction=0.0, flashes=flashes))
        frames = [grey(230 if k // 6 % 2 else 20) for k in range(48)]  # two flashes a second
        drawn.place(0.0, 2.0, clip(tmp_path / f"{flashes}.mp4", frames))
        levels = np.array([drawn.frame(k / FPS).mean() for k in range(48)])
        expected = np.array([frame.mean() for frame in frames])
        assert (np.abs(levels - expected).max() > 50) == limited


def test_captions_are_drawn_over_the_clip_and_forgotten_half_a_minute_later(tmp_path: Path) -> None:
    drawn = plain(tmp_path, 60)
    for number in range(5):
        drawn.show_caption("heart", 1.0 + number, 1.8 + number)
    assert drawn.frame(1.5).max() > 200 and drawn.frame(0.9).max() < 70
    path = tmp_path / "plain.mp4"
    drawn.place(34.9, 36.0, path)
    assert drawn.frame(1.5).max() > 200, "within half a minute"
    drawn.place(35.1, 37.0, path)
    assert drawn.frame(1.5).max() < 70


def test_clips_that_ended_half_a_minute_ago_are_closed_except_the_last(tmp_path: Path) -> None:
    drawn = compositor()
    levels = [clip(tmp_path / f"{level}.mp4", [grey(level)] * 4) for level in (40, 80, 120, 160)]
    for number, path in enumerate(levels[:3]):
        drawn.place(float(number), number + 1.0, path)
    drawn.place(32.0, 33.0, levels[3])
    assert drawn.frame(0.5).mean() == pytest.approx(40, abs=3), "the second has ended exactly then"
    drawn.place(32.5, 33.5, levels[3])
    assert drawn.frame(1.5).mean() == pytest.approx(80, abs=3)
    assert drawn.frame(0.9).std() > 5, "the first is gone: the opening picture is shown"


def test_three_files_are_open_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [clip(tmp_path / f"{number}.mp4", [grey(40 * number)] * 4) for number in range(6)]
    opened, closed = [], []
    init, close = ClipReader.__init__, ClipReader.close
    monkeypatch.setattr(ClipReader, "__init__", lambda self, path: (opened.append(path), init(self, path))[1])
    monkeypatch.setattr(ClipReader, "close", lambda self: (closed.append(self.path), close(self))[1])
    drawn = compositor()
    for number, path in enumerate(paths):
        drawn.place(float(number), number + 1.0, path)
    open_files = []
    for k in range(60):
        drawn.frame(k / 10)
        open_files.append(len(opened) - len(closed))
    assert max(open_files) == open_files[-1] == 3
    assert opened == paths, "each is opened once"
    drawn.close()
    assert sorted(closed) == sorted(paths)


@pytest.mark.parametrize(("rises", "half_way"), [(0.0, 0.5), (0.5, 0.7), (1.0, 0.956)])
def test_a_fade_is_the_harder_the_more_rises(tmp_path: Path, rises: float, half_way: float) -> None:
    drawn = compositor(Quiet(rises_at=1.0, rises=rises, onset=0.0))
    drawn.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(40)] * 24))
    drawn.place(1.0, 2.0, clip(tmp_path / "b.mp4", [grey(200)] * 24))
    assert (drawn.frame(1.0 + FADE_S / 2).mean() - 40) / 160 == pytest.approx(half_way, abs=0.03)


def test_a_rise_long_before_or_after_makes_no_fade_harder(tmp_path: Path) -> None:
    for rises_at in (0.95, 1.08):
        drawn = compositor(Quiet(rises_at=rises_at, rises=4.0, onset=0.0))
        drawn.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(40)] * 24))
        drawn.place(1.0, 2.0, clip(tmp_path / "b.mp4", [grey(200)] * 24))
        assert drawn.frame(1.0).mean() == pytest.approx(40, abs=3)


def test_a_clip_is_never_further_from_its_course_than_its_shot_allows(tmp_path: Path) -> None:
    """In a short shot a large rise may use at most four fifths of the time to either end."""
    for rises_at, first in ((0.1, True), (0.0, False)):
        drawn = Compositor(WIDTH, HEIGHT, FPS, Quiet(rises_at=rises_at or 5.0, rises=3.0, onset=0.0))
        drawn.place(0.0, 0.5, clip(tmp_path / f"{rises_at}.mp4", [grey(20 + 8 * k) for k in range(24)]))
        shown = [(drawn.frame(k / FPS)[28:36, 44:52].mean() - 20) / 8 for k in range(12)]
        even = [2.0 * k for k in range(12)]
        assert min(np.diff(shown)) > -0.3
        assert (max(np.array(shown) - even) > 3) == first
        assert all(at <= 2.0 * k + 0.8 * (24 - 2.0 * k) + 1 for k, at in enumerate(shown))


def test_the_opening_picture_drifts_in_a_dim_blue(tmp_path: Path) -> None:
    first = compositor().frame(0.0).astype(float)
    red, green, blue = first.mean(axis=(0, 1))
    assert 35 < red < green < blue < 70
    brightest = [np.unravel_index(compositor().frame(t).sum(axis=2).argmax(), (HEIGHT, WIDTH)) for t in (0.0, 2.2)]
    (y, x), (later_y, later_x) = brightest
    assert abs(x - WIDTH / 2) <= 3 and y >= HEIGHT / 2 + 6 and later_x > WIDTH / 2 + 15 and later_y < HEIGHT / 2


@pytest.mark.parametrize(("count", "position"), [(16, 8.0), (15, 14 * 12 / 23)])
def test_a_slow_clip_ends_with_its_last_picture(tmp_path: Path, count: int, position: float) -> None:
    """Slow is a clip with fewer than two frames for three pictures."""
    drawn = compositor()
    drawn.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(20 + 14 * k) for k in range(count)], count))
    assert (drawn.frame(0.5).mean() - 20) / 14 == pytest.approx(position, abs=0.06)


def test_a_fiftieth_of_the_next_frame_is_not_mixed_in(tmp_path: Path) -> None:
    drawn = compositor()
    drawn.place(0.0, 1.0, clip(tmp_path / "a.mp4", [grey(230 if k % 2 else 20) for k in range(24)]))
    levels = [drawn.frame((10 + share) / FPS).mean() for share in (0.0, 0.015, 0.03, 0.5)]
    assert levels[0] == levels[1] and np.diff(levels[1:]) == pytest.approx([6, 99], abs=2)
