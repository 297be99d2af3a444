"""Compose examples/heart.wav, heart.mid and heart.truth.json, deterministically.

    python -m tools.release.demo [--soundfont FILE] [--out FOLDER] [--stems FOLDER]

Needs fluidsynth, espeak-ng and musescore-general-soundfont from Debian, and pyworld and mido from the `train` extra.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile

from tools.release.demo.arrangement import harmony, lead, tracks
from tools.release.demo.instruments import midi, stem
from tools.release.demo.mix import mix
from tools.release.demo.truth import truth
from tools.release.demo.voice import HUM, sing

SAMPLE_RATE = 32000
SOUNDFONT = Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3")


def main() -> None:
    """Write the song, its MIDI file and its truth; optionally every stem by itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT)
    parser.add_argument("--out", type=Path, default=Path("examples"))
    parser.add_argument("--stems", type=Path, help="also write each stem here, unmixed")
    options = parser.parse_args()

    band, melody = tracks(), lead()
    stems = {track.name: stem(track, options.soundfont, SAMPLE_RATE) for track in band}
    sung_syllables = []
    for name, line in (
        ("voice", tuple(s for s in melody if s.text != HUM)),
        ("hum", tuple(s for s in melody if s.text == HUM)),
        ("harmony", harmony()),
    ):
        mono, sung = sing(line, SAMPLE_RATE)
        stems[name] = np.stack([mono, mono])
        if name != "harmony":
            sung_syllables += sung
    song = mix(stems, SAMPLE_RATE)

    options.out.mkdir(parents=True, exist_ok=True)
    soundfile.write(options.out / "heart.wav", song.T, SAMPLE_RATE, subtype="PCM_16")
    midi(band, tuple((s.text, s.start, s.length, s.key) for s in melody)).save(options.out / "heart.mid")
    ground_truth = truth(band, sorted(sung_syllables, key=lambda s: s.start_s), SAMPLE_RATE)
    (options.out / "heart.truth.json").write_text(json.dumps(ground_truth, indent=1) + "\n")
    if options.stems:
        options.stems.mkdir(parents=True, exist_ok=True)
        for name, sound in stems.items():
            soundfile.write(options.stems / f"{name}.wav", sound.T, SAMPLE_RATE, subtype="FLOAT")
    print(f"{options.out / 'heart.wav'}: {song.shape[1] / SAMPLE_RATE:.2f} s, peak {np.abs(song).max():.3f}")


if __name__ == "__main__":
    main()
