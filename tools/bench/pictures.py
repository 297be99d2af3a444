"""Benchmark of frame rates: each scene at each size, the compositor, and an export beside x264 alone.

    python -m tools.bench.pictures [--sizes 640x360,1280x720] [--scenes water,fire] [--export examples/heart.wav]

Frames per second on this machine, on the CPU unless OpenGL has a GPU. Prints tables and, last, one
JSON line: compositor_fps (1280x720, reaction on), and with --export: export_fps, x264_fps and their ratio (1280x720,
30 frames a second, with an empty cache except for the speech model).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from engine.audio.features import FeatureExtractor
from engine.colour import harmony
from engine.generators.scenes import SceneGenerator
from engine.outputs.encoder import encode_clip
from engine.playback.compositor import Compositor
from engine.render.protocol import Job
from tools.bench.export import encode_alone, export, join_models

SIZES = "640x360,1280x720,1920x1080,3840x2160"
FPS = 30.0
MIN_S = 0.5  # of drawing per figure


def scene_rates(generator: SceneGenerator, sizes: list[tuple[int, int]], names: set[str]) -> Table:
    """Frames a second by scene and size."""
    driver = generator.library.context.gl.info["GL_RENDERER"]
    table = Table("scene", *(f"{width}x{height}" for width, height in sizes), title=driver)
    all_scenes = generator.library.scenes
    for scene in all_scenes:
        if names and scene.name not in names:
            continue
        generator.library.scenes = (scene,)
        rates = []
        for width, height in sizes:
            job = Job("shader", "", "", tuple(scene.keywords[:1]), harmony("#20a0c0"), 1, width, height, FPS, 60.0)
            drawing = iter(generator.render(job, lambda: False, lambda share: None))
            next(drawing)
            drawn, began = 0, time.perf_counter()
            while time.perf_counter() - began < MIN_S or drawn < 2:
                next(drawing)
                drawn += 1
            rates.append(drawn / (time.perf_counter() - began))
            del drawing  # releases its textures
        table.add_row(scene.name, *(f"{rate:.1f}" for rate in rates))
    generator.library.scenes = all_scenes
    return table


def compositor_rate(generator: SceneGenerator, folder: Path) -> float:
    """Frames a second of the compositor at 1280x720: a clip of that size, bursts of noise, with the flash guard."""
    rate = 22050
    noise = np.random.default_rng(1).normal(0, 0.2, rate * 8).astype(np.float32)
    sound = noise * (np.arange(len(noise)) % (rate // 3) < rate // 20)
    job = Job("shader", "", "", ("wave",), harmony("#20a0c0"), 1, 1280, 720, FPS, 4.0)
    clip = folder / "clip.mp4"
    encode_clip(generator.render(job, lambda: False, lambda share: None), clip, lambda count: None)
    compositor = Compositor(1280, 720, FPS, FeatureExtractor.of(sound, rate))
    compositor.place(0.0, 4.0, clip)
    compositor.frame(0.0)
    began = time.perf_counter()
    for number in range(1, 120):
        compositor.frame(number / FPS)
    spent = time.perf_counter() - began
    compositor.close()
    return 119 / spent


def export_rates(song: Path, folder: Path) -> tuple[float, float]:
    """Frames a second of a whole export at 1280x720 and 30 frames a second, and of x264 alone on its frames."""
    join_models(song, folder)
    whole = export(song, folder / "whole.mp4", "1280x720", FPS, folder)
    alone, frames = encode_alone(song, folder, "1280x720", FPS, folder)
    return frames / whole.clock, frames / alone.clock


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--scenes", default="", help="comma-separated names; default all")
    parser.add_argument("--export", type=Path, help="a song to export as well")
    given = parser.parse_args()
    sizes = [(int(w), int(h)) for w, h in (size.split("x") for size in given.sizes.split(","))]
    generator = SceneGenerator()
    console = Console(width=100)
    with tempfile.TemporaryDirectory() as name:
        figures: dict[str, float] = {"compositor_fps": compositor_rate(generator, Path(name))}
        console.print(scene_rates(generator, sizes, set(filter(None, given.scenes.split(",")))))
        if given.export:
            figures["export_fps"], figures["x264_fps"] = export_rates(given.export, Path(name))
            figures["export_to_x264"] = figures["export_fps"] / figures["x264_fps"]
    for key, value in figures.items():
        console.print(f"{key:16} {value:8.2f}")
    print(json.dumps({key: round(value, 3) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
