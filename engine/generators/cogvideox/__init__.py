"""CogVideoX (Yang et al. 2024, arXiv:2408.06072), a text-to-video and image-to-video model, through diffusers."""

from importlib.util import find_spec

from engine.errors import MissingExtra
from engine.generators.base import Generator, GeneratorSpec, ModelInfo
from engine.generators.cogvideox.presets import LEVELS, PRESETS

_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "sentencepiece")


def find_model(model: str, scenes: str = "") -> ModelInfo:
    """Check, without loading anything, that the packages and the model (a hub id or folder) are on this machine.

    Raises:
        MissingExtra, ModelError: the packages or the model are not there, or the model is not a CogVideoX pipeline.
    """
    if missing := [package for package in _PACKAGES if find_spec(package) is None]:
        raise MissingExtra(f"the cogvideox generator ({', '.join(missing)} not installed)", "cogvideo")
    from engine.generators.cogvideox.check import IMAGE_TO_VIDEO, check_pipeline  # noqa: PLC0415 - of the extra

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
