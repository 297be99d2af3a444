"""Voice stems: recorded and synthetic speech, and singing, humming, shouting and whispering made from it.

Singing is resynthesis by WORLD (Morise et al. 2016): the spectral envelope of speech, stretched to notes, with a pitch
that glides from note to note and has vibrato.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyworld
import soxr
from numpy.typing import NDArray
from scipy import ndimage, signal

from tools.synthesis import espeak, flite
from tools.train.labels import SAMPLE_RATE
from tools.train.phrases import Random, Song, melody
from tools.train.sound import Sound, add, read, resampled, rms

RATE = 24_000
FRAME = 0.005

TEXTS = {
    "en": ("Hold me now and never let me go, the night is young and the river runs slow",
           "I was walking down the road when I saw the light, baby take me home tonight",
           "We are the fire, we are the rain, calling out your name again and again",
           "La la la la la, na na na na, oh oh oh, yeah yeah yeah, ah ah ah, hey hey"),
    "es": ("Mi corazon late fuerte cuando te veo bailar bajo la luna llena de verano",),
    "fr": ("Je marche seul dans les rues de la ville et je pense encore a toi mon amour",),
    "de": ("Wir tanzen durch die lange Nacht und singen laut bis in den hellen Morgen",),
    "it": ("Volare sopra il mare con il vento tra le mani e il sole dentro agli occhi",),
    "pt": ("A garota que passa e o sol que se poe no mar azul da minha saudade",),
    "sv": ("Jag vandrar genom skogen medan solen sakta sjunker ner bakom bergen",),
    "pl": ("Kiedy noc zapada nad miastem idziemy razem spiewajac nasze piosenki",),
}  # fmt: skip
VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5", "+croak", "+klatt2")
HELD_OUT = ("espeak-de", "flite-rms", "librivox")


@dataclass(frozen=True)
class Utterance:
    """A recording of one voice speaking, at SAMPLE_RATE."""

    voice: str
    sound: Sound

    @property
    def held_out(self) -> bool:
        """Whether the voice is reserved for validation."""
        return self.voice.startswith(HELD_OUT)


def synthetic(random: Random) -> list[Utterance]:
    """Every language by several espeak-ng voices, and English by four flite voices."""
    utterances = []
    for language, texts in TEXTS.items():
        for variant in VARIANTS if language == "en" else random.permutation(VARIANTS)[:3]:
            for text in texts if language == "en" else texts[:1]:
                speed, pitch = int(random.integers(100, 190)), int(random.integers(25, 80))
                name = f"{language}{variant}"
                sound, rate = espeak(text, voice=name, words_per_minute=speed, pitch=pitch, dtype="float32")
                utterances.append(Utterance(f"espeak-{name}", resampled(sound, rate)))
    for voice in ("slt", "awb", "rms", "kal16"):
        for text in TEXTS["en"]:
            sound, rate = flite(text, voice=voice, dtype="float32")
            utterances.append(Utterance(f"flite-{voice}", resampled(sound, rate)))
    return utterances


def recorded(sources: Path) -> list[Utterance]:
    """LJSpeech and LibriSpeech sentences from the repositories, LibriVox from pocketsphinx's test data."""
    folders = (
        ("lj", sources / "RealtimeSTT/tests/unit/audio", "LJ*.wav"),
        ("librispeech", sources / "data/audio", "*-*-0000.hq.ogg"),
        ("librivox", Path("/usr/share/pocketsphinx/test/data/librivox"), "*.wav"),
    )
    utterances = []
    for voice, folder, pattern in folders:
        for file in sorted(folder.glob(pattern)):
            name = f"{voice}-{file.stem.split('-')[0]}" if voice == "librispeech" else voice
            utterances.append(Utterance(name, read(file, seconds=14.0)))
    return utterances


