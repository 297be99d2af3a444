"""Which instruments play: a classifier in ONNX, raw audio in, calibrated probabilities out.

Windows that lean on their neighbours: what plays now most likely played a second ago and will a second on.

A hidden Markov chain of two states a label, there or not, smoothed forward and backward (Rabiner 1989). The classifier
hears each window alone; where a song's future is known, what the windows about it say is evidence too.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

import engine
from engine.errors import ModelError

_ELSEWHERE = b"\n\x08location"  # the key of TensorProto.external_data that names a file, as protobuf writes it

Confusion = Mapping[str, Mapping[str, float]]


class Classifier(Protocol):
    """The seam: what listening needs of a classifier."""

    labels: tuple[str, ...]
    confusion: Confusion  # what each label is mistaken for, as shares of its mistakes

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        """Probability of each label in one window [n] at `rate` Hz; [len(labels)], each from 0 to 1."""
        ...


class FakeClassifier:
    """Answers from a script: loudness-gated constants, for tests of everything behind it."""

    def __init__(self, probabilities: Mapping[str, float], confusion: Confusion | None = None) -> None:
        self.labels = tuple(probabilities)
        self.confusion: Confusion = confusion or {}
        self._answer = np.array(list(probabilities.values()), dtype=np.float32)

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        return self._answer if len(mono) and float(np.abs(mono).max()) > 1e-4 else np.zeros_like(self._answer)


def shipped_model() -> Path:
    """The classifier that ships with AIMV, in an installed package or in a checkout."""
    package = Path(engine.__file__).parent
    installed = package / "data" / "onnx" / "instruments.onnx"
    return installed if installed.exists() else package.parent / "models" / "onnx" / "instruments.onnx"


class OnnxClassifier:
    """The shipped model on onnxruntime: CUDA where onnxruntime-gpu finds it, else one CPU thread.

    The file's SHA-256 must be the one beside it, and no tensor may lie in another file: the runtime would read it from
    wherever the model says, unpinned. Raises ModelError if it is missing, damaged, split or lacks its metadata.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or shipped_model()
        data = read_pinned(path)
        if _ELSEWHERE in data:
            raise ModelError(f"the model {path} keeps tensors in other files, which is refused: reinstall aimv")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=providers)
            meta = self._session.get_modelmeta().custom_metadata_map
            self.labels = tuple(json.loads(meta["labels"]))
            self.confusion: Confusion = json.loads(meta["confusion"])
            self.rate = int(meta["sample_rate"])
            self._size = round(float(meta["window_seconds"]) * self.rate)
        except (KeyError, ValueError) as error:
            raise ModelError(f"{path} is not an instrument classifier of AIMV's: reinstall aimv") from error
        except Exception as error:
            # onnxruntime's own exceptions share no base but Exception
            raise ModelError(f"{path} cannot be loaded: reinstall aimv ({str(error).splitlines()[0][:120]})") from error

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        at_rate = mono if rate == self.rate else np.asarray(soxr.resample(mono, rate, self.rate), dtype=np.float32)
        window = np.zeros((1, self._size), np.float32)  # the song's last window may be short, or a sample off
        window[0, : min(self._size, len(at_rate))] = at_rate[: self._size]
        return np.asarray(self._session.run(["probabilities"], {"audio": window})[0][0], dtype=np.float32)


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


REACH_S = 3.0
"""Seconds before and after a window that count; beyond them a neighbour's say is spent."""
_STAYS = 0.7
"""How probable it is that a label is a second later as it is now."""
_THROWN_IN = {"tom": 0.55, "crash": 0.55, "splash": 0.55}
_TRUST = 0.3
"""Share of a second's evidence that neighbours are given: what misleads the classifier, misleads it for a while."""
_LEAST = 1e-5
"""Probabilities nearer to 0 or 1 than this count as this near: their logits stay finite."""

Logits = NDArray[np.float64]


def smooth(labels: Sequence[str], rows: NDArray[np.floating], at: int, hop_s: float) -> NDArray[np.float64]:
    """Probabilities of window `at` given the windows about it.

    `rows` [windows, labels] are what the classifier said of windows `hop_s` apart, at most a second; [labels] comes
    back. What was ruled out (0, as in silence) stays so.
    """
    kept = 2 * np.array([_THROWN_IN.get(label, _STAYS) for label in labels]) - 1
    stays = (1 + kept**hop_s) / 2
    sure = np.clip(np.asarray(rows, np.float64), _LEAST, 1 - _LEAST)
    logits = np.log(sure / (1 - sure))
    weak = _TRUST * hop_s * logits
    told = logits[at] + _message(weak[:at], stays) + _message(weak[:at:-1], stays)
    return np.asarray(np.where(rows[at] > 0, 1 / (1 + np.exp(-told)), 0.0))


def _message(evidence: Logits, stays: Logits) -> Logits:
    """What windows in a row say of the one after the last of them, as logits."""
    said = np.zeros(len(stays))
    for now in evidence:
        odds = np.exp(said + now)
        said = np.log((odds * stays + (1 - stays)) / (odds * (1 - stays) + stays))
    return said
