"""Colour ramps measured in OKLab."""

import numpy as np
import pytest

from engine.colour import ROWS, STEPS, oklab, parse_hex, ramps, srgb
from engine.errors import RenderError


def test_oklab_agrees_with_its_authors_table() -> None:
    """White, red, green and blue, from https://bottosson.github.io/posts/oklab/ and CSS Color 4."""
    rgb = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
    lab = [[1, 0, 0], [0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.17950], [0.45201, -0.03246, -0.31153]]
    assert oklab(rgb) == pytest.approx(np.array(lab), abs=1e-4)


def test_srgb_undoes_oklab() -> None:
    rgb = np.random.default_rng(1).random((100, 3))
    assert srgb(oklab(rgb)) == pytest.approx(rgb, abs=1e-4)


def test_colours_outside_the_gamut_keep_their_lightness() -> None:
    inside = oklab(srgb(np.array([0.6, 0.4, 0.3])))
    assert inside[0] == pytest.approx(0.6, abs=0.01)
    assert np.arctan2(inside[2], inside[1]) == pytest.approx(np.arctan2(0.3, 0.4), abs=0.02)


@pytest.mark.parametrize("colour", ["#dc143c", "#008b8b", "#e0a818", "#4b0082", "#808080", "#fffacd", "#000080"])
def test_a_ramp_is_monotonic_and_near_its_colour_in_the_middle(colour: str) -> None:
    ramp = ramps((colour,))
    assert ramp.shape == (ROWS, STEPS, 3)
    lab = oklab(ramp[0] / 255.0)
    expected = oklab(parse_hex(colour))
    assert np.all(np.diff(lab[:, 0]) > -0.004), "from shade to light"
    middle = lab[STEPS // 3 : 2 * STEPS // 3]
    assert np.linalg.norm(middle - expected, axis=1).max() < 0.09
    assert np.linalg.norm(lab[STEPS // 2] - expected) < 0.03
    assert lab[0, 0] < 0.6 * expected[0] and lab[-1, 0] > 0.93


def test_rows_follow_the_palette_and_are_filled_with_neighbours() -> None:
    rows = ramps(("#dc143c", "#008b8b"))[:, STEPS // 2]
    assert np.linalg.norm(oklab(rows[1] / 255.0) - oklab(parse_hex("#008b8b"))) < 0.02
    assert len({tuple(row) for row in rows}) == ROWS


def test_shades_of_the_named_colour_take_no_row() -> None:
    assert np.array_equal(ramps(("#e8202a", "#360002", "#fab6af", "#9b4d00")), ramps(("#e8202a", "#9b4d00")))


def test_an_invalid_colour_is_rejected() -> None:
    with pytest.raises(RenderError, match="#rrggbb"):
        parse_hex("crimson")
