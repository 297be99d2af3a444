"""A cache, a log of worker events, and tiny CogVideoX pipelines on disk, made once for all tests of the engine."""

import pytest

from engine.render.cache import ClipCache
from tests.engine.worker.overlap import WorkerLog


@pytest.fixture
def cache(tmp_path):
    with ClipCache(tmp_path / "clips", 10**9) as cache:
        yield cache


@pytest.fixture
def worker_log():
    return WorkerLog()


def _made(tmp_path_factory, like):
    folder = tmp_path_factory.mktemp("models") / f"tiny-{like}"
    from tools.release.make_tiny_cogvideox import build  # noqa: PLC0415 - loads torch

    build(folder, like)
    return folder


@pytest.fixture(scope="session")
def tiny_cogvideox(tmp_path_factory):
    """The folder of a pipeline like the 2B model's."""
    return _made(tmp_path_factory, "2b")


@pytest.fixture(scope="session")
def tiny_cogvideox_5b(tmp_path_factory):
    """The folder of a pipeline like the 5B model's."""
    return _made(tmp_path_factory, "5b")


@pytest.fixture(scope="session")
def tiny_cogvideox_15(tmp_path_factory):
    """The folder of a pipeline like version 1.5's."""
    return _made(tmp_path_factory, "1.5")


@pytest.fixture(scope="session")
def tiny_cogvideox_5b_i2v(tmp_path_factory):
    """The folder of a pipeline like the 5B image-to-video model's."""
    return _made(tmp_path_factory, "5b-i2v")


@pytest.fixture(scope="session")
def tiny_cogvideox_15_i2v(tmp_path_factory):
    """The folder of a pipeline like version 1.5's image-to-video model's."""
    return _made(tmp_path_factory, "1.5-i2v")
