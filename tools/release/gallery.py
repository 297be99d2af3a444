#!/usr/bin/env python3
"""Contact sheets: every scene, a whole song shot by shot, and the frames around a drum hit.

    tools/release/gallery.py FOLDER [--song FILE]

FOLDER receives scenes.png (three moments of every scene, in the colours of the song's shots), song.png (one picture
of every shot with its sentence) and hit.png (the pictures around the strongest onset). FILE is a song or its score.
"""

import argparse
import sys
import tempfile
import textwrap
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import aimv
from aimv.app.export import plan_clip
from aimv.language.score import is_score
from engine.analysis.windows import song_features
from engine.audio.features import FeatureExtractor
from engine.audio.song import load_song
from engine.colour import harmony, hex_of_name
from engine.generators.base import FrameStream
from engine.generators.registry import select_generator
from engine.generators.scenes import SceneGenerator
from engine.outputs.encoder import encode_clip
from engine.playback.compositor import Compositor
from engine.render.protocol import Job

Frame = NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 480, 270, 24.0
CAPTION = 44  # pixels under a picture
BEFORE, AFTER = 2, 9  # pictures shown around a hit


def captioned(picture: Frame, text: str) -> Frame:
    """The picture with a line or two of text under it; letters that OpenCV's font lacks are shown as '?'."""
    strip = np.full((CAPTION, picture.shape[1], 3), 18, np.uint8)
    for row, line in enumerate(textwrap.wrap(text, 68)[:2]):
        plain = line.encode("ascii", "replace").decode()
        place = (6, 17 + 18 * row)
        cv2.putText(strip, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.40, (225, 225, 225), 1, cv2.LINE_AA)
    return np.vstack([picture, strip])


def sheet(pictures: list[Frame], columns: int) -> Frame:
    """The pictures in rows, the last row filled with black."""
    blank = np.zeros_like(pictures[0])
    filled = pictures + [blank] * (-len(pictures) % columns)
    return np.vstack([np.hstack(filled[i : i + columns]) for i in range(0, len(filled), columns)])


def save(path: Path, picture: Frame) -> None:
    """Write a PNG and print its path."""
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    print(f"{path}  {picture.shape[1]}x{picture.shape[0]}")


def rendering(generator: SceneGenerator, job: Job) -> FrameStream:
    """The job's pictures as they come."""
    return generator.render(job, lambda: False, lambda share: None)


def scenes(shots: list[aimv.Shot]) -> Frame:
    """Three moments of every scene, each scene in the colours of another shot."""
    generator = SceneGenerator()
    pictures = []
    for scene, shot in zip(generator.library.scenes, cycle(shots), strict=False):
        only = SceneGenerator()
        only.library.scenes = (scene,)
        job = Job("shader", "", "", scene.keywords, colours(shot), 1, WIDTH, HEIGHT, FPS, 4.0)
        frames = list(rendering(only, job))
        only.close()
        title = f"{scene.name}: {', '.join(scene.keywords[:8])}"
        pictures += [captioned(frames[k], title if k == 12 else "") for k in (12, 48, 84)]
    generator.close()
    return sheet(pictures, 6)


def colours(shot: aimv.Shot) -> tuple[str, ...]:
    """The palette of a shot."""
    return harmony(hex_of_name(shot.hex))


def composed(score: aimv.Score, folder: Path) -> tuple[Compositor, FeatureExtractor]:
    """A compositor with every shot's clip in `folder`."""
    features = song_features(load_song(score.song))
    compositor = Compositor(WIDTH, HEIGHT, FPS, features)
    generator, settings = SceneGenerator(), aimv.Settings(size=(WIDTH, HEIGHT), fps=FPS)
    selection = select_generator("shader")
    for number, shot in enumerate(score.shots):
        planned = plan_clip(shot, score.header.style, selection, settings)
        clip = folder / f"{number}.mp4"
        encode_clip(rendering(generator, planned.job), clip, lambda done: None)
        compositor.place(planned.start, planned.end, clip)
    generator.close()
    return compositor, features


def main() -> None:
    """Draw the three sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--song", type=Path, default=Path(__file__).parents[2] / "examples" / "heart.wav")
    arguments = parser.parse_args()
    try:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        score = aimv.Score.load(arguments.song) if is_score(arguments.song) else aimv.score(arguments.song)
        save(arguments.folder / "scenes.png", scenes(list(score.shots)))
        with tempfile.TemporaryDirectory() as clips:
            compositor, features = composed(score, Path(clips))
            pictures = [
                captioned(compositor.frame((shot.start + shot.end) / 2), f"{shot.start:.1f} s  {shot.sentence}")
                for shot in score.shots
            ]
            save(arguments.folder / "song.png", sheet(pictures, 3))
            hit = max((o for o in features.onsets if o.time > 1.0), key=lambda onset: onset.strength)
            first = int(hit.time * FPS)
            strip = [
                captioned(compositor.frame((first + k) / FPS), f"{k:+d} frames" if k else f"the hit, {hit.time:.3f} s")
                for k in range(-BEFORE, AFTER + 1)
            ]
            save(arguments.folder / "hit.png", sheet(strip, 4))
            compositor.close()
    except (aimv.AimvError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
