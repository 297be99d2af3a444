"""The generator registry: selection by capabilities, and a new generator as one folder and one line."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest

from aimv.language.score import Score, ScoreHeader, Shot
from engine.errors import MissingExtra, ModelError, UsageError
from engine.generators import registry
from engine.generators.base import GeneratorSpec, Level, ModelInfo
from engine.generators.fake import FakeGenerator
from engine.generators.registry import check_preset, listed, select_generator
from tests.conftest import ROOT, tone

LIGHT = """
import sys, engine.generators.registry
print(*({"torch", "diffusers", "moderngl", "numpy", "cv2", "huggingface_hub"} & set(sys.modules)))
"""
TOY = '''
"""A generator of one colour."""

import numpy as np

from engine.generators.base import FrameStream, GeneratorSpec, ModelInfo


class Toy:
    def render(self, job, cancelled, progress):
        count = round(job.seconds * job.fps)
        level = 250 if job.preset == "bright" else 10
        frame = np.full((job.height, job.width, 3), level, np.uint8)
        return FrameStream(job.fps, count, iter([frame] * count))

    def close(self):
        pass


SPEC = GeneratorSpec(
    name="toy",
    summary="one colour",
    licence="Apache-2.0",
    find_model=lambda model, scenes: ModelInfo(model),
    create=lambda model, index: Toy(),
    presets=("bright", "dark"),
)
'''


def absent(model: str, scenes: str) -> ModelInfo:
    raise ModelError(f"the model {model} is not here")


def spec(name: str, **named: Any) -> GeneratorSpec:
    """A spec whose model is always there, unless `named` says otherwise."""
    found = {"find_model": lambda model, scenes: ModelInfo(model), "create": lambda model, index: FakeGenerator()}
    return GeneratorSpec(name=name, summary="", licence="", **(found | named))


@pytest.fixture
def generators(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put these specs into the registry, in place of those that are there."""
    return lambda *specs: monkeypatch.setattr(registry, "GENERATORS", specs)


def test_the_registry_is_imported_without_any_model_library() -> None:
    ran = subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_no_product_file_outside_the_generators_names_one() -> None:
    """ "shader" is GLSL's own word, too: it is a generator where it is quoted, or beside the word generator."""
    names = [spec.name for spec in listed()]
    either = "|".join(names)
    words = "|".join(name for name in names if name != "shader")
    pattern = re.compile(
        rf"\b({words})\b|[\"'`]({either})[\"'`]|generators?[ .=]+({either})\b|\b({either}) generator", re.IGNORECASE
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for room in ("aimv", "engine")
        for path in sorted((ROOT / room).rglob("*.py"))
        if (ROOT / "engine" / "generators") not in path.parents
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_a_generator_is_one_folder_and_one_line(wav: Callable[..., Path], tmp_path: Path) -> None:
    """In a copy of the product: its name and its presets are then options, and `aimv export` renders with it."""
    for room in ("aimv", "engine"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "engine" / "generators" / "toy"
    folder.mkdir()
    (folder / "__init__.py").write_text(TOY)
    lines = tmp_path / "engine" / "generators" / "registry.py"
    before = lines.read_text("utf-8")
    lines.write_text(before.replace('        "fake",\n', '        "fake",\n        "toy",\n'), "utf-8")
    song = wav(tone(2.0))
    shot = Shot(0.0, 2.0, "A wall.", "quiet", None, (), ("wave",), "crimson", "#dc143c", 1)
    Score(ScoreHeader.of(song, 2.0, "", 0), (shot,)).save(tmp_path / "a.score.jsonl")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}

    def aimv(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "aimv", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    def export(preset: str) -> float:
        ran = aimv(
            "export", "a.score.jsonl", "-o", "a.mp4", "--generator", "toy", "--preset", preset, "--size", "64x64"
        )
        assert ran.returncode == 0, ran.stderr
        assert "toy was asked for" in ran.stderr
        with av.open(str(tmp_path / "a.mp4")) as container:
            frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        assert len(frames) == 48
        return float(frames[24].mean())

    assert export("bright") > 200
    assert export("dark") < 50
    refused = aimv("export", "a.score.jsonl", "--generator", "toy", "--preset", "quality")
    assert refused.returncode == 2
    assert "bright, dark" in refused.stderr


def test_auto_selects_the_first_available_generator_with_a_reason(generators: Callable[..., None]) -> None:
    generators(spec("one", find_model=absent, default_model="m/m"), spec("two"), spec("three"))
    selection = select_generator()
    assert (selection.generator, selection.reason) == ("two", "two, because the model m/m is not here")
    assert selection.runs_here


def test_auto_skips_generators_that_need_a_gpu_without_one(
    generators: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    generators(spec("one", needs_gpu=True), spec("two", needs_gpu=True), spec("three"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert select_generator().reason == "three, because there is no CUDA device"
    assert select_generator("one").generator == "one", "selected although it is slow"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert select_generator().generator == "one"


def test_an_unavailable_generator_is_an_error_only_if_selected(generators: Callable[..., None]) -> None:
    def bare(model: str, scenes: str) -> ModelInfo:
        raise MissingExtra("the generator one", "one")

    generators(spec("one", find_model=bare), spec("two"))
    assert select_generator().generator == "two"
    with pytest.raises(MissingExtra):
        select_generator("one")


def test_other_hosts_may_have_a_model_that_this_one_has_not(generators: Callable[..., None]) -> None:
    def remote_model(model: str) -> ModelInfo:
        return ModelInfo(model, image_start=True)

    generators(spec("one", find_model=absent, remote_model=remote_model, needs_gpu=True), spec("two"))
    for name in ("auto", "one"):
        selection = select_generator(name, "m/m", remote=True)
        assert (selection.generator, selection.model) == ("one", ModelInfo("m/m", image_start=True))
        assert not selection.runs_here
    assert select_generator("two", remote=True).runs_here


def test_scenes_select_a_generator_that_takes_them(generators: Callable[..., None]) -> None:
    generators(spec("one"), spec("two", takes_scenes=True))
    assert select_generator(scenes="folder").generator == "two"
    with pytest.raises(UsageError, match="one draws no folder of scenes; two does") as refused:
        select_generator("one", scenes="folder")
    assert refused.value.option == "scenes"


def test_an_unknown_name_and_a_preset_of_another_generator_are_refused(generators: Callable[..., None]) -> None:
    generators(spec("one", presets=("fine", "fast")), spec("two"), spec("hidden", listed=False))
    with pytest.raises(UsageError, match=r"no generator is called 'three'; there are auto, one, two$") as refused:
        select_generator("three")
    assert refused.value.option == "generator"
    check_preset("auto", "fast")
    check_preset("two", "")
    with pytest.raises(UsageError, match="two has no presets"):
        check_preset("two", "fast")
    with pytest.raises(UsageError, match="there are fine, fast") as unknown:
        check_preset("auto", "faster")
    assert unknown.value.option == "preset"


def test_a_chosen_preset_is_the_only_level(generators: Callable[..., None]) -> None:
    levels = (Level("fine", 1.0), Level("fast", 0.2))
    one = spec("one", presets=("fine", "fast", "small"), levels=levels)
    assert one.levels_for("") == levels
    assert one.levels_for("small") == (Level("small", 1.0),)
    assert spec("two").levels_for("small") == (Level("", 1.0),), "of another generator"


def test_capabilities_are_stated_in_words() -> None:
    spec = registry.find_spec("fake")
    streaming = msgspec.structs.replace(spec, needs_gpu=True, streams=True, takes_scenes=False)
    assert streaming.capabilities.startswith("needs a GPU; streams")
    assert "streams" not in spec.capabilities
