"""Optimizations of CogVideoX's transformer: attention backend, precision, compilation, caching across steps.

They are applied for one clip and removed after it, so that presets can change from clip to clip. What a machine lacks
(a backend, torchao, a GPU with fp8) is left out.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from diffusers import FasterCacheConfig, PyramidAttentionBroadcastConfig
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0
from diffusers.models.embeddings import apply_rotary_emb

from engine.generators.cogvideox import Cache, Precision, Preset

_PACKAGES = {"sage": "sageattention", "_flash_3": "flash_attn_interface", "flash": "flash_attn"}


def set_attention(transformer: Any, backends: tuple[str, ...]) -> None:
    """Run all attention of `transformer` on the first of `backends` that is installed, else by diffusers' processor."""
    gpu = transformer.device.type == "cuda"
    usable = (each for each in backends if each not in _PACKAGES or (gpu and find_spec(_PACKAGES[each]) is not None))
    backend = next(usable, None)
    transformer.set_attn_processor(DispatchedAttnProcessor(backend) if backend else CogVideoXAttnProcessor2_0())


class DispatchedAttnProcessor:
    """Joint attention over text and video tokens, dispatched to one of diffusers' attention backends.

    diffusers' own processor for this model always calls PyTorch's attention, so `set_attention_backend` has no effect.
    """

    def __init__(self, backend: str) -> None:
        self._backend = backend

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention output for video and text, each [batch, tokens, width]; this model uses no mask."""
        text = encoder_hidden_states.size(1)
        joint = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        query, key, value = (
            project(joint).unflatten(2, (attn.heads, -1)) for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = attn.norm_q(query), attn.norm_k(key)
        if image_rotary_emb is not None:
            for part in (query, key):
                part[:, text:] = apply_rotary_emb(part[:, text:], image_rotary_emb, sequence_dim=1)
        mixed = dispatch_attention_fn(query, key, value, backend=self._backend)
        mixed = attn.to_out[1](attn.to_out[0](mixed.flatten(2)))
        return mixed[:, text:], mixed[:, :text]


_SKIP = 2  # attention is computed in one of so many steps
_PYRAMID_RANGE = (100, 800)  # of the timestep, where attention changes little (diffusers' own values)
_FASTER_ATTENTION_RANGE, _FASTER_UNGUIDED_RANGE, _FASTER_UNGUIDED_SKIP = (-1, 681), (-1, 641), 5
_BLOCKS = "transformer_blocks"  # diffusers' default identifiers match no layer of this model, silently
_FP8_CAPABILITY = (8, 9)


class Optimizations:
    """Applies presets to a transformer."""

    def __init__(self, transformer: Any) -> None:
        self._original = transformer
        self.backend: str | Callable[..., Any] = "inductor"  # torch.compile's
        self._quantized: dict[Precision, Any] = {}
        self._compiled_calls: dict[torch.nn.Module, Callable[..., Any]] = {}
        self._cuda = transformer.device.type == "cuda"
        self.compiles = self._cuda  # on a CPU it takes longer than it saves

    @contextmanager
    def applied(self, preset: Preset, timestep: Callable[[], int]) -> Iterator[Any]:
        """The transformer with `preset` applied; `timestep` gives caches the current timestep of the schedule."""
        transformer = self._in_precision(preset.precision)
        set_attention(transformer, preset.attention)
        with ExitStack() as stack:
            if preset.cache:
                transformer.enable_cache(_cache_config(preset.cache, timestep))
                stack.callback(transformer.disable_cache)
            if preset.compiled and self.compiles:
                stack.enter_context(self._compiled(transformer, bool(preset.cache)))
            yield transformer

    def _in_precision(self, precision: Precision) -> Any:
        """The transformer with its blocks' matrices in that precision: a copy, made once."""
        if not precision or find_spec("torchao") is None:
            return self._original
        if precision == "fp8" and not (self._cuda and torch.cuda.get_device_capability() >= _FP8_CAPABILITY):
            return self._original
        if precision not in self._quantized:
            try:
                self._quantized[precision] = quantize(self._original, precision)
            except (ImportError, AssertionError, RuntimeError, NotImplementedError, ValueError) as error:
                warnings.warn(f"torchao cannot quantize this model to {precision}: {error}", stacklevel=2)
                self._quantized[precision] = self._original
        return self._quantized[precision]

    @contextmanager
    def _compiled(self, transformer: Any, cached: bool) -> Iterator[None]:
        """Compile the blocks; with a cache, which hooks their attention, everything but the attention.

        diffusers' `compile_repeated_blocks` raises for this model.
        """
        blocks = transformer.transformer_blocks
        parts = [part for block in blocks for part in ((block.norm1, block.norm2, block.ff) if cached else (block,))]
        for part in parts:
            if part not in self._compiled_calls:
                part.compile(backend=self.backend)
                self._compiled_calls[part] = part._compiled_call_impl
                torch._dynamo.config.suppress_errors = True  # fall back to eager mode
            part._compiled_call_impl = self._compiled_calls[part]
        try:
            yield
        finally:
            for part in parts:
                part._compiled_call_impl = None


def quantize(transformer: Any, precision: Precision) -> Any:
    """A copy of the transformer whose blocks multiply in fp8, or whose weights are stored in int8."""
    from torchao.quantization import (  # noqa: PLC0415 - an extra
        Float8DynamicActivationFloat8WeightConfig,
        Int8WeightOnlyConfig,
        PerRow,
        quantize_,
    )

    copied = copy.deepcopy(transformer)
    if precision == "fp8":
        copied.to(torch.bfloat16)  # the only precision with scales per row
        config = Float8DynamicActivationFloat8WeightConfig(granularity=PerRow())
    else:
        config = Int8WeightOnlyConfig()
    quantize_(copied, config, lambda module, name: isinstance(module, torch.nn.Linear) and name.startswith(_BLOCKS))
    return copied


def _cache_config(cache: Cache, timestep: Callable[[], int]) -> Any:
    common: dict[str, Any] = {
        "spatial_attention_block_skip_range": _SKIP,
        "spatial_attention_block_identifiers": (_BLOCKS,),
        "current_timestep_callback": timestep,
    }
    if cache == "pyramid":
        return PyramidAttentionBroadcastConfig(spatial_attention_timestep_skip_range=_PYRAMID_RANGE, **common)
    return FasterCacheConfig(
        spatial_attention_timestep_skip_range=_FASTER_ATTENTION_RANGE,
        unconditional_batch_skip_range=_FASTER_UNGUIDED_SKIP,
        unconditional_batch_timestep_skip_range=_FASTER_UNGUIDED_RANGE,
        attention_weight_callback=lambda _: 0.3,
        tensor_format="BFCHW",
        **common,
    )
