"""The desk follows what it can, refuses what this show cannot, and says so for a while."""

import pytest

from engine.audio.tempo import Tempo
from engine.control.commands import Blackout, Hold, React, Refused, Style
from engine.control.state import Desk, Receiver


def test_switches_change_over_or_are_set() -> None:
    desk = Desk(Tempo(), lambda: 0.0)
    desk.take(Hold())
    assert desk.hold
    desk.take(Hold())
    assert not desk.hold
    desk.take(Blackout(True))
    desk.take(Blackout(True))
    assert desk.blackout


def test_what_this_show_cannot_is_refused_with_the_reason() -> None:
    desk = Desk(Tempo(), lambda: 0.0, refuses={"style": "a song's shots are known"})
    with pytest.raises(Refused, match="style is not possible here: a song's shots are known"):
        desk.take(Style("ink"))
    assert (desk.refused, desk.followed, desk.style) == (1, 0, "")
    assert "known" in desk.note
    desk.take(React(0.5))
    assert desk.reaction == 0.5


def test_a_receiver_gives_the_reason_back() -> None:
    desk = Desk(Tempo(), lambda: 0.0)
    receiver = Receiver(desk)
    assert receiver.receive("react", "0.5") is None
    assert "from 0 to 2" in (receiver.receive("react", "3") or "")
    assert (desk.refused, desk.reaction) == (1, 0.5)
