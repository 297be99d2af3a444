"""Cases: songs, speech over music and instrumentals, each with the true words."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from engine.audio.song import load_song
from tools.synthesis import espeak

RATE = 16_000
_ISO = {"English": "en", "Spanish": "es", "French": "fr", "German": "de"}
# Harvard sentences (IEEE 1969), list 1
_SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "The hogs were fed chopped corn and garbage.",
)


class TrueWord(msgspec.Struct, frozen=True):
    """A word of the ground truth; times in seconds."""

    text: str
    start: float
    end: float


class Case(msgspec.Struct, frozen=True):
    """One piece of sound with its truth; `kind` is "lyrics", "speech ... dB" or "instrumental"."""

    name: str
    kind: str
    language: str
    sound: NDArray[np.float32]  # mono, as recorded
    rate: int  # Hz, of sound
    words: tuple[TrueWord, ...]

    @property
    def audio(self) -> NDArray[np.float32]:
        """Mono at 16 kHz, as Whisper takes it."""
        return np.asarray(soxr.resample(self.sound, self.rate, RATE), dtype=np.float32)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.sound) / self.rate


def lyrics(folder: Path) -> Iterator[Case]:
    """Songs laid out as JamendoLyrics here: NAME/song.mp3 or .ogg, words.csv, song.json with its language."""
    for song in sorted(path.parent for path in folder.glob("*/words.csv")):
        about = json.loads((song / "song.json").read_text())
        sound = next(path for path in sorted(song.iterdir()) if path.suffix in (".mp3", ".ogg", ".wav", ".flac"))
        with (song / "words.csv").open(newline="") as file:
            rows = csv.DictReader(file)
            words = tuple(TrueWord(r["word"], float(r["start_s"]), float(r["end_s"])) for r in rows)
        loaded = load_song(sound)
        yield Case(song.name, "lyrics", _ISO[about["Language"]], loaded.mono(loaded.rate), loaded.rate, words)


def instrumentals(folder: Path) -> Iterator[Case]:
    """Songs in the layout of MDB Drums, mixed without vocals: NAME/sourceNN.flac, sources.json."""
    for song in sorted(path.parent for path in folder.glob("*/sources.json")):
        sources = json.loads((song / "sources.json").read_text())
        played = [name for name, what in sources.items() if "singer" not in what and "vocal" not in what]
        sounds = [soundfile.read(song / f"{name}.flac", always_2d=True) for name in played]
        mixed = np.sum([sound.mean(axis=1) for sound, _ in sounds], axis=0)
        yield Case(song.name, "instrumental", "en", _level(mixed, 0.1), sounds[0][1], ())


def silence_and_noise(seconds: float = 30.0) -> Iterator[Case]:
    """Audio for which Whisper hallucinates words: silence, and noise that swells like applause."""
    length = round(seconds * RATE)
    noise = np.random.default_rng(0).standard_normal(length)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (6 * RATE))
    yield Case("silence", "instrumental", "en", np.zeros(length, np.float32), RATE, ())
    yield Case("applause", "instrumental", "en", _level(noise * swell, 0.05), RATE, ())


def speech_over(music: Case, decibels: float) -> Case:
    """Spoken sentences over `music`, louder than it by `decibels` (RMS while speaking); needs espeak-ng."""
    mixed = np.array(_level(music.sound, 0.05))
    words: list[TrueWord] = []
    at = 2.0
    for sentence in _SENTENCES:
        spoken = _level(_speak(sentence, music.rate), 0.05 * 10 ** (decibels / 20))
        first = round(at * music.rate)
        if first + len(spoken) > len(mixed):
            break
        mixed[first : first + len(spoken)] += spoken
        each = len(spoken) / music.rate / len(sentence.split())
        words += [TrueWord(word, at + i * each, at + (i + 1) * each) for i, word in enumerate(sentence.split())]
        at += len(spoken) / music.rate + 0.6
    mixed /= max(1.0, float(np.abs(mixed).max()))
    return Case(music.name, f"speech {decibels:+.0f} dB", "en", mixed.astype(np.float32), music.rate, tuple(words))


def _speak(sentence: str, at_rate: int) -> NDArray[np.float64]:
    sound, rate = espeak(sentence, voice="en-us", words_per_minute=140)
    return np.asarray(soxr.resample(sound, rate, at_rate))


def _level(sound: NDArray[np.floating], rms: float) -> NDArray[np.float32]:
    return (sound * (rms / max(1e-9, float(np.sqrt(np.mean(np.square(sound))))))).astype(np.float32)
