"""What asks for outputs and transports are options, and a sentence of a live show is made where a shot begins only."""

import time

import pytest

from aimv.app import listen
from aimv.app.live import LiveShow
from aimv.fields import options_of
from aimv.options import LiveControl, Outputs, Settings
from engine.control.service import TRANSPORTS
from engine.generators.registry import select_generator
from engine.outputs.fanout import OUTPUTS
from tests.aimv.app.test_live_show import HEARD, Device
from tests.conftest import tone
from tests.support.fakes import FakeClassifier


def test_every_output_and_every_transport_has_its_option() -> None:
    assert [kind.option for kind in OUTPUTS] == [option.name for option in options_of(Outputs)]
    assert set(TRANSPORTS) <= {option.name for option in options_of(LiveControl)}


def test_windows_that_begin_no_shot_have_no_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(listen, "sentence", lambda content, seed: made.append(content) or "A sentence.")
    show = LiveShow(Settings(size="160x90"), Device(), FakeClassifier(HEARD), None, select_generator("shader"))
    with show.analyzer:
        ends = time.monotonic() + 60.0
        while len(show.lags) < 8:  # two seconds of windows; no shot begins before the show does
            assert time.monotonic() < ends
            show.analyzer.feed(tone(0.1, 220.0, 16_000)[:, None], time.perf_counter())
            time.sleep(0.01)
    assert show.row and made == []
    assert show.row.sentence == "A sentence." and len(made) == 1
