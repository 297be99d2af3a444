"""`aimv export` with a VJ's own scenes, with type, with more and less reaction: each changes the picture."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.playback.flash_guard import FlashMeter
from tests.conftest import Ran, clicks, tone

Aimv = Callable[..., Ran]

PLAIN = """/*{"DESCRIPTION": "one colour", "INPUTS": [{"NAME": "shade", "TYPE": "color"}]}*/
void main() { gl_FragColor = vec4(0.0, 0.5, 1.0, 1.0); }
"""
BROKEN = """/*{"INPUTS": []}*/
void main() {
    gl_FragColor = nothing;
}
"""
STROBE = """/*{"DESCRIPTION": "black and white, twelve times a second"}*/
void main() { gl_FragColor = vec4(vec3(step(0.5, fract(12.0 * TIME))), 1.0); }
"""


def frames(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_a_folder_of_scenes_is_drawn_and_a_broken_one_named(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path
) -> None:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    (scenes / "plain.fs").write_text(PLAIN)
    (scenes / "broken.fs").write_text(BROKEN)
    ran = aimv("export", wav(tone(3.0)), "-o", tmp_path / "a.mp4", "--size", "64x64", "--scenes", scenes)
    assert ran.status == 0, ran.err
    assert "1 scene from" in ran.err.replace("\n", " ")
    assert "left out: broken" in ran.err and "line 3" in ran.err.replace("\n", " ")
    red, green, blue = frames(tmp_path / "a.mp4")[12:].mean(axis=(0, 1, 2))
    assert blue > 200 and red < 40 and 90 < green < 160


@pytest.mark.parametrize("kind", ["missing", "empty", "broken", "cogvideox"])
def test_invalid_scenes_are_an_error_in_one_line(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    scenes = tmp_path / "scenes"
    if kind != "missing":
        scenes.mkdir()
    if kind == "broken":
        (scenes / "broken.fs").write_text(BROKEN)
    generator = ("--generator", "cogvideox") if kind == "cogvideox" else ()
    ran = aimv("export", wav(tone(3.0)), "-o", tmp_path / "a.mp4", "--scenes", scenes, *generator)
    assert ran.status == 2
    assert len(ran.err.strip().splitlines()) <= 2 and "scenes" in ran.err
    assert not (tmp_path / "a.mp4").exists()


def test_sung_words_are_set_in_type_when_they_are_sung(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    path = tmp_path / "song.score.jsonl"
    assert aimv("score", wav(tone(4.0)), "-o", path).status == 0
    head, *shots = path.read_text("utf-8").splitlines()
    sung = json.loads(shots[0]) | {"words": "my heart", "times": [0.5, 1.5]}
    path.write_text("\n".join([head, json.dumps(sung), *shots[1:]]), "utf-8")
    for name, options in (("plain", ()), ("type", ("--lettering",))):
        ran = aimv("export", path, "-o", tmp_path / f"{name}.mp4", "--size", "320x180", "--fps", "10", *options)
        assert ran.status == 0, ran.err
    written = np.abs(frames(tmp_path / "type.mp4").astype(int) - frames(tmp_path / "plain.mp4")).mean(axis=(1, 2, 3))
    assert min(written[8], written[18]) > 1.5
    assert written[:5].max() < 0.5 * written[8], "no word yet; an encoder that looks ahead differs a little"


def test_reaction_is_a_knob(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    song = wav(clicks([0.5, 1.2, 1.9, 2.6], 3.5))
    largest = []
    for amount in (0, 1, 2):
        out = tmp_path / f"{amount}.mp4"
        assert aimv("export", song, "-o", out, "--size", "64x64", "--reaction", amount).status == 0
        largest.append(np.diff(frames(out).mean(axis=(1, 2, 3))).max())
    assert largest[0] < largest[1] < largest[2]
    refused = aimv("export", song, "-o", tmp_path / "x.mp4", "--reaction", "3")
    assert refused.status == 2 and "from 0 to 2" in refused.err


def test_a_song_of_strobes_stays_within_the_flash_limit(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    """Twelve strokes a second, full scenes, reaction at its highest: no frame at fault."""
    song = wav(clicks([0.25 + k / 12 for k in range(90)], 8.0))
    out = tmp_path / "a.mp4"
    assert aimv("export", song, "-o", out, "--size", "320x180", "--fps", "30", "--reaction", "2").status == 0
    meter = FlashMeter(30.0)
    assert sum(meter.add(frame) for frame in frames(out)) == 0


def test_a_scene_that_strobes_is_held_back(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    (scenes / "strobe.fs").write_text(STROBE)
    out = tmp_path / "a.mp4"
    song = wav(clicks([0.25 + k / 12 for k in range(40)], 4.0))
    ran = aimv("export", song, "-o", out, "--size", "160x90", "--fps", "30", "--scenes", scenes)
    assert ran.status == 0, ran.err
    shown = frames(out)
    meter = FlashMeter(30.0)
    assert sum(meter.add(frame) for frame in shown) == 0
    assert np.ptp(shown.mean(axis=(1, 2, 3))) > 100, "some of it is seen all the same"
