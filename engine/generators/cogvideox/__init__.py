"""CogVideoX (Yang et al. 2024, arXiv:2408.06072), a text-to-video and image-to-video model, through diffusers.

Here is what is known of it before any large library is imported: presets, the check of a model on this machine, and the
spec. Nothing is downloaded, and no code of a model runs: every component must be a class of diffusers or transformers.

The work of a preset is counted in passes of the transformer over one clip. A step with guidance costs two (with the
prompt and without), a step without it costs one; classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598)
matters most in the first steps, which settle the layout of the frame.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.errors import MissingExtra, ModelError, UsageError
from engine.generators.base import Generator, GeneratorSpec, Level, ModelInfo

Cache = Literal["", "pyramid", "faster"]
Precision = Literal["", "fp8", "int8"]
_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "sentencepiece")
TEXT_TO_VIDEO, IMAGE_TO_VIDEO = "CogVideoXPipeline", "CogVideoXImageToVideoPipeline"
_LIBRARIES = {"diffusers", "transformers"}


class Preset(msgspec.Struct, frozen=True):
    """One preset."""

    name: str
    steps: int  # of denoising
    guided_share: float = 1.0  # share of the steps, from the first on, that are guided
    guidance: float = 6.0  # weight of the prompt in a guided step
    scale: float = 1.0  # of the model's own width and height
    attention: tuple[str, ...] = ()  # names of diffusers' attention backends; the first that is installed is used
    cache: Cache = ""  # across steps: Pyramid Attention Broadcast (arXiv:2408.12588), FasterCache (arXiv:2410.19355)
    precision: Precision = ""  # of the transformer's matrices, by torchao; "" for the model's own
    compiled: bool = False  # by torch.compile, on a GPU
    tiled: bool = False  # decode in tiles: slower, in less memory
    overlap: bool = True  # denoise the next clip while this one is decoded: faster, in more memory
    offload: bool = False  # move the text encoder to the CPU while it is not needed

    @property
    def guided_steps(self) -> int:
        """Number of guided steps."""
        return round(self.guided_share * self.steps)

    @property
    def passes(self) -> int:
        """Passes of the transformer over one clip."""
        return self.steps + self.guided_steps

    @property
    def work(self) -> float:
        """Estimated work, with decoding, in passes over a clip of the 2B model's own size."""
        area = self.scale**2
        one_pass = (1 - _ATTENTION_SHARE) * area + _ATTENTION_SHARE * area**2
        return self.passes * one_pass * (_CACHED_SHARE if self.cache else 1.0) + _DECODE_PASSES * area


DEFAULT_PRESET = "balanced"
_DECODE_PASSES = 2.6  # cost of decoding a clip of 49 frames by the 2B model, in passes
_ATTENTION_SHARE = 0.6  # of a pass: attention grows with the square of the number of tokens
_CACHED_SHARE = 0.75  # of a clip's work that remains where attention is cached across steps
_FAST = ("sage", "_flash_3")
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("quality", steps=50),
        Preset("balanced", steps=20, guided_share=0.5, attention=_FAST, cache="pyramid", compiled=True),
        Preset("live", steps=8, guided_share=0.25, attention=_FAST, precision="fp8", compiled=True),
        Preset("draft", steps=8, guided_share=0.25, scale=2 / 3, attention=_FAST, precision="fp8", compiled=True),
        Preset("24gb", 30, attention=_FAST, cache="faster", precision="int8", tiled=True, overlap=False, offload=True),
    )
}
LEVELS = tuple(
    Level(name, PRESETS[name].work / PRESETS["quality"].work) for name in ("quality", "balanced", "live", "draft")
)


