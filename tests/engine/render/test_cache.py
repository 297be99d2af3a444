"""The clip cache holds complete clips only, keeps those in use, and survives crashes."""

import os
import subprocess
import sys

import av
import msgspec
import numpy as np
import pytest

from engine.errors import OutputError
from engine.generators.fake import FakeGenerator
from engine.outputs.encoder import encode_clip
from engine.render.cache import ClipCache
from engine.render.protocol import Job


def job(seed=0, **changes):
    fields = {
        "generator": "fake",
        "model": "",
        "prompt": "a wall of colour",
        "keywords": ("wall",),
        "palette": ("#ff0000", "#0000ff"),
        "seed": seed,
        "width": 64,
        "height": 48,
        "fps": 8.0,
        "seconds": 1.0,
    }
    return Job(**(fields | changes))


def put(cache, a_job, data=b"x" * 1000, age=0.0):
    """Store some bytes as the clip of `a_job`, last used `age` seconds ago."""
    with cache.writing(a_job.id) as part:
        part.write_bytes(data)
    path = cache.path_for(a_job.id)
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))
    return path


@pytest.fixture
def cache(tmp_path):
    with ClipCache(tmp_path / "clips", 10_000_000) as cache:
        yield cache


def test_a_clip_exists_once_it_is_written(cache):
    assert cache.get(job()) is None
    with cache.writing(job().id) as part:
        part.write_bytes(b"frames")
        assert cache.get(job()) is None
    clip = cache.get(job())
    assert clip.job_id == job().id
    assert clip.path == cache.path_for(job().id)
    assert clip.path.read_bytes().startswith(b"frames")


def test_a_failed_writing_leaves_nothing(cache):
    with pytest.raises(ZeroDivisionError), cache.writing(job().id) as part:
        part.write_bytes(b"half")
        raise ZeroDivisionError
    assert cache.get(job()) is None
    assert list(cache.folder.glob("*.part")) == []


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b"y" + b[1:], lambda b: b""]
)
def test_a_damaged_clip_is_not_found_and_is_removed(cache, damage):
    path = put(cache, job())
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(job()) is None
    assert not path.exists()


def test_a_deleted_clip_is_not_found(cache):
    path = put(cache, job())
    assert cache.get(job())
    path.unlink()
    assert cache.get(job()) is None


def test_a_clip_that_a_worker_has_just_reported_is_not_read(cache):
    path = put(cache, job())
    path.write_bytes(b"damaged")
    assert cache.get(job(), trusted=True).path == path


def test_least_recently_used_clips_go_first(tmp_path):
    with ClipCache(tmp_path, 2500) as cache:
        old, middle, new = (put(cache, job(seed), age=age) for seed, age in ((1, 30), (2, 20), (3, 10)))
        assert cache.trim() > 0
        assert [path.exists() for path in (old, middle, new)] == [False, True, True]
        assert cache.trim() == 0


def test_a_clip_fetched_counts_as_used(tmp_path):
    with ClipCache(tmp_path, 2500) as cache:
        old, middle, new = (put(cache, job(seed), age=age) for seed, age in ((1, 30), (2, 20), (3, 10)))
        cache.get(job(1))
        cache.release(job(1).id)
        cache.trim()
        assert [path.exists() for path in (old, middle, new)] == [True, False, True]


def test_clips_in_use_are_never_evicted(tmp_path):
    with ClipCache(tmp_path, 0) as cache:
        put(cache, job(1))
        put(cache, job(2))
        assert cache.get(job(1))
        cache.trim()
        assert cache.get(job(1))
        assert cache.get(job(2)) is None
        cache.release(job(1).id)
        cache.trim()
        assert cache.get(job(1)) is None


def test_clips_in_use_by_another_run_stay_until_that_run_ends(tmp_path):
    with ClipCache(tmp_path, 0) as mine:
        put(mine, job(1))
        with ClipCache(tmp_path, 0) as other:
            assert other.get(job(1))
            assert mine.trim() == 0
        assert mine.trim() > 0


HOLD = """
import sys
from pathlib import Path
import msgspec
from engine.render.cache import ClipCache
from engine.render.protocol import Job
cache = ClipCache(Path(sys.argv[1]), 0)
with cache.writing("half") as part:
    part.write_bytes(b"half")
    cache.get(msgspec.json.decode(sys.argv[2], type=Job))
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_files_and_locks_of_a_killed_process_are_removed_and_those_of_a_running_one_are_not(tmp_path):
    with ClipCache(tmp_path, 0) as cache:
        put(cache, job(1))
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), msgspec.json.encode(job(1))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as run:
            assert run.stdout.readline() == b"ready\n"
            ClipCache(tmp_path, 0)
            assert len(list(tmp_path.glob("*.part"))) == 1
            assert cache.trim() == 0
            run.kill()
        ClipCache(tmp_path, 0)
        assert list(tmp_path.glob("*.part")) == []
        assert cache.trim() > 0
        assert list((tmp_path / "locks").glob("*.ids*")) == []


def test_a_folder_that_cannot_be_created_is_an_error_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="clip folder"):
        ClipCache(tmp_path / "file" / "clips", 0)


@pytest.mark.parametrize("size", [(64, 48), (65, 49)])
def test_an_encoded_clip_reads_back_with_its_frames_rate_and_colours(cache, size):
    a_job = job(width=size[0], height=size[1], fps=12.5, seconds=1.04)
    rendering = FakeGenerator().render(a_job, lambda: False, lambda share: None)
    counts = []
    with cache.writing(a_job.id) as part:
        assert encode_clip(rendering, part, counts.append) == 13
    assert counts == list(range(1, 14))
    with av.open(str(cache.get(a_job).path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (64, 48, 12.5)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == 13
    np.testing.assert_allclose(frames[0][24, 32], (255, 0, 0), atol=6)
    np.testing.assert_allclose(frames[-1][24, 32], (0, 0, 255), atol=6)
