"""A render process ten times slower than planned is not replaced, and the show goes on."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from engine.audio.features import FeatureExtractor
from engine.generators.registry import find_spec
from engine.outputs.base import BaseOutput
from engine.pipeline import PlannedClip, initial_state, run_show
from engine.playback.compositor import Compositor
from engine.render.cache import ClipCache
from engine.render.pool import WorkerEvent, WorkerPool
from engine.render.protocol import Job
from engine.types import Frame, Progress
from tests.chaos.conftest import Tally, rounds
from tests.support.clock import VirtualClock

ROW = "render process slow by 10 times"
PLANNED_S, SLOW_S = 0.02, 0.2  # a frame


class Counted(BaseOutput):
    """An output that counts its pictures."""

    pictures = 0

    def write(self, frame: Frame, time: float) -> None:
        assert frame.shape == (32, 32, 3)
        self.pictures += 1


def job(seed: int) -> Job:
    return Job("fake", str(SLOW_S), "a wall", (), ("#102030", "#ffeedd"), seed, 32, 32, 8.0, 1.0)


async def test_slow_is_not_dead(tmp_path: Path, tally: Tally) -> None:
    events: list[WorkerEvent] = []
    with ClipCache(tmp_path, 10**9) as cache:
        async with WorkerPool(cache, "fake", str(SLOW_S), on_worker=events.append) as pool:
            for seed in range(rounds(1, 10)):
                with tally.fault():
                    clip = await pool.render(job(seed))
                    assert clip.path.exists()
    assert [event for event in events if event.state == "lost"] == []


async def test_the_show_goes_on(tmp_path: Path, tally: Tally) -> None:
    async def planned() -> AsyncIterator[PlannedClip]:
        for number in range(10):
            yield PlannedClip(number * 1.0, number + 1.0, job(number))

    for number in range(rounds(1, 3)):
        output = Counted()
        compositor = Compositor(32, 32, 10.0, FeatureExtractor.of(np.zeros(22050 * 10, np.float32), 22050))
        with tally.fault(), ClipCache(tmp_path / str(number), 10**9) as cache:
            async with WorkerPool(cache, "fake", str(SLOW_S)) as pool:
                shown = await run_show(
                    planned(),
                    pool,
                    compositor,
                    VirtualClock(10.0),
                    output,
                    lambda: False,
                    initial_state(find_spec("fake")),
                    Progress(),
                )
            assert output.pictures == shown.frames.drawn > 0
            assert shown.failures == ()
            assert sum(shown.seconds.values()) > 9.5, "every second of the show is accounted for"
        compositor.close()
