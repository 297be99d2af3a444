"""`aimv listen`: table, JSON Lines, picture; offline and causal analysis of a file."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console

from aimv.app.listen import Row
from aimv.cli.listen import print_row
from engine.analysis.instruments import OnnxClassifier
from tests.conftest import HEART, Ran, clicks, tone

Aimv = Callable[..., Ran]
TRUTH = json.loads(HEART.with_name("heart.truth.json").read_text("utf-8"))


def rows(ran: Ran) -> list[dict[str, Any]]:
    assert ran.status == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


@pytest.fixture(scope="module")
def analyzed_rows() -> list[Row]:
    """The example song as the library hears it."""
    import aimv  # noqa: PLC0415 - after the cache is set

    return list(aimv.listen(HEART))


@pytest.fixture(scope="module")
def json_rows(analyzed_rows: list[Row]) -> list[dict[str, Any]]:
    """The same rows as --json --all prints."""
    return [row.as_json(with_probabilities=True) for row in analyzed_rows]


def test_rows_cover_the_song_second_by_second(json_rows: list[dict[str, Any]], classifier: OnnxClassifier) -> None:
    assert [row["start"] for row in json_rows] == [float(k) for k in range(len(json_rows))]
    assert json_rows[-1]["end"] == pytest.approx(TRUTH["duration_s"], abs=0.01)
    for row in json_rows:
        assert set(row["probabilities"]) == set(classifier.labels)
        assert len(row["instruments"]) == 3
        assert row["confident"] == sum(i["confidence"] >= 0.7 for i in row["instruments"])
        assert row["sentence"].endswith(" color palette.")
        assert all(row["start"] <= beat < row["end"] for beat in row["beats"])
        assert all(row["start"] <= word["start"] < row["end"] for word in row["words"])


def test_the_sung_word_is_transcribed_in_every_chorus(json_rows: list[dict[str, Any]]) -> None:
    words = [(word["start"], word["text"].lower().strip(".,!?")) for row in json_rows for word in row["words"]]
    for section in TRUTH["sections"]:
        times = [time for time, text in words if text == "heart" and section["start_s"] <= time < section["end_s"]]
        assert bool(times) == ("heart" in section["words"]), (section["name"], words)


def test_two_of_three_instruments_are_named_in_every_section(json_rows: list[dict[str, Any]]) -> None:
    for section in TRUTH["sections"]:
        inside = [
            row
            for row in json_rows
            if row["start"] >= section["start_s"] - 0.2 and row["end"] <= section["end_s"] + 0.2
        ]
        named = {i["name"] for row in inside for i in row["instruments"][: row["confident"]]}
        assert len(named & set(section["instruments"])) >= 2, (section["name"], named)


def test_loud_and_quiet_sections_are_distinguished(json_rows: list[dict[str, Any]]) -> None:
    for section in TRUTH["sections"][1:]:
        inside = [row for row in json_rows if row["start"] >= section["start_s"] and row["end"] <= section["end_s"]]
        share = np.mean([row["loudness"] == section["loudness"] for row in inside])
        assert share >= 0.5, section["name"]


def test_json_on_the_command_line(aimv: Aimv, wav: Callable[..., Path]) -> None:
    printed = rows(aimv("listen", wav(tone(2.5)), "--json", "--hop", "0.5"))
    assert [row["start"] for row in printed] == [0.0, 0.5, 1.0, 1.5]
    assert "probabilities" not in printed[0]
    assert printed[0]["frequency_hz"] == pytest.approx(440, abs=0.5)
    assert printed[0]["colour"] == "red"
    assert "probabilities" in rows(aimv("listen", wav(tone(1)), "--json", "--all"))[0]


def test_live_words_are_committed_after_their_end(aimv: Aimv) -> None:
    printed = rows(aimv("listen", HEART, "--live", "--json", "--language", "en"))
    words = [word for row in printed for word in row["words"]]
    assert any("heart" in word["text"].lower() for word in words)
    assert all(word["committed"] >= word["end"] - 0.5 for word in words)


def test_silence_has_no_words_and_is_called_silence(aimv: Aimv, wav: Callable[..., Path]) -> None:
    for row in rows(aimv("listen", wav(np.zeros(44100 * 3, np.float32)), "--json")):
        assert (row["words"], row["lufs"], row["frequency_hz"], row["hex"]) == ([], -70.0, 0.0, "#000000")
        assert row["sentence"].startswith("Silence, ")


def test_beats_of_a_click_track(aimv: Aimv, wav: Callable[..., Path]) -> None:
    truth = [0.5 + 0.5 * k for k in range(23)]
    beats = [beat for row in rows(aimv("listen", wav(clicks(truth, 12.5)), "--json")) for beat in row["beats"]]
    assert sum(min(abs(beat - t) for t in truth) < 0.05 for beat in beats) >= 20


def test_the_table_is_for_people(aimv: Aimv, wav: Callable[..., Path]) -> None:
    ran = aimv("listen", wav(tone(2)))
    assert ran.status == 0
    assert "instruments" in ran.out.splitlines()[0]
    assert ran.out.count("color palette.") == 2


def test_the_table_shows_each_word_with_its_start(analyzed_rows: list[Row]) -> None:
    printed = io.StringIO()
    sung = next(row for row in analyzed_rows if row.analysis.words)
    print_row(Console(file=printed, highlight=False, markup=False), sung, first=False)
    assert all(f"{word.start:.2f} {word.text}" in printed.getvalue() for word in sung.analysis.words)


def test_the_plot_is_a_picture(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    ran = aimv("listen", wav(tone(3)), "--plot", tmp_path / "out.png")
    assert ran.status == 0, ran.err
    picture = cv2.imread(str(tmp_path / "out.png"))
    assert picture is not None
    assert picture.shape[0] > 500
    assert picture.std() > 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--hop", "0"), "hop"),
        (("--hop", "2"), "hop"),
        (("--language", "klingon"), "no language"),
        (("--all",), "(see --all)"),
        (("--plot", "out.gif"), ".png (see --plot)"),
        (("--plot", "/no/such/folder/out.png"), "choose another (see --plot)"),
        (("--whisper", "nosuch"), "nosuch"),
        (("--wrong",), "--wrong"),
    ],
)
def test_invalid_options_are_an_error_in_one_line(
    aimv: Aimv, wav: Callable[..., Path], options: tuple[str, ...], words: str
) -> None:
    ran = aimv("listen", wav(tone(1)), *options)
    assert ran.status in (1, 2)
    assert (ran.out, ran.err.count("\n")) == ("", 1)
    assert words in ran.err
