"""A live show without outputs: transcribed words become captions if enabled."""

import time

import numpy as np
import pytest

from aimv.app.live import LiveShow
from aimv.options import Settings
from engine.analysis.transcription.types import Word
from engine.audio.capture import AudioCallback
from engine.generators.registry import select_generator
from tests.conftest import tone
from tests.support.fakes import FakeClassifier, FakeTranscriber

HEARD = dict.fromkeys(("vocal", "kick", "bass", "guitar"), 0.9)


class Device:
    """An input that is never opened."""

    name, rate, channels = "none", 16_000, 1

    def open(self, callback: AudioCallback) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("enabled", [True, False])
def test_sung_words_are_captions_if_enabled(enabled: bool) -> None:
    words = FakeTranscriber([Word("heart", 0.5, 0.8, 1.0)], delay_s=0.2)
    settings = Settings(size="160x90", lettering=enabled)
    show = LiveShow(settings, Device(), FakeClassifier(HEARD), words, select_generator("shader"))
    bare = show.compositor.frame(0.2)
    with show.analyzer:
        ends = time.monotonic() + 60.0
        while not show.words:  # a word is part of the row of the next window
            assert time.monotonic() < ends
            show.analyzer.feed(tone(0.1, 220.0, 16_000)[:, None], time.perf_counter())
            time.sleep(0.01)
    assert list(show.words) == ["heart"]
    plain = LiveShow(settings, Device(), FakeClassifier(HEARD), None, select_generator("shader"))
    assert np.array_equal(bare, plain.compositor.frame(0.2))
    lettered = (show.compositor.frame(0.3) != plain.compositor.frame(0.3)).any()
    assert lettered == enabled
