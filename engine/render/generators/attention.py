"""Attention for CogVideoX that runs on a chosen kernel.

diffusers' processor for this model calls PyTorch's attention itself, so that choosing a kernel the usual way
(`set_attention_backend`) changes nothing, without a word. This processor does the same sums and dispatches.
"""

from importlib.util import find_spec
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0
from diffusers.models.embeddings import apply_rotary_emb

_PACKAGES = {"sage": "sageattention", "_flash_3": "flash_attn_interface", "flash": "flash_attn"}


def install(transformer: Any, wanted: tuple[str, ...]) -> str:
    """Have all attention of `transformer` run on the first of the `wanted` kernels that is installed.

    Returns its name; "" if none is installed and diffusers' own processor does the work.
    """
    gpu = transformer.device.type == "cuda"
    for kernel in wanted:
        if kernel not in _PACKAGES or (gpu and find_spec(_PACKAGES[kernel]) is not None):
            transformer.set_attn_processor(DispatchedAttention(kernel))
            return kernel
    transformer.set_attn_processor(CogVideoXAttnProcessor2_0())
    return ""


class DispatchedAttention:
    """Joint attention over the text's and the picture's tokens, by diffusers' kernel called `kernel`."""

    def __init__(self, kernel: str) -> None:
        self._kernel = kernel

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The attended picture [batch, tokens, width] and text; the mask is not used by this model."""
        text = encoder_hidden_states.size(1)
        joint = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        query, key, value = (
            project(joint).unflatten(2, (attn.heads, -1)) for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = attn.norm_q(query), attn.norm_k(key)
        if image_rotary_emb is not None:
            for part in (query, key):
                part[:, text:] = apply_rotary_emb(part[:, text:], image_rotary_emb, sequence_dim=1)
        mixed = dispatch_attention_fn(query, key, value, backend=self._kernel)
        mixed = attn.to_out[1](attn.to_out[0](mixed.flatten(2)))
        return mixed[:, text:], mixed[:, :text]
