"""Scenes rendered by off-screen OpenGL: deterministic, in the palette, moving, never black."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import Cancelled, ModelError, RenderError
from engine.generators.scenes import SceneGenerator
from engine.render.protocol import Job
from engine.scenes import isf
from engine.scenes.gl import soft_size
from engine.scenes.selection import LIBRARY, scenes_digest

NAMES = sorted(path.stem for path in LIBRARY.glob("*.fs"))
TEAL = ("#008b8b", "#1d6fb0", "#2e9e5a", "#d8663c")


def job(*words: str, seed: int = 1, palette: tuple[str, ...] = TEAL, seconds: float = 0.5, size: int = 90) -> Job:
    return Job("shader", "", "", words, palette, seed, size * 16 // 9, size, 12.0, seconds)


def draw(generator: SceneGenerator, scene_job: Job) -> NDArray[np.uint8]:
    return np.stack(list(generator.render(scene_job, lambda: False, lambda share: None)))


@pytest.fixture(scope="module")
def generator() -> Iterator[SceneGenerator]:
    opened = SceneGenerator()
    yield opened
    opened.close()


@pytest.fixture
def only(generator: SceneGenerator, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], SceneGenerator]:
    """The generator with a single scene."""
    scenes = generator.library.scenes

    def restrict(name: str) -> SceneGenerator:
        monkeypatch.setattr(generator.library, "scenes", tuple(s for s in scenes if s.name == name))
        return generator

    return restrict


def lab(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(frames.reshape(-1, 1, 3).astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab))[:, 0]


def test_there_are_at_least_sixteen_families_and_all_load(generator: SceneGenerator) -> None:
    assert len(NAMES) >= 16
    assert generator.library.skipped == ()


@pytest.mark.parametrize("name", NAMES)
def test_every_scene_moves_and_is_deterministic(only: Callable[[str], SceneGenerator], name: str) -> None:
    scene_job = job("any", seconds=1.5)
    frames = draw(only(name), scene_job)
    assert frames.shape == (18, 90, 160, 3)
    assert np.array_equal(frames, draw(only(name), scene_job))
    assert frames.mean() > 30, "not black"
    assert frames[9].std() > 8, "not flat"
    motion = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    assert motion.min() > 0.15, "always moving"
    assert not np.array_equal(frames, draw(only(name), job("any", seconds=1.5, seed=2))), "varied by seed"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("colour", ["#dc143c", "#4b0082", "#2e8b57"])
def test_the_named_colour_rules(only: Callable[[str], SceneGenerator], name: str, colour: str) -> None:
    """The largest of five clusters in CIELAB lies near the named colour."""
    frames = draw(only(name), job("any", palette=(colour, *TEAL[1:]), seconds=1.0, size=72))
    pixels = lab(frames)[::29]
    cv2.setRNGSeed(1)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, labels, centres = cv2.kmeans(pixels, 5, None, criteria, 2, cv2.KMEANS_PP_CENTERS)
    dominant = centres[np.bincount(labels[:, 0]).argmax()]
    expected = lab(np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)]], np.uint8))[0]
    assert np.linalg.norm(dominant[1:] - expected[1:]) < 30, "hue and chroma"
    assert abs(dominant[0] - expected[0]) < 16, "lightness"


def test_scenes_differ_from_one_another(generator: SceneGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the two most alike differ far more than two moments of one shot."""
    small, within = {}, []
    for scene in generator.library.scenes:
        monkeypatch.setattr(generator.library, "scenes", (scene,))
        frames = draw(generator, job("any", seconds=0.5)).astype(np.float32)
        small[scene.name] = cv2.resize(frames[3], (32, 18), interpolation=cv2.INTER_AREA)
        within.append(np.abs(frames[2] - frames[3]).mean())
        monkeypatch.undo()
    names = list(small)
    apart = [np.abs(small[a] - small[b]).mean() for i, a in enumerate(names) for b in names[:i]]
    assert min(apart) > 6.0
    assert np.mean(apart) > 3 * np.mean(within)


def test_keywords_select_the_scene(generator: SceneGenerator) -> None:
    seen = {
        word: {generator.library.select(job(word, seed=s))[0].scene.name for s in range(8)}
        for word in ("impact", "wave", "techy", "canon", "deep", "bouncey", "floating", "vibrate", "pedaly", "heart")
    }
    assert seen["impact"] == {"impact"}
    assert seen["techy"] == {"tech"}
    assert seen["bouncey"] == {"bounce"}
    assert seen["pedaly"] == {"strings"}
    assert len({min(names) for names in seen.values()}) == len(seen), "each its own"


