"""Miniature data sets in the layout of the real ones, and a classifier that takes a tone for an instrument."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import soundfile
from onnx import TensorProto, helper, numpy_helper

RATE = 32_000
LABELS = ["kick", "snare", "rimshot", "tom", "hi-hat", "crash", "splash", "ride", "clap", "bass", "guitar", "piano",
          "organ", "violin", "cello", "flute", "sax", "brass", "synth", "vocal", "speech"]  # fmt: skip
HZ = {label: 300.0 + 100.0 * place for place, label in enumerate(LABELS)}

Second = Mapping[str, float]
"""Content of one second: label -> amplitude, which the classifier returns as probability."""


def write_classifier(path: Path, thresholds: Mapping[str, float] | None = None) -> Path:
    """A classifier with the interface of the shipped one: a label's probability is the amplitude of its tone."""
    time = np.arange(RATE) / RATE
    waves = np.exp(2j * np.pi * np.outer(time, list(HZ.values()))) * 2 / RATE
    real, imaginary = waves.real.astype(np.float32), waves.imag.astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["audio", "cosine"], ["x"]),
        helper.make_node("MatMul", ["audio", "sine"], ["y"]),
        helper.make_node("Mul", ["x", "x"], ["xx"]),
        helper.make_node("Mul", ["y", "y"], ["yy"]),
        helper.make_node("Add", ["xx", "yy"], ["power"]),
        helper.make_node("Sqrt", ["power"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["batch", RATE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [numpy_helper.from_array(real, "cosine"), numpy_helper.from_array(imaginary, "sine")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    own = dict.fromkeys(LABELS, 0.5) | dict(thresholds or {})
    facts = {"labels": json.dumps(LABELS), "thresholds": json.dumps(own), "sample_rate": str(RATE)}
    helper.set_model_props(model, facts | {"window_seconds": "1.0"})
    onnx.save(model, str(path))
    return path


def write_sound(
    path: Path, seconds: Sequence[Second], rate: int = 44_100, channels: int = 1, rest_s: float = 0.0
) -> None:
    """Write one second after the other; the last goes on for `rest_s` more."""
    time = np.arange(rate) / rate
    parts = [sum((a * np.sin(2 * np.pi * HZ[label] * time) for label, a in second.items()), 0 * time)
             for second in seconds]  # fmt: skip
    sound = np.concatenate([*parts, parts[-1][: round(rest_s * rate)]]).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    subtype = {".ogg": "VORBIS", ".wav": "FLOAT"}.get(path.suffix, "PCM_24")
    soundfile.write(path, np.repeat(sound[:, None], channels, axis=1), rate, subtype=subtype)


def write_index(home: Path, name: str, version: str, tracks: Mapping[str, Any], **more: Any) -> None:
    """The index that mirdata has of a data set: every file with its MD5, which stays made up where it is not there."""

    def stamped(files: Any) -> Any:
        if isinstance(files, list):
            return files
        if files is None:
            return [None, None]
        path = home / files
        data = path.read_bytes() if path.is_file() else files.encode()
        return [files, hashlib.md5(data).hexdigest()]

    parts = {"tracks": tracks, **more}
    index = {part: {key: {kind: stamped(file) for kind, file in files.items()} for key, files in of.items()}
             for part, of in parts.items()}  # fmt: skip
    (home / name).write_text(json.dumps({"version": version, **index}))


def medley_solos_db(home: Path, clips: Sequence[tuple[str, str, Sequence[Second]]]) -> None:
    """(subset, instrument, sound) of each clip of 22.05 kHz; only the test subset has its sound."""
    names = ["clarinet", "distorted electric guitar", "female singer", "flute", "piano", "tenor saxophone", "trumpet",
             "violin"]  # fmt: skip
    tracks, rows = {}, []
    for number, (subset, instrument, sound) in enumerate(clips):
        uuid = f"d07b1fc0-567d-52c2-fef4-{number:012d}"
        identity = names.index(instrument)
        audio = f"audio/Medley-solos-DB_{subset}-{identity}_{uuid}.wav"
        if subset == "test":
            write_sound(home / audio, sound, 22_050)
        tracks[uuid] = {"audio": audio}
        rows.append([subset, instrument, identity, number, uuid])
    write_csv(
        home / "annotation" / "Medley-solos-DB_metadata.csv",
        [["subset", "instrument", "instrument_id", "song_id", "uuid4"], *rows],
    )
    write_index(home, "medley_solos_db_index_1.2.json", "1.2", tracks)


def irmas(home: Path, clips: Sequence[tuple[Sequence[str], Sequence[Second]]]) -> None:
    """(codes, sound) of each testing excerpt, stereo and 0.6 s longer than its seconds; one to train on, unheard."""
    training = "IRMAS-TrainingData/cla/[cla][cla]0189__2.wav"
    tracks = {"0189__2": {"audio": training, "annotation": training}}
    for number, (codes, sound) in enumerate(clips):
        stem = f"IRMAS-TestingData-Part1/Part1/{number:02d} - And The Body Will Die-{number}"
        write_sound(home / f"{stem}.wav", sound, 44_100, channels=2, rest_s=0.6)
        (home / f"{stem}.txt").write_text("".join(f"{code}\t\n" for code in codes))
        tracks[str(number + 1)] = {"audio": f"{stem}.wav", "annotation": f"{stem}.txt"}
    write_index(home, "irmas_index_1.0.json", "1.0", tracks)


def openmic2018(home: Path, clips: Sequence[tuple[str, Mapping[str, float], Sequence[Second]]]) -> None:
    """(train or test, relevance of what was judged, sound) of each excerpt; only the test split has its sound."""
    header = [
        "track_id",
        "album_id",
        "artist_name",
        "track_genres",
        "track_title",
        "track_url",
        "sample_key",
        "start_time",
    ]
    genres = "[{'genre_id': '76', 'genre_title': 'Experimental Pop'}]"
    rows, tracks, labels = [header], {}, [["sample_key", "instrument", "relevance", "num_responses"]]
    splits: dict[str, list[list[str]]] = {"train": [], "test": []}
    for number, (split, judged, sound) in enumerate(clips):
        key = f"{46 + number:06d}_3840"
        rows.append([str(46 + number), "4.0", "Somebody", genres, "Yosemite", "http://example.org", key, "3.84"])
        labels += [[key, name, str(relevance), "3"] for name, relevance in judged.items()]
        splits[split].append([key])
        audio = f"audio/{key[:3]}/{key}.ogg"
        if split == "test":
            write_sound(home / audio, sound)
        tracks[key] = {"audio": audio, "vggish": f"vggish/{key[:3]}/{key}.json"}
    write_csv(home / "openmic-2018-metadata.csv", rows)
    write_csv(home / "openmic-2018-aggregated-labels.csv", labels)
    for split, keys in splits.items():
        write_csv(home / "partitions" / f"split01_{split}.csv", keys)
    write_index(home, "openmic2018_index_1.0.json", "1.0.0", tracks)


def slakh(home: Path, stems: Mapping[str, tuple[int, Sequence[Second] | None]]) -> None:
    """A test song of these stems, name -> (program, sound or None for an effect not rendered); one to train with."""
    tracks: dict[str, Any] = {}
    songs: dict[str, Any] = {}
    for split, song in (("train", "Track00001"), ("test", "Track01876")):
        place = f"slakh2100_flac_redux/{split}/{song}"
        metadata = {"metadata": f"{place}/metadata.yaml"}
        songs[song] = {"mix": f"{place}/mix.flac", "midi": f"{place}/all_src.mid", **metadata, "tracks": []}
        for name, (_, sound) in stems.items():
            audio = None if sound is None else f"{place}/stems/{name}.flac"
            tracks[f"{song}-{name}"] = {"audio": audio, "midi": f"{place}/MIDI/{name}.mid", **metadata}
            songs[song]["tracks"].append(f"{song}-{name}")
    place = home / "slakh2100_flac_redux" / "test" / "Track01876"
    sounding = {name: sound for name, (_, sound) in stems.items() if sound is not None}
    for name, sound in sounding.items():
        write_sound(place / "stems" / f"{name}.flac", sound)
    together = [
        dict(pair for second in seconds for pair in second.items()) for seconds in zip(*sounding.values(), strict=True)
    ]
    write_sound(place / "mix.flac", together)
    lines = ["UUID: 1a81ae092884234f3264e2f45927f00a", "audio_dir: stems", "stems:"]
    for name, (program, _) in stems.items():
        lines += [f"  {name}:", f"    is_drum: {str(program == 128).lower()}", f"    program_num: {program}"]
    (place / "metadata.yaml").write_text("\n".join(lines) + "\n")
    write_index(home, "slakh_index_2100-redux.json", "2100-redux", tracks, multitracks=songs)


def write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
