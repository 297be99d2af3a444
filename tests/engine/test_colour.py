"""Colour of a sound: octave equivalence, nearest names, displayable harmonies."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.colour import colour_name, harmony, hex_of_frequency, hex_of_name, named_colours, oklab_of_hex
from engine.errors import UsageError


@given(st.floats(27.5, 4000), st.integers(-2, 3))
def test_octaves_share_a_colour(hz: float, octaves: int) -> None:
    assert hex_of_frequency(hz) == hex_of_frequency(hz * 2**octaves)


@pytest.mark.parametrize(
    ("nm", "name"), [(650, "red"), (590, "orange"), (570, "yellow"), (530, "lime"), (490, "cyan"), (460, "blue")]
)
def test_light_of_a_wavelength_has_its_colour(nm: float, name: str) -> None:
    sound = 299_792_458.0 / (nm * 1e-9) / 2**40
    distance = math.dist(oklab_of_hex(hex_of_frequency(sound)), oklab_of_hex(named_colours()[name]))
    assert distance < 0.2


def test_silence_is_black() -> None:
    assert colour_name(hex_of_frequency(0.0)) == "black"


def test_a_name_is_its_own_nearest_name() -> None:
    values = named_colours()
    assert all(values[colour_name(value)] == value for value in values.values())


def test_names_are_read_with_and_without_spaces() -> None:
    assert hex_of_name("Dark Orange") == hex_of_name("darkorange") == hex_of_name("#FF8C00") == "#ff8c00"
    with pytest.raises(UsageError, match="no colour named"):
        hex_of_name("octarine")


@given(st.floats(27.5, 4000))
def test_harmony_keeps_the_hue_it_is_named_for_and_has_light_and_dark(hz: float) -> None:
    first, dark, light, *neighbours = harmony(hex_of_frequency(hz))
    assert first == hex_of_frequency(hz)
    assert oklab_of_hex(dark)[0] < oklab_of_hex(first)[0] < oklab_of_hex(light)[0]
    turns = [(_hue(each) - _hue(first) + 180) % 360 - 180 for each in neighbours]
    assert turns == pytest.approx([28, -28], abs=3)


def _hue(hex_colour: str) -> float:
    """Degrees in OKLCH."""
    _, a, b = oklab_of_hex(hex_colour)
    return math.degrees(math.atan2(b, a))
