"""The pipeline on the virtual clock and with real render processes: order, lead, holding, failure."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from engine.audio.envelopes import Envelopes
from engine.errors import RenderError
from engine.messages import Job
from engine.pipeline import Cue, Progress, Rendering, in_thread, perform, write
from engine.play.clock import VirtualClock
from engine.play.compositor import Compositor
from engine.play.sinks import Frame
from engine.render.renderer import Renderer
from engine.render.store import ClipStore

COLOURS = ("#ff0000", "#00ff00", "#0000ff")
FPS = 10.0


class Pictures:
    """A sink that keeps the mean colour of what it is given."""

    def __init__(self) -> None:
        self.colours: list[tuple[float, ...]] = []

    def write(self, frame: Frame) -> None:
        self.colours.append(tuple(float(c) for c in frame.reshape(-1, 3).mean(axis=0)))

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


def cues(prompt: str = "x", seconds: float = 2.0) -> list[Cue]:
    return [
        Cue(i * seconds, (i + 1) * seconds, Job("fake", "0", f"{prompt}", (), (colour,), i, 32, 32, FPS, seconds))
        for i, colour in enumerate(COLOURS)
    ]


async def coming(items: Iterable[Cue]) -> AsyncIterator[Cue]:
    for item in items:
        await asyncio.sleep(0)
        yield item


def compositor() -> Compositor:
    return Compositor(32, 32, FPS, Envelopes.of(np.zeros(22050 * 6, np.float32), 22050), amount=0.0)


def strongest(colour: tuple[float, ...]) -> int:
    return int(np.argmax(colour))


async def test_every_picture_is_written_in_order_each_from_its_own_clip(tmp_path: Path) -> None:
    sink, progress = Pictures(), Progress()
    async with Renderer(ClipStore(tmp_path, 2**30), "fake", "0") as renderer:
        await write(coming(cues()), Rendering(renderer, progress), compositor(), sink, 0.0, 6.0, progress)
    assert len(sink.colours) == 60
    assert [strongest(sink.colours[n]) for n in (10, 30, 50)] == [0, 1, 2]


async def test_an_excerpt_is_written_from_its_start_to_its_end(tmp_path: Path) -> None:
    sink, progress = Pictures(), Progress()
    async with Renderer(ClipStore(tmp_path, 2**30), "fake", "0") as renderer:
        await write(coming(cues()[1:]), Rendering(renderer, progress), compositor(), sink, 3.0, 5.0, progress)
    assert [strongest(c) for c in (sink.colours[0], sink.colours[-1])] == [1, 2]
    assert len(sink.colours) == 20


async def test_what_cannot_be_rendered_ends_the_work_with_its_reason(tmp_path: Path) -> None:
    progress = Progress()
    async with Renderer(ClipStore(tmp_path, 2**30), "fake", "0") as renderer:
        with pytest.RaisesGroup(pytest.RaisesExc(RenderError, match="no such place"), flatten_subgroups=True):
            await write(
                coming(cues("fail: no such place")),
                Rendering(renderer, progress),
                compositor(),
                Pictures(),
                0,
                6,
                progress,
            )


async def test_playing_starts_with_its_lead_and_shows_the_whole_song(tmp_path: Path) -> None:
    sink = Pictures()
    async with Renderer(ClipStore(tmp_path, 2**30), "fake", "0") as renderer:
        played = await perform(
            coming(cues()),
            Rendering(renderer, Progress()),
            compositor(),
            VirtualClock(6.0),
            sink,
            6.0,
            6.0,
            lambda: False,
        )
    assert (played.drawn, played.late, played.skipped) == (60, 0, 0)
    assert [strongest(sink.colours[n]) for n in (10, 30, 50)] == [0, 1, 2]


async def test_stopping_while_clips_are_still_awaited_ends_at_once(tmp_path: Path) -> None:
    slow = [
        *cues()[:1],
        *(Cue(c.start, c.end, Job("fake", "0", "slow", (), ("#ffffff",), 9, 32, 32, FPS, 600.0)) for c in cues()[1:]),
    ]
    shown = Pictures()
    async with Renderer(ClipStore(tmp_path, 2**30), "fake", "0") as renderer:
        await perform(
            coming(slow), Rendering(renderer, Progress()), compositor(), VirtualClock(6.0), shown, 2.0, 6.0,
            lambda: len(shown.colours) >= 25,
        )  # fmt: skip
    assert len(shown.colours) == 25
    assert strongest(shown.colours[-1]) == 0  # the clip before is held


async def test_items_of_a_blocking_iterator_come_in_order() -> None:
    assert [item async for item in in_thread(iter(range(5)))] == [0, 1, 2, 3, 4]
