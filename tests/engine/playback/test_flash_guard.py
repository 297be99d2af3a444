"""Counting of flashes: number, area, general and red."""

import numpy as np
import pytest

from engine.playback.flash_guard import FlashGuard, FlashMeter
from engine.playback.yuv import from_rgb

FPS = 24.0


def faults(levels: list[tuple[int, int, int]], share: float = 1.0) -> int:
    """Frames at fault where `share` of the picture shows the levels and the rest stays grey."""
    meter, count = FlashMeter(FPS), 0
    for level in levels:
        frame = np.full((90, 160, 3), 100, np.uint8)
        frame[:, : round(160 * share)] = level
        count += meter.add(frame)
    return count


def strobe(per_second: float, on: tuple[int, int, int], off: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Three seconds of it."""
    return [on if (k / FPS * per_second) % 1.0 < 0.5 else off for k in range(int(3 * FPS))]


WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)


@pytest.mark.parametrize("rate", [4.0, 6.0, 12.0])
def test_more_than_three_flashes_a_second_are_faults(rate: float) -> None:
    assert faults(strobe(rate, WHITE, BLACK)) > 24


@pytest.mark.parametrize("rate", [1.0, 2.0, 3.0])
def test_up_to_three_flashes_are_allowed(rate: float) -> None:
    assert faults(strobe(rate, WHITE, BLACK)) == 0


def test_a_small_part_of_the_picture_may_flash() -> None:
    assert faults(strobe(8.0, WHITE, BLACK), share=0.2) == 0
    assert faults(strobe(8.0, WHITE, BLACK), share=0.3) > 0


def test_small_changes_and_changes_among_bright_pictures_are_no_flashes() -> None:
    assert faults(strobe(8.0, (140, 140, 140), GREY)) == 0
    assert faults(strobe(8.0, WHITE, (242, 242, 242))) == 0


def test_saturated_red_counts_sooner() -> None:
    """This red changes luminance by less than a tenth."""
    assert faults(strobe(8.0, (200, 0, 0), (120, 0, 0))) > 24
    assert faults(strobe(8.0, (0, 0, 200), (0, 0, 120))) == 0


def test_a_slow_swell_is_one_change_however_long() -> None:
    swell = [(round(127 + 127 * np.sin(2 * np.pi * k / FPS)),) * 3 for k in range(96)]
    assert faults(swell) == 0


@pytest.mark.parametrize("rate", [4.0, 8.0, 12.0])
@pytest.mark.parametrize("colours", [(WHITE, BLACK), ((230, 0, 0), (20, 0, 0))])
def test_the_guard_lets_no_strobe_through(
    rate: float, colours: tuple[tuple[int, int, int], tuple[int, int, int]]
) -> None:
    guard, meter = FlashGuard(FPS), FlashMeter(FPS)
    limited = 0
    for k, level in enumerate(strobe(rate, *colours)):
        frame = np.full((90, 160, 3), level, np.uint8)
        shown = guard.apply(frame, k / FPS)
        assert not meter.add(shown)
        limited += shown is not frame
    assert limited > 5


def test_the_guard_leaves_safe_pictures_alone() -> None:
    guard = FlashGuard(FPS)
    for k, level in enumerate(strobe(3.0, WHITE, BLACK)):
        frame = np.full((90, 160, 3), level, np.uint8)
        assert guard.apply(frame, k / FPS) is frame


def test_the_picture_returns_after_the_strobe() -> None:
    guard = FlashGuard(FPS)
    levels = [*strobe(12.0, WHITE, BLACK), *[GREY] * 36]
    shown = [guard.apply(np.full((90, 160, 3), level, np.uint8), k / FPS) for k, level in enumerate(levels)]
    assert shown[-1].mean() == 128


def level(luminance: float) -> int:
    """The sRGB value of a relative luminance, IEC 61966-2-1."""
    return round(255 * (1.055 * luminance ** (1 / 2.4) - 0.055 if luminance > 0.0031308 else 12.92 * luminance))


def flashes(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Whether eight changes a second between two colours (linear R, G, B) are too many flashes."""
    first, second = (tuple(map(level, colour)) for colour in (one, other))
    return faults(strobe(8.0, first, second)) > 0  # type: ignore[arg-type]


@pytest.mark.parametrize(("dark", "bright", "expected"), [
    (0.2, 0.32, True), (0.2, 0.28, False), (0.0, 0.115, True), (0.0, 0.09, False), (0.001, 0.004, False),
    (0.78, 0.92, True), (0.82, 0.95, False),
])  # fmt: skip
def test_a_flash_changes_luminance_by_a_tenth_and_is_dark_in_part(dark: float, bright: float, expected: bool) -> None:
    assert flashes((dark, dark, dark), (bright, bright, bright)) == expected


@pytest.mark.parametrize(("one", "other", "expected"), [
    ((0.40, 0.0, 0.0), (0.50, 0.0, 0.0), True), ((0.40, 0.0, 0.0), (0.44, 0.0, 0.0), False),
    ((0.50, 0.05, 0.05), (0.40, 0.05, 0.05), True),  # 83 % red
    ((0.40, 0.07, 0.06), (0.30, 0.07, 0.06), False),  # 75 %
    ((0.0, 0.5, 0.0), (0.0, 0.4, 0.0), False), ((0.0, 0.0, 0.6), (0.0, 0.0, 0.4), False),
])  # fmt: skip
def test_a_red_flash_is_one_of_saturated_red(
    one: tuple[float, float, float], other: tuple[float, float, float], expected: bool
) -> None:
    assert flashes(one, other) == expected


def test_green_weighs_most_in_luminance_and_blue_least() -> None:
    assert flashes((0.0, 0.0, 0.0), (0.0, 0.16, 0.0)) and not flashes((0.0, 0.0, 0.0), (0.0, 0.12, 0.0))
    assert not flashes((0.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def test_the_limit_may_be_lower() -> None:
    for limit, per_second, at_fault in ((1, 1.0, False), (1, 2.0, True), (2, 2.0, False), (2, 3.0, True)):
        meter = FlashMeter(FPS, limit)
        shown = [np.full((90, 160, 3), colour, np.uint8) for colour in strobe(per_second, WHITE, BLACK)]
        assert any(meter.add(frame) for frame in shown) == at_fault
        guard = FlashGuard(FPS)
        guard.set_limit(limit)
        assert any(guard.apply(frame, k / FPS) is not frame for k, frame in enumerate(shown)) == at_fault


def test_the_same_limit_again_forgets_nothing() -> None:
    guard = FlashGuard(FPS)
    limited = 0
    for k, colour in enumerate(strobe(12.0, WHITE, BLACK)):
        guard.set_limit(3)
        frame = np.full((90, 160, 3), colour, np.uint8)
        limited += guard.apply(frame, k / FPS) is not frame
    assert limited > 5


def test_only_the_last_second_counts() -> None:
    """Three flashes, a still second, three flashes."""
    three = strobe(6.0, WHITE, BLACK)[:12]
    assert faults([*three, *[BLACK] * 24, *three]) == 0
    assert faults([*three, *[BLACK] * 8, *three]) > 0


def test_a_picture_at_fault_is_mixed_with_the_one_before_as_little_as_need_be() -> None:
    guard, meter = FlashGuard(FPS), FlashMeter(FPS)
    last, shares = 0.0, set()
    for k, colour in enumerate(strobe(12.0, (150, 150, 150), BLACK)):
        frame = np.full((90, 160, 3), colour, np.uint8)
        shown = guard.apply(frame, k / FPS)
        assert not meter.add(shown)
        if shown is not frame and abs(float(colour[0]) - last) > 20:
            shares.add(round((float(shown.mean()) - last) / (float(colour[0]) - last), 1))
        last = float(shown.mean())
    assert shares and shares <= {0.5, 0.2, 0.3, 0.1, 0.0}


def test_a_jump_in_time_starts_anew() -> None:
    frames = [np.full((90, 160, 3), colour, np.uint8) for colour in strobe(12.0, WHITE, BLACK)]
    for jump, limited in ((1 / FPS, True), (2 / FPS, True), (2.1 / FPS, False), (1.0, False), (-1.0, False)):
        guard, time = FlashGuard(FPS), 10.0
        for number, frame in enumerate(frames[:12]):
            guard.apply(frame, time + number / FPS)
        time += 11 / FPS + jump - 1e-9
        shown = [guard.apply(frame, time + number / FPS) is frame for number, frame in enumerate(frames[12:18])]
        assert all(shown) != limited, jump


def test_planes_are_measured_as_their_rgb_is() -> None:
    meter = FlashMeter(FPS)
    assert (
        sum(meter.add(from_rgb(np.full((90, 160, 3), colour, np.uint8))) for colour in strobe(8.0, WHITE, BLACK)) > 24
    )
    still = FlashMeter(FPS)
    assert not any(still.add(from_rgb(np.full((90, 160, 3), 128, np.uint8))) for _ in range(48))
