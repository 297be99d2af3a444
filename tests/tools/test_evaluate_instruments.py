"""Evaluation of the classifier on recordings and on public data sets through mirdata."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import datasets
from tools.evaluate import __main__ as evaluate_instruments

# The other labels have 0.5.
THRESHOLDS = {"piano": 0.3}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("an evaluation went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command on a folder; the lines of its table and its figures."""
    model = datasets.write_classifier(tmp_path / "model.onnx", THRESHOLDS)

    def run(*arguments: str) -> tuple[list[str], dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["evaluate_instruments.py", *arguments, "--model", str(model)])
        evaluate_instruments.main()
        *table, last = capsys.readouterr().out.splitlines()
        return table, json.loads(last)

    return run


def line_of(table: list[str], name: str) -> list[str]:
    """The cells behind `name` in the (first) table."""
    line = next(line for line in table if line.startswith(f"{name} "))
    return line.removeprefix(name).split()


def test_recordings_by_the_second(evaluate: Any, tmp_path: Path) -> None:
    case = tmp_path / "folder" / "song"
    bass = [0.9, 0.8, 0.72, 0.6, 0.45, 0.5, 0.1, 0.1, 0.1, 0.1]  # the first five have one
    datasets.write_sound(case / "mix.flac", [{"bass": level} for level in bass])
    windows = [
        {"start_s": second, "sources": ["bass"] if second < 5 else [], "drum_hits": [], "unsure": []}
        for second in range(10)
    ]
    (case / "windows.json").write_text(json.dumps(windows))
    table, figures = evaluate(str(tmp_path / "folder"))
    assert list(figures["labels"]) == ["bass"]
    assert figures["mean_auc"] == pytest.approx(24 / 25)  # one pair of 25 the wrong way round
    assert figures["labels"]["bass"]["recall70"] == pytest.approx(3 / 5)
    assert figures["windows"] == 10
    assert line_of(table, "bass")[1] == "0.960"
    # Smoothing over time resolves the uncertain end of the bass.
    assert figures["in_a_file"]["mean_auc"] == 1.0


def test_medley_solos_db(evaluate: Any, tmp_path: Path) -> None:
    pytest.importorskip("mirdata")
    datasets.medley_solos_db(
        tmp_path,
        [
            ("test", "distorted electric guitar", [{"guitar": 0.6, "piano": 0.2}] * 3),
            ("test", "distorted electric guitar", [{"guitar": 0.6, "piano": 0.3}, {"piano": 0.5}, {"piano": 0.5}]),
            ("test", "flute", [{"flute": 0.3}] * 3),
            ("test", "clarinet", [{"flute": 0.9}] * 3),
            ("training", "violin", []),
        ],
    )
    table, figures = evaluate("--dataset", "medley_solos_db", str(tmp_path))
    assert figures["classes"] == {"distorted electric guitar": 0.5, "flute": 1.0}
    assert figures["mean_accuracy"] == 0.75
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["windows"] == 9  # three clips of 3 s: the clarinet is omitted
    assert line_of(table, "distorted electric guitar") == ["guitar", "2", "0.500", "piano"]
    assert "left out, for want of a label: clarinet" in table


