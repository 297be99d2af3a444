"""The control state applies commands, rejects unsupported ones, and shows notices for a while."""

import pytest

from engine.audio.beats import Tempo
from engine.audio.features import FeatureExtractor
from engine.control.commands import COMMANDS, Command, CommandRefused, ControlState
from engine.playback.compositor import Compositor
from tests.conftest import clicks


def test_switches_are_toggled_or_set() -> None:
    state = ControlState(Tempo(), lambda: 0.0)
    state.apply(Command("hold"))
    assert state.hold
    state.apply(Command("hold"))
    assert not state.hold
    state.apply(Command("blackout", True))
    state.apply(Command("blackout", True))
    assert state.blackout


def test_flashes_limit_what_the_compositor_shows() -> None:
    """With no flash allowed an onset makes no light; the sound and the picture are the same."""

    def light(flashes: int) -> float:
        state = ControlState(Tempo(), lambda: 0.0)
        features = FeatureExtractor.of(clicks([1.0], 2.0, 22050), 22050)
        compositor = Compositor(64, 48, 24.0, features, state)
        state.apply(Command("flashes", flashes))
        assert state.flashes == flashes
        return max(float(compositor.frame(k / 24).mean()) for k in range(20, 30))

    assert light(3) > light(0) + 3.0


def test_every_command_without_an_attribute_is_an_action() -> None:
    called: list[str] = []
    state = ControlState(Tempo(), lambda: 0.0, on_next=lambda: called.append("next"), on_generator=called.append)
    values = {"generator": "shader", "nudge": 5.0}
    for spec in COMMANDS.values():
        assert spec.sets in ("", *vars(state)), spec.name
        if not spec.sets:
            state.apply(Command(spec.name, values.get(spec.name)))
    assert called == ["next", "shader"]
    assert state.quit


def test_unsupported_commands_are_rejected_with_a_reason() -> None:
    state = ControlState(Tempo(), lambda: 0.0, not_live="a song's shots are known")
    with pytest.raises(CommandRefused, match="style is not possible here: a song's shots are known"):
        state.apply(Command("style", "ink"))
    assert (state.refused, state.applied, state.style) == (1, 0, "")
    assert "known" in state.notice
    state.apply(Command("react", 0.5))
    assert state.reaction == 0.5


def test_dispatch_returns_the_reason_of_a_refusal() -> None:
    state = ControlState(Tempo(), lambda: 0.0)
    assert state.dispatch("react", "0.5") is None
    assert "from 0 to 2" in (state.dispatch("react", "3") or "")
    assert (state.refused, state.reaction) == (1, 0.5)