@dataclass(frozen=True)
class Voice:
    """WORLD analysis of an utterance: pitch in Hz (0 = unvoiced), envelope and aperiodicity per 5 ms frame."""

    name: str
    held_out: bool
    pitch: NDArray[np.float64]
    envelope: NDArray[np.float64]
    breath: NDArray[np.float64]


def analyse(utterance: Utterance) -> Voice:
    """Pitch, envelope and aperiodicity of an utterance, its silences cut out."""
    sound = soxr.resample(utterance.sound, SAMPLE_RATE, RATE).astype(np.float64)
    rough, times = pyworld.dio(sound, RATE, frame_period=FRAME * 1000)
    pitch = pyworld.stonemask(sound, rough, times, RATE)
    envelope = pyworld.cheaptrick(sound, pitch, times, RATE)
    breath = pyworld.d4c(sound, pitch, times, RATE)
    loud = envelope.sum(1)
    keep = ndimage.binary_dilation(loud > 1e-3 * np.percentile(loud, 95), iterations=6)
    return Voice(utterance.voice, utterance.held_out, pitch[keep], envelope[keep], breath[keep])


def sing(random: Random, voice: Voice, seconds: float) -> Sound:
    """One voice singing a generated melody: each note takes the next 0.12 to 0.4 s of speech, stretched."""
    song = Song(random)
    song.beat = max(song.beat, 0.4)
    spoken_pitch = float(np.median(voice.pitch[voice.pitch > 0])) if (voice.pitch > 0).any() else 150.0
    middle = 69 + 12 * np.log2(spoken_pitch * float(random.choice([1.0, 1.3, 1.6, 2.0])) / 440)
    low = int(np.clip(middle - 5, 38, 70))
    manner = str(random.choice(["sung", "sung", "sung", "sung", "vowel", "hum", "rap"]))
    frames = int(seconds / FRAME)
    index, pitch, loud = np.zeros(frames, int), np.zeros(frames), np.zeros(frames)
    place, previous = int(random.integers(0, len(voice.pitch))), float(low + 5)
    for note in melody(song, low, low + 14, seconds):
        start, count = int(note.start / FRAME), int(max(0.12, note.length) / FRAME)
        count = min(count, frames - start)
        if count <= 4:
            continue
        taken = int(min(count, random.uniform(0.12, 0.4) / FRAME))
        if manner in ("vowel", "hum"):
            vowels = np.flatnonzero(voice.pitch > 0)
            place = int(vowels[int(random.integers(0, len(vowels)))]) if len(vowels) else place
            taken = 4
        warp = np.linspace(0, 1, count) ** float(random.uniform(0.6, 1.4)) * (taken - 1)
        index[start : start + count] = (place + warp).astype(int) % len(voice.pitch)
        pitch[start : start + count] = glide(random, previous, note.key, count)
        loud[start : start + count] = contour(random, count) * 10 ** ((note.velocity - 100) / 40)
        place, previous = (place + taken) % len(voice.pitch), float(note.key)
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    if manner == "rap":
        hertz *= np.clip(voice.pitch[index] / spoken_pitch, 0.7, 1.5)
    voiced = voice.pitch[index] > 0
    hertz = np.where((loud > 0) & (voiced | (manner in ("vowel", "hum"))), hertz, 0.0)
    size = float(random.uniform(0.88, 1.14))
    envelope = stretch(voice.envelope[index], size)
    if manner == "hum":
        envelope *= 1 / (1 + (np.arange(envelope.shape[1]) / envelope.shape[1] * RATE / 2 / 600.0) ** 4)
    breath = np.clip(voice.breath[index] + float(random.choice([0.0, 0.0, 0.15])), 0, 1)
    out = pyworld.synthesize(hertz, np.ascontiguousarray(envelope), np.ascontiguousarray(breath), RATE, FRAME * 1000)
    level = np.interp(np.arange(len(out)), np.arange(frames) * FRAME * RATE, ndimage.uniform_filter1d(loud, 5))
    return np.asarray(soxr.resample((out * level).astype(np.float32), RATE, SAMPLE_RATE))


