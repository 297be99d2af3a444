"""The demo song as notes: MIDI tracks, sung syllables and sections.

Everything is counted in beats (quarter notes) from the first bar line; `seconds` turns beats into song time.
A minor, 116 bpm, eighteen bars of four:

    build 2   kick, bass, tom          chorus 4   crash, splash, synth, "oh my heart"
    hush 4    cello, humming, guitar   build 2    again, with a longer fill
    chorus 4  again, higher, in two voices         outro 2    the hush comes home to C
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.synthesis import Note

BPM = 116.0
BEATS_IN_BAR = 4
LEAD_IN_S = 0.2
RING_S = 1.7
SEED = 1
DAMP_S = {"crash": 0.8}


@dataclass(frozen=True)
class Syllable:
    """One sung syllable: the word it sings ("mm" = hummed), start of its vowel and length in beats, MIDI key."""

    text: str
    start: float
    length: float
    key: int


@dataclass(frozen=True)
class Track:
    """One MIDI track: the instrument's label, General MIDI program (None = drum channel), its notes.

    `damp_s`: each hit is damped with this time constant, None lets it ring.
    """

    name: str
    label: str
    program: int | None
    notes: tuple[Note, ...]
    damp_s: float | None = None


@dataclass(frozen=True)
class Section:
    """A span of bars with one texture; `voice` is "sung", "hummed" or "none", `loudness` "loud" or "quiet"."""

    name: str
    kind: str
    first_bar: int
    bars: int
    instruments: tuple[str, str, str]
    voice: str
    loudness: str


DRUMS = ("kick", "bass", "tom")
CHORUS = ("crash", "splash", "synth")
HUSH = ("cello", "vocal", "guitar")

SECTIONS = (
    Section("build", "b", 0, 2, DRUMS, "none", "loud"),
    Section("chorus", "a", 2, 4, CHORUS, "sung", "loud"),
    Section("hush", "c", 6, 4, HUSH, "hummed", "quiet"),
    Section("build again", "b", 10, 2, DRUMS, "none", "loud"),
    Section("chorus again", "a", 12, 4, CHORUS, "sung", "loud"),
    Section("outro", "c", 16, 2, HUSH, "hummed", "quiet"),
)

# Chorus and hush share their chords: root, third and fifth near middle C, one chord a bar.
CHORDS = {"Am": (57, 60, 64), "F": (53, 57, 60), "C": (55, 60, 64), "G": (55, 59, 62)}
ROOTS = {"Am": 33, "F": 29, "C": 36, "G": 31}
LOOP = ("Am", "F", "C", "G")

# (word, beat in the four bars, length, key)
FIRST_VERSE = (
    ("oh", 0.0, 0.9, 60), ("my", 1.0, 0.9, 62), ("heart", 2.0, 1.9, 64),
    ("my", 5.0, 0.9, 65), ("heart", 6.0, 1.7, 60),
    ("oh", 8.0, 0.9, 64), ("my", 9.0, 0.9, 64), ("heart", 10.0, 1.9, 67),
    ("my", 13.0, 0.9, 62), ("heart", 14.0, 1.7, 59),
)  # fmt: skip
SECOND_VERSE = (
    ("oh", 0.0, 0.9, 60), ("my", 1.0, 0.9, 62), ("heart", 2.0, 1.9, 64),
    ("my", 5.0, 0.9, 65), ("heart", 6.0, 1.7, 67),
    ("oh", 8.0, 0.9, 64), ("my", 9.0, 0.9, 64), ("heart", 10.0, 1.9, 67),
    ("my", 13.0, 0.9, 65), ("heart", 14.0, 1.8, 62),
)  # fmt: skip
HARMONY = {60: 57, 62: 59, 64: 60, 65: 60, 67: 64}
HUMMED_HUSH = ((0, 1.8, 64), (2, 0.9, 62), (3, 0.9, 60), (4, 2.8, 57), (7, 0.9, 60), (8, 1.8, 64), (10, 1.8, 67),
               (12, 1.8, 65), (14, 1.8, 62))  # fmt: skip
HUMMED_OUTRO = ((0, 1.8, 60), (2, 0.9, 62), (3, 0.9, 62), (4, 3.6, 64))
CELLO_HUSH = ((0, 3, 57), (3, 1, 55), (4, 2, 53), (6, 2, 57), (8, 3, 52), (11, 1, 53), (12, 2, 55), (14, 2, 50))
CELLO_OUTRO = ((0, 2, 53), (2, 2, 57), (4, 5.5, 48))


def seconds(beat: float) -> float:
    """Song time in seconds of a beat counted from the first bar line."""
    return LEAD_IN_S + beat * 60.0 / BPM


def duration_s() -> float:
    """Length of the song in seconds, with the last chord's ring."""
    return seconds(sum(s.bars for s in SECTIONS) * BEATS_IN_BAR) + RING_S


def starts(kind: str) -> list[float]:
    """First beats of the sections of one kind ("a", "b" or "c")."""
    return [float(s.first_bar * BEATS_IN_BAR) for s in SECTIONS if s.kind == kind]


def _kick(build: float, last: bool) -> list[Note]:
    beats = [0, 1, 2, 3, 3.5, 4, 5, 6, 6.5, 7] + ([7.5, 7.75] if last else [7.5])
    return [Note(build + b, 0.25, 36, round(96 + 3 * b)) for b in beats]