def test_an_error_in_a_scene_is_named_with_its_line_and_the_others_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "wrong.fs").write_text('/*{\n"DESCRIPTION": "x"\n}*/\nvoid main() {\n  gl_FragColor = nonsense;\n}\n')
    with pytest.raises(RenderError, match=r"^wrong: line 5: .*nonsense") as refused:
        SceneGenerator(tmp_path)
    assert "\n" not in str(refused.value)
    (tmp_path / "right.fs").write_text("/*{}*/ void main() { gl_FragColor = vec4(1.0); }")
    (tmp_path / "text.fs").write_text("no shader")
    partly = SceneGenerator(tmp_path)
    assert [scene.name for scene in partly.library.scenes] == ["right"]
    assert [line.split(":")[0] for line in partly.library.skipped] == ["text", "wrong"]


def test_line_numbers_survive_an_include(tmp_path: Path) -> None:
    (tmp_path / "lib.glsl").write_text("\n\n\n\nfloat one() { return 1.0; }\n")
    (tmp_path / "wrong.fs").write_text('/*{}*/\n#include "lib.glsl"\nvoid main() {\n  gl_FragColor = nonsense;\n}\n')
    with pytest.raises(RenderError, match="line 4: "):
        SceneGenerator(tmp_path)


def test_persistent_buffers_remember_and_passes_have_sizes(tmp_path: Path) -> None:
    (tmp_path / "count.fs").write_text(
        """/*{"PASSES": [{"TARGET": "sum", "PERSISTENT": true, "FLOAT": true, "WIDTH": 1, "HEIGHT": 1}, {}]}*/
void main() {
    if (PASSINDEX == 0) gl_FragColor = IMG_THIS_PIXEL(sum) + vec4(0.125);
    else gl_FragColor = vec4(IMG_NORM_PIXEL(sum, vec2(0.5)).r, IMG_SIZE(sum).x / 4.0, RENDERSIZE.x / 320.0, 1.0);
}
"""
    )
    frames = draw(SceneGenerator(tmp_path), job("x"))
    assert frames[:, 0, 0].tolist() == [[round(255 * 0.125 * (k + 1)), 64, 128] for k in range(6)]


def test_rows_are_top_down_and_channels_rgb(tmp_path: Path) -> None:
    (tmp_path / "up.fs").write_text("/*{}*/ void main() { gl_FragColor = vec4(isf_FragNormCoord.y, 0.0, 0.0, 1.0); }")
    frame = draw(SceneGenerator(tmp_path), job("x"))[0]
    assert frame[0, 0, 0] > 250 and frame[-1, 0, 0] < 5
    assert frame[..., 1:].max() == 0


def test_colour_inputs_take_the_palette_in_order(tmp_path: Path) -> None:
    (tmp_path / "two.fs").write_text(
        """/*{"INPUTS": [{"NAME": "one", "TYPE": "color"}, {"NAME": "two", "TYPE": "color"}]}*/
void main() { gl_FragColor = isf_FragNormCoord.x < 0.5 ? one : two; }"""
    )
    frame = draw(SceneGenerator(tmp_path), job("x", palette=("#102030", "#405060")))[0]
    assert frame[0, 0].tolist() == [0x10, 0x20, 0x30]
    assert frame[0, -1].tolist() == [0x40, 0x50, 0x60]


def test_the_background_is_visible_around_the_foreground(generator: SceneGenerator) -> None:
    """The middle is the foreground alone; the corners are the background's, dimmer and out of focus."""
    alone = draw(generator, job("wave", size=180, seconds=0.1))[0].astype(int)
    before = {
        word: draw(generator, msgspec.structs.replace(job("wave", size=180, seconds=0.1), background=(word,)))[0]
        for word in ("fire", "strings", "wave")
    }
    middle, corner = np.s_[75:105, 130:190], np.s_[:20, :40]
    for picture in before.values():
        assert np.abs(picture[middle] - alone[middle]).max() <= 1
        assert picture[corner].mean() < alone[corner].mean()
    assert np.abs(before["fire"][corner].astype(int) - before["strings"][corner]).mean() > 2
    assert generator.library.select(job("wave"))[0].scene.name == "wave"


