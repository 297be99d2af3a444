"""CogVideoX denoises one clip while it decodes another, without a change of either."""

import asyncio
import threading

import msgspec
import numpy as np
import pytest

from engine.generators.cogvideox import PRESETS
from engine.render.cache import ClipCache, has_valid_checksum
from engine.render.pool import WorkerPool
from engine.render.protocol import CancelAck, Done, Finishing, Job
from engine.worker.main import JobRunner
from tests.engine.worker.overlap import PATIENCE, FakeConnection, run_jobs


class Meeting:
    """Two stages in two threads that wait for each other: without an overlap they wait in vain."""

    def __init__(self):
        self.stepped = threading.Event()
        self.order = []

    def step(self, number):
        self.order.append(("step", number))
        if number == 1:
            self.stepped.set()

    def frame(self, number):
        if number == 0 and not self.stepped.wait(PATIENCE):
            raise TimeoutError("the second clip is not begun before the first has all its frames")
        self.order.append(("frame", number))


@pytest.fixture(scope="module")
def tiny(tiny_cogvideox):
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from engine.generators.registry import create_generator  # noqa: PLC0415 - needs torch

    generator = create_generator("cogvideox", str(tiny_cogvideox))
    torch.set_num_threads(1)
    yield generator
    generator.close()


def tiny_job(seed, preset="live"):
    return Job("cogvideox", "", "A heart of glass turns", (), ("#ff0000",), seed, 640, 360, 24.0, 2.0, preset)


def watch(generator, meeting, monkeypatch):
    """Tell `meeting` each denoising step and each lot of pictures, by number of the clip."""
    denoiser = generator.denoiser
    latents, decode = denoiser.latents, denoiser.decode
    clips = []

    def watched_latents(prompt, count, width, height, preset, seed, on_step, init_image=None):
        def on(step):
            meeting.step(seed)
            on_step(step)

        made = latents(prompt, count, width, height, preset, seed, on, init_image)
        clips.append((made, seed))
        return made

    def watched_decode(made, count, tiled=False):
        number = next(seed for each, seed in clips if each is made)
        for lot in decode(made, count, tiled):
            meeting.frame(number)
            yield lot

    monkeypatch.setattr(denoiser, "latents", watched_latents)
    monkeypatch.setattr(denoiser, "decode", watched_decode)


def test_cogvideox_denoises_the_second_clip_while_it_decodes_the_first(tiny, cache, monkeypatch):
    meeting = Meeting()
    watch(tiny, meeting, monkeypatch)
    jobs = [tiny_job(seed) for seed in range(2)]
    connection = run_jobs(tiny, cache, *jobs)
    assert [message.job_id for message in connection.of(Done)] == [each.id for each in jobs]
    assert meeting.order.index(("step", 1)) < meeting.order.index(("frame", 0))


def test_with_and_without_overlap_the_clips_are_the_same_bit_for_bit(tiny, tmp_path, monkeypatch):
    clips = []
    for name in ("live", "balanced"):
        row = PRESETS[name]
        for overlapped in (True, False):
            changed = msgspec.structs.replace(row, overlap=overlapped)
            monkeypatch.setitem(PRESETS, name, changed)
            jobs = [tiny_job(seed, name) for seed in range(3)]
            with ClipCache(tmp_path / f"{name}-{overlapped}", 10**9) as cache:
                connection = run_jobs(tiny, cache, *jobs)
                assert len(connection.of(Finishing)) == (3 if overlapped else 0)
                clips.append([cache.get(each).path.read_bytes() for each in jobs])
        assert clips[-1] == clips[-2]
    assert len({clip for made in clips for clip in made}) == 6


def test_frames_decoded_beside_another_clips_steps_are_those_decoded_alone(tiny):
    def begun(seed):
        return tiny.render(tiny_job(seed), lambda: False, lambda share: None)

    alone = np.stack(list(begun(0)))
    beside = []
    rendering = begun(0)
    thread = threading.Thread(target=lambda: beside.extend(rendering))
    thread.start()
    begun(1)
    thread.join()
    np.testing.assert_array_equal(np.stack(beside), alone)


@pytest.mark.parametrize("stage", ["step", "frame"])
def test_a_clip_of_cogvideox_is_cancelled_in_either_stage_and_the_other_is_whole(tiny, cache, monkeypatch, stage):
    jobs = [tiny_job(seed) for seed in range(2)]
    connection = FakeConnection(*jobs)
    gone = 1 if stage == "step" else 0

    class Cancelling(Meeting):
        def step(self, number):
            super().step(number)
            if stage == "step" and number == 1:
                connection.cancelled_ids.add(jobs[1].id)

        def frame(self, number):
            super().frame(number)
            if stage == "frame" and number == 0:
                connection.cancelled_ids.add(jobs[0].id)

    watch(tiny, Cancelling(), monkeypatch)
    JobRunner(connection, tiny, cache, send=False).run()
    assert [message.job_id for message in connection.of(CancelAck)] == [jobs[gone].id]
    assert [message.job_id for message in connection.of(Done)] == [jobs[1 - gone].id]
    assert cache.get(jobs[gone]) is None
    assert has_valid_checksum(cache.get(jobs[1 - gone]).path)
    assert list(cache.folder.glob("*.part")) == []


async def test_clips_of_a_real_render_process_overlap(tiny_cogvideox, cache, worker_log):
    pytest.importorskip("diffusers")
    async with asyncio.timeout(PATIENCE):
        async with WorkerPool(cache, "cogvideox", str(tiny_cogvideox), on_worker=worker_log.on_worker) as pool:
            clips = await asyncio.gather(*(pool.render(tiny_job(seed)) for seed in range(3)))
    assert all(has_valid_checksum(clip.path) for clip in clips)
    assert worker_log.two.is_set()
