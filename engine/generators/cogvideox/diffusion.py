"""Denoising and decoding of CogVideoX, text-to-video and image-to-video, with guidance on a part of the steps.

diffusers' pipelines decide once, before the first step, whether the transformer runs on two inputs or on one; this
loop decides in each step. With guidance on every step its latents are those of diffusers, bit for bit.

Latents are decoded in small batches: while one batch is copied and written, the GPU decodes the next.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXDPMScheduler

from engine.generators.cogvideox import Preset
from engine.generators.cogvideox.optimizations import Optimizations
from engine.types import Frame

TILE_SIZE = (240, 360)  # height and width in pixels; diffusers' default fits the published VAE alone
_CACHED_PROMPTS = 32  # encoded prompts: the empty one, and those of choruses


class Denoiser:
    """Denoises and decodes with the components of a loaded CogVideoX pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._config = pipeline.transformer.config
        self._device = pipeline.transformer.device
        self.optimizations = Optimizations(pipeline.transformer)
        self.dtype: torch.dtype = pipeline.transformer.dtype
        self.max_tokens = int(self._config.max_text_seq_length)
        self.image_to_video = int(self._config.in_channels) == 2 * int(self._config.out_channels)
        self._prompts: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._timestep = 0

    def latents(
        self,
        prompt: str,
        frames: int,
        width: int,
        height: int,
        preset: Preset,
        seed: int,
        on_step: Callable[[int], None],
        init_image: Frame | None = None,
    ) -> torch.Tensor:
        """Latents of a clip, [1, latent frames, channels, height / 8, width / 8].

        `init_image`, height x width x 3, is what a clip of an image-to-video model starts with. `on_step` is called
        with the number of finished steps; what it raises ends the work. The noise is drawn on the CPU, so that a seed
        gives the same noise on every machine.
        """
        scheduler = self._pipeline.scheduler
        scheduler.set_timesteps(preset.steps, device=self._device)
        embeds = self.encode(prompt)
        both = torch.cat([self.encode(""), embeds]) if preset.guided_steps else embeds
        if preset.offload:
            self._pipeline.text_encoder.to("cpu")
        generator = torch.Generator("cpu").manual_seed(seed)
        latents, image_latents = self._initial_latents(frames, width, height, embeds.dtype, generator, init_image)
        rotary = None
        if self._config.use_rotary_positional_embeddings:
            rotary = self._pipeline._prepare_rotary_positional_embeddings(height, width, latents.size(1), self._device)
        extra = self._pipeline.prepare_extra_step_kwargs(generator, 0.0)
        timesteps = scheduler.timesteps
        old: torch.Tensor | None = None
        with self.optimizations.applied(preset, lambda: self._timestep) as transformer:
            for step, timestep in enumerate(timesteps):
                self._timestep = int(timestep)
                guided = step < preset.guided_steps
                if preset.cache and step == preset.guided_steps:
                    transformer._reset_stateful_cache()  # it is of two inputs
                noise = self._predict(transformer, latents, image_latents, both if guided else embeds, timestep, rotary)
                if guided:
                    without, with_prompt = noise.chunk(2)
                    noise = without + preset.guidance * (with_prompt - without)
                if isinstance(scheduler, CogVideoXDPMScheduler):
                    before = timesteps[step - 1] if step else None
                    latents, old = scheduler.step(noise, old, timestep, before, latents, **extra, return_dict=False)
                else:
                    latents = scheduler.step(noise, timestep, latents, **extra, return_dict=False)[0]
                latents = latents.to(embeds.dtype)
                on_step(step + 1)
        return latents

    def decode(self, latents: torch.Tensor, frames: int, tiled: bool = False) -> Iterator[list[Frame]]:
        """The frames of `latents` in order, in batches, `frames` in all."""
        pending: FrameBatch | None = None
        for video in decode_batches(*self.decoder_inputs(latents, frames), tiled):
            batch = FrameBatch(video)
            if pending:
                yield pending.frames()
            pending = batch
        if pending:
            yield pending.frames()

    def decoder_inputs(self, latents: torch.Tensor, frames: int) -> tuple[Any, torch.Tensor, float]:
        """The VAE, the latents without padding, and the scaling factor, for decoding a clip of `frames` frames."""
        return self._pipeline.vae, latents[:, self.latent_padding(frames) :], self._pipeline.vae_scaling_factor_image

    def encode(self, prompt: str) -> torch.Tensor:
        """The encoded prompt, [1, tokens, width], truncated to `max_tokens`."""
        if prompt not in self._prompts:
            self._pipeline.text_encoder.to(self._device)
            self._prompts[prompt] = self._pipeline.encode_prompt(
                prompt,
                do_classifier_free_guidance=False,
                device=self._device,
                max_sequence_length=self.max_tokens,
            )[0]
            while len(self._prompts) > _CACHED_PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(prompt)
        return self._prompts[prompt]

    def clear_prompt_cache(self) -> None:
        """Forget all encoded prompts."""
        self._prompts.clear()

    def count_tokens(self, text: str) -> int:
        """Number of tokens of `text`; the model reads at most `max_tokens`."""
        return len(self._pipeline.tokenizer(text).input_ids)

    def latent_padding(self, frames: int) -> int:
        """Latent frames added in front where the model takes them in pairs (version 1.5)."""
        pair = self._config.patch_size_t
        latent_frames = (frames - 1) // self._pipeline.vae_scale_factor_temporal + 1
        return -latent_frames % pair if pair else 0

    def _initial_latents(
        self, frames: int, width: int, height: int, dtype: torch.dtype, generator: torch.Generator, image: Frame | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The noise, and for an image-to-video model the latents of its image, which every step takes unchanged."""
        frames += self.latent_padding(frames) * self._pipeline.vae_scale_factor_temporal
        channels = int(self._config.out_channels)
        size = (1, channels, frames, height, width, dtype, self._device, generator)
        if not self.image_to_video:
            return self._pipeline.prepare_latents(*size), None
        if image is None:
            raise ValueError("an image-to-video model needs an image to start with")
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 127.5 - 1.0
        latents, image_latents = self._pipeline.prepare_latents(pixels.to(self._device, dtype), *size)
        return latents, image_latents

    def _predict(
        self,
        transformer: Any,
        latents: torch.Tensor,
        image_latents: torch.Tensor | None,
        context: torch.Tensor,
        timestep: Any,
        rotary: Any,
    ) -> torch.Tensor:
        """The predicted noise, for each of the encoded prompts in `context`."""
        inputs = torch.cat([latents] * len(context))
        inputs = self._pipeline.scheduler.scale_model_input(inputs, timestep)
        extra: dict[str, Any] = {}
        if image_latents is not None:
            inputs = torch.cat([inputs, torch.cat([image_latents] * len(context))], dim=2)
            if self._config.ofs_embed_dim is not None:
                extra["ofs"] = latents.new_full((1,), 2.0)
        with transformer.cache_context("cond_uncond"):
            noise = transformer(
                hidden_states=inputs.to(transformer.dtype),
                encoder_hidden_states=context.to(transformer.dtype),
                timestep=timestep.expand(len(context)),
                image_rotary_emb=rotary,
                return_dict=False,
                **extra,
            )[0]
        result: torch.Tensor = noise.float()
        return result


def decode_batches(vae: Any, latents: torch.Tensor, scale: float, tiled: bool) -> Iterator[torch.Tensor]:
    """Decode `latents`, [1, latent frames, channels, h / 8, w / 8], in batches of [1, 3, frames, h, w], -1 to 1.

    The batches are the VAE's own (two latent frames; the first batch has one more if their number is odd), so the
    result is that of decoding all at once. `scale` is the VAE's scaling factor. With `tiled` there is one batch,
    decoded tile by tile in less memory.
    """
    latents = 1 / scale * latents.permute(0, 2, 1, 3, 4)
    if tiled:
        vae.enable_tiling(*TILE_SIZE)
        try:
            yield vae.decode(latents).sample
        finally:
            vae.disable_tiling()
        return
    size, count = vae.num_latent_frames_batch_size, latents.size(2)
    later = max(1, count // size) - 1
    conv_cache = None
    for part in latents.split([count - later * size] + [size] * later, dim=2):
        ready = part if vae.post_quant_conv is None else vae.post_quant_conv(part)
        video, conv_cache = vae.decoder(ready, conv_cache=conv_cache)
        yield video


class FrameBatch:
    """Decoded frames that are being copied from the GPU to pinned memory; on a CPU they are there at once."""

    def __init__(self, video: torch.Tensor) -> None:
        """Start to copy `video`, [1, 3, frames, height, width], -1 to 1, as 8-bit RGB."""
        pixels = (video[0].permute(1, 2, 3, 0).float() / 2 + 0.5).clamp(0, 1)
        pixels = (255 * pixels).round().byte()
        self._copied: torch.cuda.Event | None = None
        if pixels.is_cuda:
            self._host = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
            self._host.copy_(pixels, non_blocking=True)
            self._copied = torch.cuda.Event()
            self._copied.record()
        else:
            self._host = pixels

    def frames(self) -> list[Frame]:
        """Wait for the copy, and for nothing that was queued after it."""
        if self._copied:
            self._copied.synchronize()
        return list(np.asarray(self._host.numpy(), dtype=np.uint8))