def test_the_preset_half_draws_the_same_at_half_the_size(generator: SceneGenerator) -> None:
    """For machines that cannot keep up: a picture of the same scene, a quarter of the work."""
    whole = job("wave", size=180)
    small = draw(generator, msgspec.structs.replace(whole, preset="half"))
    assert small.shape[1:3] == (90, 160)
    shrunk = np.stack([cv2.resize(frame, (160, 90), interpolation=cv2.INTER_AREA) for frame in draw(generator, whole)])
    assert np.abs(shrunk.astype(int) - small).mean() < 6


def test_a_cancelled_job_ends_early(generator: SceneGenerator) -> None:
    polls: list[int] = []

    def cancelled() -> bool:
        polls.append(1)
        return len(polls) > 3

    taken = 0
    with pytest.raises(Cancelled):
        for _ in generator.render(job("wave", seconds=60.0), cancelled, lambda share: None):
            taken += 1
    assert taken == 3


@pytest.mark.parametrize(
    "scene_job",
    [
        job("x", seconds=0.0),
        job("x", seconds=float("nan")),
        job("x", size=0),
        job("x", palette=("red",)),
    ],
)
def test_impossible_jobs_are_refused(generator: SceneGenerator, scene_job: Job) -> None:
    with pytest.raises(RenderError):
        list(generator.render(scene_job, lambda: False, lambda share: None))


def test_without_opengl_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(**_: object) -> None:
        raise Exception("(standalone) cannot load libEGL")  # what moderngl raises

    monkeypatch.setattr("moderngl.create_context", missing)
    with pytest.raises(ModelError, match="libegl1 and libgl1-mesa-dri") as refused:
        SceneGenerator()
    assert "\n" not in str(refused.value)


def test_the_scene_that_the_documentation_teaches_draws(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "scenes.md").read_text(encoding="utf-8")
    (tmp_path / "ripples.fs").write_text(page.split("```glsl\n")[1].split("```")[0])
    (tmp_path / "lib.glsl").write_text((LIBRARY / "lib.glsl").read_text())
    frames = draw(SceneGenerator(tmp_path), job("ring"))
    assert frames.std() > 10


def test_a_later_folder_adds_scenes_and_replaces_those_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "snow.fs").write_text('/*{"KEYWORDS": ["confetti"]}*/ void main() { gl_FragColor = vec4(1.0); }')
    (tmp_path / "wave.fs").write_text('/*{"KEYWORDS": ["wave"]}*/ void main() { gl_FragColor = vec4(0.5); }')
    both = SceneGenerator(LIBRARY, tmp_path)
    assert {scene.name for scene in both.library.scenes} == {*NAMES, "snow"}
    assert draw(both, job("confetti")).min() == 255
    assert set(draw(both, job("wave")).ravel()) <= {127, 128}


def test_the_digest_changes_with_a_scene(tmp_path: Path) -> None:
    (tmp_path / "a.fs").write_text("one")
    before = scenes_digest(tmp_path)
    assert before == scenes_digest(tmp_path) != scenes_digest()
    (tmp_path / "a.fs").write_text("two")
    assert scenes_digest(tmp_path) != before


@pytest.mark.parametrize("name", [path.stem for path in sorted(LIBRARY.glob("*.fs")) if isf.load(path).soft])
def test_a_soft_scene_at_half_resolution_equals_full_resolution(
    only: Callable[[str], SceneGenerator], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Structural similarity (Wang et al. 2004) of light, at 1280x720; a scene too fine for it must not be soft."""
    scene_job = job("any", seconds=0.2, size=720)
    small = draw(only(name), scene_job)[-1]
    monkeypatch.setattr("engine.scenes.gl.soft_size", lambda width, height: (width, height))
    whole = draw(only(name), scene_job)[-1]
    assert small.shape == (360, 640, 3) and whole.shape == (720, 1280, 3)
    grown = cv2.resize(small, (1280, 720), interpolation=cv2.INTER_CUBIC)
    assert similarity(grown, whole) > 0.97


def similarity(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    a, b = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(np.float32) for each in (one, other))

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5))

    mean_a, mean_b, steady, lively = mean(a), mean(b), 0.01 * 255, 0.03 * 255
    both = mean(a * b) - mean_a * mean_b
    each = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    light = (2 * mean_a * mean_b + steady**2) / (mean_a**2 + mean_b**2 + steady**2)
    return float((light * (2 * both + lively**2) / (each + lively**2)).mean())


@pytest.mark.parametrize(
    ("shown", "drawn"), [((640, 360), (480, 270)), ((320, 180), (320, 180)), ((3840, 2160), (1920, 1080))]
)
def test_the_size_of_a_soft_scene(shown: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert soft_size(*shown) == drawn
