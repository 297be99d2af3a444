"""The pipeline on the virtual clock and with real render processes: order, lead, holding, failure."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, Self

import cv2
import msgspec
import numpy as np
import pytest

from engine.audio.features import FeatureExtractor
from engine.errors import RenderError
from engine.generators.registry import find_spec
from engine.outputs.base import BaseOutput
from engine.pipeline import (
    ExportRenderer,
    PlannedClip,
    ShowResult,
    initial_state,
    iterate_in_thread,
    last_frame,
    run_show,
    write_video,
)
from engine.playback.compositor import Compositor
from engine.playback.yuv import to_rgb
from engine.render.cache import ClipCache
from engine.render.pool import WorkerPool
from engine.render.protocol import Clip, Job
from engine.types import Frame, Overrides, Planes, Progress
from tests.support.clock import VirtualClock

COLOURS = ("#ff0000", "#00ff00", "#0000ff")
FPS = 10.0


class Pictures(BaseOutput):
    """An output that keeps the mean colour of each picture."""

    def __init__(self) -> None:
        self.colours: list[tuple[float, ...]] = []

    def write(self, frame: Frame | Planes, time: float) -> None:
        frame = to_rgb(frame) if frame.ndim == 2 else frame
        self.colours.append(tuple(float(c) for c in frame.reshape(-1, 3).mean(axis=0)))


def planned(prompt: str = "x", seconds: float = 2.0) -> list[PlannedClip]:
    return [
        PlannedClip(
            i * seconds, (i + 1) * seconds, Job("fake", "0", f"{prompt}", (), (colour,), i, 32, 32, FPS, seconds)
        )
        for i, colour in enumerate(COLOURS)
    ]


async def coming(items: Iterable[PlannedClip]) -> AsyncIterator[PlannedClip]:
    for item in items:
        await asyncio.sleep(0)
        yield item


def compositor() -> Compositor:
    return Compositor(32, 32, FPS, FeatureExtractor.of(np.zeros(22050 * 6, np.float32), 22050), Overrides(reaction=0.0))


def strongest(colour: tuple[float, ...]) -> int:
    return int(np.argmax(colour))


async def test_every_picture_is_written_in_order_each_from_its_own_clip(tmp_path: Path) -> None:
    output, progress = Pictures(), Progress()
    async with WorkerPool(ClipCache(tmp_path, 2**30), "fake", "0") as pool:
        await write_video(coming(planned()), ExportRenderer(pool, progress), compositor(), output, 0.0, 6.0, progress)
    assert len(output.colours) == 60
    assert [strongest(output.colours[n]) for n in (10, 30, 50)] == [0, 1, 2]


async def test_an_excerpt_is_written_from_its_start_to_its_end(tmp_path: Path) -> None:
    output, progress = Pictures(), Progress()
    async with WorkerPool(ClipCache(tmp_path, 2**30), "fake", "0") as pool:
        await write_video(
            coming(planned()[1:]), ExportRenderer(pool, progress), compositor(), output, 3.0, 5.0, progress
        )
    assert [strongest(c) for c in (output.colours[0], output.colours[-1])] == [1, 2]
    assert len(output.colours) == 20


async def test_a_failed_clip_ends_the_export_with_the_reason(tmp_path: Path) -> None:
    progress = Progress()
    async with WorkerPool(ClipCache(tmp_path, 2**30), "fake", "0") as pool:
        with pytest.raises(ExceptionGroup) as failure:
            await write_video(
                coming(planned("fail: no such place")),
                ExportRenderer(pool, progress),
                compositor(),
                Pictures(),
                0,
                6,
                progress,
            )
    assert failure.group_contains(RenderError, match="no such place")


class WallClock(VirtualClock):
    """Song time that passes as real time does, for shows whose clips are rendered while they run."""

    def __init__(self, length: float) -> None:
        super().__init__(length)
        self._begun: float | None = None

    def time(self) -> float:
        return 0.0 if self._begun is None else min(time.monotonic() - self._begun, self.length)

    def finished(self) -> bool:
        return self.time() >= self.length

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def __aenter__(self) -> Self:
        self._begun = time.monotonic()
        return self


class AllPlanned(VirtualClock, Progress):
    """Starts once every clip is planned, so that time which takes no time does not overtake the planning."""

    def __init__(self, length: float) -> None:
        super().__init__(length)
        self._all = asyncio.Event()

    def planned(self, clips: int) -> None:
        if clips == len(COLOURS):
            self._all.set()

    async def __aenter__(self) -> Self:
        await self._all.wait()
        return self


async def show(
    folder: Path,
    items: Iterable[PlannedClip],
    clock: VirtualClock,
    output: Pictures,
    stop: Callable[[], bool] = lambda: False,
    live: bool = False,
    progress: Progress | None = None,
) -> ShowResult:
    with ClipCache(folder, 2**30) as cache:
        async with WorkerPool(cache, "fake", "0") as pool:
            return await run_show(
                coming(items),
                pool,
                compositor(),
                clock,
                output,
                stop,
                initial_state(find_spec("fake")),
                progress or Progress(),
                live=live,
            )


async def test_a_song_is_shown_to_its_end_and_every_second_of_it_accounted_for(tmp_path: Path) -> None:
    output = Pictures()
    shown = await show(tmp_path, planned(seconds=1.0), WallClock(3.0), output)
    assert shown.frames.drawn + shown.frames.skipped in (30, 31)
    assert sum(shown.seconds.values()) == pytest.approx(3.0, abs=0.01)
    assert strongest(output.colours[0]) == 0
    assert strongest(output.colours[-1]) == 2


async def test_with_its_clips_in_the_cache_every_picture_is_of_its_own_shot(tmp_path: Path) -> None:
    with ClipCache(tmp_path, 2**30) as cache:
        async with WorkerPool(cache, "fake", "0") as pool:
            await asyncio.gather(*(pool.render(clip.job) for clip in planned()))
    output = Pictures()
    clock = AllPlanned(6.0)
    shown = await show(tmp_path, planned(), clock, output, progress=clock)
    assert (shown.frames.drawn, shown.frames.late, shown.frames.skipped) == (60, 0, 0)
    assert [strongest(output.colours[n]) for n in (1, 10, 19, 24, 30, 39, 44, 50, 59)] == [0] * 3 + [1] * 3 + [2] * 3
    assert shown.seconds["fresh"] == pytest.approx(6.0)


async def test_stopping_while_clips_are_still_awaited_ends_at_once(tmp_path: Path) -> None:
    slow = [
        *planned()[:1],
        *(
            PlannedClip(c.start, c.end, Job("fake", "", "slow", (), ("#ffffff",), 9, 640, 640, 120.0, 2.0))
            for c in planned()[1:]
        ),
    ]
    output = Pictures()
    shown = await show(tmp_path, slow, VirtualClock(6.0), output, lambda: len(output.colours) >= 25)
    assert len(output.colours) == 25
    assert strongest(output.colours[-1]) == 0  # the clip before goes on
    assert sum(shown.seconds.values()) == pytest.approx(2.5, abs=0.2)
    assert shown.seconds["fresh"] < 2.5


async def test_live_a_show_begins_at_once_and_ends_on_its_newest_prompt(tmp_path: Path) -> None:
    output = Pictures()
    shown = await show(tmp_path, planned(seconds=0.5), WallClock(4.0), output, live=True)
    assert strongest(output.colours[-1]) == 2
    assert sum(shown.seconds.values()) == pytest.approx(4.0, abs=0.01)


async def test_a_show_of_which_nothing_can_be_rendered_ends_with_the_reason(tmp_path: Path) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(RenderError, match="no such place"), flatten_subgroups=True):
        await show(tmp_path, planned("fail: no such place"), WallClock(6.0), Pictures())


async def test_items_of_a_blocking_iterator_keep_their_order() -> None:
    assert [item async for item in iterate_in_thread(iter(range(5)))] == [0, 1, 2, 3, 4]


async def test_clips_of_an_image_to_video_model_go_on_from_one_another_in_chains_of_three(tmp_path: Path) -> None:
    jobs: list[Job] = []

    class Watched(WorkerPool):
        async def render(self, job: Job, *arguments: Any, **named: Any) -> Clip:
            jobs.append(job)
            return await super().render(job, *arguments, **named)

    chained = [
        PlannedClip(
            n, n + 1.0, Job("fake", "0", str(n), (), ("#000000", COLOURS[n % 3]), n, 32, 32, FPS, 1.0), chained=True
        )
        for n in range(5)
    ]
    with ClipCache(tmp_path, 2**30) as cache:
        async with Watched(cache, "fake", "0") as pool:
            renderer = ExportRenderer(pool, Progress())
            async with asyncio.TaskGroup() as group:
                clips = [renderer.submit(group, clip) for clip in chained]
    jobs.sort(key=lambda job: job.seed)
    assert [bool(job.init_image) for job in jobs] == [False, True, True, False, True]
    for job, before in zip(jobs[1:3], clips, strict=False):
        assert job.init_image == last_frame(before.result().path)
        coded = cv2.imdecode(np.frombuffer(job.init_image, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert strongest(tuple(coded.reshape(-1, 3).mean(axis=0))) == (job.seed - 1) % 3


async def test_a_show_that_is_played_continues_clips_too(tmp_path: Path) -> None:
    items = [msgspec.structs.replace(clip, chained=True) for clip in planned(seconds=1.0)]
    with ClipCache(tmp_path, 2**30) as cache:
        async with WorkerPool(cache, "fake", "0") as pool:
            renderer = ExportRenderer(pool, Progress())
            async with asyncio.TaskGroup() as group:
                for clip in items:
                    renderer.submit(group, clip)
            jobs: list[Job] = []
            await run_show(
                coming(items),
                pool,
                compositor(),
                VirtualClock(3.0),
                Pictures(),
                lambda: False,
                initial_state(find_spec("fake")),
                Progress(),
                on_job=lambda clip, job: jobs.append(job),
            )
            assert [bool(job.init_image) for job in jobs] == [False, True, True]
            assert all([await pool.cached(job) for job in jobs])  # the export's, down to their first pictures