def find_preset(name: str) -> Preset:
    """The preset called `name`, "" for the default.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return PRESETS[name or DEFAULT_PRESET]
    except KeyError:
        raise UsageError(f"no preset is called {name!r}; there are {', '.join(PRESETS)}", option="preset") from None


def check_pipeline(model: str) -> str:
    """Check that `model`, a folder or a hub id, is a CogVideoX pipeline on this machine; returns its class.

    Raises:
        ModelError: it is not there, not such a pipeline, or damaged.
    """
    config = read_config(model, "model_index.json")
    try:
        name = config["_class_name"]
        libraries = {part[0] for key, part in config.items() if not key.startswith("_") and isinstance(part, list)}
    except (KeyError, TypeError, IndexError) as error:
        raise ModelError(f"the model {model} is damaged: its model_index.json is not a pipeline's") from error
    if name not in (TEXT_TO_VIDEO, IMAGE_TO_VIDEO):
        raise ModelError(
            f"the model {model} is a {name}, not a {TEXT_TO_VIDEO} or {IMAGE_TO_VIDEO}; choose such a model",
            option="model",
        )
    if foreign := libraries - _LIBRARIES - {None}:
        raise ModelError(f"the model {model} needs code of its own ({', '.join(map(str, foreign))}), which is not run")
    return str(name)


def read_config(model: str, file: str) -> dict[str, Any]:
    """The JSON object in a file of `model`.

    Raises:
        ModelError: there is no such file, or no such object in it.
    """
    path = _locate(model, file)
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"the model {model} is damaged: its {file} cannot be read") from error
    if not isinstance(config, dict):
        raise ModelError(f"the model {model} is damaged: its {file} is not an object")
    return config


def _locate(model: str, file: str) -> Path:
    """A file of `model`, in its folder or in the local hub cache."""
    folder = Path(model)
    if folder.is_dir():
        if not (folder / file).is_file():
            raise ModelError(f"{model} is not a diffusers pipeline: it has no {file}", option="model")
        return folder / file
    if folder.exists() or folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise ModelError(f"{model} is neither a pipeline's folder nor a hub id such as NAME/MODEL", option="model")
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - of the extra

    try:
        found = try_to_load_from_cache(model, file)
    except ValueError as error:
        raise ModelError(f"{model} is neither a folder nor a hub id such as NAME/MODEL", option="model") from error
    if not isinstance(found, str):
        raise ModelError(
            f"the model {model} is not on this machine; download it first: hf download {model}", option="model"
        )
    return Path(found)


def find_model(model: str, scenes: str = "") -> ModelInfo:
    """Check, without loading anything, that the packages and the model (a hub id or folder) are on this machine.

    Raises:
        MissingExtra, ModelError: the packages or the model are not there, or the model is not a CogVideoX pipeline.
    """
    if missing := [package for package in _PACKAGES if find_spec(package) is None]:
        raise MissingExtra(f"the cogvideox generator ({', '.join(missing)} not installed)", "cogvideo")
    return ModelInfo(model, image_start=check_pipeline(model) == IMAGE_TO_VIDEO)


def remote_model(model: str) -> ModelInfo:
    """A model that is not on this machine: image-to-video models have "i2v" in their names."""
    return ModelInfo(model, image_start="i2v" in model.lower())


def create(model: str, index: int) -> Generator:
    """Load `model` on the GPU of that number, or on the CPU. Raises MissingExtra, ModelError."""
    find_model(model)
    from engine.generators.cogvideox.generator import CogVideoXGenerator  # noqa: PLC0415 - imports torch

    return CogVideoXGenerator.load(model, index)


SPEC = GeneratorSpec(
    name="cogvideox",
    summary="clips by the video model CogVideoX",
    licence="Apache-2.0",
    find_model=find_model,
    remote_model=remote_model,
    create=create,
    default_model="zai-org/CogVideoX-2b",
    how_to_get="in a clone: pip install '.[cogvideo]'; then: hf download zai-org/CogVideoX-2b",
    presets=tuple(PRESETS),
    levels=LEVELS,
    needs_gpu=True,
    image_start=True,
)
