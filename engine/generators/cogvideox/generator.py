"""Clips by CogVideoX (Yang et al. 2024, arXiv:2408.06072), with the parts of diffusers' own pipelines.

The model's size, frame rate and frame counts are its own: 720x480 at 8 fps for the 2B and 5B models, 1360x768 at
16 fps for version 1.5, always 8 N + 1 frames. An image-to-video model begins with the job's picture, or, where it has
none, with clouds in the colours of its palette.

The picture that a clip of an image-to-video model begins with.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from typing import Any, Self

import cv2
import numpy as np
import torch

from engine.errors import Cancelled, RenderError
from engine.generators.cogvideox.denoise import Denoiser
from engine.generators.cogvideox.loading import load
from engine.generators.cogvideox.presets import Preset, preset
from engine.generators.cogvideox.prompt import grow
from engine.render.job import Job
from engine.scenes import uniforms
from engine.types import Frame


def opening(job: Job, width: int, height: int) -> Frame:
    """The job's own first picture, or clouds in its palette's colours; height x width x 3, RGB.

    It is scaled to fill the size; what is over on two sides is cut off.

    Raises:
        RenderError: the picture cannot be read.
    """
    if job.first:
        coded = cv2.imdecode(np.frombuffer(job.first, np.uint8), cv2.IMREAD_COLOR)
        if coded is None:
            raise RenderError("the picture that a clip should begin with cannot be read")
        picture = np.asarray(cv2.cvtColor(coded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    else:
        picture = uniforms.input_image("opening", "image", job)[::-1]
    high, wide = picture.shape[:2]
    scale = max(width / wide, height / high)
    part_w, part_h = min(wide, round(width / scale)), min(high, round(height / scale))
    x, y = (wide - part_w) // 2, (high - part_h) // 2
    part = picture[y : y + part_h, x : x + part_w]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


_FPS, _FPS_15 = 8.0, 16.0
_SIZE_15 = (1360, 768)  # version 1.5 states the largest grid that it knows, not the size it was made for


class CogVideoXGenerator:
    """Renders with a loaded CogVideoX pipeline, on the device where its transformer is."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.denoiser = Denoiser(pipeline)
        config = pipeline.transformer.config
        scale = pipeline.vae_scale_factor_spatial
        self.width, self.height = config.sample_width * scale, config.sample_height * scale
        self.fps = _FPS
        self.max_frames = int(config.sample_frames)
        if config.patch_size_t is not None:
            self.width, self.height = min(self.width, _SIZE_15[0]), min(self.height, _SIZE_15[1])
            self.fps = _FPS_15
        self._patch = scale * int(config.patch_size)
        device = pipeline.transformer.device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._one_size = bool(config.use_learned_positional_embeddings)

    @classmethod
    def of_model(cls, model: str, index: int = 0) -> Self:
        """Load `model`, a hub id or folder; the render process number `index` of this host takes the GPU of its number.

        Raises:
            ModelError: the model is not on this machine, not a CogVideoX pipeline, or damaged.
        """
        if torch.cuda.is_available():
            return cls(load(model, f"cuda:{index % torch.cuda.device_count()}"))
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))  # the engine listens and draws meanwhile
        return cls(load(model, "cpu"))

    def size_for(self, chosen: Preset) -> tuple[int, int]:
        """Width and height at a preset's scale, in whole patches; the model's own where it knows no other."""
        if self._one_size:
            return self.width, self.height
        width, height = (
            self._patch * max(1, round(side * chosen.scale / self._patch)) for side in (self.width, self.height)
        )
        return width, height

    def frames_for(self, seconds: float) -> int:
        """The least 8 N + 1 frames that last `seconds`, within what the model makes."""
        wanted = math.ceil((seconds * self.fps - 1) / 8)
        return 8 * max(1, min(wanted, (self.max_frames - 1) // 8)) + 1

    def render(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> "CogVideoXFrames":
        """Denoise `job` as its preset says; the frames are then decoded as they are taken.

        Raises:
            Cancelled: it was withdrawn between two steps.
            UsageError: there is no such preset.
            RenderError: its first picture cannot be read.
        """
        chosen = preset(job.preset)

        def on_step(step: int) -> None:
            if cancelled():
                raise Cancelled
            progress(step / chosen.steps)

        count = self.frames_for(job.seconds)
        width, height = self.size_for(chosen)
        first = opening(job, width, height) if self.denoiser.begins_with_picture else None
        prompt = grow(job, self.denoiser.count_tokens, self.denoiser.max_tokens)
        latents = self.denoiser.latents(prompt, count, width, height, chosen, job.seed % 2**63, on_step, first)
        return CogVideoXFrames(self.denoiser, latents, count, self.fps, chosen, self._stream)

    def close(self) -> None:
        """Let go of the weights, and of the GPU's memory with them."""
        del self.pipeline, self.denoiser
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class CogVideoXFrames:
    """The frames of denoised latents, decoded as they are taken; if overlappable, on a CUDA stream of their own."""

    def __init__(
        self,
        denoiser: Denoiser,
        latents: torch.Tensor,
        count: int,
        fps: float,
        chosen: Preset,
        stream: torch.cuda.Stream | None,
    ) -> None:
        self.count = count
        self.fps = fps
        self.overlappable = chosen.overlapped
        self._denoiser = denoiser
        self._latents = latents
        self._tiled = chosen.tiled
        self._stream = stream if self.overlappable else None
        if self._stream:
            self._denoised = torch.cuda.current_stream(latents.device).record_event()

    def __iter__(self) -> Iterator[Frame]:
        with contextlib.ExitStack() as stack:
            if self._stream:
                self._stream.wait_event(self._denoised)
                stack.enter_context(torch.cuda.stream(self._stream))
                self._latents.record_stream(self._stream)
            for pictures in self._denoiser.decode(self._latents, self.count, self._tiled):
                yield from pictures
