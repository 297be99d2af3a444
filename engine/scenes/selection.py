"""The library of scenes, and the selection of a scene by the keywords of a shot."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from engine.errors import RenderError
from engine.render.protocol import Job
from engine.scenes import isf, uniforms
from engine.scenes.gl import CompiledScene, GLContext

LIBRARY = Path(__file__).parent / "library"


class SceneLibrary:
    """The scenes (`*.fs`) of some folders, compiled on a GL context of their own."""

    def __init__(self, *folders: Path) -> None:
        """Open a GL context without a window and compile the scenes in `folders`, AIMV's own if none is given.

        Of two scenes with one name the later folder's is taken. Files that are not ISF or do not compile are left out;
        `skipped` says which and why, a line each.

        Raises:
            ModelError: no OpenGL through EGL on this machine.
            RenderError: there is no scene that can be drawn.
        """
        self.context = GLContext()
        self._compiled: dict[str, CompiledScene] = {}
        folders = folders or (LIBRARY,)
        scenes, skipped = {}, []
        for path in {path.name: path for folder in folders for path in sorted(folder.glob("*.fs"))}.values():
            try:
                scene = isf.load(path)
                self._compiled[scene.name] = self.context.compile(scene)
                for image in scene.images.values():
                    uniforms.read_image(image)
                scenes[scene.name] = scene
            except RenderError as error:
                skipped.append(str(error))
        if not scenes:
            raise RenderError(skipped[0] if skipped else f"{folders[-1]}: no scenes (*.fs) there")
        self.scenes, self.skipped = tuple(scenes[name] for name in sorted(scenes)), tuple(skipped)

    def select(self, job: Job) -> tuple[CompiledScene, ...]:
        """The scene for the job's keywords and, if it has background words, another one to be drawn behind it."""
        chosen = [select_scene(self.scenes, job.keywords, job.seed)]
        others = [scene for scene in self.scenes if scene is not chosen[0]]
        if job.background and others:
            chosen.append(select_scene(others, job.background, job.seed))
        return tuple(self._compiled[scene.name] for scene in chosen)

    def close(self) -> None:
        """Release the GL context."""
        self.context.gl.release()


def scenes_digest(*folders: Path) -> str:
    """A digest of the files in `folders` (AIMV's own scenes if none is given), hex, for a job's `model`.

    It changes with any of the files, so that clips of a scene that has changed since are not reused.
    """
    digest = hashlib.sha256()
    for folder in folders or (LIBRARY,):
        for path in sorted(each for each in folder.iterdir() if each.is_file()):
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def select_scene(scenes: Sequence[isf.Scene], keywords: Sequence[str], seed: int) -> isf.Scene:
    """The scene for `keywords` (most important first) and `seed`; the same on every machine.

    Each keyword adds weight to the scenes that have it, a quarter of the keyword's before it, and the seed draws by
    weight. Where no scene has any of the words, a hash of the first word decides, so that a word keeps its scene.

    Raises:
        ValueError: no scenes.
    """
    if not scenes:
        raise ValueError("no scenes to select from")
    words = list(dict.fromkeys(_stem(word) for word in keywords if word.strip()))
    weights = [0.0] * len(scenes)
    for rank, word in enumerate(words):
        matching = [index for index, scene in enumerate(scenes) if word in {_stem(each) for each in scene.keywords}]
        for index in matching:
            weights[index] += 0.25**rank / len(matching)
    total = sum(weights)
    if total == 0.0:
        return scenes[_hash(words[0] if words else str(seed)) % len(scenes)]
    remaining = _hash(f"{seed}:{' '.join(words)}") / 2**64 * total
    for scene, weight in zip(scenes, weights, strict=True):
        remaining -= weight
        if remaining < 0.0:
            return scene
    return scenes[max(range(len(scenes)), key=lambda index: weights[index])]


def _stem(word: str) -> str:
    """The word without the ending of its use in a sentence: techy, bouncey, golden, waves, floating."""
    word = word.strip().lower()
    for ending in ("ing", "ey", "y", "en", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
