"""The palette of a shot as ramps of colour, mixed in OKLab so that equal steps look equal.

OKLab: Björn Ottosson, "A perceptual color space for image processing", 2020.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import RenderError

STEPS = 256  # colours in a ramp
ROWS = 4  # the named colour and three of its harmony
_SAME_HUE = 12.0  # degrees: closer ones are shades of one another

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """OKLab of sRGB colours in 0..1; last axis 3."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.0) + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T)


def srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB in 0..1 of OKLab colours; what lies outside the gamut is drawn to grey until it fits."""
    lab = np.array(lab, dtype=np.float64)
    share = np.ones(lab.shape[:-1])
    for _ in range(24):  # each step keeps 90% of the chroma: 8% are left at the end
        outside = np.any(np.abs(_linear(lab, share) - 0.5) > 0.5 + 1e-4, axis=-1)
        if not outside.any():
            break
        share = np.where(outside, share * 0.9, share)
    linear = np.clip(_linear(lab, share), 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _linear(lab: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    muted = np.concatenate([lab[..., :1], lab[..., 1:] * share[..., None]], axis=-1)
    return np.asarray((muted @ np.linalg.inv(_LMS_TO_LAB).T) ** 3 @ np.linalg.inv(_RGB_TO_LMS).T)


def parse_hex(colour: str) -> NDArray[np.float64]:
    """sRGB in 0..1 of "#rrggbb".

    Raises:
        RenderError: not a colour.
    """
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise RenderError(f"{colour!r} is not a colour: write #rrggbb")
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0


def ramps(palette: Sequence[str]) -> NDArray[np.uint8]:
    """The picture's colours, ROWS x STEPS x 3, sRGB: row 0 of the named colour, the others of its harmony.

    Each ramp goes from shade through the colour itself to light. Its middle half stays near the colour, so that a
    scene that keeps most of its picture there is ruled by that colour. Shades and tints of the named colour in the
    palette make no row of their own. Rows that are left are filled with the named colour turned in hue: its
    neighbours, then nearly its opposite. Colours darker than the named one are brought up to it: beside a vivid
    colour they would look brown. An empty palette is grey.
    """
    labs = [oklab(parse_hex(colour)) for colour in palette] or [oklab(np.array([0.5, 0.5, 0.5]))]
    named = labs[0]
    labs = [named, *(lab for lab in labs[1:] if _hue_apart(lab, named) > np.deg2rad(_SAME_HUE))][:ROWS]
    labs[1:] = [_lit(lab, 0.92 * named[0]) for lab in labs[1:]]
    for degrees in (30.0, -30.0, 150.0)[len(labs) - 1 :]:
        angle = np.deg2rad(degrees)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        labs.append(np.array([named[0], *(rotation @ named[1:])]))
    rows = [_ramp(lab) for lab in labs]
    inside = oklab(srgb(np.stack(rows)))  # drawing a colour into the gamut leaves creases: smooth them
    padded = np.pad(inside, ((0, 0), (STEPS // 8, STEPS // 8), (0, 0)), mode="edge")
    window = np.hanning(STEPS // 4 + 1)
    smooth = np.apply_along_axis(np.convolve, 1, padded, window / window.sum(), mode="valid")
    return np.round(srgb(smooth) * 255.0).astype(np.uint8)


def _lit(lab: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """The colour at a lightness of at least `least`, as much more vivid as it becomes lighter."""
    return np.asarray(lab * max(1.0, least / max(float(lab[0]), 1e-6)))


def _hue_apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The angle between two hues, radians."""
    turn = np.arctan2(first[2], first[1]) - np.arctan2(second[2], second[1])
    return float(abs((turn + np.pi) % (2 * np.pi) - np.pi))


def _ramp(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """STEPS x 3 OKLab: shade at 0, near the colour from a quarter to three quarters, light at 1."""
    lightness, chroma = lab[0], lab[1:]
    stops = [0.0, 0.25, 0.5, 0.75, 1.0]
    dark = 0.16 + 0.18 * lightness
    lights = [
        min(dark, lightness * 0.55),
        lightness * 0.9,
        lightness,
        lightness + 0.16 * (1.0 - lightness),
        0.985,
    ]
    chromas = [0.55, 1.0, 1.0, 0.85, 0.12]
    at = np.linspace(0.0, 1.0, STEPS)
    share = np.interp(at, stops, chromas)
    return np.stack([np.interp(at, stops, lights), chroma[0] * share, chroma[1] * share], axis=-1)
