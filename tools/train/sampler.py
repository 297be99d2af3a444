"""Sampler: plays phrases on recorded notes, whose pitch is read from the file names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tools.synthesis import Note
from tools.train.labels import SAMPLE_RATE
from tools.train.sound import Sound, add, at_speed, fade_out, gain, read, starting_at_onset

PITCH = re.compile(r"(?:^|[ _\-])([A-Ga-g])([#sb]?)(-?\d)(?=$|[ _\-.]|[a-z]{2}|v[\dLH])")
KEY = re.compile(r" (\d{2,3})$")
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
LONGEST = 6.0
"""Seconds that are read of each recorded note."""


def pitch_of(stem: str) -> int | None:
    """Key in a file's name: ``cello_Gs5_1_forte``, ``gb4_p_rr2``, ``FF A#4``, ``D#4v6``, ``CLOSE 60``; else None."""
    found = PITCH.search(stem)
    if not found:
        number = KEY.search(stem)
        return int(number.group(1)) if number else None
    letter, sign, octave = found.groups()
    return STEPS[letter.lower()] + {"": 0, "b": -1}.get(sign, 1) + 12 * (int(octave) + 1)


@dataclass
class Sampler:
    """An instrument of recorded notes; files are read when first played."""

    keys: dict[int, list[Path]]
    cache: dict[Path, Sound] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Iterable[Path]) -> Sampler:
        """From files with their pitch in the name; others are skipped. Raises ValueError when none has one."""
        keys: dict[int, list[Path]] = {}
        for file in sorted(files):
            key = pitch_of(file.stem)
            if key is not None:
                keys.setdefault(key, []).append(file)
        if not keys:
            raise ValueError("no file has a pitch in its name")
        return cls(keys)

    def note(self, random: np.random.Generator, note: Note) -> Sound:
        """One note from the nearest recorded key, at its velocity."""
        nearest = min(self.keys, key=lambda key: (abs(key - note.key), key))
        file = self.keys[nearest][int(random.integers(0, len(self.keys[nearest])))]
        if file not in self.cache:
            sound = starting_at_onset(read(file, seconds=LONGEST), 0.02)
            self.cache[file] = sound / max(1e-4, float(np.abs(sound).max(initial=0.0)))
        sound = at_speed(self.cache[file], 2.0 ** ((note.key - nearest) / 12))
        release = float(random.uniform(0.04, 0.25))
        sound = fade_out(sound[: int((note.length + release) * SAMPLE_RATE)], release)
        return sound * np.float32(gain((note.velocity - 127) / 4))

    def play(self, random: np.random.Generator, notes: Iterable[Note], seconds: float) -> Sound:
        """Notes, moved by octaves into the recorded range, as sound of ``seconds``."""
        out = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
        low, high = min(self.keys) - 2, max(self.keys) + 2
        for note in notes:
            key = note.key
            while key < low:
                key += 12
            while key > high and key - 12 >= low:
                key -= 12
            if key <= high + 3:
                placed = Note(note.start, note.length, key, note.velocity)
                add(out, self.note(random, placed), int(note.start * SAMPLE_RATE))
        return out
