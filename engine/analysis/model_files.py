"""Model files: where the shipped one lies, checking one against its pinned SHA-256, and loading each only once."""

import functools
import hashlib
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import engine
from engine.errors import ModelError

Key = TypeVar("Key")
Model = TypeVar("Model")


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


def loaded_once(load: Callable[[Key], Model]) -> Callable[[Key], Model]:
    """`load`, with the same model for the same key as long as anybody holds it, from any thread.

    The cache holds no model itself: the memory is free again once the last user has dropped it.
    """
    models: weakref.WeakValueDictionary[Key, Model] = weakref.WeakValueDictionary()
    lock = threading.Lock()

    @functools.wraps(load)
    def shared(key: Key) -> Model:
        with lock:
            model = models.get(key)
            if model is None:
                model = models[key] = load(key)
            return model

    return shared
