"""Flashes counted on pictures: how many, how much of the picture, general and red."""

import numpy as np
import pytest

from engine.playback.flash_guard import FlashGuard, FlashMeter

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
def test_up_to_three_are_none(rate: float) -> None:
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


def test_the_picture_comes_back_when_the_strobe_is_over() -> None:
    guard = FlashGuard(FPS)
    levels = [*strobe(12.0, WHITE, BLACK), *[GREY] * 36]
    shown = [guard.apply(np.full((90, 160, 3), level, np.uint8), k / FPS) for k, level in enumerate(levels)]
    assert shown[-1].mean() == 128
