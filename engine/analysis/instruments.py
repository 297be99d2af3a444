"""Which instruments play: probabilities of an ONNX classifier for windows of sound, and their smoothing over time."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

import engine
from engine.errors import ModelError
from engine.threads import loaded_once

_EXTERNAL_DATA = b"\n\x08location"  # the key of TensorProto.external_data that names a file, as protobuf writes it

Confusion = Mapping[str, Mapping[str, float]]


def shipped_model() -> Path:
    """The instrument classifier that ships with AIMV: a wheel has it in engine/data/onnx, a checkout in models/onnx."""
    package = Path(engine.__file__).parent
    in_wheel = package / "data" / "onnx"
    return (in_wheel if in_wheel.exists() else package.parent / "models" / "onnx") / "instruments.onnx"


def read_pinned(path: Path) -> bytes:
    """The bytes of a model whose SHA-256 stands in the file `path`.sha256; ModelError if they differ."""
    try:
        data = path.read_bytes()
        pinned = path.with_name(path.name + ".sha256").read_text("ascii").split()[0]
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise ModelError(f"the model {path} or its checksum is missing: reinstall aimv") from error
    if hashlib.sha256(data).hexdigest() != pinned:
        raise ModelError(f"the model {path} is not the one that was published (its SHA-256 differs): reinstall aimv")
    return data


class Classifier(Protocol):
    """What analysis needs of an instrument classifier."""

    labels: tuple[str, ...]
    confusion: Confusion  # what each label is mistaken for, as shares of its mistakes

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        """Probability of each label in one window [n] at `rate` Hz; [len(labels)], each from 0 to 1."""
        ...


class OnnxClassifier:
    """A classifier on onnxruntime: CUDA where onnxruntime-gpu finds it, else one CPU thread. See `load_classifier`.

    `families` are groups of labels by name (drum, cymbal, guitar, vocal ...); a label may be in several.

    The file's SHA-256 must be the one beside it, and no tensor may lie in another file: the runtime would read it from
    any path that the model names, unpinned. Raises ModelError if it is missing, damaged, split or lacks its metadata.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime  # noqa: PLC0415 - loads slowly

        data = read_pinned(path)
        if _EXTERNAL_DATA in data:
            raise ModelError(f"the model {path} keeps tensors in other files, which is refused: reinstall aimv")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        try:
            self._session: Any = onnxruntime.InferenceSession(data, options, providers=providers)
            meta = self._session.get_modelmeta().custom_metadata_map
            self.labels = tuple(json.loads(meta["labels"]))
            self.confusion: Confusion = json.loads(meta["confusion"])
            self.families = {name: tuple(labels) for name, labels in json.loads(meta["families"]).items()}
            self.rate = int(meta["sample_rate"])
            self._size = round(float(meta["window_seconds"]) * self.rate)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path} is not an instrument classifier of AIMV's: reinstall aimv") from error
        except Exception as error:
            # onnxruntime's own exceptions share no base but Exception
            raise ModelError(f"{path} cannot be loaded: reinstall aimv ({str(error).splitlines()[0][:120]})") from error

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        at_rate = mono if rate == self.rate else np.asarray(soxr.resample(mono, rate, self.rate), dtype=np.float32)
        window = np.zeros((1, self._size), np.float32)  # the song's last window may be short, or a sample off
        window[0, : min(self._size, len(at_rate))] = at_rate[: self._size]
        return np.asarray(self._session.run(["probabilities"], {"audio": window})[0][0], dtype=np.float32)


def load_classifier(path: Path | None = None) -> OnnxClassifier:
    """The classifier of that file, by default the one that ships with AIMV; loaded once while it is in use."""
    return _load(path or shipped_model())


_load = loaded_once(OnnxClassifier)

REACH_S = 3.0  # before and after a window that count; beyond it the evidence of a neighbour has decayed
_STAYS = 0.7  # probability that a label is a second later as it is now
_STAYS_OF = {"tom": 0.55, "crash": 0.55, "splash": 0.55}
_NEIGHBOUR_WEIGHT = 0.3  # of a second's evidence: what misleads the classifier, misleads it for a while
_LEAST = 1e-5  # probabilities nearer to 0 or 1 count as this near: their logits stay finite

Logits = NDArray[np.float64]


def smooth(labels: Sequence[str], rows: NDArray[np.floating], at: int, hop_s: float) -> NDArray[np.float64]:
    """Probabilities of window `at` given the windows around it, [labels].

    `rows` [windows, labels] are the classifier's probabilities of windows `hop_s` apart, at most a second. A hidden
    Markov model with two states a label, present or not, smoothed forward and backward (Rabiner 1989). A probability of
    0, as in silence, stays 0.
    """
    kept = 2 * np.array([_STAYS_OF.get(label, _STAYS) for label in labels]) - 1
    stays = (1 + kept**hop_s) / 2
    clipped = np.clip(np.asarray(rows, np.float64), _LEAST, 1 - _LEAST)
    logits = np.log(clipped / (1 - clipped))
    weighted = _NEIGHBOUR_WEIGHT * hop_s * logits
    posterior = logits[at] + _message(weighted[:at], stays) + _message(weighted[:at:-1], stays)
    return np.asarray(np.where(rows[at] > 0, 1 / (1 + np.exp(-posterior)), 0.0))


def _message(evidence: Logits, stays: Logits) -> Logits:
    """The evidence of consecutive windows [windows, labels] about the window after the last of them, as logits."""
    message = np.zeros(len(stays))
    for logits in evidence:
        odds = np.exp(message + logits)
        message = np.log((odds * stays + (1 - stays)) / (odds * (1 - stays) + stays))
    return message
