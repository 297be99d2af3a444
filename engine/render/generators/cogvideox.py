"""Clips by CogVideoX (Yang et al. 2024, arXiv:2408.06072), through diffusers' own pipeline.

The model's size, frame rate and frame counts are its own: 720x480 at 8 fps for the 2B and 5B models, 1360x768 at
16 fps for version 1.5, always 8 N + 1 frames.
"""

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from engine.messages import Job
from engine.render.generators.base import Cancelled, Frame
from engine.render.generators.cogvideox_model import Device, load

_FPS, _FPS_15 = 8.0, 16.0
_SIZE_15 = (1360, 768)  # version 1.5 states the largest grid that it knows, not the size it was made for
_STEPS = 50
_GUIDANCE = 6.0


class CogVideoXGenerator:
    """A CogVideoX text-to-video model, on the GPU if there is one.

    Raises:
        ModelError: the model is not on this machine, not a CogVideoX pipeline, or damaged.
    """

    def __init__(self, model: str) -> None:
        device: Device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cpu":
            torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))  # the engine listens and draws meanwhile
        self._pipeline = load(model, device)
        config = self._pipeline.transformer.config
        scale = self._pipeline.vae_scale_factor_spatial
        self.width, self.height = config.sample_width * scale, config.sample_height * scale
        self.fps = _FPS
        self.max_frames = int(config.sample_frames)
        self._max_tokens = int(config.max_text_seq_length)
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
        """Denoise and decode `job`.

        The noise is drawn on the CPU, so that a seed means the same on every machine.

        Raises:
            Cancelled: it was withdrawn between two steps.
        """

        def on_step_end(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if cancelled():
                raise Cancelled
            progress((step + 1) / _STEPS)
            return tensors

        output = self._pipeline(
            prompt=job.prompt,
            width=self.width,
            height=self.height,
            num_frames=self.frames_for(job.seconds),
            num_inference_steps=_STEPS,
            guidance_scale=_GUIDANCE,
            generator=torch.Generator("cpu").manual_seed(job.seed % 2**63),
            callback_on_step_end=on_step_end,
            max_sequence_length=self._max_tokens,
            output_type="np",
        )
        return [np.round(255.0 * frame).astype(np.uint8) for frame in output.frames[0]]

    def close(self) -> None:
        """Let go of the weights, and of the GPU's memory with them."""
        del self._pipeline
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
