"""The Python API: models stay loaded, files and arrays, streaming rows, no setting is silently ignored."""

import ast
import dataclasses
import importlib
import inspect
import re
import runpy
import subprocess
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
import soundfile
from numpy.typing import NDArray

import aimv
from aimv.app import listen as listen_module
from tests.conftest import HEART, tone


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models loaded during the test."""
    loaded: list[str] = []

    def count(name: str, load: Callable[..., Any]) -> None:
        def counted(*args: Any) -> Any:
            loaded.append(name)
            return load(*args)

        monkeypatch.setattr(listen_module, name, counted)

    count("load_whisper", listen_module.load_whisper)
    count("load_classifier", listen_module.load_classifier)
    return loaded


def test_an_analyzer_that_is_used_again_loads_nothing(wav: Callable[..., Path], loads: list[str]) -> None:
    song = wav(tone(3.0))
    with aimv.Analyzer() as analyzer:
        first = list(analyzer(song))
        assert sorted(loads) == ["load_classifier", "load_whisper"]
        assert list(analyzer(str(song))) == first
        assert len(analyzer.score(song).shots) == 1
        list(analyzer(song, live=True))
        assert len(loads) == 2


def test_the_one_line_functions_keep_their_models(wav: Callable[..., Path], loads: list[str]) -> None:
    song = wav(tone(2.0))
    for language in (None, "en"):
        assert list(aimv.listen(song, language=language))
        assert aimv.score(song, aimv.Settings(language=language)).shots
    assert len(loads) <= 2  # none where a test before this one has loaded them


@pytest.mark.parametrize("channels", [1, 2])
def test_an_array_is_analyzed_as_its_file_is(analyzer: aimv.Analyzer, wav: Callable[..., Path], channels: int) -> None:
    samples = np.stack([tone(2.0), 0.5 * tone(2.0)], axis=1)[:, :channels]
    rows = list(analyzer.analyze(wav(samples, subtype="FLOAT")))
    assert list(analyzer.analyze(samples.squeeze(), 44100)) == rows
    assert [row.analysis.start for row in rows] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(44100, np.int16), 44100, "int16"),
        (np.zeros(44100), None, "rate"),
        (np.zeros((2, 44100)), 44100, "44100 channels"),
        (np.zeros(0), 44100, "no sound"),
        ("song.wav", 44100, "rate of its own"),
    ],
)
def test_unreadable_sound_is_rejected_at_once(
    analyzer: aimv.Analyzer, samples: NDArray[Any] | str, rate: int | None, words: str
) -> None:
    with pytest.raises(aimv.AimvError, match=words):
        analyzer(samples, rate)


def test_live_rows_are_yielded_before_the_song_ends(analyzer: aimv.Analyzer, wav: Callable[..., Path]) -> None:
    analyzed: list[float] = []
    rows = analyzer(wav(tone(8.0)), live=True, on_progress=lambda done, total: analyzed.append(done))
    first = next(rows)
    assert first.analysis.end <= analyzed[-1] < 6.0
    assert [row.analysis.start for row in rows] == pytest.approx(range(1, 8))


@pytest.mark.parametrize("settings", [{"whisper": "tiny.en"}, {"language": "es"}])
def test_settings_for_another_model_are_rejected(
    analyzer: aimv.Analyzer, wav: Callable[..., Path], settings: dict[str, str]
) -> None:
    with pytest.raises(aimv.AimvError, match="the analyzer has its own") as caught:
        analyzer.score(wav(tone(2.0)), aimv.Settings(**settings))  # type: ignore[arg-type]
    assert caught.value.option in settings


SMALL = aimv.Settings(size="64x64", fps=10)


def frames(video: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_renderer_starts_its_workers_once(wav: Callable[..., Path], tmp_path: Path) -> None:
    started: list[int] = []

    def note(event: aimv.WorkerEvent) -> None:
        if event.state == "starting":
            started.append(event.pid)

    song = wav(tone(4.0))
    with aimv.Renderer("shader", on_worker=note) as renderer:
        score = renderer.export(song, tmp_path / "a.mp4", SMALL) and aimv.score(song)
        renderer.export(score, str(tmp_path / "b.mp4"), SMALL, start=1.0, duration=2.0)
        with pytest.raises(aimv.AimvError, match="nothing at 9 s") as caught:
            renderer.export(song, tmp_path / "c.mp4", SMALL, start=9.0)
        assert caught.value.option == "start"
        whole, part = frames(tmp_path / "a.mp4"), frames(tmp_path / "b.mp4")
        assert len(started) == 1
        assert psutil.pid_exists(started[0])
    assert not psutil.pid_exists(started[0])
    assert (len(whole), len(part)) == (40, 20)
    assert [picture.mean() for picture in part] == pytest.approx([picture.mean() for picture in whole[10:30]], abs=3)
    assert not (tmp_path / "c.mp4").exists()


async def test_a_renderer_works_where_an_event_loop_runs(wav: Callable[..., Path], tmp_path: Path) -> None:
    with aimv.Renderer("shader") as renderer:
        renderer.export(wav(tone(2.0)), tmp_path / "a.mp4", SMALL)
    assert len(frames(tmp_path / "a.mp4")) == 20


def test_an_error_of_the_pool_ends_the_export(
    wav: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("no more processes")

    song = wav(tone(2.5, hz=523.0))
    with aimv.Renderer("shader") as renderer:
        with monkeypatch.context() as patch, pytest.raises(OSError, match="no more processes"):
            patch.setattr("engine.render.process.RenderProcess.start", fail)
            renderer.export(song, tmp_path / "a.mp4", SMALL)
        assert renderer.export(song, tmp_path / "a.mp4", SMALL).exists()  # by a pool that is started again


@pytest.mark.parametrize(
    ("change", "owner"),
    [
        ({"style": "ink"}, "the score"),
        ({"seed": 7}, "the score"),
        ({"language": "es"}, "the score"),
        ({"whisper": "tiny.en"}, "the score"),
        ({"generator": "cogvideox"}, "the renderer"),
        ({"scenes": "scenes"}, "the renderer"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(
    wav: Callable[..., Path], tmp_path: Path, change: dict[str, Any], owner: str
) -> None:
    score = aimv.score(wav(tone(2.0)), aimv.Settings(style="oil", seed=3))
    with aimv.Renderer("shader") as renderer:
        with pytest.raises(aimv.AimvError, match=f"{owner} has its own") as caught:
            renderer.export(score, tmp_path / "a.mp4", dataclasses.replace(SMALL, **change))
        assert caught.value.option in change
        assert renderer.export(score, tmp_path / "a.mp4", dataclasses.replace(SMALL, style="oil", seed=3)).exists()


def test_the_song_and_the_score_are_not_written_over(wav: Callable[..., Path], tmp_path: Path) -> None:
    song = wav(tone(2.0))
    score = tmp_path / "song.score.jsonl"
    aimv.score(song).save(score)
    for source, out in ((song, song), (score, score), (score, song), (aimv.Score.load(score), song)):
        with pytest.raises(aimv.AimvError, match="is what the video is made from") as caught:
            aimv.export(source, out)
        assert caught.value.option == "out"


HEAVY = {"numpy", "cv2", "onnxruntime", "scipy", "av", "msgspec", "faster_whisper", "matplotlib", "zmq", "typer"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    show = "import sys, aimv; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    assert "aimv" in loaded
    assert not HEAVY & {module.partition(".")[0] for module in loaded}


def test_type_checkers_see_every_name() -> None:
    stub = ast.parse(Path(aimv.__file__ or "").with_suffix(".pyi").read_text("utf-8"))
    declared = {
        (each.module, name.asname) for each in stub.body if isinstance(each, ast.ImportFrom) for name in each.names
    }
    assert {name for _, name in declared} == set(aimv.__all__)
    for module, name in declared:
        assert getattr(aimv, name or "") is getattr(importlib.import_module(module or ""), name or "")


class ByName(dict[str, Any]):
    """Finds a name in an annotation that its own module imports for type checkers only."""

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(aimv, name)
        except AttributeError:
            raise KeyError(name) from None


def annotations(public: Any) -> Iterator[Any]:
    """The types of a function, or of a class's fields and public methods."""
    if inspect.isclass(public) or inspect.isfunction(public):
        yield from typing.get_type_hints(public, localns=ByName()).values()
    for name, member in vars(public).items() if inspect.isclass(public) else ():
        function = member.fget if isinstance(member, property) else inspect.unwrap(getattr(member, "__func__", member))
        if inspect.isfunction(function) and (not name.startswith("_") or name in ("__init__", "__call__")):
            yield from typing.get_type_hints(function, localns=ByName()).values()