def _tom(build: float, last: bool) -> list[Note]:
    groove = [(0.75, 45), (1.5, 43), (1.75, 43), (2.5, 48), (2.75, 47), (3.25, 45), (3.75, 43)]
    fill_start = 4.0 if last else 5.5
    if not last:
        groove += [(4.5, 45), (4.75, 43), (5.25, 47)]
    keys = (50, 50, 48, 48, 47, 47, 45, 45, 43, 43, 41, 41, 45, 43, 41, 41)
    steps = round((8 - fill_start) * 4)
    groove += [(fill_start + i / 4, keys[i * len(keys) // steps]) for i in range(steps)]
    return [Note(build + b, 0.25, key, min(124, round(88 + 4.5 * b))) for b, key in groove]


def _bass(build: float) -> list[Note]:
    line = [33, 33, 45, 33, 33, 45, 40, 43, 29, 29, 41, 29, 31, 31, 43, 43]
    return [Note(build + i / 2, 0.45, key, 96 + 10 * (i % 2 == 0)) for i, key in enumerate(line)]


def _crash(chorus: float) -> list[Note]:
    return [Note(chorus + b, 1, 49 if b % 4 == 0 else 57, 118 if b % 4 == 0 else 122) for b in range(0, 16, 2)]


def _splash(chorus: float) -> list[Note]:
    beats = [b + off for b in range(0, 16, 4) for off in (1, 1.5, 3)] + [7.5, 15.5, 15.75]
    return [Note(chorus + b, 0.5, 55, 112 if b % 2 == 1 else 92) for b in sorted(beats)]


def _synth(chorus: float) -> list[Note]:
    stabs = (0, 0.75, 1.5, 2, 2.75, 3.5)
    return [
        Note(chorus + 4 * bar + b, 0.6, key + 12, 104 if b == 0 else 90)
        for bar, name in enumerate(LOOP)
        for b in stabs
        for key in CHORDS[name]
    ]


def _synth_low(chorus: float) -> list[Note]:
    return [Note(chorus + 4 * bar + i / 2, 0.48, ROOTS[name] + 12 * (i % 2), 100)
            for bar, name in enumerate(LOOP) for i in range(8)]  # fmt: skip


def _synth_high(chorus: float) -> list[Note]:
    return [Note(chorus + 4 * bar + i / 4, 0.24, CHORDS[name][(0, 1, 2, 1)[i % 4]] + 24, 84 + 8 * (i % 4 == 0))
            for bar, name in enumerate(LOOP) for i in range(16)]  # fmt: skip


def _guitar(hush: float, names: tuple[str, ...], feel: random.Random) -> list[Note]:
    notes = []
    for bar, name in enumerate(names):
        low, mid, high = CHORDS[name]
        root = ROOTS[name] + 12
        for i, key in enumerate((root, low, mid, high, mid + 12, high, mid, low)):
            late = feel.uniform(0.0, 0.02)
            notes.append(Note(hush + 4 * bar + i / 2 + late, 1.4, key, 74 + 14 * (i % 4 == 0) + feel.randint(-5, 5)))
    return notes


def _last_strum(bar_start: float) -> list[Note]:
    return [Note(bar_start + 4 + i * 0.04, 7.0, key, 84) for i, key in enumerate((48, 55, 60, 64, 67, 72))]


def _line(start: float, line: tuple[tuple[float, float, int], ...], velocity: int) -> list[Note]:
    return [Note(start + b, length, key, velocity) for b, length, key in line]


def tracks() -> tuple[Track, ...]:
    """Every MIDI track of the song, notes in beats; several tracks may share a label."""
    feel = random.Random(SEED)
    builds, choruses, (hush, outro) = starts("b"), starts("a"), starts("c")
    guitar = _guitar(hush, LOOP, feel) + _guitar(outro, ("F",), feel) + _last_strum(outro)
    guitar += [n for n in _guitar(outro, ("F", "C"), feel) if n.start > outro + 5]
    rows: list[tuple[str, str, int | None, list[Note]]] = [
        ("kick", "kick", None, [n for i, b in enumerate(builds) for n in _kick(b, i == 1)]),
        ("tom", "tom", None, [n for i, b in enumerate(builds) for n in _tom(b, i == 1)]),
        ("crash", "crash", None, [n for b in choruses for n in _crash(b)]),
        ("splash", "splash", None, [n for b in choruses for n in _splash(b)]),
        ("bass", "bass", 33, [n for b in builds for n in _bass(b)]),
        ("synth", "synth", 81, [n for b in choruses for n in _synth(b)]),
        ("synth low", "synth", 81, [n for b in choruses for n in _synth_low(b)]),
        ("synth high", "synth", 80, _synth_high(choruses[1])),
        ("cello", "cello", 42, _line(hush, CELLO_HUSH, 92) + _line(outro, CELLO_OUTRO, 86)),
        ("guitar", "guitar", 25, guitar),
    ]
    return tuple(
        Track(name, label, program, tuple(sorted(notes, key=lambda n: (n.start, n.key))), DAMP_S.get(name))
        for name, label, program, notes in rows
    )


def lead() -> tuple[Syllable, ...]:
    """The melody that is sung or hummed, in time order."""
    first, second = starts("a")
    hush, outro = starts("c")
    sung = [Syllable(w, first + b, n, key) for w, b, n, key in FIRST_VERSE]
    sung += [Syllable(w, second + b, n, key) for w, b, n, key in SECOND_VERSE]
    hummed = [Syllable("mm", hush + b, n, key) for b, n, key in HUMMED_HUSH]
    hummed += [Syllable("mm", outro + b, n, key) for b, n, key in HUMMED_OUTRO]
    return tuple(sorted(sung + hummed, key=lambda s: s.start))


def harmony() -> tuple[Syllable, ...]:
    """The second voice of the last chorus, a third or so below the melody."""
    second = starts("a")[1]
    return tuple(Syllable(w, second + b, n, HARMONY[key]) for w, b, n, key in SECOND_VERSE)
