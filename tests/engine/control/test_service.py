"""The control service opens the configured transports and reports those that are not connected."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from engine.audio.beats import Tempo
from engine.control import service
from engine.control.commands import ControlContext, ControlState, Transport
from engine.control.service import ControlService
from engine.errors import UsageError


class Noted(Transport):
    """A transport that notes when it is connected."""

    def __init__(self, log: list[str], name: str, fails: bool = False) -> None:
        self.log, self.name, self.fails = log, name, fails

    async def __aenter__(self) -> "Noted":
        if self.fails:
            raise UsageError("the port is taken")
        self.log.append(f"+{self.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.append(f"-{self.name}")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What transports `a` and `b` do; `b` cannot be connected where its option is "fails"."""
    noted: list[str] = []

    def opener(name: str) -> Callable[[Mapping[str, Any], ControlContext], Transport]:
        return lambda options, context: Noted(noted, name, options[name] == "fails")

    monkeypatch.setattr(service, "TRANSPORTS", {name: opener(name) for name in "ab"})
    yield noted


@pytest.fixture
def context() -> ControlContext:
    tempo = Tempo()
    return ControlContext(ControlState(tempo, lambda: 0.0), tempo, lambda: 0.0, dict)


async def test_only_configured_transports_connect_and_all_close(log: list[str], context: ControlContext) -> None:
    async with ControlService({"a": "", "b": "here", "c": "unknown"}, context):
        assert log == ["+b"]
    async with ControlService({"a": "here", "b": "here"}, context):
        pass
    assert log == ["+b", "-b", "+a", "+b", "-b", "-a"]


async def test_a_failed_transport_closes_the_others(log: list[str], context: ControlContext) -> None:
    with pytest.raises(UsageError, match="taken"):
        async with ControlService({"a": "here", "b": "fails"}, context):
            pass
    assert log == ["+a", "-a"]


async def test_the_error_of_a_transport_is_that_of_the_service(log: list[str], context: ControlContext) -> None:
    control = ControlService({"a": "here", "b": "here"}, context)
    assert control.error == ""
    async with control:
        opened = [each for each in control.transports if isinstance(each, Noted)]
        opened[1].error = "the broker does not answer"
        assert control.error == "the broker does not answer"
