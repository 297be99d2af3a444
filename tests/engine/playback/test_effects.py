"""Audio-reactive effects: light on clicks, motion on kicks, never a strobe."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.features import FeatureExtractor, Features
from engine.playback.effects import Effects, FeatureSource, Modulator
from engine.playback.flash_guard import FlashMeter
from engine.playback.yuv import from_rgb, split, to_rgb

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
    def __init__(self, **features: float) -> None:
        silent = {"level": 0.5, "low": 0.0, "mid": 0.0, "high": 0.0, "onset": 0.0, "beat_phase": 0.0, "beat": 0.0}
        self._now = Features(**{**silent, **features})

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


def test_of_two_onsets_the_stronger_is_lit() -> None:
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
    """Its course jumps at each onset of an even beat and is even over many of them."""
    effects = Effects(WIDTH, HEIGHT, FPS, clicks([k / 2 for k in range(1, 20)], 10.0))
    course = np.array([k / FPS + effects.time_offset(k / FPS, 1.0) for k in range(240)])
    steps = np.diff(course) * FPS
    beats = [round(k / 2 * FPS) - 1 for k in range(6, 20)]
    assert steps.min() > 0, "never backwards"
    assert np.median([steps[at - 1 : at + 2].max() for at in beats]) > 5
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


class Score:
    """Features by hand: an onset of the given strength and rise just after each time, decaying as in a song."""

    def __init__(self, *onsets: tuple[float, float, float]) -> None:
        self._onsets = [(time + 0.001, strength, rise) for time, strength, rise in onsets]

    def at(self, time: float) -> Features:
        past = [(strength * math.exp(-(time - at) / 0.15), rise) for at, strength, rise in self._onsets if at <= time]
        onset = max((value for value, _ in past), default=0.0)
        return Features(0.5, 0.0, 0.0, 0.0, onset, 0.0, 0.0, cumulative_flux=sum(rise for _, rise in past))


def test_the_light_of_an_onset_grows_with_its_strength_and_rise_and_decays() -> None:
    """It starts with the picture whose span contains the onset; 0.3 without a rise, 0.5 more with a usual one."""
    for strength, rise, light in ((1.0, 1.0, 0.8), (1.0, 0.0, 0.3), (1.0, 2.0, 1.0), (0.4, 1.0, 0.347)):
        modulator = Modulator(Score((1.01, strength, rise)), 100.0)
        assert modulator.at(1.0).light == 0.0
        assert modulator.at(1.01).light == pytest.approx(light, abs=0.005)
        assert modulator.at(1.17).light == pytest.approx(modulator.at(1.01).light * math.exp(-1), rel=1e-3)


def test_a_rise_moves_the_picture_at_once_and_fades() -> None:
    modulator = Modulator(Score((1.2, 1.0, 0.7)), 10.0)
    assert modulator.at(1.1).kick == 0.0
    assert modulator.at(1.2).kick == pytest.approx(0.7)
    assert modulator.at(1.6).kick == pytest.approx(0.7 * math.exp(-1), rel=1e-3)
    assert modulator.at(1.65).kick == pytest.approx(0.7 * math.exp(-0.45 / 0.4), rel=1e-3), "within a picture, too"
    many = Modulator(Score(*((0.1 * k, 1.0, 0.9) for k in range(1, 12))), 10.0)
    assert many.at(1.1).kick == 2.0, "never more than two"


def test_rises_push_in_one_direction_for_half_a_second_and_then_far_from_it() -> None:
    for at, turns in ((0.4, 0), (0.5, 1), (1.3, 2)):
        push = Modulator(Score((at, 1.0, 0.7)), 10.0).at(at).push
        angle = turns * math.pi * (3.0 - math.sqrt(5.0))  # the golden angle
        assert push == pytest.approx((0.7 * math.cos(angle), 0.7 * math.sin(angle)), abs=1e-5)
        later = Modulator(Score((at, 1.0, 0.7)), 10.0).at(at + 0.4).push
        assert later == pytest.approx([each * math.exp(-1) for each in push], abs=1e-5)


def test_flashes_are_at_least_half_a_second_or_the_set_gap_apart() -> None:
    def lights(gap: float | None, *times: float) -> list[bool]:
        modulator = Modulator(Score(*((time, 1.0, 1.0) for time in times)), 10.0)
        if gap is not None:
            modulator.light_gap_s = gap
        return [modulator.at(time).light > 0.4 for time in times]

    assert lights(None, 1.0, 1.4, 1.9) == [True, False, True]
    assert lights(None, 1.0, 1.5, 2.0) == [True, True, True]
    assert lights(1.0, 1.0, 1.5, 2.0) == [True, False, True]
    assert lights(math.inf, 1.0, 2.5) == [False, False]
    faint = Modulator(Score((1.0, 1.0, 1.0), (1.3, 1.0, 1.0)), 10.0).at(1.3).light
    assert faint == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("louder", "after", "lit"),
    [(1.4, 0.3, True), (1.6, 0.3, False), (1.6, 0.4, False), (1.6, 0.6, True)],
)
def test_an_onset_leaves_the_light_to_one_that_rises_half_as_much_again(louder: float, after: float, lit: bool) -> None:
    modulator = Modulator(Score((1.0, 1.0, 1.0), (1.0 + after, 1.0, louder)), 10.0)
    assert (modulator.at(1.0).light > 0.4) == lit


@pytest.mark.parametrize(("second", "new"), [(0.55, True), (0.35, False)])
def test_an_onset_is_new_when_it_stands_out_of_the_decay_of_the_last(second: float, new: bool) -> None:
    """0.15 s after a full onset its value is .37."""
    modulator = Modulator(Score((1.0, 1.0, 0.0), (1.15, second, 0.0)), 20.0)
    modulator.light_gap_s = 0.1
    assert (modulator.at(1.15).light > 0.3 * math.exp(-0.15 / 0.16) + 0.01) == new


def test_a_clip_keeps_its_pace_under_even_sound_and_lingers_in_silence() -> None:
    even = Modulator(Score(*((0.1 * k, 0.0, 0.2) for k in range(1, 200))), 10.0)
    assert even.at(15.0).time_offset_s == pytest.approx(0.0, abs=0.1)
    once = Modulator(Score((1.0, 1.0, 1.0)), 10.0)
    assert [once.at(t).time_offset_s for t in (0.9, 1.0, 1.1)] == pytest.approx([0.0, 0.6, 0.493], abs=0.01), "at most"
    assert once.at(30.0).time_offset_s == pytest.approx(-0.6, abs=0.01)
    slow = [once.at(20.0 + t).time_offset_s - once.at(20.0).time_offset_s for t in (0.1,)]
    assert slow == pytest.approx([0.0], abs=0.01)


def test_the_past_stays_the_same_as_far_as_it_is_kept() -> None:
    modulator = Modulator(Score((1.0, 1.0, 1.0), *((k + 0.5, 1.0, 1.0) for k in range(20, 500, 47))), 10.0)
    recent = modulator.at(490.5)
    modulator.at(499.0)
    assert modulator.at(490.5) == recent and recent.light > 0.4
    assert modulator.at(0.0).light == 0.0


def grid(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of luma, Cb and Cr in 3 x 4 fields."""
    small = [cv2.resize(plane, (4, 3), interpolation=cv2.INTER_AREA).astype(float) for plane in split(picture)]
    return np.concatenate([plane.reshape(-1) for plane in small])


