"""Figures of videos with known synchronization and colours."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import aimv
from aimv.language.score import ScoreHeader
from engine.outputs.base import MediaFormat
from engine.outputs.encoder import EXPORT, encode_file
from tools.bench.measure_video import ciede2000, dominant

TOOL = Path(__file__).parents[2] / "tools" / "bench" / "measure_video.py"
RATE, FPS, SECONDS = 44100, 24.0, 8.0


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
        ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_agrees_with_its_authors_pairs(
    first: tuple[float, ...], second: tuple[float, ...], difference: float
) -> None:
    """From table 1 of Sharma, Wu and Dalal, 2005."""
    assert ciede2000(np.array(first, np.float32), np.array(second, np.float32)) == pytest.approx(difference, abs=2e-4)


def test_the_dominant_colour_is_the_largest_patch() -> None:
    frames = np.full((3, 60, 100, 3), (20, 30, 200), np.uint8)
    frames[:, :, :65] = (200, 40, 30)
    light, a, b = dominant(frames)
    assert light == pytest.approx(44, abs=4) and a > 50 and b > 40


def write_show(folder: Path, moves_on_clicks: bool) -> tuple[Path, Path]:
    """Clicks each 0.75 s, and a red then a blue picture that jumps on them, or in between."""
    sound = np.random.default_rng(2).normal(0, 0.001, (round(SECONDS * RATE), 1)).astype(np.float32)
    clicks = np.arange(0.52, SECONDS - 0.3, 0.75)
    for click in clicks:
        sound[round(click * RATE) :][:300, 0] += np.random.default_rng(1).normal(0, 0.3, 300)
    soundfile.write(folder / "song.wav", sound, RATE)
    shots = tuple(
        aimv.Shot(start, start + 4.0, "x", "loud", None, (), (name,), name, colour, 1)
        for start, name, colour in ((0.0, "red", "#ff0000"), (4.0, "blue", "#0000ff"))
    )
    score = aimv.Score(ScoreHeader.of(folder / "song.wav", SECONDS, "", 0), shots)
    score.save(folder / "song.score.jsonl")
    stripes = (np.arange(128) // 16 % 2 * 60).astype(np.uint8)
    with encode_file(folder / "show.mp4", MediaFormat(128, 72, FPS, RATE, sound.shape[1]), EXPORT) as video:
        video.write_audio(sound.astype(np.float32), 0)
        for k in range(int(SECONDS * FPS)):
            time = k / FPS if moves_on_clicks else k / FPS + 0.4
            jumps = int((clicks < time + 1 / FPS).sum())
            picture = np.zeros((72, 128, 3), np.uint8)
            picture[..., 0 if k < 96 else 2] = 225
            picture[..., 1] = np.roll(stripes, 5 * jumps + k // 8)
            video.write(picture, k / FPS)
    return folder / "show.mp4", folder / "song.score.jsonl"


def measured(video: Path, song: Path) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, str(TOOL), str(video), str(song)], capture_output=True, text=True, timeout=120, check=True
    )
    figures = json.loads(run.stdout.splitlines()[-1])
    assert isinstance(figures, dict)
    return figures


def test_a_synchronized_video_differs_from_one_that_is_not(tmp_path: Path) -> None:
    for name in ("yes", "no"):
        (tmp_path / name).mkdir()
    yes = measured(*write_show(tmp_path / "yes", moves_on_clicks=True))
    no = measured(*write_show(tmp_path / "no", moves_on_clicks=False))
    assert yes["motion_onset_correlation"] > 0.6 and yes["lag_frames"] == 0
    assert no["motion_onset_correlation"] < 0.3
    assert yes["palette_within_12"] == 1.0
    assert yes["shot_separation"] > 3
    assert yes["flash_faults"] == 0 and yes["dead_seconds"] == 0
