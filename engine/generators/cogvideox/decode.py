"""Latents to pictures, a few at a time: while one lot is copied and written, the GPU decodes the next."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from engine.types import Frame

TILE = (240, 360)  # height and width; what diffusers takes where none is given fits the published VAE alone


def decoded(vae: Any, latents: torch.Tensor, scale: float, tiled: bool) -> Iterator[list[Frame]]:
    """The pictures of `latents`, [1, latent frames, channels, h / 8, w / 8], in order, in lots (see `videos`)."""
    waiting: Lot | None = None
    for video in videos(vae, latents, scale, tiled):
        lot = Lot(video)
        if waiting:
            yield waiting.pictures()
        waiting = lot
    if waiting:
        yield waiting.pictures()


def videos(vae: Any, latents: torch.Tensor, scale: float, tiled: bool) -> Iterator[torch.Tensor]:
    """What the VAE makes of `latents`, in order, in lots of [1, 3, frames, height, width], -1 to 1.

    The lots are the VAE's own (two latent frames, the first lot one more if they are odd), so the pictures are those
    of decoding all at once. `scale` is the VAE's scaling factor. With `tiled` there is one lot, in less memory.
    """
    latents = 1 / scale * latents.permute(0, 2, 1, 3, 4)
    if tiled:
        vae.enable_tiling(*TILE)
        try:
            yield vae.decode(latents).sample
        finally:
            vae.disable_tiling()
        return
    memory = None  # of the causal convolutions
    for part in _lots(latents, vae.num_latent_frames_batch_size):
        ready = part if vae.post_quant_conv is None else vae.post_quant_conv(part)
        video, memory = vae.decoder(ready, conv_cache=memory)
        yield video


def _lots(latents: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Parts of `size` latent frames each; what is over goes with the first."""
    frames = latents.size(2)
    begin = 0
    while begin < frames:
        end = min(frames, begin + size + (frames % size if begin == 0 else 0))
        yield latents[:, :, begin:end]
        begin = end


class Lot:
    """Decoded pictures on their way from the GPU; on a CPU they are there."""

    def __init__(self, video: torch.Tensor) -> None:
        pictures = (video[0].permute(1, 2, 3, 0).float() / 2 + 0.5).clamp(0, 1)
        pictures = (255 * pictures).round().byte()
        self._arrived: torch.cuda.Event | None = None
        if pictures.is_cuda:
            self._host = torch.empty(pictures.shape, dtype=torch.uint8, pin_memory=True)
            self._host.copy_(pictures, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()
        else:
            self._host = pictures

    def pictures(self) -> list[Frame]:
        """Wait for them, and for nothing that was begun after them."""
        if self._arrived:
            self._arrived.synchronize()
        return list(np.asarray(self._host.numpy(), dtype=np.uint8))
