"""Check of a CogVideoX pipeline on this machine, before any large library is imported.

Nothing is downloaded, and no code of the model runs: every component must be a class of diffusers or transformers.
"""

import json
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from engine.errors import ModelError

TEXT_TO_VIDEO, IMAGE_TO_VIDEO = "CogVideoXPipeline", "CogVideoXImageToVideoPipeline"
_LIBRARIES = {"diffusers", "transformers"}


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
    try:
        found = try_to_load_from_cache(model, file)
    except ValueError as error:
        raise ModelError(f"{model} is neither a folder nor a hub id such as NAME/MODEL", option="model") from error
    if not isinstance(found, str):
        raise ModelError(
            f"the model {model} is not on this machine; download it first: hf download {model}", option="model"
        )
    return Path(found)
