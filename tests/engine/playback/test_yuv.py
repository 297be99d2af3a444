"""YUV planes: conversion to RGB and back, cropping, scaling, BT.709 for encoders."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from engine.playback.yuv import (
    BLACK_LUMA,
    NEUTRAL_CHROMA,
    allocate,
    crop,
    from_rgb,
    resize,
    size_of,
    split,
    to_bt709,
    to_rgb,
)


def picture(width: int, height: int) -> NDArray[np.uint8]:
    """Soft patches of every colour."""
    patches = np.random.default_rng(4).integers(0, 256, (5, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(patches, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (90, 62), (160, 90), (2, 2)])
def test_to_planes_and_back(width: int, height: int) -> None:
    planes = from_rgb(picture(width, height))
    assert planes.shape == allocate(width, height).shape and size_of(planes) == (width, height)
    assert [plane.shape for plane in split(planes)] == [(height, width), *[(height // 2, width // 2)] * 2]
    if width > 64:  # colour of half the size follows patches of some width
        assert np.abs(to_rgb(planes).astype(int) - picture(width, height)).mean() < 5


def test_parts_are_views() -> None:
    planes = from_rgb(np.full((62, 90, 3), 200, np.uint8))
    for value, plane in zip((81, 90, 240), split(planes), strict=True):  # red, after BT.601
        plane[:] = value
    red, green, blue = to_rgb(planes).mean(axis=(0, 1))
    assert red > 250 and green < 4 and blue < 4


def test_the_middle_is_kept_and_no_side_is_drawn_out() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255
    kept = to_rgb(resize(crop(from_rgb(wide), 200, 200), 200, 200))
    assert kept.shape == (200, 200, 3) and kept[:, 2:-2].min() > 240
    tall = to_rgb(resize(crop(from_rgb(np.rot90(wide).copy()), 40, 20), 40, 20))
    assert tall.shape == (20, 40, 3) and tall.min() > 240
    strip = to_rgb(resize(crop(from_rgb(picture(16, 16)), 320, 16), 320, 16))
    assert strip.shape == (16, 320, 3)


def test_a_picture_of_the_right_size_is_copied() -> None:
    planes = from_rgb(picture(64, 48))
    copied = resize(crop(planes, 64, 48), 64, 48)
    assert np.array_equal(copied, planes) and not np.shares_memory(copied, planes)


def test_bt709_is_what_swscale_makes_of_the_same_colours() -> None:
    shown = picture(160, 90)
    reformatter = VideoReformatter()
    coded = av.VideoFrame.from_ndarray(to_bt709(from_rgb(shown)), format="yuv420p")
    coded.colorspace, coded.color_range = Colorspace.ITU709, ColorRange.MPEG
    seen = reformatter.reformat(
        coded, format="rgb24", src_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.JPEG
    ).to_ndarray()
    assert np.abs(seen.astype(int) - to_rgb(from_rgb(shown))).mean() < 2.5
    assert np.abs((seen.astype(int) - to_rgb(from_rgb(shown))).mean(axis=(0, 1))).max() < 2


def test_a_larger_picture_is_made_smaller_before_it_is_enlarged() -> None:
    wide = crop(from_rgb(picture(160, 90)), 32, 18)
    assert [plane.shape for plane in wide] == [(18, 32), (9, 16), (9, 16)]
    tall = crop(from_rgb(picture(64, 96)), 32, 32)  # half as wide, and the middle third cut away above and below
    assert [plane.shape for plane in tall] == [(32, 32), (16, 16), (16, 16)]
    smaller = crop(from_rgb(picture(64, 48)), 128, 96)
    assert [plane.shape for plane in smaller] == [(48, 64), (24, 32), (24, 32)], "that is left to `resize`"


def test_the_middle_is_the_middle() -> None:
    ramp = np.repeat(np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[None, :, None], 60, axis=0), 3, axis=2)  # 120 x 60
    kept = to_rgb(resize(crop(from_rgb(ramp), 60, 60), 60, 60))
    assert kept[:, 0].mean() == pytest.approx(60, abs=4) and kept[:, -1].mean() == pytest.approx(178, abs=4)
    down = to_rgb(resize(crop(from_rgb(np.rot90(ramp).copy()), 60, 60), 60, 60))
    assert down[0].mean() == pytest.approx(178, abs=4) and down[-1].mean() == pytest.approx(60, abs=4)


def test_black_and_grey_are_in_limited_range() -> None:
    black = split(from_rgb(np.zeros((4, 4, 3), np.uint8)))
    assert {int(plane.mean()) for plane in black} == {BLACK_LUMA, NEUTRAL_CHROMA} and black.luma.max() == BLACK_LUMA


def test_bt709_does_not_change_grey() -> None:
    for level in (0, 90, 255):
        planes = from_rgb(np.full((8, 8, 3), level, np.uint8))
        assert np.abs(to_bt709(planes).astype(int) - planes).max() <= 1
