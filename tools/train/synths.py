"""Software synthesizers: subtractive synthesis with random patches, and electric pianos by frequency modulation.

General MIDI fonts hold few synthesizers, each one recording; here every stem has a new random patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.synthesis import Note
from tools.train.effects import cut
from tools.train.labels import SAMPLE_RATE
from tools.train.sound import Sound, add, fade_out

Random = np.random.Generator
Phase = NDArray[np.float64]
Voice = Callable[[Note], Sound]


@dataclass(frozen=True)
class Patch:
    """A subtractive synthesizer: waves in unison, a low-pass that opens and closes once a note, an envelope.

    ``detune`` is in semitones, ``cutoff`` in multiples of the note's pitch (shut, open), the rest in seconds but
    ``sustain``, the level that a held note falls to.
    """

    wave: str
    unison: int
    detune: float
    octave: float
    cutoff: tuple[float, float]
    sweep: float
    attack: float
    decay: float
    sustain: float
    release: float


def patch(random: Random) -> Patch:
    """A lead, a pad, a pluck or a stab."""
    kind = str(random.choice(["lead", "pad", "pluck", "stab"]))
    slow = kind == "pad"
    attack = {"lead": (0.002, 0.05), "pad": (0.1, 0.8), "pluck": (0.001, 0.004), "stab": (0.001, 0.02)}[kind]
    sustain = {"lead": (0.6, 1.0), "pad": (0.8, 1.0), "pluck": (0.0, 0.15), "stab": (0.3, 0.9)}[kind]
    shut = float(random.uniform(1.0, 6.0))
    return Patch(
        wave=str(random.choice(["saw", "saw", "square", "pulse", "triangle", "sine"])),
        unison=int(random.choice([1, 1, 2, 3, 5, 7] if not slow else [2, 3, 5, 7])),
        detune=float(random.uniform(0.03, 0.25)),
        octave=float(random.choice([0.0, 0.0, 0.4, 0.8])),
        cutoff=(shut, shut * float(random.choice([1.0, 2.0, 4.0, 10.0]))),
        sweep=float(np.exp(random.uniform(np.log(0.04), np.log(1.5)))),
        attack=float(random.uniform(*attack)),
        decay=float(random.uniform(0.08, 0.5)),
        sustain=float(random.uniform(*sustain)),
        release=float(random.uniform(0.3, 0.9) if slow else random.uniform(0.02, 0.4)),
    )


def step(phase: Phase, turn: float) -> Phase:
    """What rounds off a jump at phase 0 so that it does not alias (polynomial band-limited step, Välimäki 2007)."""
    out = np.zeros_like(phase)
    early, late = phase < turn, phase > 1 - turn
    x = phase[early] / turn
    out[early] = 2 * x - x * x - 1
    x = (phase[late] - 1) / turn
    out[late] = x * x + 2 * x + 1
    return out


def wave(kind: str, hertz: float, start: float, count: int) -> Phase:
    """One oscillator of ``count`` samples from phase ``start`` (in turns)."""
    turn = hertz / SAMPLE_RATE
    phase: Phase = np.mod(start + turn * np.arange(count), 1.0)
    if kind == "sine":
        return np.asarray(np.sin(2 * np.pi * phase))
    if kind == "triangle":
        return np.asarray(4 * np.abs(phase - 0.5) - 1)
    saw = 2 * phase - 1 - step(phase, turn)
    if kind == "saw":
        return np.asarray(saw)
    later: Phase = np.mod(phase + (0.5 if kind == "square" else 0.23), 1.0)
    return np.asarray(saw - (2 * later - 1 - step(later, turn)))


def envelope(made: Patch, held: float, count: int) -> Phase:
    """Attack, decay to the sustained level, release from ``held`` seconds on."""
    time = np.arange(count) / SAMPLE_RATE
    body = made.sustain + (1 - made.sustain) * np.exp(-np.maximum(0, time - made.attack) / made.decay)
    return np.asarray(np.minimum(1, time / made.attack) * body * np.exp(-5 * np.maximum(0, time - held) / made.release))


def synthesizer(random: Random) -> Voice:
    """A patch that plays notes."""
    made = patch(random)

    def note(played: Note) -> Sound:
        hertz = 440 * 2 ** ((played.key - 69) / 12)
        count = int((played.length + made.release) * SAMPLE_RATE)
        out = np.zeros(count)
        for i in range(made.unison):
            apart = made.detune * (2 * i / (made.unison - 1) - 1) if made.unison > 1 else 0.0
            out += wave(made.wave, hertz * 2 ** (apart / 12), float(random.random()), count)
        if made.octave:
            out += made.octave * made.unison * wave(made.wave, hertz / 2, float(random.random()), count)
        raw = np.asarray(out * envelope(made, played.length, count), dtype=np.float32)
        shut, wide = (cut(raw, "lowpass", min(14_000.0, hertz * ratio), 2) for ratio in made.cutoff)
        blend = np.exp(-np.arange(count) / SAMPLE_RATE / made.sweep).astype(np.float32)
        loud = np.float32(played.velocity / 127 / made.unison**0.5)
        return fade_out((shut + (wide - shut) * blend) * loud, 0.01)

    return note


def electric_piano(random: Random) -> Voice:
    """A tine or reed piano: a carrier whose modulators die away, harder notes brighter (Chowning 1973)."""
    tine = float(random.choice([0.0, 7.0, 14.0, 14.0]))
    ring, strike = float(random.uniform(0.5, 2.2)), float(random.uniform(0.02, 0.2))
    bright, even = float(random.uniform(0.3, 2.0)), float(random.choice([1.0, 1.0, 2.0, 3.0]))
    bark = float(random.uniform(0.1, 0.9))

    def note(played: Note) -> Sound:
        hertz, hard = 440 * 2 ** ((played.key - 69) / 12), played.velocity / 127
        time = np.arange(int((played.length + 0.15) * SAMPLE_RATE)) / SAMPLE_RATE
        turns = 2 * np.pi * hertz * time
        decay = ring * 2 ** ((60 - played.key) / 30)
        body = bright * hard**1.5 * np.exp(-time / (decay * 0.5)) * np.sin(even * turns)
        # A modulator above the Nyquist frequency would fold down into the note.
        attack = bark * hard * np.exp(-time / strike) * np.sin(tine * turns) if tine * hertz < 12_000 else 0.0
        sound = np.sin(turns + body + attack) * np.exp(-time / decay) * np.minimum(1, time / 0.002)
        return fade_out(np.asarray(sound * hard, dtype=np.float32), 0.1)

    return note


def play(voice: Voice, notes: Iterable[Note], seconds: float) -> Sound:
    """Notes of a voice as sound of ``seconds``."""
    out = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    for note in notes:
        add(out, voice(note), int(note.start * SAMPLE_RATE))
    return out