def classes(annotation: Any) -> Iterator[type]:
    """The classes of the project that an annotation names."""
    if inspect.isclass(annotation) and annotation.__module__.partition(".")[0] in ("aimv", "engine"):
        yield annotation
    for part in annotation if isinstance(annotation, list) else typing.get_args(annotation):
        yield from classes(part)


@pytest.mark.parametrize("name", aimv.__all__)
def test_every_type_of_a_public_signature_is_public(name: str) -> None:
    for annotation in annotations(getattr(aimv, name)):
        for each in classes(annotation):
            assert getattr(aimv, each.__name__, None) is each, f"aimv.{name} uses {each.__module__}.{each.__name__}"


@pytest.mark.parametrize("public", [aimv, aimv.Analyzer, aimv.Renderer], ids=["aimv", "Analyzer", "Renderer"])
def test_the_examples_of_the_docstrings_run(public: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, rate = soundfile.read(HEART, frames=3 * 32000)
    for name in ("song", "one", "two"):
        soundfile.write(tmp_path / f"{name}.wav", samples, rate)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(?:^    .*\n|^\n)+", inspect.cleandoc(public.__doc__).partition("Raises:")[0], re.MULTILINE)
    code = "\n".join(textwrap.dedent(block) for block in blocks)
    assert public.__name__ in code
    exec(compile(code, public.__name__, "exec"), {name: getattr(aimv, name) for name in aimv.__all__})  # noqa: S102
    videos = {"aimv": {"song.mp4", "one.mp4", "two.mp4"}, "Renderer": {"one.mp4", "two.mp4"}}
    assert {path.name for path in tmp_path.glob("*.mp4")} == videos.get(public.__name__, set())


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    samples, rate = soundfile.read(HEART, frames=10 * 32000)
    soundfile.write(tmp_path / "heart.wav", samples, rate)
    example = HEART.with_name("python_api.py").read_text("utf-8").replace("320x180", "64x64")
    (tmp_path / "python_api.py").write_text(example, "utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(tmp_path / "python_api.py"))
    assert "the score has its own style, 'ink on paper'" in capsys.readouterr().out
    for video in ("heart.mp4", "heart-chorus.mp4"):
        assert len(frames(tmp_path / video)) == 4 * 24
