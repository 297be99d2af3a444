"""Ableton Link: follows the tempo and phase that the programs on a network share."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from engine.audio.beats import Tempo
from engine.control.commands import ControlContext, Transport
from engine.errors import import_extra

_INTERVAL_S = 0.1


class LinkSession(Transport):
    """Joins the session and has `tempo` follow it while other peers are in it.

    `position` gives the time of the show in s.
    """

    def __init__(self, tempo: Tempo, position: Callable[[], float]) -> None:
        """Raises MissingExtra if aalink is not installed."""
        self._library = import_extra("aalink", "Ableton Link", "link")
        self.peers = 0
        self._tempo, self._position = tempo, position

    async def run(self) -> None:
        """Follow the session until cancelled."""
        session: Any = self._library.Link(120.0)
        session.enabled = True
        try:
            while True:
                self.peers = session.num_peers
                if self.peers:
                    period = 60.0 / session.tempo
                    self._tempo.set_link((self._position() - (session.beat % 1.0) * period, period))
                else:
                    self._tempo.set_link(None)
                await asyncio.sleep(_INTERVAL_S)
        finally:
            session.enabled = False
            self._tempo.set_link(None)


def open_link(options: Mapping[str, Any], context: ControlContext) -> LinkSession:
    """The transport of option `link`. Raises MissingExtra."""
    return LinkSession(context.tempo, context.position)
