#!/usr/bin/env python3
"""Measure a music video's synchronization, colours and flashes: a table, then one line of JSON.

    tools/bench/measure_video.py VIDEO SONG

SONG is the sound file, which is analyzed, or its score. The video starts with the song. Measured are

motion_onset_correlation  Pearson's r of picture motion (mean change of luma from frame to frame) with onset strength
                          (mean rise of 40 bands in dB from frame to frame), at the lag where it is highest; the
                          onset strength is computed here, independently of the features that move the picture
lag_frames                that lag; positive when the picture is late
palette_within_12         share of shots whose dominant colour (largest of five clusters in CIELAB) lies within
                          12 CIEDE2000 of the shot's named colour
shot_separation           mean distance between frames of different scenes over that within a shot (32x18, CIELAB)
flash_faults              frames at which a quarter of the picture has flashed more than three times in a second
dead_seconds              seconds, outside silence, in which the picture hardly moves or is black
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import aimv
from aimv.language.score import is_score
from engine.analysis.windows import song_features
from engine.audio.features import FeatureExtractor
from engine.audio.song import load_song
from engine.colour import hex_of_name
from engine.playback.flash_guard import FlashMeter

Frames = NDArray[np.uint8]

SIZE = (192, 108)  # pixels at which pictures are compared
LAGS = 6  # frames either way
STILL, BLACK = 0.12, 10.0  # mean change and mean level (of 255) below which the picture counts as dead
SILENT = 0.02  # level of the envelope that counts as silence
CLUSTERS = 5


def read_video(path: Path) -> tuple[Frames, float, int]:
    """The frames at SIZE [n, height, width, 3], their rate, and how many are at fault for flashing."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = float(stream.average_rate or 24)
        meter, faults, kept = FlashMeter(fps), 0, []
        for frame in container.decode(stream):
            picture = frame.to_ndarray(format="rgb24")
            faults += meter.add(picture)
            kept.append(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA))
    return np.stack(kept), fps, faults


def lab(frames: Frames) -> NDArray[np.float32]:
    """CIELAB of RGB pixels, [n, 3]."""
    pixels = frames.reshape(-1, 1, 3).astype(np.float32) / 255.0
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab), dtype=np.float32)[:, 0]


