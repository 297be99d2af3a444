"""A live show without a stage: what is heard becomes letters in the picture where that is wanted."""

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


@pytest.mark.parametrize("wanted", [True, False])
def test_sung_words_are_set_in_type_where_it_is_wanted(wanted: bool) -> None:
    words = FakeTranscriber([Word("heart", 0.5, 0.8, 1.0)], delay_s=0.2)
    settings = Settings(size="160x90", lettering=wanted)
    show = LiveShow(settings, Device(), FakeClassifier(HEARD), words, select_generator("shader"))
    bare = show.compositor.frame(0.2)
    with show.analyzer:
        ends = time.monotonic() + 60.0
        while not show.words:  # a word is heard, and said in the window after
            assert time.monotonic() < ends
            show.analyzer.feed(tone(0.1, 220.0, 16_000)[:, None], time.perf_counter())
            time.sleep(0.01)
    assert list(show.words) == ["heart"]
    plain = LiveShow(settings, Device(), FakeClassifier(HEARD), None, select_generator("shader"))
    assert np.array_equal(bare, plain.compositor.frame(0.2))
    lettered = (show.compositor.frame(0.3) != plain.compositor.frame(0.3)).any()
    assert lettered == wanted
