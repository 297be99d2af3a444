"""The denoising loop of CogVideoX, from text or from text and a first picture, with guidance on a part of its steps.

diffusers' own pipelines decide once, before the first step, whether to run the transformer on two inputs or on one.
This loop decides anew in each step, and is the pipelines' own otherwise: with guidance on every step its latents
are the same, bit for bit.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXDPMScheduler

from engine.generators.cogvideox.decode import decoded
from engine.generators.cogvideox.optimizations import Speedups
from engine.generators.cogvideox.presets import Preset
from engine.types import Frame

_REMEMBERED_PROMPTS = 32  # encoded: the empty one, and those of choruses


class Denoiser:
    """Makes latents with the parts of a loaded CogVideoX pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._config = pipeline.transformer.config
        self._device = pipeline.transformer.device
        self.speedups = Speedups(pipeline.transformer)
        self.dtype: torch.dtype = pipeline.transformer.dtype
        self.max_tokens = int(self._config.max_text_seq_length)
        self.begins_with_picture = int(self._config.in_channels) == 2 * int(self._config.out_channels)
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
        first: Frame | None = None,
    ) -> torch.Tensor:
        """Latents of a clip, [1, latent frames, channels, height / 8, width / 8]; `on_step` is told each finished step.

        `first` is the picture that a clip of an image-to-video model begins with, height x width x 3. The noise is
        drawn on the CPU, so that a seed means the same on every machine. Whatever `on_step` raises ends the work and
        passes through.
        """
        scheduler = self._pipeline.scheduler
        scheduler.set_timesteps(preset.steps, device=self._device)
        embeds = self.encode(prompt)
        both = torch.cat([self.encode(""), embeds]) if preset.guided_steps else embeds
        if preset.offload:
            self._pipeline.text_encoder.to("cpu")
        generator = torch.Generator("cpu").manual_seed(seed)
        latents, constant = self._noise(frames, width, height, embeds.dtype, generator, first)
        rotary = None
        if self._config.use_rotary_positional_embeddings:
            rotary = self._pipeline._prepare_rotary_positional_embeddings(height, width, latents.size(1), self._device)
        extra = self._pipeline.prepare_extra_step_kwargs(generator, 0.0)
        timesteps = scheduler.timesteps
        old: torch.Tensor | None = None
        with self.speedups.turned_on(preset, lambda: self._timestep) as transformer:
            for step, timestep in enumerate(timesteps):
                self._timestep = int(timestep)
                guided = step < preset.guided_steps
                if preset.cache and step == preset.guided_steps:
                    transformer._reset_stateful_cache()  # what it kept is of two inputs
                noise = self._predict(transformer, latents, constant, both if guided else embeds, timestep, rotary)
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
        """The pictures of `latents` in order, some at a time, `frames` in all."""
        yield from decoded(*self.decoding(latents, frames), tiled)

    def decoding(self, latents: torch.Tensor, frames: int) -> tuple[Any, torch.Tensor, float]:
        """What a clip of so many frames is decoded by and from: the VAE, its latents, its scaling factor."""
        return self._pipeline.vae, latents[:, self.padding(frames) :], self._pipeline.vae_scaling_factor_image

    def encode(self, prompt: str) -> torch.Tensor:
        """The encoded prompt, [1, tokens, width]; cut where the model stops reading."""
        if prompt not in self._prompts:
            self._pipeline.text_encoder.to(self._device)
            self._prompts[prompt] = self._pipeline.encode_prompt(
                prompt,
                do_classifier_free_guidance=False,
                device=self._device,
                max_sequence_length=self.max_tokens,
            )[0]
            while len(self._prompts) > _REMEMBERED_PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(prompt)
        return self._prompts[prompt]

    def forget_prompts(self) -> None:
        """Have every prompt encoded anew."""
        self._prompts.clear()

    def count_tokens(self, text: str) -> int:
        """How many tokens the model reads `text` as; it reads at most `max_tokens`."""
        return len(self._pipeline.tokenizer(text).input_ids)

    def padding(self, frames: int) -> int:
        """Latent frames added in front where the model takes them in pairs (version 1.5)."""
        pair = self._config.patch_size_t
        latent_frames = (frames - 1) // self._pipeline.vae_scale_factor_temporal + 1
        return -latent_frames % pair if pair else 0

    def _noise(
        self, frames: int, width: int, height: int, dtype: torch.dtype, generator: torch.Generator, first: Frame | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What denoising begins with, and, where the model takes a first picture, what goes beside it in each step."""
        frames += self.padding(frames) * self._pipeline.vae_scale_factor_temporal
        channels = int(self._config.out_channels)
        size = (1, channels, frames, height, width, dtype, self._device, generator)
        if not self.begins_with_picture:
            return self._pipeline.prepare_latents(*size), None
        if first is None:
            raise ValueError("an image-to-video model needs a first picture")
        picture = torch.from_numpy(np.ascontiguousarray(first)).permute(2, 0, 1)[None].float() / 127.5 - 1.0
        latents, constant = self._pipeline.prepare_latents(picture.to(self._device, dtype), *size)
        return latents, constant

    def _predict(
        self,
        transformer: Any,
        latents: torch.Tensor,
        constant: torch.Tensor | None,
        context: torch.Tensor,
        timestep: Any,
        rotary: Any,
    ) -> torch.Tensor:
        """The transformer's noise for as many copies of the latents as there are contexts."""
        inputs = torch.cat([latents] * len(context))
        inputs = self._pipeline.scheduler.scale_model_input(inputs, timestep)
        named: dict[str, Any] = {}
        if constant is not None:
            inputs = torch.cat([inputs, torch.cat([constant] * len(context))], dim=2)
            if self._config.ofs_embed_dim is not None:
                named["ofs"] = latents.new_full((1,), 2.0)
        with transformer.cache_context("cond_uncond"):
            noise = transformer(
                hidden_states=inputs.to(transformer.dtype),
                encoder_hidden_states=context.to(transformer.dtype),
                timestep=timestep.expand(len(context)),
                image_rotary_emb=rotary,
                return_dict=False,
                **named,
            )[0]
        result: torch.Tensor = noise.float()
        return result
