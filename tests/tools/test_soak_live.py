"""A live show whose input clock is 100 ppm off, in virtual time: picture and sound stay in sync, memory is bounded."""

import pytest

from engine.audio.song import load_song
from tests.conftest import HEART
from tools.stress.soak_live import RATE, virtual


@pytest.mark.parametrize("ppm", [100.0, -100.0])
def test_picture_and_sound_stay_together(ppm: float) -> None:
    found = virtual(60.0, ppm, load_song(HEART).mono(RATE))
    assert abs(found["drift_ms"]) < 5.0
    assert found["offset_p99_ms"] < found["frame_ms"]
    assert (found["drawn"], found["late"], found["skipped"]) == (pytest.approx(1800, abs=2), 0, 0)
    assert found["longest"]["levels"] <= 2500
    assert found["longest"]["onsets"] <= 64
