"""The shipped demo song matches its ground truth: length, level, sections, onsets."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = {"kick", "tom", "crash", "splash", "bass", "synth", "cello", "guitar", "vocal"}


@pytest.fixture(scope="module")
def song() -> tuple[NDArray[np.float64], int]:
    sound, rate = soundfile.read(EXAMPLES / "heart.wav", always_2d=True)
    return sound, rate


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXAMPLES / "heart.truth.json").read_text())
    return loaded


def level_db(sound: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(sound**2) + 1e-12))


def cut(sound: NDArray[np.float64], rate: int, start_s: float, end_s: float) -> NDArray[np.float64]:
    return sound[max(0, round(start_s * rate)) : round(end_s * rate)]


def rise_db(sound: NDArray[np.float64], rate: int, onset_s: float) -> float:
    after = cut(sound, rate, onset_s, onset_s + 0.05)
    before = cut(sound, rate, onset_s - 0.06, onset_s - 0.01)
    return level_db(after) - level_db(before)


def test_it_is_a_short_song_in_a_small_file(song: Any, truth: dict[str, Any]) -> None:
    sound, rate = song
    assert (EXAMPLES / "heart.wav").stat().st_size < 6_000_000
    assert 30 <= len(sound) / rate <= 45
    assert rate == truth["sample_rate"]
    assert len(sound) / rate == pytest.approx(truth["duration_s"], abs=0.001)


def test_it_does_not_clip_and_ends_in_silence(song: Any) -> None:
    sound, rate = song
    assert 0.5 < np.abs(sound).max() < 0.95
    assert level_db(sound[-rate // 20 :]) < -60


def test_sections_cover_the_song_without_gaps(truth: dict[str, Any]) -> None:
    sections = truth["sections"]
    assert sections[0]["start_s"] == 0
    assert sections[-1]["end_s"] == truth["duration_s"]
    assert all(a["end_s"] == b["start_s"] for a, b in pairwise(sections))
    assert {tuple(s["instruments"]) for s in sections} == {
        ("kick", "bass", "tom"), ("crash", "splash", "synth"), ("cello", "vocal", "guitar")
    }  # fmt: skip


def test_loud_sections_are_louder_than_quiet_ones(song: Any, truth: dict[str, Any]) -> None:
    sound, rate = song
    levels = {"loud": [], "quiet": []}
    for section in truth["sections"]:
        levels[section["loudness"]].append(level_db(cut(sound, rate, section["start_s"], section["end_s"])))
    assert min(levels["loud"]) > max(levels["quiet"]) + 6


@pytest.mark.parametrize("label", sorted(LABELS))
def test_an_instrument_sounds_in_its_own_sections_only(label: str, truth: dict[str, Any]) -> None:
    spans = truth["instruments"][label]
    for section in truth["sections"]:
        inside = [s for s in spans if section["start_s"] <= s["start_s"] < section["end_s"] - 0.1]
        sung = label == "vocal" and section["voice"] == "sung"
        assert bool(inside) == (label in section["instruments"] or sung)


def test_each_of_three_instruments_sounds_in_nearly_every_second(truth: dict[str, Any]) -> None:
    for section in truth["sections"]:
        seconds = np.arange(np.ceil(section["start_s"]), np.floor(min(section["end_s"], truth["beats"][-1])))
        for label in section["instruments"]:
            spans = truth["instruments"][label]
            sounding = [any(s["start_s"] < t + 0.9 and s["end_s"] > t + 0.1 for s in spans) for t in seconds]
            assert np.mean(sounding) >= 0.9, (section["name"], label)


def test_cymbals_sound_at_their_true_onsets(song: Any, truth: dict[str, Any]) -> None:
    sound, rate = song
    bright = sosfilt(butter(4, 8000, "highpass", fs=rate, output="sos"), sound.mean(axis=1))
    rises = [rise_db(bright, rate, s["start_s"]) for s in truth["instruments"]["crash"]]
    assert np.median(rises) > 3
    assert rise_db(bright, rate, truth["sections"][1]["start_s"]) > 12


def test_kicks_sound_at_their_true_onsets(song: Any, truth: dict[str, Any]) -> None:
    sound, rate = song
    low = sosfilt(butter(4, 110, fs=rate, output="sos"), sound.mean(axis=1))
    kicks = [s["start_s"] for s in truth["instruments"]["kick"]]
    between = [level_db(cut(low, rate, t - 0.06, t - 0.01)) for t in kicks[1:]]
    after = [level_db(cut(low, rate, t + 0.01, t + 0.08)) for t in kicks[1:]]
    assert np.median(np.subtract(after, between)) > 3


def test_heart_is_sung_in_both_choruses_and_nowhere_else(truth: dict[str, Any]) -> None:
    hearts = [w for w in truth["words"] if w["text"] == "heart"]
    assert len(hearts) >= 8
    for section in truth["sections"]:
        middles = [(w["text"], (w["start_s"] + w["end_s"]) / 2) for w in truth["words"]]
        inside = {text for text, middle in middles if section["start_s"] <= middle < section["end_s"]}
        assert ("heart" in inside) == (section["voice"] == "sung")
        assert section["words"] == sorted(inside)


def test_beats_are_even_and_on_the_kick(truth: dict[str, Any]) -> None:
    beats = np.array(truth["beats"])
    assert np.allclose(np.diff(beats), 60 / truth["bpm"], atol=0.001)
    kicks = np.array([s["start_s"] for s in truth["instruments"]["kick"]])
    downbeats = [b for b in beats if np.abs(kicks - b).min() < 0.001]
    assert len(downbeats) >= 14


def test_composing_gives_the_same_notes_again(truth: dict[str, Any]) -> None:
    pytest.importorskip("mido")
    from tools.release.demo.arrangement import seconds, tracks  # noqa: PLC0415

    expected = [s["start_s"] for s in truth["instruments"]["guitar"]]
    played = [round(seconds(n.start), 3) for p in tracks() if p.label == "guitar" for n in p.notes]
    assert sorted(played) == expected
