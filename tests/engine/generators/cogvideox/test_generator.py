"""CogVideoX through its real pipeline with tiny random weights: frames, seeds, cancellation, errors."""

import json
import shutil

import numpy as np
import pytest

from engine.errors import Cancelled, ModelError
from engine.generators.cogvideox import SPEC
from engine.generators.registry import create_generator, select_generator
from engine.render.cache import ClipCache, has_valid_checksum
from engine.render.pool import WorkerPool
from engine.render.protocol import Job
from engine.scenes.selection import scenes_digest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Tiny tensors gain nothing from threads and lose much to them on a busy machine."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def generator(tiny_cogvideox):
    generator = create_generator("cogvideox", str(tiny_cogvideox))
    yield generator
    generator.close()


def job(model, prompt="A heart made of crimson glass turns", seed=7, seconds=1.0):
    return Job("cogvideox", str(model), prompt, (), ("#ff0000",), seed, 640, 360, 24.0, seconds)


def frames(generator, a_job, cancelled=lambda: False, progress=lambda share: None):
    return np.stack(list(generator.render(a_job, cancelled, progress)))


def test_a_missing_default_model_is_an_error_with_a_hint():
    with pytest.raises(ModelError, match=f"download it first: hf download {SPEC.default_model}"):
        create_generator("cogvideox")


@pytest.mark.parametrize("name", ["no/such/folder", "./nothing", "/nowhere/at/all", "word", "a b/c?d", "~/model"])
def test_an_unknown_model_is_an_error_in_one_line(name):
    with pytest.raises(ModelError) as failure:
        create_generator("cogvideox", name)
    assert "\n" not in str(failure.value)
    with pytest.raises(ModelError):
        select_generator("cogvideox", name)


def test_a_folder_without_a_pipeline_is_an_error_in_one_line(tmp_path):
    with pytest.raises(ModelError, match="not a diffusers pipeline"):
        create_generator("cogvideox", str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config | {"_class_name": "StableDiffusionPipeline"}, "not a CogVideoXPipeline"),
        (lambda config: config | {"_class_name": ["evil", "CogVideoXPipeline"]}, "not a CogVideoXPipeline"),
        (lambda config: config | {"vae": ["evil", "AutoencoderKLCogVideoX"]}, "code of its own"),
        (lambda config: config | {"vae": []}, "damaged"),
        (lambda config: [config], "damaged"),
    ],
)
def test_a_pipeline_of_another_kind_is_refused_before_it_is_loaded(tiny_cogvideox, tmp_path, change, message):
    config = json.loads((tiny_cogvideox / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps(change(config)))
    with pytest.raises(ModelError, match=message):
        create_generator("cogvideox", str(tmp_path))


def test_weights_that_are_not_safetensors_are_refused(tiny_cogvideox, tmp_path):
    folder = shutil.copytree(tiny_cogvideox, tmp_path / "model")
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        create_generator("cogvideox", str(folder))


def test_damaged_weights_are_one_line(tiny_cogvideox, tmp_path):
    folder = shutil.copytree(tiny_cogvideox, tmp_path / "model")
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded") as failure:
        create_generator("cogvideox", str(folder))
    assert "\n" not in str(failure.value)


def test_the_same_job_gives_the_same_frames_and_another_seed_or_prompt_others(generator, tiny_cogvideox):
    first = frames(generator, job(tiny_cogvideox))
    assert first.shape == (9, 32, 48, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, frames(generator, job(tiny_cogvideox)))
    assert (first != frames(generator, job(tiny_cogvideox, seed=8))).any()
    assert (first != frames(generator, job(tiny_cogvideox, prompt="smoke drifts"))).any()


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.01, 9), (1.0, 9), (1.125, 9), (1.126, 17), (2.0, 17), (6.0, 49), (6.125, 49), (60.0, 49)]
)
def test_frames_are_eight_times_n_plus_one_and_within_the_model(generator, tiny_cogvideox, seconds, count):
    rendering = generator.render(job(tiny_cogvideox, seconds=seconds), lambda: False, lambda share: None)
    assert (rendering.count, rendering.fps) == (count, 8.0)


def test_progress_rises_step_by_step(generator, tiny_cogvideox):
    shares = []
    frames(generator, job(tiny_cogvideox), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 2


def test_a_job_is_cancelled_between_steps(generator, tiny_cogvideox):
    shares = []
    with pytest.raises(Cancelled):
        frames(generator, job(tiny_cogvideox), lambda: len(shares) == 2, shares.append)
    assert len(shares) == 2
    assert len(frames(generator, job(tiny_cogvideox))) == 9


def test_a_prompt_longer_than_the_model_reads_is_cut_not_refused(generator, tiny_cogvideox):
    assert len(frames(generator, job(tiny_cogvideox, prompt="crimson glass " * 500))) == 9


async def test_the_render_process_renders_a_clip(tiny_cogvideox, tmp_path):
    with ClipCache(tmp_path, 10**9) as cache:
        async with WorkerPool(cache, "cogvideox", str(tiny_cogvideox)) as pool:
            assert has_valid_checksum((await pool.render(job(tiny_cogvideox))).path)


async def test_a_missing_model_fails_the_job_in_one_line(tmp_path):
    with ClipCache(tmp_path, 10**9) as cache:
        async with WorkerPool(cache, "cogvideox", str(tmp_path)) as pool:
            with pytest.raises(ModelError, match="not a diffusers pipeline"):
                await pool.render(job(tmp_path))


def test_auto_selects_the_shader_without_cuda_with_a_reason(tiny_cogvideox):
    choice = select_generator("auto", str(tiny_cogvideox))
    if not torch.cuda.is_available():
        assert (choice.generator, choice.model.id) == ("shader", scenes_digest())
        assert "CUDA" in choice.reason
    missing = select_generator("auto")
    assert missing.generator == "shader"
    assert "not on this machine" in missing.reason
    assert select_generator("cogvideox", str(tiny_cogvideox)).model.id == str(tiny_cogvideox)
