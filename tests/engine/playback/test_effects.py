"""What the music does to the picture: light on clicks, motion on kicks, never a strobe."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.features import FeatureExtractor, Features
from engine.playback.effects import Effects, FeatureSource, Modulator
from engine.playback.flash_guard import FlashMeter
from engine.playback.yuv import from_rgb, to_rgb

RATE, FPS = 44100, 24.0
WIDTH, HEIGHT = 160, 90


def clicks(times: list[float], seconds: float) -> FeatureExtractor:
    sound = np.zeros(round(seconds * RATE), np.float32)
    burst = np.random.default_rng(1).normal(0, 0.3, 400).astype(np.float32) * np.exp(-np.arange(400) / 80)
    for time in times:
        at = round(time * RATE)
        sound[at : at + 400] += burst[: len(sound) - at]
    return FeatureExtractor.of(sound, RATE)


def scene() -> NDArray[np.uint8]:
    x, y = np.meshgrid(np.linspace(0, 9, WIDTH), np.linspace(0, 5, HEIGHT))
    return np.stack([110 + 60 * np.sin(x), 100 + 50 * np.cos(y), 90 + 40 * np.sin(x + y)], axis=2).astype(np.uint8)


class Seen:
    """Effects that take RGB and give RGB."""

    def __init__(self, effects: Effects, reaction: float) -> None:
        self._effects, self._reaction = effects, reaction

    def move(self, frame: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
        return to_rgb(self._effects.apply(from_rgb(frame), time, self._reaction))


def seen(features: FeatureSource, fps: float = FPS, reaction: float = 1.0) -> Seen:
    return Seen(Effects(WIDTH, HEIGHT, fps, features), reaction)


class Constant:
    def __init__(self, **heard: float) -> None:
        silent = {"level": 0.5, "low": 0.0, "mid": 0.0, "high": 0.0, "onset": 0.0, "beat_phase": 0.0, "beat": 0.0}
        self._now = Features(**{**silent, **heard})

    def at(self, time: float) -> Features:
        return self._now


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
@pytest.mark.parametrize("offset", [0.0, 0.007, 0.019, 0.033])
def test_a_click_is_a_flash_in_the_frame_that_contains_it(fps: float, offset: float) -> None:
    times = [0.5 + offset, 1.1 + offset, 1.73 + offset, 2.41 + offset]
    features = clicks(times, 3.0)
    reactor = seen(features, fps)
    luma = np.array([reactor.move(scene(), k / fps).mean() for k in range(int(3 * fps))])
    rise = np.diff(luma, prepend=luma[0])
    for onset, click in zip(features.onsets, times, strict=True):
        assert onset.time == pytest.approx(click, abs=0.004)
        frame = int(onset.time * fps)
        around = slice(max(0, frame - 6), frame + 7)
        assert int(rise[around].argmax()) + around.start == frame
        assert rise[frame] > 20


def test_without_sound_the_light_stays_the_same() -> None:
    reactor = seen(clicks([], 3.0))
    luma = np.array([reactor.move(scene(), k / FPS).mean() for k in range(72)])
    assert np.abs(np.diff(luma)).max() < 0.6


def test_of_two_strokes_the_stronger_is_lit() -> None:
    """There is room for one light in half a second; a song's future is known."""
    sound = np.random.default_rng(2).normal(0, 0.003, 6 * RATE).astype(np.float32)
    burst = np.random.default_rng(1).normal(0, 0.3, 400).astype(np.float32)
    for begins, level in ((1.0, 1.0), (2.0, 1.0), (3.0, 0.1), (3.25, 1.0)):
        at = round(begins * RATE)
        sound[at : at + 400] += level * burst
    modulator = Modulator(FeatureExtractor.of(sound, RATE), FPS)
    assert modulator.at(1.0).light > 0.5
    assert modulator.at(3.0).light < 0.2
    assert modulator.at(3.25).light > 0.5


def test_a_clip_goes_on_as_sound_rises() -> None:
    """Its course jumps at each stroke of an even beat and is even over many of them."""
    effects = Effects(WIDTH, HEIGHT, FPS, clicks([k / 2 for k in range(1, 20)], 10.0))
    course = np.array([k / FPS + effects.time_offset(k / FPS, 1.0) for k in range(240)])
    steps = np.diff(course) * FPS
    struck = [round(k / 2 * FPS) - 1 for k in range(6, 20)]
    assert steps.min() > 0, "never backwards"
    assert np.median([steps[at - 1 : at + 2].max() for at in struck]) > 5
    assert np.median(steps) < 0.7
    assert course[-1] == pytest.approx(10.0, abs=0.7)


@pytest.mark.parametrize("rate", [2.0, 2.5, 4.0, 6.0, 8.0, 12.0])
@pytest.mark.parametrize("colour", [(128, 128, 128), (237, 28, 36), (20, 20, 30), (240, 230, 90)])
def test_strobing_music_makes_no_strobing_picture(rate: float, colour: tuple[int, int, int]) -> None:
    features = clicks([0.3 + k / rate for k in range(int(4 * rate))], 5.0)
    reactor = seen(features)
    meter = FlashMeter(FPS)
    plain = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    shown = [reactor.move(plain, k / FPS) for k in range(int(5 * FPS))]
    assert not any(meter.add(frame) for frame in shown)
    assert np.ptp([frame.mean() for frame in shown]) > 15, "there is light all the same"


def test_the_modulator_do_not_depend_on_the_order_of_asking() -> None:
    features = clicks([0.3, 0.5, 0.8, 1.6, 1.8], 2.5)
    forwards, backwards = Modulator(features, FPS), Modulator(features, FPS)
    played = [forwards.at(k / FPS) for k in range(60)]
    assert [backwards.at(k / FPS) for k in reversed(range(60))] == played[::-1]
    assert max(modulation.light for modulation in played) > 0.8


def test_a_kick_zooms_in() -> None:
    """Things off the centre move outwards."""
    line = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    line[:, 120:123] = 255

    def column(features: Constant) -> float:
        moved = seen(features).move(line, 0.0).astype(float).mean(axis=(0, 2))
        bright = (moved - moved.max() / 2).clip(0)
        return float((bright * np.arange(WIDTH)).sum() / bright.sum())

    assert column(Constant(low=1.0, onset=1.0, beat=1.0)) > column(Constant()) + 0.4


def test_highs_part_the_colours_at_the_edge() -> None:
    line = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    line[:, 138:144] = 255

    def parting(features: Constant) -> float:
        moved = seen(features).move(line, 0.0).astype(float).clip(60).sum(axis=0)
        place = [(c * np.arange(WIDTH)).sum() / c.sum() for c in (moved - moved.min(axis=0)).T]
        return float(place[0] - place[2])

    assert parting(Constant(high=1.0)) > parting(Constant()) + 0.3


def test_reaction_zero_leaves_the_picture_alone() -> None:
    effects = Effects(WIDTH, HEIGHT, FPS, Constant(onset=1.0, beat=1.0, low=1.0, high=1.0))
    assert np.array_equal(effects.apply(from_rgb(scene()), 0.3, 0.0), from_rgb(scene()))


def test_more_reaction_is_more_motion() -> None:
    def motion(reaction: float) -> float:
        reactor = seen(clicks([0.5], 1.0), reaction=reaction)
        return float(np.abs(reactor.move(scene(), 12 / FPS).astype(int) - scene()).mean())

    assert motion(0.3) < motion(1.0) < motion(2.0)
