"""Each CogVideoX setting takes effect: passes and FLOPs counted, calls dispatched, frames compared."""

from collections import Counter

import cv2
import msgspec
import numpy as np
import pytest

from engine.errors import RenderError, UsageError
from engine.generators.cogvideox import DEFAULT_PRESET, LEVELS, PRESETS, Preset, find_preset
from engine.generators.registry import create_generator
from engine.render.protocol import Job

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import PIL.Image  # noqa: E402 - diffusers brings it
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from engine.generators.cogvideox import diffusion, optimizations  # noqa: E402
from engine.generators.cogvideox.generator import init_image  # noqa: E402
from engine.generators.cogvideox.prompt import expand_prompt  # noqa: E402

PROMPT = "A heart made of crimson glass turns"


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors gain nothing from threads and lose much to them on a busy machine."""
    torch.set_num_threads(1)


def job(name, prompt=PROMPT, seconds=1.0):
    return Job("cogvideox", "", prompt, (), ("#ff0000",), 7, 640, 360, 24.0, seconds, name)


def frames(generator, a_job):
    return np.stack(list(generator.render(a_job, lambda: False, lambda share: None)))


def made(folder):
    generator = create_generator("cogvideox", str(folder))
    torch.set_num_threads(1)
    return generator


@pytest.fixture(scope="module")
def generator(tiny_cogvideox):
    return made(tiny_cogvideox)


@pytest.mark.parametrize("like", ["tiny_cogvideox", "tiny_cogvideox_5b", "tiny_cogvideox_15"])
def test_with_every_step_guided_the_frames_are_those_of_diffusers_own_pipeline(like, request, monkeypatch):
    generator = made(request.getfixturevalue(like))
    monkeypatch.setitem(PRESETS, "quality", msgspec.structs.replace(PRESETS["quality"], steps=6))
    ours = frames(generator, job("quality", seconds=2.0))
    theirs = generator.pipeline(
        prompt=expand_prompt(job("quality"), generator.denoiser.count_tokens, generator.denoiser.max_tokens),
        width=generator.width,
        height=generator.height,
        num_frames=len(ours),
        num_inference_steps=6,
        guidance_scale=PRESETS["quality"].guidance,
        generator=torch.Generator("cpu").manual_seed(7),
        max_sequence_length=generator.pipeline.transformer.config.max_text_seq_length,
        output_type="np",
    ).frames[0]
    np.testing.assert_array_equal(ours, np.round(255 * theirs).astype(np.uint8))


def test_version_15_runs_at_16_frames_a_second(tiny_cogvideox_15):
    generator = made(tiny_cogvideox_15)
    assert (generator.fps, generator.max_frames, generator.frame_count(5.0)) == (16.0, 81, 81)
    assert len(frames(generator, job("live", seconds=0.5))) == 9


UNCACHED = [name for name, row in PRESETS.items() if not row.cache]


@pytest.mark.parametrize("name", UNCACHED)
def test_a_preset_sets_the_number_of_transformer_passes(generator, name):
    passes = []
    hook = generator.pipeline.transformer.register_forward_pre_hook(
        lambda module, arguments, named: passes.append(len(named["hidden_states"])), with_kwargs=True
    )
    with hook:
        frames(generator, job(name))
    chosen = find_preset(name)
    assert passes == [2] * chosen.guided_steps + [1] * (chosen.steps - chosen.guided_steps)
    assert sum(passes) == chosen.passes


def counted(generator, row, frames=9):
    with FlopCounterMode(display=False) as counter:
        generator.denoiser.latents(PROMPT, frames, *generator.size_for(row), row, 0, lambda step: None)
    return counter.get_total_flops()


def test_the_work_counted_in_operations_is_the_share_that_the_table_promises(generator):
    counted(generator, PRESETS["live"])  # has the prompts encoded
    once = counted(generator, Preset("one step", steps=1, guided_share=0.0))
    assert counted(generator, Preset("one guided step", steps=1)) == 2 * once
    for name in ("live", "quality"):
        assert counted(generator, PRESETS[name]) == PRESETS[name].passes * once
    assert counted(generator, PRESETS["draft"]) < counted(generator, PRESETS["live"])


def attending(generator, row):
    """Per step, how many layers computed their attention, and on how many inputs."""
    steps = []
    transformer = generator.pipeline.transformer
    hooks = [transformer.register_forward_pre_hook(lambda *_: steps.append([]))]
    hooks += [
        block.attn1.to_q.register_forward_pre_hook(lambda module, inputs: steps[-1].append(len(inputs[0])))
        for block in transformer.transformer_blocks
    ]
    clip = frames(generator, job(row.name))
    for hook in hooks:
        hook.remove()
    return steps, clip


def test_the_pyramid_computes_attention_in_every_second_step_of_its_range_and_in_no_other_less(generator):
    row = PRESETS["balanced"]
    steps, clip = attending(generator, row)
    layers = generator.pipeline.transformer.config.num_layers
    assert len(steps) == row.steps
    in_range = [1000 - 50 * step for step in range(row.steps)]  # trailing spacing, 20 steps: 999, 949, ...
    expected = []
    for step, timestep in enumerate(in_range):
        iteration = step if step < row.guided_steps else step - row.guided_steps  # anew where guidance ends
        skipped = 100 < timestep - 1 < 800 and iteration > 0 and iteration % 2 == 1
        inputs = 2 if step < row.guided_steps else 1
        expected.append([] if skipped else [inputs] * layers)
    assert steps == expected
    assert [] in steps
    assert clip.shape == (9, 32, 48, 3)


def test_faster_cache_leaves_out_the_unguided_half_and_part_of_the_attention(generator):
    row = PRESETS["24gb"]
    steps, clip = attending(generator, row)
    computed = sum(map(sum, steps)) / generator.pipeline.transformer.config.num_layers
    assert len(steps) == row.steps
    assert computed < 0.75 * row.passes
    assert sum(1 in inputs for inputs in steps) >= row.steps // 4
    assert clip.shape == (9, 32, 48, 3)
    assert counted(generator, row) < 0.85 * counted(generator, Preset("as many steps", steps=row.steps))


@pytest.mark.parametrize("cache", ["pyramid", "faster"])
def test_a_cache_is_on_every_layer_and_gone_after_the_clip(generator, cache):
    row = Preset("cached", steps=2, cache=cache)
    transformer = generator.pipeline.transformer
    seen = []

    def look(step):
        seen.append(sum(hasattr(block.attn1, "_diffusers_hook") for block in transformer.transformer_blocks))
        seen.append(sum(bool(block.attn1._diffusers_hook.hooks) for block in transformer.transformer_blocks))

    generator.denoiser.latents(PROMPT, 9, 48, 32, row, 0, look)
    layers = transformer.config.num_layers
    assert seen == [layers] * 4
    assert not transformer.is_cache_enabled
    assert not any(block.attn1._diffusers_hook.hooks for block in transformer.transformer_blocks)


def test_a_cache_leaves_nothing_behind_for_the_next_clip(generator):
    plain = frames(generator, job("quality"))
    cached = frames(generator, job("balanced"))
    frames(generator, job("24gb"))
    np.testing.assert_array_equal(frames(generator, job("quality")), plain)
    np.testing.assert_array_equal(frames(generator, job("balanced")), cached)


@pytest.mark.parametrize("name", ["live", "balanced"])
def test_blocks_run_compiled_and_give_the_same_frames(tiny_cogvideox, name):
    generator = made(tiny_cogvideox)
    plain = frames(generator, job(name))
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    generator.denoiser.optimizations.compiles = True
    generator.denoiser.optimizations.backend = backend
    clip = frames(generator, job(name))
    assert compiled
    assert np.abs(clip.astype(int) - plain.astype(int)).max() <= 1
    graphs = len(compiled)
    frames(generator, job("quality"))
    assert len(compiled) == graphs
    frames(generator, job(name))
    assert len(compiled) == graphs


def test_a_model_that_cannot_be_compiled_runs_eagerly(tiny_cogvideox):
    generator = made(tiny_cogvideox)
    plain = frames(generator, job("live"))

    def backend(graph, inputs):
        raise RuntimeError("no compiler here")

    generator.denoiser.optimizations.compiles = True
    generator.denoiser.optimizations.backend = backend
    np.testing.assert_array_equal(frames(generator, job("live")), plain)


def test_int8_keeps_the_blocks_matrices_in_a_quarter_of_float32s_memory_and_nearly_the_same_frames(tiny_cogvideox):
    torchao = pytest.importorskip("torchao")
    generator = made(tiny_cogvideox)
    row = Preset("rounded", steps=4, precision="int8")
    plain = generator.denoiser.latents(PROMPT, 9, 48, 32, Preset("plain", steps=4), 0, lambda step: None)
    used = []
    with generator.denoiser.optimizations.applied(row, lambda: 0) as transformer:
        for name, module in transformer.named_modules():
            if isinstance(module, torch.nn.Linear):
                used.append((name.startswith("transformer_blocks"), type(module.weight).__module__.split(".")[0]))
    assert {kind for inside, kind in used if inside} == {torchao.__name__}
    assert {kind for inside, kind in used if not inside} == {"torch"}
    rounded = generator.denoiser.latents(PROMPT, 9, 48, 32, row, 0, lambda step: None)
    assert not torch.equal(rounded, plain)
    assert (rounded - plain).abs().mean() < 0.1 * plain.abs().mean()
    again = generator.denoiser.latents(PROMPT, 9, 48, 32, Preset("plain", steps=4), 0, lambda step: None)
    assert torch.equal(again, plain)


def test_a_model_that_torchao_cannot_quantize_is_unchanged_with_a_warning(tiny_cogvideox, monkeypatch):
    quantization = pytest.importorskip("torchao.quantization")

    def fail(*_):
        raise NotImplementedError("not on this machine")

    monkeypatch.setattr(quantization, "quantize_", fail)
    generator = made(tiny_cogvideox)
    with pytest.warns(UserWarning, match="not on this machine"):
        clip = generator.denoiser.latents(PROMPT, 9, 48, 32, Preset("x", steps=1, precision="int8"), 0, lambda _: None)
    plain = generator.denoiser.latents(PROMPT, 9, 48, 32, Preset("plain", steps=1), 0, lambda step: None)
    assert torch.equal(clip, plain)


def test_fp8_is_not_used_on_a_device_without_it(generator):
    if torch.cuda.is_available():
        pytest.skip("a GPU may have it")
    with generator.denoiser.optimizations.applied(PRESETS["live"], lambda: 0) as transformer:
        assert transformer is generator.pipeline.transformer


def test_fp8_quantizes_only_the_blocks_matrices_with_scales_per_row_in_a_copy(generator, monkeypatch):
    quantization = pytest.importorskip("torchao.quantization")
    from engine.generators.cogvideox.optimizations import quantize  # noqa: PLC0415 - needs torch

    calls = []
    monkeypatch.setattr(quantization, "quantize_", lambda *arguments: calls.append(arguments))
    plain = generator.pipeline.transformer
    rounded = quantize(plain, "fp8")
    ((model, config, is_quantized),) = calls
    assert model is rounded is not plain
    assert (rounded.dtype, plain.dtype) == (torch.bfloat16, torch.float32)
    assert type(config).__name__ == "Float8DynamicActivationFloat8WeightConfig"
    chosen = {name for name, module in rounded.named_modules() if is_quantized(module, name)}
    linear = {name for name, module in rounded.named_modules() if isinstance(module, torch.nn.Linear)}
    assert chosen == {name for name in linear if name.startswith("transformer_blocks")}
    assert chosen < linear


def test_the_text_encoder_leaves_the_gpu_once_it_has_read_the_prompt(generator, monkeypatch):
    moves = []
    encoder = generator.pipeline.text_encoder
    original = type(encoder).to

    def moved(self, *arguments, **named):
        moves.append(str(arguments[0]))
        return original(self, *arguments, **named)

    monkeypatch.setattr(type(encoder), "to", moved)
    frames(generator, job("24gb", prompt="a prompt that is new"))
    assert moves == ["cpu", "cpu"]  # to the device, which is a CPU here, and back
    moves.clear()
    frames(generator, job("live", prompt="another that is new"))
    assert moves == ["cpu"]


def test_only_tiled_presets_decode_in_tiles(generator, monkeypatch):
    monkeypatch.setattr(diffusion, "TILE_SIZE", (48, 40))
    vae = generator.pipeline.vae
    tiled = []
    original = vae.tiled_decode
    monkeypatch.setattr(vae, "tiled_decode", lambda *a, **k: (tiled.append(1), original(*a, **k))[1])
    latents = torch.randn(1, 3, 4, 12, 10, generator=torch.Generator().manual_seed(1))
    whole = np.concatenate(list(generator.denoiser.decode(latents, 9)))
    assert not tiled
    in_tiles = np.concatenate(list(generator.denoiser.decode(latents, 9, tiled=True)))
    assert tiled
    assert in_tiles.shape == whole.shape
    assert np.abs(in_tiles.astype(float) - whole).mean() < 0.25 * whole.std()
    assert not vae.use_tiling


@pytest.mark.parametrize("count", [1, 9, 17, 49])
def test_decoding_in_batches_gives_the_frames_of_decoding_at_once(generator, count):
    latents = torch.randn(1, (count - 1) // 4 + 1, 4, 4, 6, generator=torch.Generator().manual_seed(1))
    lots = list(generator.denoiser.decode(latents, count))
    whole = generator.pipeline.video_processor.postprocess_video(generator.pipeline.decode_latents(latents), "np")[0]
    np.testing.assert_array_equal(np.concatenate(lots), np.round(255 * whole).astype(np.uint8))
    assert len(lots) == max(1, ((count - 1) // 4 + 1) // 2)


def test_cheaper_presets_give_other_frames_and_a_complete_clip(generator):
    clips = {name: frames(generator, job(name)) for name in PRESETS}
    assert len({clip.tobytes() for clip in clips.values()}) == len(PRESETS)
    assert {clip.shape for name, clip in clips.items() if name != "draft"} == {(9, 32, 48, 3)}
    assert clips["draft"].shape == (9, 16, 32, 3)


def test_levels_are_sorted_from_most_to_least_work():
    works = [level.work for level in LEVELS]
    assert works == sorted(works, reverse=True)
    assert works[0] == 1.0


@pytest.mark.parametrize("like", ["tiny_cogvideox_5b_i2v", "tiny_cogvideox_15_i2v"])
def test_image_to_video_frames_are_those_of_diffusers_own_pipeline(like, request):
    generator = made(request.getfixturevalue(like))
    picture = np.random.default_rng(0).integers(0, 255, (generator.height, generator.width, 3), dtype=np.uint8)
    row = Preset("short", steps=4)
    latents = generator.denoiser.latents(
        PROMPT, 17, generator.width, generator.height, row, 7, lambda step: None, picture
    )
    ours = np.concatenate(list(generator.denoiser.decode(latents, 17)))
    theirs = generator.pipeline(
        image=PIL.Image.fromarray(picture),
        prompt=PROMPT,
        width=generator.width,
        height=generator.height,
        num_frames=17,
        num_inference_steps=row.steps,
        guidance_scale=row.guidance,
        generator=torch.Generator("cpu").manual_seed(7),
        max_sequence_length=generator.denoiser.max_tokens,
        output_type="np",
    ).frames[0]
    np.testing.assert_array_equal(ours, np.round(255 * theirs).astype(np.uint8))


def test_an_image_to_video_model_starts_with_the_jobs_image_or_with_the_palettes_colours(tiny_cogvideox_5b_i2v):
    generator = made(tiny_cogvideox_5b_i2v)
    plain = frames(generator, job("live"))
    red, coded = np.zeros((48, 64, 3), np.uint8), None
    red[..., 2] = 255
    coded = cv2.imencode(".jpg", red)[1].tobytes()
    begun = frames(generator, msgspec.structs.replace(job("live"), init_image=coded))
    assert (begun != plain).any()
    assert init_image(msgspec.structs.replace(job("live"), init_image=coded), 48, 32)[0, 0].tolist() == [254, 0, 0]
    with pytest.raises(RenderError, match="cannot be read"):
        frames(generator, msgspec.structs.replace(job("live"), init_image=b"no picture"))
    assert generator.size_for(PRESETS["draft"]) == (48, 32)  # it knows one size only


def test_the_default_preset_is_in_the_table_and_an_unknown_one_is_a_usage_error(generator):
    assert find_preset("") is PRESETS[DEFAULT_PRESET]
    with pytest.raises(UsageError, match="no preset is called 'fastest'; there are"):
        frames(generator, job("fastest"))


def test_a_prompt_is_encoded_once(generator):
    seen = Counter()
    hook = generator.pipeline.text_encoder.register_forward_pre_hook(lambda *_: seen.update(["text"]))
    with hook:
        frames(generator, job("live", prompt="a chorus"))
        frames(generator, job("live", prompt="a chorus"))
    assert seen["text"] == 1


@pytest.mark.parametrize("like", ["tiny_cogvideox", "tiny_cogvideox_5b"])
def test_attention_is_dispatched_to_the_chosen_backend(like, request, monkeypatch):
    generator = made(request.getfixturevalue(like))
    kernels = Counter()
    dispatch = optimizations.dispatch_attention_fn

    def counting(query, key, value, backend):
        kernels[backend] += 1
        return dispatch(query, key, value, backend=backend)

    monkeypatch.setattr(optimizations, "dispatch_attention_fn", counting)

    def latents(*backends):
        row = Preset("dispatched", steps=3, attention=backends)
        return generator.denoiser.latents(PROMPT, 9, 48, 32, row, 0, lambda step: None)

    plain = latents()
    assert not kernels
    assert torch.equal(latents("sage"), plain)  # not installed, or no GPU: diffusers' own
    dispatched = latents("sage", "native")
    assert kernels == {"native": 3 * generator.pipeline.transformer.config.num_layers}
    assert torch.allclose(dispatched, plain, atol=1e-3)
