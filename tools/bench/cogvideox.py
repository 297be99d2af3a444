"""Benchmark of CogVideoX by preset, beside stock diffusers in the same run, and a count of its operations.

    python -m tools.bench.cogvideox --flops                  # operations per preset of the real models; needs no GPU
    python -m tools.bench.cogvideox --model 2b [--stock]     # times on this machine's GPU, real architecture
    python -m tools.bench.cogvideox --model tiny --stock     # the same on a tiny model, on a CPU

Weights are random: speed does not depend on them. `--flops` runs the real architectures on torch's meta device, which
propagates shapes and computes nothing. Prints a table and, last, one JSON line. Of times it says, per preset: the
seconds for reading the prompt, denoising, decoding and copying the pictures, each alone; `pace_s`, the seconds from
clip to clip where many are rendered, each decoded beside the next one's denoising if the preset has it so; `rtf`, that
pace over the clip's length; `matrix_share`, operations a second while denoising over those of large matrix products
here; the peak of memory at that pace; and, with `--stock`, how many times faster than diffusers' own pipeline it is.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import torch
import transformers
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from engine.generators.base import FrameStream
from engine.generators.cogvideox import PRESETS, Preset
from engine.generators.cogvideox.diffusion import TILE_SIZE, Denoiser, FrameBatch, decode_batches
from engine.generators.cogvideox.generator import CogVideoXGenerator
from engine.generators.cogvideox.optimizations import Optimizations
from engine.render.protocol import Job
from engine.worker.main import FinalStageExecutor
from tools.release.make_tiny_cogvideox import build

PROMPT = "A heart made of crimson glass turns slowly in a dark room while the camera glides forward."
STOCK_STEPS = 50
CLIPS = 3  # for the pace
TERA = 1e12

# The published configurations: transformer, and whether its positions are rotary (which also sets the precision).
TRANSFORMERS: dict[str, dict[str, Any]] = {
    "2b": {"num_attention_heads": 30, "num_layers": 30, "use_rotary_positional_embeddings": False},
    "5b": {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True},
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 256, 512),
    "latent_channels": 16,
    "layers_per_block": 3,
    "sample_width": 720,
    "sample_height": 480,
}
WIDTH, HEIGHT, FRAMES, FPS = 720, 480, 49, 8


def denoise_flops(name: str, preset: Preset) -> int:
    """Operations of denoising a clip of 49 frames of 720x480, times the preset's scale, with its cache at work."""
    size = tuple(2 * round(side * preset.scale / 2) for side in (HEIGHT // 8, WIDTH // 8))
    return flops_by_layers(TRANSFORMERS[name], preset, *size)


def flops_by_layers(shape: dict[str, Any], preset: Preset, high: int, wide: int) -> int:
    """They are counted with one layer and with two; each of the others adds as many as the second."""
    one, two = (_denoise_flops({**shape, "num_layers": layers}, preset, high, wide) for layers in (1, 2))
    return one + int(shape["num_layers"] - 1) * (two - one)


def _denoise_flops(shape: dict[str, Any], preset: Preset, high: int, wide: int) -> int:
    """Operations of denoising 13 latent frames `high` x `wide` with a transformer of that shape."""
    timesteps = _timesteps(preset.steps)
    now = timesteps[0]
    with torch.device("meta"):
        transformer = diffusers.CogVideoXTransformer3DModel(**{**shape, "sample_width": wide, "sample_height": high})
        config = transformer.config
        rotary = None
        if config.use_rotary_positional_embeddings:
            tokens = 13 * high * wide // config.patch_size**2
            rotary = tuple(torch.empty(tokens, config.attention_head_dim) for _ in range(2))
        with (
            FlopCounterMode(display=False) as counter,
            torch.no_grad(),
            Optimizations(transformer).applied(msgspec.structs.replace(preset, precision=""), lambda: now),
        ):
            for step, timestep in enumerate(timesteps):
                now = timestep
                if preset.cache and step == preset.guided_steps:
                    transformer._reset_stateful_cache()
                inputs = 2 if step < preset.guided_steps else 1
                transformer(
                    hidden_states=torch.empty(inputs, 13, config.in_channels, high, wide),
                    encoder_hidden_states=torch.empty(inputs, config.max_text_seq_length, config.text_embed_dim),
                    timestep=torch.empty(inputs, dtype=torch.long),
                    image_rotary_emb=rotary,
                    return_dict=False,
                )
    return int(counter.get_total_flops())


def _timesteps(steps: int) -> list[int]:
    """CogVideoX's own: trailing spacing."""
    return [round(1000 - step * 1000 / steps) - 1 for step in range(steps)]


def pass_flops(name: str) -> int:
    """Operations of one pass of the transformer over a clip of 49 frames of 720x480."""
    return denoise_flops(name, Preset("one", steps=1, guided_share=0.0))


def decode_flops(scale: float, tiled: bool) -> int:
    """Operations of decoding such a clip; in tiles, those of all tiles' area, of which neighbours share a part."""
    high, wide = (2 * round(side * scale / 2) for side in (HEIGHT // 8, WIDTH // 8))
    with torch.device("meta"):
        vae, latents = _vae(), torch.empty(1, 16, 13, high, wide)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            vae.decode(latents)
    share = 1.0
    if tiled:
        vae.enable_tiling(*TILE_SIZE)
        rows = _tiled_length(high, vae.tile_latent_min_height, vae.tile_overlap_factor_height)
        columns = _tiled_length(wide, vae.tile_latent_min_width, vae.tile_overlap_factor_width)
        share = rows * columns / (high * wide)
    return round(share * int(counter.get_total_flops()))


def _tiled_length(length: int, tile: int, overlap: float) -> int:
    """The lengths of all tiles together, where a new one begins every `tile` less its overlap."""
    return sum(min(tile, length - begin) for begin in range(0, length, int(tile * (1 - overlap))))


def count() -> list[dict[str, Any]]:
    """Operations per model and preset, beside stock diffusers' (50 steps, all guided)."""
    rows = []
    for name in TRANSFORMERS:
        stock = 2 * STOCK_STEPS * pass_flops(name) + decode_flops(1.0, tiled=False)
        for preset in PRESETS.values():
            denoising, decoding = denoise_flops(name, preset), decode_flops(preset.scale, preset.tiled)
            rows.append(
                {
                    "model": name,
                    "preset": preset.name,
                    "passes": preset.passes,
                    "denoise_tflop": round(denoising / TERA, 1),
                    "decode_tflop": round(decoding / TERA, 1),
                    "total_tflop": round((denoising + decoding) / TERA, 1),
                    "less_work_than_stock": round(stock / (denoising + decoding), 2),
                }
            )
    return rows


def measure(name: str, presets: list[Preset], stock: bool, device: str) -> list[dict[str, Any]]:
    """Times per preset of clips of 49 frames, the second of two runs of each stage."""
    generator = random_generator(name, device)
    denoiser = generator.denoiser
    rows: list[dict[str, Any]] = []
    rate = matrix_rate(torch.bfloat16 if device == "cuda" else torch.float32, device)
    shape = {key: value for key, value in generator.pipeline.transformer.config.items() if not key.startswith("_")}
    stock_s = _stock(generator.pipeline, device) if stock else None
    for preset in presets:
        size = generator.size_for(preset)
        operations = flops_by_layers(shape, preset, size[1] // 8, size[0] // 8)
        for _ in range(2):
            denoiser.clear_prompt_cache()
            encode, _ = _timed(device, partial(denoiser.encode, PROMPT))
            work = partial(denoiser.latents, PROMPT, FRAMES, *size, preset, 0, _ignore)
            denoise, latents = _timed(device, work)
            decode, made = _timed(device, partial(_decode, denoiser, latents, preset.tiled))
            copy, _ = _timed(device, partial(_copy, made))
            del latents, made
        _reset_peak(device)
        pace = _pace(generator, preset)
        row = {
            "model": name,
            "preset": preset.name,
            "encode_s": encode,
            "denoise_s": denoise,
            "decode_s": decode,
            "copy_s": copy,
            "pace_s": pace,
            "rtf": pace / (FRAMES / FPS),
            "matrix_share": operations / denoise / rate,
            "peak_gb": _peak(device) / 1e9,
        }
        rows.append(row | ({"times_stock": stock_s / pace} if stock_s else {}))
    if stock_s:
        row = {"model": name, "preset": "stock", "pace_s": stock_s, "rtf": stock_s / (FRAMES / FPS), "times_stock": 1.0}
        rows.append(row)
    return rows


def _decode(denoiser: Denoiser, latents: torch.Tensor, tiled: bool) -> list[torch.Tensor]:
    return list(decode_batches(*denoiser.decoder_inputs(latents, FRAMES), tiled))


def _copy(made: list[torch.Tensor]) -> int:
    return sum(len(FrameBatch(video).frames()) for video in made)


def _pace(generator: CogVideoXGenerator, preset: Preset) -> float:
    """Seconds from the end of one clip to the end of the next, as the render process makes them, but for writing."""
    ends: list[float] = []

    def finish(rendering: FrameStream) -> None:
        for _ in rendering:
            pass
        ends.append(time.perf_counter())

    with FinalStageExecutor() as last:
        for number in range(CLIPS):
            job = Job("cogvideox", "", PROMPT, (), (), number, WIDTH, HEIGHT, FPS, FRAMES / FPS, preset.name)
            rendering = generator.render(job, lambda: False, lambda share: None)
            last.run(partial(finish, rendering), rendering.overlappable)
        last.wait()
    return (ends[-1] - ends[0]) / (CLIPS - 1)


def matrix_rate(dtype: torch.dtype, device: str) -> float:
    """Operations a second of a large matrix product: the best of five."""
    side = 8192 if device == "cuda" else 512
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return max(2 * side**3 / _timed(device, lambda: a @ b)[0] for _ in range(5))


def _stock(pipeline: Any, device: str) -> float:
    """Seconds that diffusers' own pipeline takes as it comes."""
    config = pipeline.transformer.config
    text = {"prompt": PROMPT, "max_sequence_length": config.max_text_seq_length}
    return _timed(device, lambda: pipeline(num_inference_steps=STOCK_STEPS, output_type="np", **text))[0]


def random_generator(name: str, device: str) -> CogVideoXGenerator:
    """A generator of random weights on `device`."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        pipeline = diffusers.CogVideoXPipeline.from_pretrained(folder, local_files_only=True)
    if name in TRANSFORMERS:
        shape = TRANSFORMERS[name]
        dtype = torch.bfloat16 if shape["use_rotary_positional_embeddings"] else torch.float16
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with torch.device(device):
                pipeline.register_modules(
                    transformer=diffusers.CogVideoXTransformer3DModel(sample_width=90, sample_height=60, **shape),
                    vae=_vae(),
                    text_encoder=transformers.T5EncoderModel(
                        transformers.T5Config(
                            d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
                            feed_forward_proj="gated-gelu",
                        )
                    ),
                )  # fmt: skip
        finally:
            torch.set_default_dtype(before)
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.transformer, pipeline.vae, pipeline.text_encoder):
        part.requires_grad_(False).eval()
    return CogVideoXGenerator(pipeline.to(device))


def _vae() -> Any:
    return diffusers.AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4, **VAE
    )


def _timed(device: str, work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds until the work is done on the device, and its result."""
    _wait(device)
    started = time.perf_counter()
    result = work()
    _wait(device)
    return time.perf_counter() - started, result


def _ignore(step: int) -> None:
    """Discard the progress."""


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _reset_peak(device: str) -> None:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak(device: str) -> float:
    """Bytes: of the GPU's memory, or, without one, of this process."""
    if device == "cuda":
        return float(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024.0 * int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    """Read the arguments, count or measure, print."""
    parser = argparse.ArgumentParser(description="Time CogVideoX by preset, or count its operations.")
    parser.add_argument("--flops", action="store_true", help="count the operations of the real models, on no device")
    parser.add_argument("--model", choices=("tiny", *TRANSFORMERS), default="2b")
    parser.add_argument("--preset", choices=tuple(PRESETS), action="append", help="only this one; may be repeated")
    parser.add_argument("--stock", action="store_true", help="time diffusers' own pipeline as well")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if not options.flops and device == "cpu" and options.model != "tiny":
        parser.error("there is no CUDA device here: take --model tiny, or --flops")
    presets = [PRESETS[name] for name in options.preset or PRESETS]
    rows = count() if options.flops else measure(options.model, presets, options.stock, device)
    machine = torch.cuda.get_device_name() if device == "cuda" else "a CPU"
    table = Table(title="Operations" if options.flops else f"Times on {machine}, torch {torch.__version__}")
    columns = list(rows[0])
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column in ("model", "preset") else "right")
    for row in rows:
        cells = (row.get(column, "") for column in columns)
        table.add_row(
            *(f"{cell:.3f}" if isinstance(cell, float) and not options.flops else str(cell) for cell in cells)
        )
    Console(width=140).print(table)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
