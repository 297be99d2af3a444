"""Tiny CogVideoX pipelines on disk, made once for all tests of this folder."""

import pytest

from tools.make_tiny_cogvideox import build


@pytest.fixture(scope="session")
def tiny_cogvideox(tmp_path_factory):
    """The folder of a pipeline like the 2B model's."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    build(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_rotary_cogvideox(tmp_path_factory):
    """The folder of a pipeline like the 5B model's."""
    folder = tmp_path_factory.mktemp("models") / "tiny-rotary"
    build(folder, rotary=True)
    return folder
