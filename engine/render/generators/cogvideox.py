"""Clips by CogVideoX (Yang et al. 2024, arXiv:2408.06072), with the parts of diffusers' own pipeline.

The model's size, frame rate and frame counts are its own: 720x480 at 8 fps for the 2B and 5B models, 1360x768 at
16 fps for version 1.5, always 8 N + 1 frames.
"""

import math
import os
from collections.abc import Callable, Iterator

import torch

from engine.messages import Job
from engine.render.generators.attention import install
from engine.render.generators.base import Cancelled, Frame
from engine.render.generators.cogvideox_model import Device, load
from engine.render.generators.cogvideox_presets import preset
from engine.render.generators.denoise import Denoiser
from engine.render.paragraph import grow

_FPS, _FPS_15 = 8.0, 16.0
_SIZE_15 = (1360, 768)  # version 1.5 states the largest grid that it knows, not the size it was made for


class CogVideoXGenerator:
    """A CogVideoX text-to-video model, on the GPU if there is one.

    Raises:
        ModelError: the model is not on this machine, not a CogVideoX pipeline, or damaged.
    """

    def __init__(self, model: str) -> None:
        self._device: Device = "cuda" if torch.cuda.is_available() else "cpu"
        if self._device == "cpu":
            torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))  # the engine listens and draws meanwhile
        self._pipeline = load(model, self._device)
        self._denoiser = Denoiser(self._pipeline)
        config = self._pipeline.transformer.config
        scale = self._pipeline.vae_scale_factor_spatial
        self.width, self.height = config.sample_width * scale, config.sample_height * scale
        self.fps = _FPS
        self.max_frames = int(config.sample_frames)
        if config.patch_size_t is not None:
            self.width, self.height = min(self.width, _SIZE_15[0]), min(self.height, _SIZE_15[1])
            self.fps = _FPS_15

    def frames_for(self, seconds: float) -> int:
        """The least 8 N + 1 frames that last `seconds`, within what the model makes."""
        wanted = math.ceil((seconds * self.fps - 1) / 8)
        return 8 * max(1, min(wanted, (self.max_frames - 1) // 8)) + 1

    def render(
        self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]
    ) -> "CogVideoXRendering":
        """Begin `job`; all its frames come after the last denoising step."""
        return CogVideoXRendering(self, job, cancelled, progress)

    def frames(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> list[Frame]:
        """Denoise and decode `job` as its preset says.

        Raises:
            Cancelled: it was withdrawn between two steps.
            UsageError: there is no such preset.
        """
        chosen = preset(job.preset)
        if self._device == "cuda":
            install(self._pipeline.transformer, chosen.attention)

        def on_step(step: int) -> None:
            if cancelled():
                raise Cancelled
            progress(step / chosen.steps)

        count = self.frames_for(job.seconds)
        seed = job.seed % 2**63
        prompt = grow(job, self._denoiser.count_tokens, self._denoiser.max_tokens)
        latents = self._denoiser.latents(prompt, count, self.width, self.height, chosen, seed, on_step)
        video = self._denoiser.decode(latents, count)
        return list((255 * video.float()).round().byte().permute(0, 2, 3, 1).cpu().numpy())

    def close(self) -> None:
        """Let go of the weights, and of the GPU's memory with them."""
        del self._pipeline, self._denoiser
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class CogVideoXRendering:
    """The frames of one job."""

    def __init__(
        self,
        generator: CogVideoXGenerator,
        job: Job,
        cancelled: Callable[[], bool],
        progress: Callable[[float], None],
    ) -> None:
        self.fps = generator.fps
        self.count = generator.frames_for(job.seconds)
        self._generator = generator
        self._job = job
        self._cancelled = cancelled
        self._progress = progress

    def __iter__(self) -> Iterator[Frame]:
        yield from self._generator.frames(self._job, self._cancelled, self._progress)