class Loud(Score):
    """The same in loud sound of every pitch."""

    def at(self, time: float) -> Features:
        now = super().at(time)
        return Features(0.6, 0.7, 0.5, 0.8, now.onset, 0.0, 0.5, cumulative_flux=now.cumulative_flux)


FINGERPRINTS = [
    (
        0.5,
        1.0,
        "114 103 102 115 89 79 78 89 87 84 76 89 "
        "119 106 121 118 119 129 149 117 115 143 132 116 "
        "139 120 110 141 164 141 130 166 160 135 129 160",
    ),
    (
        1.0,
        1.0,
        "128 116 116 127 106 96 93 105 110 106 97 110 "
        "118 107 128 120 116 135 152 118 114 143 130 113 "
        "147 124 112 146 171 144 131 170 162 134 126 161",
    ),
    (
        1.25,
        1.0,
        "116 104 103 115 91 81 80 91 93 89 81 94 "
        "119 107 125 119 118 132 151 118 115 143 131 114 "
        "143 122 111 143 167 142 131 168 160 134 127 160",
    ),
    (
        1.0,
        0.5,
        "131 115 114 130 101 88 87 101 106 98 90 107 "
        "118 106 124 118 118 132 151 117 113 143 130 114 "
        "144 122 110 144 169 143 131 170 163 135 128 163",
    ),
    (
        1.1,
        2.0,
        "108 107 106 108 99 95 92 99 99 102 94 98 "
        "118 111 133 123 116 138 153 119 117 143 130 114 "
        "147 126 115 145 170 143 131 168 157 132 124 155",
    ),
]


@pytest.mark.parametrize(("time", "reaction", "expected"), FINGERPRINTS)
def test_a_reference_frame_is_unchanged(time: float, reaction: float, expected: str) -> None:
    """Means of luma, Cb and Cr in 3 x 4 fields: before an onset, at it, a little after, and with half the reaction."""
    effects = Effects(WIDTH, HEIGHT, FPS, Loud((1.0, 1.0, 1.2)))
    fields = grid(effects.apply(from_rgb(scene()), time, reaction))
    assert fields == pytest.approx(np.array(expected.split(), float), abs=1.0)