def test_irmas(evaluate: Any, tmp_path: Path) -> None:
    pytest.importorskip("mirdata")
    datasets.irmas(
        tmp_path,
        [
            (["gel", "voi"], [{"guitar": 0.8, "vocal": 0.7}] * 2),
            (["cla"], [{"sax": 0.9}] * 2),
            (["pia", "gac"], [{"piano": 0.95}, {"guitar": 0.8}]),  # a piano in one window of three
        ],
    )
    table, figures = evaluate("--dataset", "irmas", str(tmp_path))
    assert figures["clips"] == 3
    assert figures["windows"] == 9  # 2.6 s are three windows, the last filled up
    piano = figures["classes"]["piano"]
    assert (piano["precision"], piano["recall"], piano["f1"], piano["f1_half"]) == (1.0, 1.0, 1.0, 0.0)
    assert figures["classes"]["guitar"]["share"] == pytest.approx(2 / 3)
    # True positives: one guitar of two, voice, piano; false positive: saxophone.
    assert figures["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1 + 1) / 9)
    assert line_of(table, "voice") == ["vocal", "0.333", "1.000", "1.000", "1.000", "1.000"]
    assert "left out, for want of a label: clarinet" in table


def test_openmic2018(evaluate: Any, tmp_path: Path) -> None:
    pytest.importorskip("mirdata")
    datasets.openmic2018(
        tmp_path,
        [
            ("test", {"piano": 1.0, "trumpet": 0.9, "banjo": 1.0}, [{"piano": 0.9, "brass": 0.1}] * 2),
            ("test", {"piano": 0.1, "trumpet": 0.2}, [{"piano": 0.6, "brass": 0.5}] * 2),
            ("test", {"piano": 0.6, "drums": 0.7}, [{"piano": 0.4, "crash": 0.8}] * 2),
            ("test", {"drums": 0.0}, [{"piano": 0.8}] * 2),  # the piano is not annotated
            ("train", {"piano": 1.0}, []),
        ],
    )
    table, figures = evaluate("--dataset", "openmic2018", str(tmp_path))
    classes = figures["classes"]
    assert classes["piano"]["clips"] == 3
    assert classes["piano"]["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert classes["trumpet"]["average_precision"] == pytest.approx(1 / 2)
    assert classes["drums"]["average_precision"] == 1.0
    assert set(classes) == {"piano", "trumpet", "drums"}  # of the others nothing is there
    assert figures["map"] == pytest.approx((5 / 6 + 1 / 2 + 1) / 3)
    assert line_of(table, "piano")[:3] == ["3", "0.667", "0.833"]
    assert any("accordion, banjo, clarinet, mallet_percussion, mandolin, ukulele" in line for line in table)


def test_slakh(evaluate: Any, tmp_path: Path) -> None:
    pytest.importorskip("mirdata")
    nothing: dict[str, float] = {}
    datasets.slakh(
        tmp_path,
        {
            "S00": (33, [{"bass": 0.4}, {"bass": 0.6}, {"bass": 0.03}, nothing, {"bass": 0.45}]),
            "S01": (128, [{"kick": 0.2}, {"snare": 0.6}, {"snare": 0.6}, nothing, nothing]),
            "S02": (1, [nothing, nothing, {"piano": 0.4}, nothing, nothing]),
            "S03": (52, [{"vocal": 0.1}, {"vocal": 0.1}, {"vocal": 0.1}, nothing, nothing]),
            "S04": (103, None),
        },
    )
    table, figures = evaluate("--dataset", "slakh", str(tmp_path))
    assert (figures["songs"], figures["windows"]) == (1, 4)  # the fourth second is silent
    bass, drums = figures["classes"]["bass"], figures["classes"]["drums"]
    assert bass["share"] == 0.75  # in the third second it is 26 dB under the rest
    assert (bass["precision"], bass["recall"]) == (1.0, pytest.approx(1 / 3))
    assert bass["auc"] == 1.0
    assert (drums["share"], drums["precision"], drums["recall"]) == (0.75, 1.0, pytest.approx(2 / 3))
    assert drums["f1"] == pytest.approx(0.8)
    assert drums["always_yes"] == pytest.approx(2 * 0.75 / 1.75)
    assert figures["classes"]["piano"]["f1"] == 1.0
    assert figures["classes"]["piano"]["f1_half"] == 0.0
    assert figures["classes"]["guitar"]["auc"] is None
    assert line_of(table, "drums")[:4] == ["0.750", "1.000", "0.667", "0.800"]


def error_line(evaluate: Any, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which the command ends."""
    with pytest.raises(SystemExit) as end:
        evaluate(*arguments)
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "away"),
    [
        ("medley_solos_db", "annotation/Medley-solos-DB_metadata.csv"),
        ("medley_solos_db", "audio/*.wav"),
        ("irmas", "IRMAS-TestingData-Part1/Part1/*.txt"),
        ("openmic2018", "partitions/split01_test.csv"),
        ("openmic2018", "audio/*/*.ogg"),
        ("slakh", "slakh2100_flac_redux/test/*/stems/S00.flac"),
        ("slakh", "slakh2100_flac_redux/test/*/metadata.yaml"),
    ],
)
def test_a_missing_file_is_named(
    evaluate: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, away: str
) -> None:
    pytest.importorskip("mirdata")
    contents: dict[str, Any] = {
        "medley_solos_db": [("test", "flute", [{"flute": 0.5}])],
        "irmas": [(["flu"], [{"flute": 0.5}])],
        "openmic2018": [("test", {"flute": 1.0}, [{"flute": 0.5}]), ("train", {"flute": 1.0}, [])],
        "slakh": {"S00": (33, [{"bass": 0.5}])},
    }
    getattr(datasets, name)(tmp_path, contents[name])
    [path] = tmp_path.glob(away)
    path.unlink()
    line = error_line(evaluate, capsys, "--dataset", name, str(tmp_path))
    assert "missing" in line
    assert str(path) in line


@pytest.mark.parametrize("name", ["medley_solos_db", "irmas", "openmic2018", "slakh"])
def test_a_missing_index_is_not_downloaded(
    evaluate: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mirdata = pytest.importorskip("mirdata")
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(mirdata.core.Index, "get_path", lambda self: str(elsewhere / self.filename))
    (tmp_path / "slakh2100_flac_redux").mkdir()
    line = error_line(evaluate, capsys, "--dataset", name, str(tmp_path))
    assert f"neither in {tmp_path} nor in {elsewhere}" in line
    assert ".download(['index'])" in line


def test_a_folder_without_the_data_set(evaluate: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mirdata")
    assert "no folder" in error_line(evaluate, capsys, "--dataset", "irmas", str(tmp_path / "nowhere"))
    assert "babyslakh_16k" in error_line(evaluate, capsys, "--dataset", "slakh", str(tmp_path))
    assert "windows.json" in error_line(evaluate, capsys, str(tmp_path))
