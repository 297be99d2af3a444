"""What a preset turns on in CogVideoX's transformer for one clip: kernel, precision, compilation, a cache across steps.

Everything is off again after the clip, so that presets can change from one clip to the next. What a machine does not
have (a kernel, torchao, a GPU with fp8) is left out, and the model's own way is taken.

Attention for CogVideoX that runs on a chosen kernel.

diffusers' processor for this model calls PyTorch's attention itself, so that choosing a kernel the usual way
(`set_attention_backend`) changes nothing, without a word. This processor does the same sums and dispatches.
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

from engine.generators.cogvideox.presets import Cache, Precision, Preset

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


_SKIP = 2  # of so many steps one computes its attention
_PYRAMID_RANGE = (100, 800)  # of the timestep, in which attention changes little (diffusers' own values)
_FASTER_ATTENTION_RANGE, _FASTER_UNGUIDED_RANGE, _FASTER_UNGUIDED_SKIP = (-1, 681), (-1, 641), 5
_BLOCKS = "transformer_blocks"  # without this identifier of CogVideoX's own a cache may hook nothing, silently
_FP8_CAPABILITY = (8, 9)


class Speedups:
    """The transformer as presets want it."""

    def __init__(self, transformer: Any) -> None:
        self._plain = transformer
        self.backend: str | Callable[..., Any] = "inductor"  # torch.compile's
        self._rounded: dict[Precision, Any] = {}
        self._calls: dict[torch.nn.Module, Callable[..., Any]] = {}
        self._cuda = transformer.device.type == "cuda"
        self.compiles = self._cuda  # on a CPU it takes longer than it saves

    @contextmanager
    def turned_on(self, preset: Preset, timestep: Callable[[], int]) -> Iterator[Any]:
        """The transformer for one clip; `timestep` tells caches where in the schedule the clip is."""
        transformer = self._in_precision(preset.precision)
        install(transformer, preset.attention)
        with ExitStack() as stack:
            if preset.cache:
                transformer.enable_cache(_cache_config(preset.cache, timestep))
                stack.callback(transformer.disable_cache)
            if preset.compiled and self.compiles:
                stack.enter_context(self._compiled(transformer, bool(preset.cache)))
            yield transformer

    def _in_precision(self, precision: Precision) -> Any:
        """The transformer with its blocks' matrices in that precision; a copy, made once."""
        if not precision or find_spec("torchao") is None:
            return self._plain
        if precision == "fp8" and not (self._cuda and torch.cuda.get_device_capability() >= _FP8_CAPABILITY):
            return self._plain
        if precision not in self._rounded:
            try:
                self._rounded[precision] = quantized(self._plain, precision)
            except (ImportError, AssertionError, RuntimeError, NotImplementedError, ValueError) as error:
                warnings.warn(f"torchao cannot round this model to {precision}: {error}", stacklevel=2)
                self._rounded[precision] = self._plain
        return self._rounded[precision]

    @contextmanager
    def _compiled(self, transformer: Any, cached: bool) -> Iterator[None]:
        """Have the blocks run compiled; with a cache, which hooks their attention, all but that.

        diffusers' own way, `compile_repeated_blocks`, raises for this model.
        """
        blocks = transformer.transformer_blocks
        parts = [part for block in blocks for part in ((block.norm1, block.norm2, block.ff) if cached else (block,))]
        for part in parts:
            if part not in self._calls:
                part.compile(backend=self.backend)
                self._calls[part] = part._compiled_call_impl
                torch._dynamo.config.suppress_errors = True  # what cannot be compiled here runs as it is
            part._compiled_call_impl = self._calls[part]
        try:
            yield
        finally:
            for part in parts:
                part._compiled_call_impl = None


def quantized(transformer: Any, precision: Precision) -> Any:
    """A copy of the transformer whose blocks multiply in fp8, or whose weights are kept in int8."""
    from torchao.quantization import (  # noqa: PLC0415 - an extra
        Float8DynamicActivationFloat8WeightConfig,
        Int8WeightOnlyConfig,
        PerRow,
        quantize_,
    )

    rounded = copy.deepcopy(transformer)
    if precision == "fp8":
        rounded.to(torch.bfloat16)  # rows are scaled one by one in this precision only
        config = Float8DynamicActivationFloat8WeightConfig(granularity=PerRow())
    else:
        config = Int8WeightOnlyConfig()
    quantize_(rounded, config, lambda module, name: isinstance(module, torch.nn.Linear) and name.startswith(_BLOCKS))
    return rounded


def _cache_config(cache: Cache, timestep: Callable[[], int]) -> Any:
    if cache == "pyramid":
        return PyramidAttentionBroadcastConfig(
            spatial_attention_block_skip_range=_SKIP,
            spatial_attention_timestep_skip_range=_PYRAMID_RANGE,
            spatial_attention_block_identifiers=(_BLOCKS,),
            current_timestep_callback=timestep,
        )
    return FasterCacheConfig(
        spatial_attention_block_skip_range=_SKIP,
        spatial_attention_timestep_skip_range=_FASTER_ATTENTION_RANGE,
        unconditional_batch_skip_range=_FASTER_UNGUIDED_SKIP,
        unconditional_batch_timestep_skip_range=_FASTER_UNGUIDED_RANGE,
        spatial_attention_block_identifiers=(_BLOCKS,),
        attention_weight_callback=lambda _: 0.3,
        tensor_format="BFCHW",
        current_timestep_callback=timestep,
    )