def ciede2000(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """The difference of two colours in CIELAB (Sharma, Wu, Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = (map(float, each) for each in (first, second))
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    by_lightness = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    rotation = (
        -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    )
    return float(np.sqrt(by_lightness**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue))


def dominant(frames: Frames) -> NDArray[np.float32]:
    """The centre of the largest of CLUSTERS clusters of the pixels, CIELAB."""
    pixels = lab(frames)
    pixels = pixels[:: max(1, len(pixels) // 20000)]
    cv2.setRNGSeed(1)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.3)
    _, labels, centres = cv2.kmeans(pixels, CLUSTERS, None, criteria, 3, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centres[np.bincount(labels[:, 0]).argmax()], dtype=np.float32)


def onset_strength(mono: NDArray[np.float32], rate: int, fps: float) -> NDArray[np.float64]:
    """Log-spectral flux of sound [n] at `rate` Hz, one value a frame of video (after Böck & Widmer 2013).

    Windows of 93 ms centred on the frame's beginning, 40 bands from 30 Hz to 11 kHz, 80 dB of range.
    """
    size = 2 ** round(np.log2(0.093 * rate))
    count = int(len(mono) * fps / rate)
    padded = np.concatenate([np.zeros(size // 2, np.float32), mono, np.zeros(size, np.float32)])
    starts = (np.arange(count) * rate / fps).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * np.hanning(size)
    power = np.square(np.abs(np.fft.rfft(windows, axis=1)))
    hz, edges = np.fft.rfftfreq(size, 1 / rate), np.geomspace(30.0, 11000.0, 42)
    bands = [(hz >= low) & (hz < max(high, low + hz[1])) for low, high in zip(edges[:-2], edges[2:], strict=True)]
    levels = 10 * np.log10(np.stack([power[:, band].sum(axis=1) for band in bands], axis=1) + 1e-10)
    levels = np.maximum(levels, levels.max() - 80.0)
    return np.asarray(np.maximum(0.0, np.diff(levels, axis=0, prepend=levels[:1])).mean(axis=1))


def motion_and_lag(motion: NDArray[np.float64], strength: NDArray[np.float64]) -> tuple[float, int]:
    """The highest correlation of motion (of the step to each frame) with onset strength, and its lag in frames."""
    length = min(len(motion), len(strength))
    found = {}
    for lag in range(-LAGS, LAGS + 1):
        moved = np.roll(motion[:length], -lag)[LAGS:-LAGS]
        found[lag] = float(np.corrcoef(moved, strength[:length][LAGS:-LAGS])[0, 1])
    best = max(found, key=lambda lag: found[lag])
    return found[best], best


def separation(shots: list[tuple[str, Frames]]) -> float:
    """Mean distance between frames of shots with different content over the mean within a shot."""
    described = [
        (
            name,
            np.stack(
                [
                    lab(cv2.resize(f, (32, 18), interpolation=cv2.INTER_AREA))
                    for f in frames[:: max(1, len(frames) // 8)]
                ]
            ),
        )
        for name, frames in shots
    ]

    def distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
        return float(np.linalg.norm(a[:, None] - b[None], axis=3).mean())

    within = [distance(d, d) * len(d) / max(1, len(d) - 1) for _, d in described if len(d) > 1]
    between = [distance(a, b) for i, (name, a) in enumerate(described) for other, b in described[:i] if name != other]
    return float(np.mean(between) / np.mean(within)) if between and within else 0.0


def dead_seconds(frames: Frames, motion: NDArray[np.float64], features: FeatureExtractor, fps: float) -> list[int]:
    """The seconds in which the picture is dead though the sound is not silent."""
    dead = []
    for second in range(int(len(frames) / fps)):
        part = slice(int(second * fps), int((second + 1) * fps))
        audible = max(features.at(second + k / 10).level for k in range(10)) > SILENT
        if audible and (motion[part].mean() < STILL or frames[part].mean() < BLACK):
            dead.append(second)
    return dead


def measure(video: Path, song: Path) -> Iterator[tuple[str, float]]:
    """The figures by name."""
    score = aimv.Score.load(song) if is_score(song) else aimv.score(song)
    sound = load_song(score.song)
    features = song_features(sound)
    frames, fps, faults = read_video(video)
    luma = frames.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    motion = np.abs(np.diff(luma, axis=0, prepend=luma[:1])).mean(axis=(1, 2)).astype(np.float64)
    correlation, lag = motion_and_lag(motion, onset_strength(sound.mono(22050), 22050, fps))
    shots = []
    table = Table("from", "to", "named", "dominant", "CIEDE2000", title="shots")
    near = 0
    for shot in score.shots:
        part = frames[round(shot.start * fps) : round(shot.end * fps)]
        if len(part) < 2:
            continue
        shots.append((" ".join((*shot.abstractions, shot.colour)), part))
        named = hex_of_name(shot.hex)
        target = lab(np.array([[int(named[i : i + 2], 16) for i in (1, 3, 5)]], np.uint8))[0]
        found = dominant(part)
        difference = ciede2000(target, found)
        near += difference <= 12
        shown = cv2.cvtColor(found.reshape(1, 1, 3), cv2.COLOR_Lab2RGB)[0, 0] * 255
        name = "#" + "".join(f"{round(float(c)):02x}" for c in shown.clip(0, 255))
        table.add_row(f"{shot.start:.2f}", f"{shot.end:.2f}", f"{shot.colour} {named}", name, f"{difference:.1f}")
    Console(width=100).print(table)
    yield "motion_onset_correlation", round(correlation, 3)
    yield "lag_frames", lag
    yield "palette_within_12", round(near / max(1, len(shots)), 3)
    yield "shot_separation", round(separation(shots), 2)
    yield "flash_faults", faults
    yield "dead_seconds", len(dead_seconds(frames, motion, features, fps))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("song", type=Path)
    arguments = parser.parse_args()
    try:
        figures = dict(measure(arguments.video, arguments.song))
    except aimv.AimvError as error:
        sys.exit(str(error))
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console(width=100).print(table)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
