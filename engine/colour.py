"""Colours: OKLab, the colour of a sound, colour names, harmonies, and the ramps that scenes paint with.

OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020) is a space in which equal distances look
equally far apart: names are found, harmonies made and ramps mixed in it. Arrays of colours have their channels last.
"""

import functools
import json
import math
import re
from collections.abc import Sequence
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from engine.errors import RenderError, UsageError

Colours = NDArray[np.float64]

LOWEST_VISIBLE_HZ = 3.945e14  # 760 nm; one octave up is 380 nm, so every sound has exactly one colour
SILENT_HEX = "#000000"
_HEX = re.compile("#[0-9a-fA-F]{6}")
STEPS = 256  # colours in a ramp
ROWS = 4  # the named colour and three of its harmony
_SAME_HUE = 12.0  # degrees: closer ones are shades of one another
_LIGHT_M_PER_S = 299_792_458.0

# From XYZ (D65) to linear sRGB, IEC 61966-2-1.
_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
# From linear sRGB to the cone response and on to OKLab (Ottosson 2020).
_RGB_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_LMS_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip
_LMS_TO_RGB, _LAB_TO_LMS = np.linalg.inv(_RGB_TO_LMS), np.linalg.inv(_LMS_TO_LAB)
# Shares of its chroma that a colour outside the gamut may keep, descending.
_SHARES: NDArray[np.float64] = np.cumprod(np.array([1.0] + [0.9] * 24))
_FINE_SHARES = np.arange(4095, -1, -1) / 4096


def oklab(rgb: Colours) -> Colours:
    """OKLab (lightness, green-red, blue-yellow) of sRGB colours in 0..1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.0) + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T)


def srgb(lab: Colours, shares: NDArray[np.float64] = _SHARES) -> Colours:
    """sRGB in 0..1 of OKLab colours; one outside the gamut keeps the largest of `shares` of its chroma that fits."""
    lab = np.asarray(lab, dtype=np.float64)
    linear = np.clip(_linear(lab, _largest_share(lab, shares)), 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _largest_share(lab: Colours, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each colour the first of `shares` (descending) of its chroma that sRGB can show; the last where none can."""
    found = np.full(lab.shape[:-1], shares[0])
    outside = ~_is_shown(lab, found)
    if outside.any():
        stride = 64 if len(shares) > 64 else 1
        block = _first_shown(lab[outside], shares[None, ::stride])
        within = shares[np.maximum(block[:, None] * stride + np.arange(1 - stride, 1), 0)]
        found[outside] = np.take_along_axis(within, _first_shown(lab[outside], within)[:, None], axis=1)[:, 0]
    return found


