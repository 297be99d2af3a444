"""A virtual clock of song time."""

import asyncio
from typing import Self


class VirtualClock:
    """Time that passes only in `sleep` and `advance`: a song of minutes plays in milliseconds."""

    def __init__(self, length: float) -> None:
        """`length` is the song's, in seconds."""
        self.length, self._now = length, 0.0

    def finished(self) -> bool:
        return self._now >= self.length

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, as slow work does."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None
