"""`aimv export` and `aimv score`: complete, synchronized videos, resumed after interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from tests.conftest import Ran, clicks, tone

Aimv = Callable[..., Ran]


class Video(NamedTuple):
    """What a video file holds."""

    luma: NDArray[np.float64]  # mean of each frame
    rate: Fraction
    sound: NDArray[np.float32]  # mono
    sound_rate: int
    size: tuple[int, int]


def watch(path: Path) -> Video:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        luma, sound = [], []
        for frame in container.decode(video, audio):
            if isinstance(frame, av.VideoFrame):
                luma.append(float(frame.reformat(format="gray").to_ndarray().mean()))
            else:
                sound.append(frame.to_ndarray().mean(axis=0))
        assert video.codec_context.name == "h264"
        size = (video.codec_context.width, video.codec_context.height)
        return Video(
            np.array(luma),
            video.average_rate or Fraction(0),
            np.concatenate(sound),
            audio.codec_context.sample_rate,
            size,
        )


def song(seconds: float = 6.0) -> NDArray[np.float32]:
    return tone(seconds) * np.repeat([1.0, 0.3], round(seconds * 22050)).astype(np.float32)[: round(seconds * 44100)]


def test_the_video_is_the_song_to_one_frame(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    ran = aimv("export", wav(song(5.3)), "-o", tmp_path / "a.mp4", "--size", "128x72", "--fps", "25")
    assert ran.status == 0, ran.err
    video = watch(tmp_path / "a.mp4")
    assert (video.rate, video.size) == (25, (128, 72))
    assert abs(len(video.luma) / 25 - 5.3) <= 1 / 25
    assert len(video.sound) / video.sound_rate == pytest.approx(5.3, abs=0.05)
    assert np.abs(video.sound).max() == pytest.approx(0.3, abs=0.05)
    assert "generator: shader" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "song.wav"]


def test_every_click_flashes_within_one_frame(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    times = [0.731, 1.402, 2.25, 3.013, 3.777, 4.6, 5.333, 6.1, 7.04, 7.9]
    out = tmp_path / "a.mp4"
    assert aimv("export", wav(clicks(times, 9.0)), "-o", out, "--size", "128x72", "--fps", "24").status == 0
    luma = watch(out).luma
    rise = np.diff(luma, prepend=luma[0])
    for time_s in times:
        frame = int(time_s * 24)
        near = slice(max(0, frame - 4), frame + 5)
        flash = near.start + int(rise[near].argmax())
        assert abs(flash - frame) <= 1, (time_s, rise[near].round(1))
        assert rise[flash] > 4, (time_s, rise[near].round(1))


def test_a_score_can_be_edited_and_gives_its_video(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    path = tmp_path / "song.score.jsonl"
    assert aimv("score", wav(song()), "-o", path, "--style", "ink").status == 0
    assert aimv("export", path, "-o", tmp_path / "a.mp4", "--size", "64x64").status == 0
    lines = path.read_text("utf-8").splitlines()
    assert json.loads(lines[0])["style"] == "ink"
    shot = json.loads(lines[1]) | {"hex": "#00ff00", "colour": "lime", "abstractions": ["fire", "smoke", "deep"]}
    path.write_text("\n".join([lines[0], json.dumps(shot), *lines[2:]]), "utf-8")
    assert aimv("export", path, "-o", tmp_path / "b.mp4", "--size", "64x64").status == 0
    first, edited = watch(tmp_path / "a.mp4"), watch(tmp_path / "b.mp4")
    assert len(first.luma) == len(edited.luma)
    assert np.abs(first.luma[:20] - edited.luma[:20]).max() > 3


def test_the_same_song_and_seed_give_the_same_video(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    path = wav(song())
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert aimv("export", path, "-o", tmp_path / f"{name}.mp4", "--size", "64x64", "--seed", seed).status == 0
    a, b, c = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_an_excerpt_is_a_part_of_the_same_video(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    path = wav(song(8.0))
    assert aimv("export", path, "-o", tmp_path / "a.mp4", "--size", "64x64").status == 0
    cut = ("--start", "3", "--duration", "2")
    assert aimv("export", path, "-o", tmp_path / "b.mp4", "--size", "64x64", *cut).status == 0
    whole, part = watch(tmp_path / "a.mp4"), watch(tmp_path / "b.mp4")
    assert len(part.luma) == 48
    assert np.abs(whole.luma[72:120] - part.luma).mean() < 3


def started(arguments: list[str], cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "aimv", *arguments]
    return subprocess.Popen(command, env={**os.environ, "AIMV_CACHE": str(cache)}, stderr=subprocess.PIPE, text=True)


def render_process(parent: int) -> psutil.Process | None:
    for child in psutil.Process(parent).children(recursive=True):
        if "engine.worker.main" in " ".join(child.cmdline()):
            return child
    return None


def until(condition: Callable[[], object], seconds: float = 60.0) -> object:
    for _ in range(int(seconds / 0.02)):
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def clips(cache: Path) -> list[Path]:
    return list((cache / "clips").glob("*.mp4"))


def test_a_killed_render_process_does_no_harm(wav: Callable[..., Path], tmp_path: Path) -> None:
    cache, out = tmp_path / "cache", tmp_path / "a.mp4"
    running = started(["export", str(wav(song(20.0))), "-o", str(out), "--size", "320x180"], cache)
    until(lambda: clips(cache) or running.poll() is not None)
    worker = until(lambda: render_process(running.pid))
    assert isinstance(worker, psutil.Process)
    worker.kill()
    _, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    assert "render process was lost" in err
    assert abs(len(watch(out).luma) / 24 - 20.0) <= 1 / 24


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_stopped_it_leaves_nothing_and_goes_on_with_its_clips(
    wav: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out" / "a.mp4"
    out.parent.mkdir()
    arguments = ["export", str(wav(song(20.0))), "-o", str(out), "--size", "320x180"]
    running = started(arguments, cache)
    until(lambda: clips(cache) or running.poll() is not None)
    worker = render_process(running.pid)
    running.send_signal(getattr(signal, name))
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + getattr(signal, name)
    assert "--resume" in err
    assert "Traceback" not in err
    assert list(out.parent.iterdir()) == []
    assert worker is None or not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    made = {path: path.stat().st_ino for path in clips(cache)}
    resumed = started([*arguments, "--resume"], cache)
    _, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    assert all(path.stat().st_ino == number for path, number in made.items())
    assert abs(len(watch(out).luma) / 24 - 20.0) <= 1 / 24


def test_a_second_export_renders_nothing(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMV_CACHE", str(tmp_path / "cache"))
    path = wav(song())
    for name in "ab":
        assert aimv("export", path, "-o", tmp_path / f"{name}.mp4", "--size", "64x64").status == 0
        made = {clip: clip.stat().st_ino for clip in clips(tmp_path / "cache")}
        if name == "a":
            before = made
    assert made == before


def test_a_score_has_its_own_style_seed_and_language(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, path = tmp_path / "config.toml", tmp_path / "song.score.jsonl"
    monkeypatch.setenv("AIMV_CONFIG", str(config))
    assert aimv("score", wav(song(3.0)), "-o", path, "--style", "ink", "--seed", "3").status == 0
    export = ("export", path, "-o", tmp_path / "a.mp4", "--size", "64x64")
    for option, value in (("--style", "oil"), ("--seed", "4"), ("--language", "es"), ("--whisper", "tiny.en")):
        ran = aimv(*export, option, value)
        assert ran.status == 2
        assert f"the score has its own {option[2:]}" in ran.err
    config.write_text('style = "oil"\nlanguage = "es"\n')  # for songs; no mistake here
    ran = aimv(*export, "--seed", "3")
    assert ran.status == 0, ran.err
