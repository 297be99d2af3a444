"""Decoding of latents to frames in small batches: while one batch is copied and written, the GPU decodes the next."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from engine.types import Frame

TILE_SIZE = (240, 360)  # height and width in pixels; diffusers' default fits the published VAE alone


def decode_frames(vae: Any, latents: torch.Tensor, scale: float, tiled: bool) -> Iterator[list[Frame]]:
    """The frames of `latents`, [1, latent frames, channels, h / 8, w / 8], in order, batch by batch."""
    pending: FrameBatch | None = None
    for video in decode_batches(vae, latents, scale, tiled):
        batch = FrameBatch(video)
        if pending:
            yield pending.frames()
        pending = batch
    if pending:
        yield pending.frames()


def decode_batches(vae: Any, latents: torch.Tensor, scale: float, tiled: bool) -> Iterator[torch.Tensor]:
    """Decode `latents` in batches of [1, 3, frames, height, width], -1 to 1, in order.

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
    conv_cache = None
    for part in _latent_batches(latents, vae.num_latent_frames_batch_size):
        ready = part if vae.post_quant_conv is None else vae.post_quant_conv(part)
        video, conv_cache = vae.decoder(ready, conv_cache=conv_cache)
        yield video


def _latent_batches(latents: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Batches of `size` latent frames each; the remainder is added to the first."""
    frames = latents.size(2)
    start = 0
    while start < frames:
        end = min(frames, start + size + (frames % size if start == 0 else 0))
        yield latents[:, :, start:end]
        start = end


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
