"""Export of the trained classifier to one ONNX file: weights packed, metadata written, size and outputs checked.

python -m tools.train.export models/onnx/instruments.onnx     # rewrite only its label families
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tools.train.labels import FAMILIES, LABELS, SAMPLE_RATE, WINDOW, WINDOW_SECONDS
from tools.train.network import Classifier

OPSET = 17
LARGEST_BYTES = 12 * 1024 * 1024
PACKED_FROM = 4096
"""Smaller tensors, and vectors, stay 32-bit."""


@dataclass(frozen=True)
class ModelMetadata:
    """Metadata of the model file besides labels, families and input format."""

    thresholds: dict[str, float]
    confusion: dict[str, dict[str, float]]
    sources: list[dict[str, str]]
    version: str


def export(classifier: Classifier, metadata: ModelMetadata, path: Path) -> None:
    """Write ``classifier`` to ``path``.

    Raises ValueError when the file would exceed 12 MB or its probabilities differ by more than 0.02 from torch's.
    """
    classifier.eval()
    model = onnx.load_model_from_string(as_onnx(classifier, ["probabilities"]))
    pack(model)
    del model.metadata_props[:]
    helper.set_model_props(
        model,
        {
            "labels": json.dumps(LABELS),
            "families": json.dumps(FAMILIES),
            "thresholds": json.dumps(metadata.thresholds),
            "confusion": json.dumps(metadata.confusion),
            "sample_rate": str(SAMPLE_RATE),
            "window_seconds": str(WINDOW_SECONDS),
            "sources": json.dumps(metadata.sources),
            "version": metadata.version,
        },
    )
    onnx.checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    if len(data) > LARGEST_BYTES:
        raise ValueError(f"the model takes {len(data)} bytes, more than {LARGEST_BYTES}")
    difference = max_difference(classifier, data)
    if difference > 0.02:
        raise ValueError(f"the packed model's probabilities differ by {difference:.3f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pinned(data, path)


def write_pinned(data: bytes, path: Path) -> None:
    """Write a model and its SHA-256 beside it; the engine rejects a model with another checksum."""
    path.write_bytes(data)
    line = f"{hashlib.sha256(data).hexdigest()}  {path.name}\n"
    path.with_name(path.name + ".sha256").write_text(line, encoding="ascii")


def write_families(path: Path) -> None:
    """Rewrite the label families in the metadata of an exported model; graph and weights stay."""
    model = onnx.load(path, load_external_data=False)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    labels = json.loads(facts["labels"])
    families = {name: members for name, members in FAMILIES.items() if set(members) <= set(labels)}
    helper.set_model_props(model, facts | {"families": json.dumps(families)})
    write_pinned(model.SerializeToString(deterministic=True), path)


def as_onnx(module: nn.Module, outputs: list[str]) -> bytes:
    """A module that takes audio [batch, 32000] as ONNX, weights unpacked; the first axis of outputs is the batch."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (torch.zeros(1, WINDOW),),
            buffer,
            opset_version=OPSET,
            dynamo=False,
            do_constant_folding=False,  # it would write out the Fourier bases
            input_names=["audio"],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in ("audio", *outputs)},
        )
    return buffer.getvalue()


def max_difference(classifier: Classifier, model: bytes) -> float:
    """Largest difference between torch's and the file's probabilities, over coloured noise and tones."""
    random = np.random.default_rng(0)
    noise = random.standard_normal((8, WINDOW)).astype(np.float32)
    noise[4:] = np.cumsum(noise[4:], axis=1) * 0.01
    noise[::2] += np.sin(np.arange(WINDOW) * 0.05).astype(np.float32)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        ours = classifier(torch.tensor(noise)).numpy()
    return float(np.abs(session.run(None, {"audio": noise})[0] - ours).max())


def pack(model: onnx.ModelProto) -> None:
    """Store large weights as int8 or float16, cast to float32 when the model loads.

    A kernel already rounded to 8-bit steps per channel (the backbones') becomes int8 without loss, any other float16.
    """
    graph = model.graph
    first: list[onnx.NodeProto] = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.ndim < 2 or values.size < PACKED_FROM:
            continue
        name = tensor.name
        steps = eight_bit_steps(values)
        graph.initializer.remove(tensor)
        if steps is None:
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            first.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
            continue
        whole = np.round(values / steps.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
        graph.initializer.append(numpy_helper.from_array(whole, f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(steps.reshape(-1, *[1] * (values.ndim - 1)), f"{name}.step"))
        first.append(helper.make_node("Cast", [f"{name}.int8"], [f"{name}.whole"], to=TensorProto.FLOAT))
        first.append(helper.make_node("Mul", [f"{name}.whole", f"{name}.step"], [name]))
    nodes = [*first, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def eight_bit_steps(values: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The step per leading channel of which all values are int8 multiples; None if there is none."""
    rows = values.reshape(values.shape[0], -1).astype(np.float64)
    steps = np.ones(len(rows))
    for i, row in enumerate(rows):
        sizes = np.unique(np.abs(row[row != 0]))
        if not len(sizes):
            continue
        for peak in range(127, 0, -1):
            step = sizes[-1] / peak
            parts = sizes / step
            if np.abs(parts - np.round(parts)).max() < 2e-3:
                steps[i] = step
                break
        else:
            if not (row.min() < 0 and np.abs(row.min() + 0) == sizes[-1]):
                return None
            step = sizes[-1] / 128
            if np.abs(sizes / step - np.round(sizes / step)).max() > 2e-3:
                return None
            steps[i] = step
    return steps.astype(np.float32)


if __name__ == "__main__":
    write_families(Path(sys.argv[1]))
