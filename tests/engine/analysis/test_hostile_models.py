"""Model files: pinned by SHA-256, self-contained, and in no format that can run code."""

import ast
import hashlib
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file

from engine.analysis.instruments import OnnxClassifier, shipped_model
from engine.analysis.transcription import models
from engine.errors import ModelError
from engine.generators.cogvideox.generator import load_pipeline
from tools.release.make_tiny_cogvideox import build

ROOT = Path(__file__).resolve().parents[3]
CODE = [path for folder in ("aimv", "engine", "tools") for path in (ROOT / folder).rglob("*.py")]
PICKLES = {"pickle", "cPickle", "_pickle", "shelve", "marshal", "dill", "cloudpickle", "joblib"}
CALLS = {"torch.load", "numpy.load", "np.load", "eval", "exec", "yaml.load", "KeyedVectors.load"}
METHODS = {"recv_pyobj", "send_pyobj", "loads_pickle"}


def refused(path: Path, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        OnnxClassifier(path)
    assert "\n" not in str(caught.value)


def copied(folder: Path) -> Path:
    path = folder / "instruments.onnx"
    shutil.copy(shipped_model(), path)
    pin(path)
    return path


def pin(path: Path) -> None:
    path.with_name(path.name + ".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("at", [0, 1000, -1])
def test_one_flipped_bit_of_the_classifier_is_detected(tmp_path: Path, at: int) -> None:
    path = copied(tmp_path)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    refused(path, "not the one that was published")


def test_a_classifier_without_its_pin(tmp_path: Path) -> None:
    path = copied(tmp_path)
    path.with_name(path.name + ".sha256").unlink()
    refused(path, "checksum is missing")
    path.with_name(path.name + ".sha256").write_text("")
    refused(path, "checksum is missing")


def test_tensors_in_another_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with a right pin, and though the runtime finds the file in the working folder."""
    monkeypatch.chdir(tmp_path)
    model = onnx.load(copied(tmp_path))
    onnx.save_model(model, "split.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    pin(tmp_path / "split.onnx")
    assert (tmp_path / "weights.bin").stat().st_size > 1_000_000
    refused(tmp_path / "split.onnx", "other files")


@pytest.mark.parametrize("location", ["../../../etc/passwd", "/dev/zero"])
def test_a_tensor_that_points_anywhere_is_refused(tmp_path: Path, location: str) -> None:
    model = onnx.load(copied(tmp_path))
    tensor = model.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(np.zeros(3, np.float32), tensor.name))
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    path = tmp_path / "split.onnx"
    path.write_bytes(model.SerializeToString())
    pin(path)
    refused(path, "other files")


def test_another_onnx_model_is_not_a_classifier(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(b"\x00\x01\x02" * 1000)
    pin(path)
    refused(path, "cannot be loaded|not an instrument classifier")


def test_a_packaged_speech_model_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = models.catalog().packaged
    assert all(len(file.sha256) == 64 for model in packaged.values() for file in model.files.values())
    other = models.PinnedFile(packaged["tiny.en"].files["config.json"].parts, "0" * 64)
    monkeypatch.setitem(packaged["tiny.en"].files, "config.json", other)
    with pytest.raises(ModelError, match="not the published ones"):
        models.model_folder("tiny.en")


class Payload:
    """What a hostile checkpoint does when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_pickled_checkpoint_is_never_read(tmp_path: Path) -> None:
    """A folder whose transformer comes as .bin in place of .safetensors is refused, and the .bin not opened."""
    folder, mark = tmp_path / "model", tmp_path / "it ran"
    build(folder, "2b")
    weights = next((folder / "transformer").glob("*.safetensors"))
    torch.save({**load_file(weights), "payload": Payload(mark)}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_pipeline(str(folder), "cpu")
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_reads_pickles(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            assert not {name.partition(".")[0] for name in names} & PICKLES
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in CALLS, called
            assert called.rpartition(".")[2] not in METHODS, called
            assert not any(word.arg == "allow_pickle" for word in node.keywords)
