"""Loading of a CogVideoX pipeline: local safetensors files only, in the precision that the model was trained in."""

from typing import Any

import diffusers
import torch
import transformers

from engine.errors import ModelError
from engine.generators.cogvideox.check import check_pipeline, read_config


def load_pipeline(model: str, device: str) -> Any:
    """The pipeline of `model`, a folder or a hub id, for inference on `device`; its text encoder stays on the CPU.

    Raises:
        ModelError: it is not on this machine, not such a pipeline, or damaged.
    """
    pipeline_class = check_pipeline(model)
    for library in (diffusers, transformers):
        library.logging.set_verbosity_error()
        library.logging.disable_progress_bar()
    try:
        pipeline = getattr(diffusers, pipeline_class).from_pretrained(
            model, torch_dtype=_dtype(model, device), use_safetensors=True, local_files_only=True
        )
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"the model {model} cannot be loaded: {reason}") from error
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False)
    pipeline.transformer.to(device)
    pipeline.vae.to(device)
    return pipeline


def _dtype(model: str, device: str) -> torch.dtype:
    """float32 on a CPU; on CUDA bf16 for the models with rotary positions (5B, 1.5), fp16 for the 2B."""
    if device == "cpu":
        return torch.float32
    rotary = read_config(model, "transformer/config.json").get("use_rotary_positional_embeddings")
    return torch.bfloat16 if rotary else torch.float16
