"""The denoising loop of CogVideoX, with guidance on a part of its steps.

diffusers' own pipeline decides once, before the first step, whether to run the transformer on two inputs or on one.
This loop decides anew in each step, and is the pipeline's own otherwise: with guidance on every step its latents
are the same, bit for bit.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from diffusers import CogVideoXDPMScheduler

from engine.render.generators.cogvideox_presets import Preset

_REMEMBERED_PROMPTS = 32  # encoded: the empty one, and those of choruses


class Denoiser:
    """Makes latents with the parts of a loaded `CogVideoXPipeline`."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._config = pipeline.transformer.config
        self.max_tokens = int(self._config.max_text_seq_length)
        self._prompts: OrderedDict[str, torch.Tensor] = OrderedDict()

    def latents(
        self,
        prompt: str,
        frames: int,
        width: int,
        height: int,
        preset: Preset,
        seed: int,
        on_step: Callable[[int], None],
    ) -> torch.Tensor:
        """Latents of a clip, [1, latent frames, channels, height / 8, width / 8]; `on_step` is told each finished step.

        The noise is drawn on the CPU, so that a seed means the same on every machine. Whatever `on_step` raises ends
        the work and passes through.
        """
        pipeline = self._pipeline
        device = pipeline._execution_device
        scheduler = pipeline.scheduler
        scheduler.set_timesteps(preset.steps, device=device)
        embeds = self._encode(prompt)
        both = torch.cat([self._encode(""), embeds]) if preset.guided_steps else embeds
        generator = torch.Generator("cpu").manual_seed(seed)
        frames += self.padding(frames) * pipeline.vae_scale_factor_temporal
        latents = pipeline.prepare_latents(
            1, self._config.in_channels, frames, height, width, embeds.dtype, device, generator
        )
        rotary = None
        if self._config.use_rotary_positional_embeddings:
            rotary = pipeline._prepare_rotary_positional_embeddings(height, width, latents.size(1), device)
        extra = pipeline.prepare_extra_step_kwargs(generator, 0.0)
        timesteps = scheduler.timesteps
        old: torch.Tensor | None = None
        for step, timestep in enumerate(timesteps):
            guided = step < preset.guided_steps
            context = both if guided else embeds
            noise = self._predict(latents, context, timestep, rotary)
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

    def decode(self, latents: torch.Tensor, frames: int) -> torch.Tensor:
        """The clip of `latents`, [frames, 3, height, width], 0 to 1."""
        latents = latents[:, self.padding(frames) :]
        video = self._pipeline.decode_latents(latents)
        return (video[0].permute(1, 0, 2, 3) / 2 + 0.5).clamp(0, 1)

    def count_tokens(self, text: str) -> int:
        """How many tokens the model reads `text` as; it reads at most `max_tokens`."""
        return len(self._pipeline.tokenizer(text).input_ids)

    def padding(self, frames: int) -> int:
        """Latent frames added in front where the model takes them in pairs (version 1.5)."""
        pair = self._config.patch_size_t
        latent_frames = (frames - 1) // self._pipeline.vae_scale_factor_temporal + 1
        return -latent_frames % pair if pair else 0

    def _predict(self, latents: torch.Tensor, context: torch.Tensor, timestep: Any, rotary: Any) -> torch.Tensor:
        """The transformer's noise for as many copies of the latents as there are contexts."""
        inputs = torch.cat([latents] * len(context))
        inputs = self._pipeline.scheduler.scale_model_input(inputs, timestep)
        with self._pipeline.transformer.cache_context("cond_uncond"):
            noise = self._pipeline.transformer(
                hidden_states=inputs,
                encoder_hidden_states=context,
                timestep=timestep.expand(len(context)),
                image_rotary_emb=rotary,
                return_dict=False,
            )[0]
        result: torch.Tensor = noise.float()
        return result

    def _encode(self, prompt: str) -> torch.Tensor:
        """The encoded prompt, [1, tokens, width]; cut where the model stops reading."""
        if prompt not in self._prompts:
            self._prompts[prompt] = self._pipeline.encode_prompt(
                prompt,
                do_classifier_free_guidance=False,
                device=self._pipeline._execution_device,
                max_sequence_length=self.max_tokens,
            )[0]
            while len(self._prompts) > _REMEMBERED_PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(prompt)
        return self._prompts[prompt]
