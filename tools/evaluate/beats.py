#!/usr/bin/env python3
"""Evaluate beats and onsets on recordings by mir_eval, offline and live: a table, then a line of JSON.

    python -m tools.evaluate.beats DIR

DIR holds one folder a recording: ``mix.flac``, ``beats.txt`` (a beat a line, its time in s first) and, if onsets are to
be scored, ``drum_onsets.csv`` (time_s, drum). "file" is offline analysis; "live" is causal analysis at
each of 60 frames per second: a beat counts in the frame in which it was detected.

Beats from 5 s on: F-measure (within 70 ms), Cemgil's accuracy, and continuity: the longest correct segment and all
correct ones, at the annotated level (CML), or also at half or double tempo, or off beat (AML). "phase" is the share of
live frames whose beat phase is within an eighth of a beat. Onsets: F, precision and recall within 50 ms, strokes within
30 ms of one another being one; sounds that are no drum's are onsets, too, which costs precision. Needs mir_eval.
"""

import argparse
import csv
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.analysis.windows import ANALYSIS_RATE, song_features
from engine.audio.beats import Tempo
from engine.audio.features import LiveFeatureExtractor
from engine.audio.song import Song, load_song
from engine.errors import AimvError, MissingExtra, UsageError

Times = NDArray[np.float64]

FPS = 60
BEGIN_S = 5.0  # nothing before it is scored, as mir_eval trims
NEAR_PHASE = 0.125  # of a beat
ONE_STROKE_S = 0.03
BEAT_FIGURES = ("f", "cemgil", "cml_c", "cml_t", "aml_c", "aml_t")
ONSET_FIGURES = ("onset_f", "onset_p", "onset_r")


def offline(song: Song) -> tuple[Times, Times]:
    """Beats and onsets of offline analysis, in s."""
    features = song_features(song)
    return np.array(features.beats), np.array(sorted(onset.time for onset in features.onsets))


def causal(song: Song) -> tuple[Times, Times, Times]:
    """Beats and onsets of causal analysis by frame, in s, and the beat phase of each frame."""
    sound = song.mono(ANALYSIS_RATE)
    extractor = LiveFeatureExtractor(ANALYSIS_RATE, Tempo())
    beats, onsets, phases = [], [], []
    fed = 0
    for frame in range(1, int(song.duration * FPS) + 1):
        end = round(frame * ANALYSIS_RATE / FPS)
        onsets += [onset.time for onset in extractor.push(sound[fed:end])]
        fed = end
        beats += extractor.tempo.beats((frame - 1) / FPS, frame / FPS)
        phases.append(extractor.at(frame / FPS).beat_phase)
    return np.unique(beats), np.unique(onsets), np.array(phases)


def read_times(path: Path) -> Times:
    """The first number of each line that begins with one."""
    with path.open(newline="") as file:
        rows = [row[0].split()[0] for row in csv.reader(file) if row and row[0].strip()]
    try:
        return np.array(sorted(float(cell) for cell in rows if cell[0].isdigit()))
    except ValueError as error:
        raise UsageError(f"{path} has a line that does not begin with a time in s: {error}") from error


def merged(times: Times) -> Times:
    """The first of each group of strokes that are less than 30 ms apart."""
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] >= ONE_STROKE_S:
            kept.append(float(time))
    return np.array(kept)


def beat_scores(mir_eval: Any, truth: Times, detected: Times) -> dict[str, float]:
    truth, detected = (mir_eval.beat.trim_beats(times, BEGIN_S) for times in (truth, detected))
    figures = (mir_eval.beat.f_measure(truth, detected), mir_eval.beat.cemgil(truth, detected)[0])
    return dict(zip(BEAT_FIGURES, map(float, (*figures, *mir_eval.beat.continuity(truth, detected))), strict=True))


def phase_share(truth: Times, phases: Times) -> float:
    """The share of frames, between the annotated beats from 5 s on, whose phase is near that of the annotated beats."""
    times = np.arange(1, len(phases) + 1) / FPS
    there = (times >= max(BEGIN_S, truth[0])) & (times < truth[-1])
    annotated = np.interp(times[there], truth, np.arange(len(truth))) % 1.0
    apart = np.abs((phases[there] - annotated + 0.5) % 1.0 - 0.5)
    return float((apart <= NEAR_PHASE).mean())


def score(folder: Path) -> dict[str, dict[str, float]]:
    """The figures of one recording, "file" and "live"."""
    try:
        mir_eval = importlib.import_module("mir_eval")
    except ImportError as error:
        raise MissingExtra("scoring beats", "evaluate") from error
    song = load_song(folder / "mix.flac")
    truth = read_times(folder / "beats.txt")
    file_beats, file_onsets = offline(song)
    live_beats, live_onsets, phases = causal(song)
    rows = {"file": beat_scores(mir_eval, truth, file_beats), "live": beat_scores(mir_eval, truth, live_beats)}
    if (folder / "drum_onsets.csv").is_file():
        strokes = merged(read_times(folder / "drum_onsets.csv"))
        for how, onsets in (("file", file_onsets), ("live", live_onsets)):
            f, precision, recall = mir_eval.onset.f_measure(strokes, onsets)
            rows[how] |= dict(zip(ONSET_FIGURES, (float(f), float(precision), float(recall)), strict=True))
    rows["live"]["phase"] = phase_share(truth, phases)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    options = parser.parse_args()
    columns = (*BEAT_FIGURES, *ONSET_FIGURES, "phase")
    all_rows: dict[str, list[dict[str, float]]] = {"file": [], "live": []}
    try:
        cases = sorted(path.parent for path in options.folder.glob("*/beats.txt"))
        if not cases:
            raise UsageError(f"{options.folder} holds no recording with a beats.txt")
        print(f"{'recording':14} {'':4}", *(f"{column:>7}" for column in columns))
        for case in cases:
            for how, row in score(case).items():
                all_rows[how].append(row)
                show(case.name, how, row, columns)
    except AimvError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    total = {how: mean(rows, columns) for how, rows in all_rows.items()}
    for how, row in total.items():
        show("mean", how, row, columns)
    print(json.dumps({"recordings": len(cases), **total}))


def show(name: str, how: str, row: dict[str, float], columns: tuple[str, ...]) -> None:
    print(f"{name:14} {how:4}", *(f"{row[column]:7.3f}" if column in row else f"{'-':>7}" for column in columns))


def mean(rows: list[dict[str, float]], columns: tuple[str, ...]) -> dict[str, float]:
    """Each column's mean over the recordings that have it."""
    by_column = {column: [row[column] for row in rows if column in row] for column in columns}
    return {column: float(np.mean(values)) for column, values in by_column.items() if values}


if __name__ == "__main__":
    main()
