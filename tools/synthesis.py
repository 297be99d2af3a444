"""Sound from notes and from text by the synthesizers that Debian packages: FluidSynth and eSpeak NG."""

import subprocess
import tempfile
from pathlib import Path

import mido


def fluidsynth(
    soundfont: Path,
    notes: mido.MidiFile,
    out: Path,
    rate: int,
    *,
    gain: float,
    effects: bool = False,
    as_float: bool = False,
) -> None:
    """Render `notes` into the wav file `out` at `rate` Hz; `effects` are FluidSynth's own reverb and chorus.

    Raises:
        subprocess.CalledProcessError: fluidsynth fails.
    """
    switch = "1" if effects else "0"
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder, "song.mid")
        notes.save(song)
        command = [
            "fluidsynth",
            "-ni",
            "-q",
            "-R",
            switch,
            "-C",
            switch,
            "-g",
            f"{gain:g}",
            "-r",
            str(rate),
            "-T",
            "wav",
        ]
        command += ["-O", "float"] if as_float else []
        subprocess.run([*command, "-F", str(out), str(soundfont), str(song)], check=True, capture_output=True)


def espeak(text: str, out: Path, *, voice: str, words_per_minute: int, pitch: int | None = None) -> None:
    """Speak `text` into the wav file `out`; `pitch` from 0 to 99.

    Raises:
        subprocess.CalledProcessError: espeak-ng fails.
    """
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute)]
    command += ["-p", str(pitch)] if pitch is not None else []
    subprocess.run([*command, "-w", str(out), text], check=True, capture_output=True)
