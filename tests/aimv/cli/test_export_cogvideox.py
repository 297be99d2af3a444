"""`aimv export --generator cogvideox` with tiny pipelines of random weights."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tests.conftest import ROOT, Ran, tone


def write_pipeline(folder: Path, *options: str) -> None:
    """Write a tiny pipeline of random weights."""
    command = [sys.executable, "-m", "tools.release.make_tiny_cogvideox", str(folder), *options]
    subprocess.run(command, cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_pipeline(folder)
    return folder


def test_a_video_is_made_through_the_real_pipeline(
    aimv: Callable[..., Ran], wav: Callable[..., Path], tmp_path: Path, tiny: Path
) -> None:
    out = tmp_path / "a.mp4"
    ran = aimv(
        "export", wav(tone(5)), "-o", out, "--generator", "cogvideox", "--model", tiny, "--size", "128x72"
    )  # fmt: skip
    assert ran.status == 0, ran.err
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 120
    assert max(float(frame.std()) for frame in frames) > 3


def test_an_image_to_video_model_continues_its_own_clips(
    aimv: Callable[..., Ran], wav: Callable[..., Path], tmp_path: Path
) -> None:
    model = tmp_path / "tiny-i2v"
    write_pipeline(model, "--like", "5b-i2v")
    options = ("--generator", "cogvideox", "--model", model, "--preset", "live", "--size", "64x64", "--fps", "12")
    ran = aimv("export", wav(tone(7)), "-o", tmp_path / "a.mp4", *options)
    assert ran.status == 0, ran.err
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 84


def test_a_folder_without_a_pipeline_is_an_error_in_one_line(
    aimv: Callable[..., Ran], wav: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    ran = aimv("export", wav(tone(1)), "--generator", "cogvideox", "--model", tmp_path / "empty")
    assert ran.status == 1
    assert len([line for line in ran.err.splitlines() if line.startswith("aimv: ")]) == 1
    assert "Traceback" not in ran.err
