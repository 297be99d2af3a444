"""The CogVideoX generator: from a job to prompt, preset and init image, to the frames of its clip.

Size, frame rate and number of frames are the model's: 720x480 at 8 fps for the 2B and 5B models, 1360x768 at 16 fps
for version 1.5, always 8 N + 1 frames.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from typing import Any, Self

import cv2
import diffusers
import numpy as np
import torch
import transformers

from engine.errors import Cancelled, ModelError, RenderError
from engine.generators.base import FrameStream
from engine.generators.cogvideox import Preset, check_pipeline, find_preset, read_config
from engine.generators.cogvideox.diffusion import Denoiser
from engine.generators.cogvideox.prompt import expand_prompt
from engine.render.protocol import Job
from engine.scenes import uniforms
from engine.types import Frame


def init_image(job: Job, width: int, height: int) -> Frame:
    """The image that a clip of an image-to-video model starts with; height x width x 3, RGB.

    It is the job's own or, if it has none, clouds in the colours of its palette; scaled to fill the size and cropped.

    Raises:
        RenderError: the job's image cannot be decoded.
    """
    if job.init_image:
        decoded = cv2.imdecode(np.frombuffer(job.init_image, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise RenderError("the job's init image cannot be read")
        image = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    else:
        image = uniforms.cloud_image(job)[::-1]
    image_height, image_width = image.shape[:2]
    scale = max(width / image_width, height / image_height)
    crop_width, crop_height = min(image_width, round(width / scale)), min(image_height, round(height / scale))
    x, y = (image_width - crop_width) // 2, (image_height - crop_height) // 2
    cropped = image[y : y + crop_height, x : x + crop_width]
    return np.asarray(cv2.resize(cropped, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


_FPS, _FPS_15 = 8.0, 16.0
_SIZE_15 = (1360, 768)  # the config of version 1.5 has the largest grid, not the size it was trained for


class CogVideoXGenerator:
    """Renders with a loaded CogVideoX pipeline, on the device of its transformer."""

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
    def load(cls, model: str, index: int = 0) -> Self:
        """Load `model`, a hub id or folder, in render process number `index` of this host: on the GPU of that number.

        Raises:
            ModelError: the model is not on this machine, not a CogVideoX pipeline, or damaged.
        """
        if torch.cuda.is_available():
            return cls(load_pipeline(model, f"cuda:{index % torch.cuda.device_count()}"))
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))  # one core is left to the engine
        return cls(load_pipeline(model, "cpu"))

    def size_for(self, preset: Preset) -> tuple[int, int]:
        """Width and height in pixels at the preset's scale, in whole patches; the model's own if it has only one."""
        if self._one_size:
            return self.width, self.height
        width, height = (
            self._patch * max(1, round(side * preset.scale / self._patch)) for side in (self.width, self.height)
        )
        return width, height

    def frame_count(self, seconds: float) -> int:
        """The smallest 8 N + 1 frames that last `seconds`, within the model's limits."""
        wanted = math.ceil((seconds * self.fps - 1) / 8)
        return 8 * max(1, min(wanted, (self.max_frames - 1) // 8)) + 1

    def render(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> FrameStream:
        """Denoise `job` with its preset; the frames are decoded while they are iterated.

        Raises:
            Cancelled: the job was cancelled between two steps.
            UsageError: there is no such preset.
            RenderError: its init image cannot be read.
        """
        preset = find_preset(job.preset)

        def on_step(step: int) -> None:
            if cancelled():
                raise Cancelled
            progress(step / preset.steps)

        count = self.frame_count(job.seconds)
        width, height = self.size_for(preset)
        image = init_image(job, width, height) if self.denoiser.image_to_video else None
        prompt = expand_prompt(job, self.denoiser.count_tokens, self.denoiser.max_tokens)
        latents = self.denoiser.latents(prompt, count, width, height, preset, job.seed % 2**63, on_step, image)
        ready = torch.cuda.current_stream(latents.device).record_event() if latents.is_cuda else None
        frames = self._decode(latents, ready, count, preset)
        return FrameStream(self.fps, count, frames, overlappable=preset.overlap)

    def _decode(
        self, latents: torch.Tensor, ready: torch.cuda.Event | None, count: int, preset: Preset
    ) -> Iterator[Frame]:
        """The frames of `latents`; where another job may be denoised meanwhile, on a CUDA stream of their own."""
        with contextlib.ExitStack() as stack:
            if self._stream and preset.overlap:
                self._stream.wait_event(ready)
                stack.enter_context(torch.cuda.stream(self._stream))
                latents.record_stream(self._stream)
            for batch in self.denoiser.decode(latents, count, preset.tiled):
                yield from batch

    def close(self) -> None:
        """Release the weights and the GPU's memory."""
        del self.pipeline, self.denoiser
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


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
