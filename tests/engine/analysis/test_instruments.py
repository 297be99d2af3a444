"""The shipped instrument classifier: shapes, metadata, silence, gain, size, and loading once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from aimv.language.content import read_data
from engine.analysis.instruments import OnnxClassifier, load_classifier, shipped_model
from tools.train.labels import LABELS

MODEL = Path(__file__).resolve().parents[3] / "models" / "onnx" / "instruments.onnx"


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


def facts(session: onnxruntime.InferenceSession) -> dict[str, str]:
    return dict(session.get_modelmeta().custom_metadata_map)


def probabilities(session: onnxruntime.InferenceSession, audio: np.ndarray) -> np.ndarray:
    return session.run(["probabilities"], {"audio": np.atleast_2d(audio).astype(np.float32)})[0]


def noise(seed: int, count: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((count, 32_000))


def test_metadata_names_labels_thresholds_confusion_and_sources(session: onnxruntime.InferenceSession) -> None:
    metadata = facts(session)
    assert json.loads(metadata["labels"]) == list(LABELS)
    assert metadata["sample_rate"] == "32000"
    assert float(metadata["window_seconds"]) == 1.0
    assert metadata["version"]
    assert set(json.loads(metadata["thresholds"])) == set(LABELS)
    for label, others in json.loads(metadata["confusion"]).items():
        assert label in LABELS
        assert label not in others
        assert sum(others.values()) == pytest.approx(1, abs=0.01)
    for source in json.loads(metadata["sources"]):
        assert source["name"]
        assert source["licence"]


def test_a_drum_is_first_taken_for_another_drum(session: onnxruntime.InferenceSession) -> None:
    confusion = json.loads(facts(session)["confusion"])
    for drum in LABELS[:9]:
        assert max(confusion[drum], key=confusion[drum].__getitem__) in LABELS[:9]
    assert "splash" in confusion["crash"]


def test_it_takes_any_number_of_windows(session: onnxruntime.InferenceSession) -> None:
    rows = probabilities(session, noise(1, 3))
    assert rows.shape == (3, len(LABELS))
    assert ((rows >= 0) & (rows <= 1)).all()
    np.testing.assert_allclose(rows[1:2], probabilities(session, noise(1, 3)[1]), atol=1e-4)


def test_silence_has_no_instruments(session: onnxruntime.InferenceSession) -> None:
    assert probabilities(session, np.zeros(32_000)).max() < 0.01
    assert probabilities(session, 1e-6 * noise(2)).max() < 0.01
    assert probabilities(session, np.full(32_000, 0.5)).max() < 0.01


def test_loudness_does_not_matter(session: onnxruntime.InferenceSession) -> None:
    loud, soft = probabilities(session, noise(3)), probabilities(session, 0.03 * noise(3))
    np.testing.assert_allclose(loud, soft, atol=0.02)


def test_the_file_is_small_whole_and_pinned() -> None:
    data = MODEL.read_bytes()
    assert len(data) <= 12 * 1024 * 1024
    assert hashlib.sha256(data).hexdigest() == MODEL.with_name(MODEL.name + ".sha256").read_text("ascii").split()[0]
    # An external tensor is named by a location beside the model; a whole file loads from its bytes alone.
    assert onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).get_inputs()[0].shape[1] == 32_000


def test_families_are_groups_of_labels_and_those_of_the_sentence(classifier: OnnxClassifier) -> None:
    assert classifier.families["drum"] == LABELS[:9]
    assert set(classifier.families["cymbal"]) == {"hi-hat", "crash", "splash", "ride"}
    assert {label for members in classifier.families.values() for label in members} == set(LABELS)
    for family, members in read_data("vocabulary.json")["families"].items():
        assert set(members) & set(LABELS) == set(classifier.families[family])


def test_a_classifier_in_use_is_not_loaded_again(classifier: OnnxClassifier) -> None:
    assert load_classifier() is load_classifier(shipped_model()) is classifier