def _first_shown(lab: Colours, shares: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each of n colours the index of the first of its `shares` [n or 1, k] that is shown, else of the last."""
    shown = _is_shown(lab[:, None], shares)
    return np.asarray(np.where(shown.any(axis=-1), shown.argmax(axis=-1), shown.shape[-1] - 1))


def _is_shown(lab: Colours, share: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.all(np.abs(_linear(lab, share) - 0.5) <= 0.5 + 1e-4, axis=-1))


def _linear(lab: Colours, share: NDArray[np.float64]) -> Colours:
    """Linear sRGB of OKLab colours with that share of their chroma."""
    lightness, share = np.broadcast_arrays(lab[..., 0], share)
    muted = np.concatenate([lightness[..., None], lab[..., 1:] * share[..., None]], axis=-1)
    return np.asarray((muted @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T)


def rgb_of_hex(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of "#rrggbb"; RenderError if it is no colour."""
    if not _HEX.fullmatch(colour):
        raise RenderError(f"{colour!r} is not a colour: write #rrggbb")
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def parse_hex(colour: str) -> Colours:
    """sRGB in 0..1, [3], of "#rrggbb"; RenderError if it is no colour."""
    return np.array(rgb_of_hex(colour)) / 255.0


def oklab_of_hex(colour: str) -> Colours:
    """OKLab, [3], of "#rrggbb"."""
    return oklab(parse_hex(colour))


def _hex_of_lch(lightness: float, chroma: float, hue: float) -> str:
    """The sRGB colour of OKLCH (hue in radians), its chroma reduced until it can be shown."""
    rgb = srgb(_lab_of_lch(lightness, chroma, hue), _FINE_SHARES)
    return "#" + "".join(f"{round(float(channel) * 255):02x}" for channel in rgb)


def _lab_of_lch(lightness: float, chroma: float, hue: float) -> Colours:
    return np.array([lightness, chroma * math.cos(hue), chroma * math.sin(hue)])


def hex_of_frequency(hz: float) -> str:
    """The colour "#rrggbb" of a sound of `hz`: its frequency raised by octaves into visible light; black for 0 Hz."""
    if hz <= 0:
        return SILENT_HEX
    light = hz * 2.0 ** math.ceil(math.log2(LOWEST_VISIBLE_HZ / hz))
    nm = min(max(_LIGHT_M_PER_S / light * 1e9, 410.0), 690.0)  # past these the eye sees no other hue
    spectral = _RGB_TO_LMS @ (_XYZ_TO_RGB @ _matching(nm))
    _, a, b = _LMS_TO_LAB @ np.cbrt(spectral)
    return _most_vivid(round(math.degrees(math.atan2(b, a))))


@functools.cache
def _most_vivid(hue: int) -> str:
    """The most colourful sRGB colour of a hue in degrees of OKLCH.

    Light of one wavelength is outside what a screen shows; cutting its components off would make the same
    red, green or blue of most notes, while its hue can be kept.
    """
    lightnesses = np.linspace(0.4, 0.96, 57)
    labs = np.stack([_lab_of_lch(float(each), 0.4, math.radians(hue)) for each in lightnesses])
    best = lightnesses[_largest_share(labs, _FINE_SHARES).argmax()]
    return _hex_of_lch(float(best), 0.4, math.radians(hue))


def _matching(nm: float) -> NDArray[np.float64]:
    """CIE 1931 colour matching functions at a wavelength, as sums of lobes (Wyman, Sloan & Shirley 2013)."""

    def lobe(height: float, centre: float, left: float, right: float) -> float:
        return height * math.exp(-0.5 * ((nm - centre) * (left if nm < centre else right)) ** 2)

    x = lobe(1.056, 599.8, 0.0264, 0.0323) + lobe(0.362, 442.0, 0.0624, 0.0374) - lobe(0.065, 501.1, 0.0490, 0.0382)
    y = lobe(0.821, 568.8, 0.0213, 0.0247) + lobe(0.286, 530.9, 0.0613, 0.0322)
    z = lobe(1.217, 437.0, 0.0845, 0.0278) + lobe(0.681, 459.0, 0.0385, 0.0725)
    return np.array([x, y, z])


@functools.cache
def named_colours() -> dict[str, str]:
    """The named colours of CSS Color 4, name in words to "#rrggbb"."""
    named: dict[str, str] = json.loads(resources.files("engine").joinpath("data", "colours.json").read_text("utf-8"))
    return named


@functools.cache
def _named_lab() -> tuple[list[str], Colours]:
    named = named_colours()
    return list(named), np.stack([oklab_of_hex(value) for value in named.values()])


@functools.lru_cache(maxsize=4096)
def colour_name(hex_colour: str) -> str:
    """The named colour nearest to `hex_colour` in OKLab."""
    names, labs = _named_lab()
    return names[int(np.square(labs - oklab_of_hex(hex_colour)).sum(axis=1).argmin())]


def hex_of_name(colour: str) -> str:
    """ "#rrggbb" of a colour given by name or already as hex; UsageError if it is neither."""
    if _HEX.fullmatch(colour):
        return colour.lower()
    without_spaces = {name.replace(" ", ""): value for name, value in named_colours().items()}
    found = without_spaces.get(re.sub(r"[\s_-]", "", colour.lower()))
    if found is None:
        raise UsageError(f"there is no colour named {colour[:40]!r}: use a CSS name such as crimson, or #rrggbb")
    return found


def harmony(hex_colour: str) -> tuple[str, ...]:
    """Five colours of a picture in `hex_colour`: itself, a darker and a lighter one, two of its neighbours in hue."""
    lightness, a, b = oklab_of_hex(hex_colour)
    chroma, hue = math.hypot(a, b), math.atan2(b, a)
    return (
        hex_colour,
        _hex_of_lch(lightness * 0.35, chroma * 0.5, hue),
        _hex_of_lch(min(0.97, lightness * 0.4 + 0.6), chroma * 0.35, hue),
        # Darker than this, the neighbours of red and orange are brown and olive.
        _hex_of_lch(min(0.92, lightness * 1.08), chroma * 0.95, hue + math.radians(28)),
        _hex_of_lch(lightness * 0.9, chroma * 0.95, hue - math.radians(28)),
    )


def ramps(palette: Sequence[str]) -> NDArray[np.uint8]:
    """The picture's colours, ROWS x STEPS x 3, sRGB: row 0 of the named colour, the others of its harmony.

    Each ramp goes from shade through the colour itself to light. Its middle half stays near the colour, so that a
    scene that keeps most of its picture there is ruled by that colour. Shades and tints of the named colour in the
    palette make no row of their own. Rows that are left are filled with the named colour turned in hue: its
    neighbours, then nearly its opposite. Colours darker than the named one are brought up to it: beside a vivid
    colour they would look brown. An empty palette is grey.
    """
    labs = [oklab_of_hex(colour) for colour in palette] or [oklab(np.array([0.5, 0.5, 0.5]))]
    named = labs[0]
    others = [lab for lab in labs[1:] if _hue_apart(lab, named) > np.deg2rad(_SAME_HUE)][: ROWS - 1]
    # As much more vivid as it becomes lighter.
    labs = [named, *(lab * max(1.0, 0.92 * named[0] / max(float(lab[0]), 1e-6)) for lab in others)]
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


def _hue_apart(first: Colours, second: Colours) -> float:
    """The angle between two hues, radians."""
    turn = np.arctan2(first[2], first[1]) - np.arctan2(second[2], second[1])
    return float(abs((turn + np.pi) % (2 * np.pi) - np.pi))


def _ramp(lab: Colours) -> Colours:
    """STEPS x 3 OKLab: shade at 0, near the colour from a quarter to three quarters, light at 1."""
    lightness, chroma = lab[0], lab[1:]
    stops = [0.0, 0.25, 0.5, 0.75, 1.0]
    shade = min(0.16 + 0.18 * lightness, lightness * 0.55)
    lights = [shade, lightness * 0.9, lightness, lightness + 0.16 * (1.0 - lightness), 0.985]
    chromas = [0.55, 1.0, 1.0, 0.85, 0.12]
    at = np.linspace(0.0, 1.0, STEPS)
    share = np.interp(at, stops, chromas)
    return np.stack([np.interp(at, stops, lights), chroma[0] * share, chroma[1] * share], axis=-1)
