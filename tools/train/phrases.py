"""Generated phrases: what a bass, a rhythm player, a soloist or a pad plays over a chord progression."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tools.synthesis import Note

Random = np.random.Generator

PROGRESSIONS = (
    (0, 7, 9, 5), (0, 5, 7, 0), (9, 5, 0, 7), (0, 9, 5, 7), (0, 10, 5, 0), (2, 7, 0, 0), (0, 0, 5, 7),
    (0, 8, 10, 0), (0, 3, 5, 7), (0, 5, 0, 7), (0, 0, 0, 0),
)  # fmt: skip
RHYTHMS: tuple[tuple[float, ...], ...] = (
    (0, 1, 2, 3), (0, 1, 1.5, 2.5, 3, 3.5), (0.5, 1.5, 2.5, 3.5), (0, 2), (0,), (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5),
    (1, 3),
)  # fmt: skip
"""Beats of a bar of four on which chords fall."""
MAJOR, MINOR, BLUES = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 6, 7, 10)


class Song:
    """Tempo, key, scale and chords that a phrase is made on."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.beat = 60.0 / float(random.uniform(65, 185))
        self.tonic = int(random.integers(0, 12))
        self.scale = (MAJOR, MINOR, BLUES)[int(random.integers(0, 3))]
        self.roots = PROGRESSIONS[int(random.integers(0, len(PROGRESSIONS)))]
        self.chord_beats = int(random.choice([2, 4, 4, 8]))
        self.swing = float(random.choice([0.0, 0.0, 0.0, 0.16]))

    def root(self, beat: float) -> int:
        """Pitch class of the chord at a beat."""
        return (self.tonic + self.roots[int(beat // self.chord_beats) % len(self.roots)]) % 12

    def chord(self, beat: float) -> list[int]:
        """Pitch classes of a triad, sometimes with a seventh."""
        root = self.root(beat)
        third = 3 if self.scale is not MAJOR and (root - self.tonic) % 12 in (0, 5) else 4
        return [root, root + third, root + 7, *([root + 10] if self.random.random() < 0.2 else [])]

    def seconds(self, beat: float) -> float:
        """When a beat falls, swung."""
        late = self.swing if abs(beat % 1 - 0.5) < 0.01 else 0.0
        return (beat + late) * self.beat + float(self.random.normal(0, 0.006))


def near(pitch_class: int, low: int, high: int, target: float) -> int:
    """The key of a pitch class nearest a target within low..high."""
    keys = [key for key in range(low, high + 1) if key % 12 == pitch_class % 12]
    return min(keys, key=lambda key: abs(key - target)) if keys else low


def _velocity(random: Random, accent: bool) -> int:
    return int(np.clip(random.normal(100 if accent else 82, 12), 25, 127))


def bass_line(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """Roots with fifths, octaves and walking notes, in quarters or eighths."""
    random = song.random
    step = float(random.choice([0.5, 0.5, 1.0, 1.0, 2.0]))
    style = random.choice(["root", "fifth", "walk", "octave"])
    rest, length = float(random.choice([0.0, 0.1, 0.35])), float(random.uniform(0.45, 1.0))
    notes, beat, key = [], 0.0, near(song.root(0), low, high, low + 7)
    while song.seconds(beat) < seconds:
        root = near(song.root(beat), low, high, low + 7)
        pick = random.random()
        key = root
        if style == "fifth" and pick < 0.4:
            key = root + 7
        elif style == "octave" and pick < 0.5:
            key = root + 12
        elif style == "walk":
            key = root + int(random.choice(song.scale))
        if random.random() >= rest:
            held = step * song.beat * length
            notes.append(Note(max(0, song.seconds(beat)), held, min(key, high), _velocity(random, beat % 2 == 0)))
        beat += step
    return notes


def chords(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """Strummed, stabbed or held chords, three to six notes."""
    random = song.random
    rhythm = RHYTHMS[int(random.integers(0, len(RHYTHMS)))]
    held, spread = float(random.choice([0.15, 0.4, 0.9, 1.6])), float(random.choice([0.0, 0.004, 0.012, 0.03]))
    size, middle = int(random.integers(3, 7)), float(random.uniform(low + 7, max(low + 8, high - 12)))
    notes = []
    for bar in range(int(seconds / (4 * song.beat)) + 1):
        for beat in (bar * 4 + r for r in rhythm):
            classes = song.chord(beat)
            keys = sorted({near(classes[i % len(classes)], low, high, middle + 4 * i) for i in range(size)})
            start = max(0.0, song.seconds(beat))
            for i, key in enumerate(keys if random.random() < 0.7 else keys[::-1]):
                at = start + i * spread
                if at < seconds:
                    notes.append(Note(at, held * song.beat * 2, key, _velocity(random, beat % 2 == 0)))
    return notes


def chops(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """High chords cut short on the off-beats, as in reggae and ska, or on sixteenths, as in funk."""
    random = song.random
    beats = [(0.5, 1.5, 2.5, 3.5), (1.0, 3.0), (1.0, 1.5, 3.0, 3.5), (0.0, 0.75, 1.5, 1.75, 2.5, 3.25)]
    rhythm = beats[int(random.integers(0, len(beats)))]
    held, size = float(random.uniform(0.06, 0.16)), int(random.integers(2, 5))
    middle = float(random.uniform(low + 14, max(low + 15, high - 14)))
    notes = []
    for bar in range(int(seconds / (4 * song.beat)) + 1):
        for beat in (bar * 4 + r for r in rhythm):
            classes, start = song.chord(beat), max(0.0, song.seconds(beat))
            keys = sorted({near(classes[i % len(classes)], low, high, middle + 4 * i) for i in range(size)})
            for i, key in enumerate(keys):
                notes.append(Note(start + 0.004 * i, held, key, _velocity(random, beat % 2 == 0)))
    return notes


def strums(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """Strummed eighths or sixteenths: down on the beat, up between, lighter and on fewer strings."""
    random = song.random
    step, ring = float(random.choice([0.25, 0.5, 0.5])), float(random.uniform(0.6, 3.0))
    played = random.random(16) < float(random.uniform(0.5, 1.0))
    played[0] = True
    middle = float(random.uniform(low + 6, low + 16))
    notes, beat, i = [], 0.0, 0
    while song.seconds(beat) < seconds:
        if played[i % 16]:
            classes = song.chord(beat)
            keys = sorted({near(classes[n % len(classes)], low, high, middle + 4.5 * n) for n in range(6)})
            down, start = i % 2 == 0, max(0.0, song.seconds(beat))
            spread = float(random.uniform(0.003, 0.014))
            for n, key in enumerate(keys if down else keys[:-4:-1]):
                held = ring * step * song.beat
                notes.append(
                    Note(start + n * spread, held, key, _velocity(random, down and i % 4 == 0) - 12 * (not down))
                )
        beat, i = beat + step, i + 1
    return notes


def hands(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """Two hands at a piano: bass notes, octaves or a pad below, chords or a tune above."""
    random, split = song.random, int(song.random.integers(52, 62))
    left = (bass_line, chords, pad)[int(random.integers(0, 3))]
    right = (chords, melody, arpeggio)[int(random.integers(0, 3))]
    return left(song, low, split, seconds) + right(song, split, high, seconds)


def arpeggio(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """Chord notes one after another, ringing."""
    random = song.random
    step, ring = float(random.choice([0.25, 0.5, 0.5])), float(random.uniform(0.3, 2.5))
    middle = float(random.uniform(low + 5, max(low + 6, high - 10)))
    order = random.permutation(8)
    notes, beat, i = [], 0.0, 0
    while song.seconds(beat) < seconds:
        classes = song.chord(beat)
        place = int(order[i % 8]) if i % 16 < 8 else i % 8
        key = near(classes[place % len(classes)], low, high, middle + 3 * place - 6)
        notes.append(Note(max(0, song.seconds(beat)), ring * step * song.beat * 2, key, _velocity(random, i % 4 == 0)))
        beat, i = beat + step, i + 1
    return notes


def melody(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """A tune that steps through the scale, with rests and long notes."""
    random = song.random
    classes = [(song.tonic + s) % 12 for s in song.scale]
    keys = [key for key in range(low, high + 1) if key % 12 in classes]
    place, beat, notes = int(len(keys) * random.uniform(0.25, 0.75)), 0.0, []
    lengths = [0.25, 0.5, 0.5, 1.0, 1.5, 2.0, 4.0] if random.random() < 0.7 else [1.0, 2.0, 4.0]
    legato = float(random.uniform(0.5, 1.02))
    while song.seconds(beat) < seconds:
        length = float(random.choice(lengths))
        place = int(np.clip(place + random.choice([-4, -2, -1, -1, 0, 1, 1, 2, 4]), 0, len(keys) - 1))
        if random.random() > 0.12:
            start = max(0.0, song.seconds(beat))
            notes.append(Note(start, length * song.beat * legato, keys[place], _velocity(random, beat % 2 == 0)))
        beat += length
    return notes


def pad(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """Long held chords."""
    middle = float(song.random.uniform(low + 6, max(low + 7, high - 12)))
    size, notes, beat = int(song.random.integers(2, 5)), [], 0.0
    while song.seconds(beat) < seconds:
        classes = song.chord(beat)
        for key in {near(classes[i % len(classes)], low, high, middle + 4 * i) for i in range(size)}:
            length = song.chord_beats * song.beat * 0.98
            notes.append(Note(max(0, song.seconds(beat)), length, key, _velocity(song.random, False) - 15))
        beat += song.chord_beats
    return notes


def riff(song: Song, low: int, high: int, seconds: float) -> list[Note]:
    """Power chords: root, fifth, octave, chugged in eighths or sixteenths or held."""
    random = song.random
    step = float(random.choice([0.25, 0.5, 0.5, 1.0, 2.0]))
    length, rest = float(random.choice([0.3, 0.6, 0.98])), float(random.choice([0.0, 0.15, 0.4]))
    notes, beat = [], 0.0
    while song.seconds(beat) < seconds:
        root = near(song.root(beat) + int(random.choice([0, 0, 0, 0, 3, 5])), low, low + 14, low + 6)
        if random.random() >= rest:
            start = max(0.0, song.seconds(beat))
            for key in (root, root + 7, root + 12)[: int(random.integers(2, 4))]:
                notes.append(Note(start, step * song.beat * length, min(key, high), _velocity(random, beat % 1 == 0)))
        beat += step
    return notes


Role = Callable[[Song, int, int, float], list[Note]]

ROLES: dict[str, tuple[Role, ...]] = {
    "bass": (bass_line, bass_line, bass_line, melody),
    "guitar": (chords, strums, strums, chops, arpeggio, riff, riff, melody),
    "piano": (hands, hands, chords, arpeggio, melody, pad),
    "organ": (pad, chords, chops, melody),
    "synth": (melody, melody, arpeggio, pad, chords, chops, riff),
    "violin": (melody, melody, melody, pad),
    "vocal": (pad, melody),
    "": (melody, melody, arpeggio),
}
RANGES: dict[str, tuple[int, int]] = {
    "bass": (26, 55), "guitar": (40, 80), "piano": (31, 96), "organ": (36, 84), "violin": (55, 93), "cello": (36, 69),
    "flute": (60, 93), "sax": (46, 81), "brass": (43, 79), "synth": (36, 91), "vocal": (45, 79), "": (40, 84),
}  # fmt: skip


def phrase(random: Random, label: str, seconds: float) -> tuple[Note, ...]:
    """Notes of ``seconds`` seconds for the instrument of a label ("" for any that has none)."""
    roles = ROLES.get(label, (melody, melody, melody, pad))
    low, high = RANGES[label]
    role = roles[int(random.integers(0, len(roles)))]
    return tuple(note for note in role(Song(random), low, high, seconds) if note.start < seconds)