def glide(random: Random, previous: float, key: int, count: int) -> NDArray[np.float64]:
    """Pitch of one note in MIDI keys: portamento, drift, then vibrato."""
    time = np.arange(count) * FRAME
    slide = (previous - key) * np.exp(-time / float(random.uniform(0.01, 0.07))) if abs(previous - key) < 13 else 0.0
    depth, rate = float(random.choice([0, 0.1, 0.3, 0.6])), float(random.uniform(4.8, 6.8))
    vibrato = depth * np.clip((time - 0.15) / 0.3, 0, 1) * np.sin(2 * np.pi * rate * time)
    drift = ndimage.uniform_filter1d(random.normal(0, 0.4, count), min(count, 20))
    return np.asarray(key + float(random.normal(0, 0.12)) + slide + vibrato + drift)


def contour(random: Random, count: int) -> NDArray[np.float64]:
    """Amplitude envelope of one note: attack, sustain, release."""
    rise, fall = min(count // 3, int(random.integers(2, 14))), min(count // 3, int(random.integers(4, 24)))
    curve = np.ones(count)
    curve[:rise] = np.linspace(0.1, 1, rise)
    curve[count - fall :] = np.linspace(1, 0.05, fall)
    return curve * (1 + 0.15 * np.sin(np.linspace(0, float(random.uniform(1, 6)), count)))


def stretch(envelope: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """The envelope with its formants shifted by the factor ``size``."""
    bins = np.arange(envelope.shape[1])
    places = np.clip(bins / size, 0, bins[-1])
    low = places.astype(int)
    part = places - low
    return np.asarray(envelope[:, low] * (1 - part) + envelope[:, np.minimum(low + 1, bins[-1])] * part)


def choir(random: Random, voices: list[Voice], seconds: float) -> Sound:
    """Several voices singing one melody with small offsets in time and pitch."""
    state = int(random.integers(0, 2**31))
    out = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    for i in range(int(random.integers(2, 5))):
        voice = voices[int(random.integers(0, len(voices)))]
        sung = sing(np.random.default_rng(state + i * (random.random() < 0.3)), voice, seconds)
        add(out, sung, int(random.normal(0, 500)))
    return out


def speak(random: Random, utterances: list[Utterance], seconds: float) -> Sound:
    """Continuous speech of one voice: plain, shouted or whispered."""
    out = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    voice = utterances[int(random.integers(0, len(utterances)))].voice
    own = [u for u in utterances if u.voice == voice]
    manner, at = str(random.choice(["plain", "plain", "shout", "whisper"])), 0
    while at < len(out):
        sound = own[int(random.integers(0, len(own)))].sound
        sound = sound[int(random.integers(0, max(1, len(sound) // 3))) :][: 6 * SAMPLE_RATE]
        if manner != "plain":
            sound = restyled(random, sound, manner)
        add(out, sound / np.float32(rms(sound)), at)
        at += len(sound) + int(random.uniform(0, 0.5) * SAMPLE_RATE)
    return out


def restyled(random: Random, sound: Sound, manner: str) -> Sound:
    """Speech shouted or whispered."""
    voice = analyse(Utterance("", sound))
    if len(voice.pitch) < 20:
        return sound
    shout = manner == "shout"
    pitch = voice.pitch * float(random.uniform(1.3, 2.0)) if shout else np.zeros_like(voice.pitch)
    tilt = np.linspace(1, 9 if shout else 1, voice.envelope.shape[1])
    breath = voice.breath if shout else np.ones_like(voice.breath)
    out = pyworld.synthesize(pitch, voice.envelope * tilt, breath, RATE, FRAME * 1000).astype(np.float32)
    if shout:
        out = np.tanh(3 * out / max(1e-4, float(np.abs(out).max()))).astype(np.float32)
    else:
        out = signal.lfilter([1, -0.7], [1], out).astype(np.float32)
    return np.asarray(soxr.resample(out, RATE, SAMPLE_RATE))
