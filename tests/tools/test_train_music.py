"""Generated training music: deterministic for a seed, in range, with the right labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("soxr")
pytest.importorskip("pyworld")

from tools.synthesis import Note
from tools.train import effects, grooves, kits, measure, midi, mixing, phrases, sampler, synths
from tools.train.bank import LENGTH, Bank, Stem, Stroke, with_splashes
from tools.train.kits import SHAKEN, Hit, frankensnare, is_same_recording, jingles, piece_named, splash_from_crash
from tools.train.labels import INDEX, LABELS, TARGETS, WINDOW
from tools.train.sound import Sound, starting_at_onset


def tone(hertz: float, count: int) -> Sound:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(count) / 32_000)).astype(np.float32)


@pytest.fixture
def bank() -> Bank:
    """Three stems and seven strokes, made of tones and noise."""
    names = ("bass", "guitar", "vocal")
    stems = [Stem(f"font/{n}", n, (), False, n == "guitar", 0.35) for n in names]
    sound = np.stack([(tone(60.0 * (i + 1), LENGTH) * 32767).astype(np.int16) for i in range(len(names))])
    pieces = ("kick", "snare", "hi-hat", "hi-hat open", "crash", "tom", "other")
    strokes = [Stroke("kit", piece, 0.8, False, i * 8000, 8000) for i, piece in enumerate(pieces)]
    noise = np.random.default_rng(0).integers(-20_000, 20_000, 8000 * len(pieces)).astype(np.int16)
    return Bank(stems, strokes, sound, noise)


@pytest.mark.parametrize("label", ["bass", "guitar", "piano", "violin", "vocal", ""])
def test_a_phrase_is_deterministic_and_stays_in_range(label: str) -> None:
    notes = phrases.phrase(np.random.default_rng(3), label, 8.0)
    assert notes == phrases.phrase(np.random.default_rng(3), label, 8.0)
    assert notes
    assert all(0 <= note.start < 8 and 1 <= note.velocity <= 127 and 0 <= note.key < 128 for note in notes)


def test_strums_alternate_and_up_strokes_are_lighter() -> None:
    notes = phrases.strums(phrases.Song(np.random.default_rng(3)), 40, 80, 8.0)
    strokes = [[notes[0]]]
    for note in notes[1:]:
        if note.start - strokes[-1][-1].start > 0.03:
            strokes.append([])
        strokes[-1].append(note)
    down = [stroke for stroke in strokes if stroke[0].key < stroke[-1].key]
    up = [stroke for stroke in strokes if stroke[0].key > stroke[-1].key]
    assert len(down) > 4
    assert len(up) > 4
    assert np.mean([len(stroke) for stroke in down]) > np.mean([len(stroke) for stroke in up])
    assert np.mean([stroke[0].velocity for stroke in down]) > np.mean([stroke[0].velocity for stroke in up]) + 5


def test_two_hands_play_below_and_above() -> None:
    for seed in range(12):
        keys = [note.key for note in phrases.hands(phrases.Song(np.random.default_rng(seed)), 31, 96, 8.0)]
        assert min(keys) < 52, seed
        assert max(keys) > 62, seed


def test_the_synthesizer_plays_in_tune_and_every_patch_differs() -> None:
    played = Note(0.1, 0.8, 69, 100)
    sounds = [synths.play(synths.synthesizer(np.random.default_rng(seed)), [played], 1.5) for seed in range(6)]
    for sound in sounds:
        assert len(sound) == 48_000
        assert not sound[:3000].any()
        spectrum = np.abs(np.fft.rfft(sound[6400:22_400] * np.hanning(16_000)))
        peak = 2 * float(spectrum.argmax())
        octaves = np.log2(peak / 440)
        nearest = min((np.log2(n) for n in (0.5, 1, 1.5, 2, 3, 4, 5)), key=lambda x: abs(x - octaves))
        assert abs(octaves - nearest) < 0.3 / 12, peak
    assert len({sound.tobytes() for sound in sounds}) == 6


def test_a_saw_is_band_limited() -> None:
    hertz = 2637.0
    spectrum = np.abs(np.fft.rfft(synths.wave("saw", hertz, 0.0, 32_000) * np.hanning(32_000)))
    harmonics = np.arange(hertz, 16_000, hertz).astype(int)
    near = np.concatenate([np.arange(h - 3, h + 4) for h in harmonics])
    others = np.delete(spectrum[:8000], [i for i in [*near, *range(4)] if i < 8000])
    assert others.max() < 0.03 * spectrum[2637]


def test_the_electric_piano_decays_and_is_brighter_at_high_velocity() -> None:
    def bright(velocity: int) -> float:
        sound = synths.play(synths.electric_piano(np.random.default_rng(1)), [Note(0.0, 1.9, 48, velocity)], 2.0)
        assert np.abs(sound[48_000:56_000]).max() < 0.7 * np.abs(sound[:8000]).max()
        spectrum = np.abs(np.fft.rfft(sound[:16_000])) ** 2
        return float(spectrum[400:].sum() / spectrum.sum())

    assert bright(120) > 1.5 * bright(50)


def test_splashes_are_derived_from_crashes_that_are_not_held_out() -> None:
    crashes = [Hit(kit, "crash", 0.7, tone(900.0, 40_000)) for kit in ("Kit", "VariBreaks") for _ in range(20)]
    made = [hit for hit in with_splashes(iter(crashes), 1) if hit.piece == "splash"]
    assert 4 < len(made) < 20
    assert {hit.kit for hit in made} == {"Kit made small"}


def test_a_drum_channel_tunes_damps_and_layers_its_drum() -> None:
    stroke = tone(400.0, 32_000)
    plain = mixing.DrumChannel(1.0, None, 0.0, None)
    assert plain.process(stroke) == pytest.approx(stroke)
    higher = mixing.DrumChannel(1.25, None, 0.0, None).process(stroke)
    assert np.abs(np.fft.rfft(higher[:16_000])).argmax() == 250
    muffled = mixing.DrumChannel(1.0, None, 0.1, None).process(stroke)
    assert np.abs(muffled[16_000:]).max() < 0.01
    second = np.ones(40_000, np.float32)
    assert mixing.DrumChannel(1.0, None, 0.0, second).process(stroke)[32_000:] == pytest.approx(second[32_000:])
    toned = mixing.DrumChannel(1.0, 7, 0.0, None)
    assert toned.process(stroke) == pytest.approx(toned.process(stroke))


def test_every_style_of_drumming_has_sixteen_steps_of_known_pieces() -> None:
    for pattern in grooves.STYLES.values():
        assert all(len(line) == 16 for line in pattern.values())
        assert set(pattern) <= set(grooves.PIECES)


def test_a_groove_lies_within_its_seconds() -> None:
    for seed in range(40):
        strokes = grooves.groove(np.random.default_rng(seed), 2.2)
        assert all(0 <= stroke.time < 2.2 and 0 < stroke.force <= 1 for stroke in strokes)


def test_a_midi_file_has_one_track_with_its_notes_and_length() -> None:
    file = midi.midi_file([midi.Part(24, (Note(0.0, 1.0, 60, 90),))], 2.0)
    (track,) = file.tracks
    assert [(each.type, each.note, each.velocity) for each in track if each.type == "note_on"] == [("note_on", 60, 90)]
    assert file.length == 3.0  # the note's second, and the two to the next part


def test_pitches_are_read_from_file_names() -> None:
    names = {
        "cello_Gs5_1_forte": 80,
        "gb4_p_rr2": 66,
        "FF A#4": 70,
        "a1ff": 33,
        "twang_a3_f_rr2": 57,
        "Cs3": 49,
        "D#4v12": 63,
        "A2vL": 45,
        "LEVEL5 CLOSE 105": 105,
    }
    assert {name: sampler.pitch_of(name) for name in names} == names
    assert sampler.pitch_of("noises") is None


def test_drum_pieces_are_read_from_kit_names() -> None:
    assert piece_named("Zildjian Splash") == "splash"
    assert piece_named("Pearl Side Stick") == "rimshot"
    assert piece_named("Crash/Ride (Paiste Rude)") == "crash"
    assert piece_named("Crash/Ride Bow (Paiste Rude)") == "ride"
    assert piece_named("ride-crash20inch") == "", "it may be either"
    assert piece_named("Sabian Hat Open") == "hi-hat open"
    assert piece_named("Cowbell") == "other"


def test_the_same_recording_is_detected_at_any_level() -> None:
    stroke = np.random.default_rng(5).normal(0, 0.1, 9000).astype(np.float32)
    assert is_same_recording(stroke, stroke[:8000] * np.float32(0.3))
    assert not is_same_recording(stroke, np.roll(stroke, 40))


def test_a_font_yields_each_recording_once_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def rendered(font: Path, parts: list[midi.Part], seconds: float) -> list[Sound]:
        """Programs 8 and 40 (keys 39 and 40) have recordings of their own; all velocities share one."""
        of_kit = [part.program if part.program == 8 or part.notes[0].key in (39, 40) else 0 for part in parts]
        seeds = [[part.notes[0].key, kit] for part, kit in zip(parts, of_kit, strict=True)]
        return [np.random.default_rng(seed).normal(0, 0.1, 9000).astype(np.float32) for seed in seeds]

    monkeypatch.setattr(kits, "render", rendered)
    hits = list(kits.soundfont(Path("font"), "timgm", (0, 8, 40)))
    assert len([hit for hit in hits if hit.kit == "timgm/0"]) == len(kits.GENERAL_MIDI)
    assert [(hit.kit, hit.piece) for hit in hits if hit.kit != "timgm/0"] == [("timgm/40", "snare")]


def test_a_splash_derived_from_a_crash_is_higher_and_shorter() -> None:
    crash = Hit("Kit", "crash", 0.7, tone(1000.0, 80_000))
    splash = splash_from_crash(crash, np.random.default_rng(0))
    assert (splash.kit, splash.piece, splash.force) == ("Kit made small", "splash", 0.7)
    loudest = np.fft.rfftfreq(8192, 1 / 32_000)[np.abs(np.fft.rfft(splash.sound[:8192])).argmax()]
    assert 1390 <= loudest <= 2010
    assert np.abs(splash.sound[16_000:]).max(initial=0.0) < 0.3 * np.abs(splash.sound[:1600]).max()


def test_tambourines_and_shakers_are_bright_and_have_no_label() -> None:
    hits = list(jingles(np.random.default_rng(5), "made"))
    assert len(hits) == 6
    for hit in hits:
        assert hit.piece == SHAKEN
        power = np.abs(np.fft.rfft(hit.sound)) ** 2
        assert power[np.fft.rfftfreq(len(hit.sound), 1 / 32_000) > 2000].sum() > 0.9 * power.sum()


def test_each_snare_is_a_kit_of_its_own(tmp_path: Path) -> None:
    for name in ("14_steel", "14_tamb"):
        for microphone in ("oh", "top", "btm"):
            (tmp_path / name / microphone).mkdir(parents=True)
            soundfile.write(tmp_path / name / microphone / "sn_vl4.flac", tone(200.0, 16_000), 32_000)
    (tmp_path / "xtra_claps").mkdir()
    soundfile.write(tmp_path / "xtra_claps" / "clap1.flac", tone(900.0, 16_000), 32_000)
    found = [(hit.kit, hit.piece, hit.force) for hit in frankensnare(tmp_path, np.random.default_rng(0))]
    assert found == [("Frankensnare 14_steel", "snare", 0.7), ("Frankensnare", "clap", 0.8)]


def test_chops_are_short_chords_within_their_range() -> None:
    notes = phrases.chops(phrases.Song(np.random.default_rng(1)), 50, 80, 4.0)
    assert notes
    assert all(50 <= note.key <= 80 and note.length <= 0.16 for note in notes)


def test_a_single_stroke_lies_within_the_window(bank: Bank) -> None:
    mixer = mixing.Mixer(bank, held_out=False, seed=1)
    for seed in range(20):
        notes, sound = mixer.single_stroke(np.random.default_rng(seed))
        assert [0 <= stroke.time <= 0.5 for stroke in notes] == [True]
        assert np.isfinite(sound).all()


def test_a_window_depends_on_its_number_alone(bank: Bank) -> None:
    mixer = mixing.Mixer(bank, held_out=False, seed=1)
    for number in range(12):
        sound, labels = mixer.window(number)
        again, same = mixing.Mixer(bank, held_out=False, seed=1).window(number)
        assert sound.shape == (WINDOW,)
        assert np.isfinite(sound).all()
        assert set(labels) <= {-1, 0, 1}
        np.testing.assert_array_equal(sound, again)
        np.testing.assert_array_equal(labels, same)


def test_bands_alternate_from_window_to_window(bank: Bank) -> None:
    taking_turns = mixing.Mixer(bank, held_out=False, seed=1)
    alone = [mixing.Mixer(bank, held_out=False, seed=1, bands=[band]) for band in mixing.BANDS]
    differ = 0
    for number in range(24):
        sounds = [mixer.window(number)[0] for mixer in alone]
        np.testing.assert_array_equal(taking_turns.window(number)[0], sounds[number % 2])
        differ += not np.array_equal(*sounds)
    assert differ > 0


def test_a_part_is_present_within_20_db_of_the_mix() -> None:
    part = mixing.MixPart("guitar", ("piano",), tone(200, WINDOW))
    for db, value in ((-3.0, 1), (-20.0, mixing.UNKNOWN), (-30.0, 0)):
        labels = np.zeros(len(TARGETS), np.int8)
        mixing.label_part(labels, part, db)
        assert labels[INDEX["guitar"]] == value


def test_a_drum_is_present_with_an_onset_in_the_first_nine_tenths() -> None:
    def label(time: float, force: float = 0.9) -> int:
        labels = np.zeros(len(TARGETS), np.int8)
        mixing.label_drums(labels, [grooves.DrumNote(time, "snare", force)], 0.0)
        return int(labels[INDEX["snare"]])

    assert (label(0.5), label(0.9), label(0.97), label(-0.3)) == (1, mixing.UNKNOWN, 0, 0)
    assert label(0.5, force=0.15) == mixing.UNKNOWN


def test_percussion_without_an_output_has_its_own_target() -> None:
    labels = np.zeros(len(TARGETS), np.int8)
    mixing.label_drums(labels, [grooves.DrumNote(0.2, SHAKEN, 0.9), grooves.DrumNote(0.4, "hi-hat open", 0.9)], 0.0)
    assert {TARGETS[i] for i in np.flatnonzero(labels)} == {"shaken", "hi-hat"}
    assert TARGETS[: len(LABELS)] == LABELS


def test_a_missing_piece_is_taken_from_recorded_kits_more_often_than_from_machines(bank: Bank) -> None:
    for kit in ("other kit", "machine 1"):
        bank.strokes.append(Stroke(kit, "splash", 0.8, False, 0, 8000))
    mixer, random = mixing.Mixer(bank, held_out=False, seed=1), np.random.default_rng(0)
    kits_chosen = [mixer.choose(random, "kit", "splash", 0.0)[0].kit for _ in range(3000)]
    assert kits_chosen.count("machine 1") == pytest.approx(3000 * 0.35 / 1.35, rel=0.1)


@pytest.mark.parametrize("effect", ["amplifier", "compress", "equalise", "limit", "modulate", "tremolo", "drive"])
def test_an_effect_keeps_length_and_stays_finite(effect: str) -> None:
    sound = tone(220, 20_000)
    out = getattr(effects, effect)(np.random.default_rng(0), sound)
    assert len(out) == len(sound)
    assert np.isfinite(out).all()


def test_an_onset_is_found_to_a_millisecond() -> None:
    sound = np.concatenate([np.zeros(5000, np.float32), tone(1000, 3000)])
    assert abs(len(sound) - len(starting_at_onset(sound)) - 5000) <= 32


def test_arranged_mixtures_have_the_instrument_frequencies_of_slakh(bank: Bank) -> None:
    with pytest.raises(ValueError, match="piano"):
        for seed in range(8):
            measure.arranged(mixing.Mixer(bank, False, 1), np.random.default_rng(seed))
    bank.stems[2] = Stem("font/piano", "piano", (), False, False, 0.35)
    mixer = mixing.Mixer(bank, False, 1)
    truth = np.stack([measure.arranged(mixer, np.random.default_rng(seed))[1] for seed in range(60)])
    for name, share in measure.SLAKH.items():
        columns = measure.DRUM_COLUMNS if name == "drums" else [INDEX[name]]
        assert (truth[:, columns].max(axis=1) == 1).mean() == pytest.approx(share, abs=0.17), name
        assert (truth[:, columns].max(axis=1) >= 0).all()
