"""Beats and onsets scored by mir_eval over a folder of recordings."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import clicks
from tools.evaluate import beats as evaluate_beats

SONG_S, RATE = 14.0, 22_050


def recording(folder: Path, beats: list[float], onsets: list[float]) -> None:
    """Clicks at `onsets`, annotated as two simultaneous drums; annotated beats at `beats`."""
    folder.mkdir(parents=True)
    soundfile.write(folder / "mix.flac", clicks(onsets, SONG_S, RATE), RATE)
    (folder / "beats.txt").write_text("".join(f"{time:.3f}\t{1 + place % 4}\n" for place, time in enumerate(beats)))
    rows = [f"{time + late:.3f},{drum}\n" for time in onsets for late, drum in ((0.0, "kick"), (0.012, "hihat"))]
    (folder / "drum_onsets.csv").write_text("time_s,drum\n" + "".join(rows))


def test_beats_and_onsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mir_eval")
    beats = [float(beat) for beat in np.arange(0.4, SONG_S - 0.2, 0.5)]
    recording(tmp_path / "right", beats, beats)
    recording(tmp_path / "wrong", [beat + 0.25 for beat in beats], beats)  # annotated between the clicks
    monkeypatch.setattr(sys, "argv", ["evaluate_beats.py", str(tmp_path)])
    evaluate_beats.main()
    *table, last = capsys.readouterr().out.splitlines()
    rows = {tuple(line.split()[:2]): [float(cell) for cell in line.split()[2:] if cell != "-"] for line in table[1:]}
    for how in ("file", "live"):
        right, wrong = rows["right", how], rows["wrong", how]
        assert right[0] > 0.9  # F
        assert wrong[0] == 0.0
        assert (wrong[3], wrong[5]) == (0.0, pytest.approx(1.0, abs=0.1))  # only allowing beats off the beat
        assert min(right[6:9]) > 0.9  # onsets: the two drums are one stroke
    assert rows["right", "live"][9] > 0.9  # phase
    assert rows["wrong", "live"][9] < 0.1
    figures = json.loads(last)
    assert figures["recordings"] == 2
    assert figures["file"]["f"] == pytest.approx((rows["right", "file"][0] + rows["wrong", "file"][0]) / 2, abs=1e-3)


def test_a_folder_without_beats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate_beats.py", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        evaluate_beats.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == f"{tmp_path} holds no recording with a beats.txt\n"
