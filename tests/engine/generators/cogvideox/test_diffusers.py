"""Pitfalls of diffusers with CogVideoX, one by one, and that the generator avoids them."""

import numpy as np
import pytest

from engine.errors import Cancelled
from engine.generators.cogvideox import PRESETS, Preset
from engine.generators.registry import create_generator
from engine.render.protocol import Job

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import PIL.Image  # noqa: E402 - diffusers brings it
from diffusers.callbacks import SDCFGCutoffCallback  # noqa: E402

PROMPT = "A heart made of crimson glass turns"
DISPATCH = "diffusers.models.attention_dispatch.dispatch_attention_fn"


def made(folder):
    generator = create_generator("cogvideox", str(folder))
    torch.set_num_threads(1)
    return generator


@pytest.fixture(scope="module")
def generator(tiny_cogvideox):
    return made(tiny_cogvideox)


def frames(generator, preset):
    job = Job("cogvideox", "", PROMPT, (), ("#ff0000",), 7, 640, 360, 24.0, 1.0, preset)
    return np.stack(list(generator.render(job, lambda: False, lambda share: None)))


def stock(generator, prompt=PROMPT, steps=4, **named):
    """diffusers' own pipeline, and how many inputs each of its passes had."""
    passes = []
    hook = generator.pipeline.transformer.register_forward_pre_hook(
        lambda module, arguments, named: passes.append(named["encoder_hidden_states"].clone()), with_kwargs=True
    )
    size = {"width": 48, "height": 32, "num_frames": 9} | named
    with hook:
        made = generator.pipeline(
            prompt=prompt,
            num_inference_steps=steps,
            max_sequence_length=generator.denoiser.max_tokens,
            generator=torch.Generator().manual_seed(7),
            output_type="np",
            **size,
        )
    return made.frames, passes


def test_1_setting_the_attention_backend_has_no_effect(generator):
    """Hence a processor of our own, which dispatches: see `test_attention_is_dispatched_to_the_chosen_backend`."""
    transformer = generator.pipeline.transformer
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DISPATCH, lambda *arguments, **named: calls.append(arguments))
        transformer.set_attention_backend("_native_math")
        frames(generator, "live")
    transformer.reset_attention_backend()
    assert calls == []


def test_2_a_cache_without_identifiers_hooks_nothing_silently(generator):
    """Hence ours name this model's blocks: see `test_a_cache_is_on_every_layer_and_gone_after_the_clip`."""
    transformer = generator.pipeline.transformer
    transformer.enable_cache(diffusers.TaylorSeerCacheConfig())
    hooked = [
        name
        for name, module in transformer.named_modules()
        if getattr(module, "_diffusers_hook", None) and module._diffusers_hook.hooks
    ]
    transformer.disable_cache()
    assert hooked == []


def test_3_turning_guidance_off_by_the_callback_made_for_it_raises_and_our_loop_turns_it_off(generator):
    cutoff = SDCFGCutoffCallback(cutoff_step_ratio=None, cutoff_step_index=1)
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        stock(generator, callback_on_step_end=cutoff, callback_on_step_end_tensor_inputs=["prompt_embeds"])
    inputs = []
    hook = generator.pipeline.transformer.register_forward_pre_hook(
        lambda module, arguments, named: inputs.append(len(named["hidden_states"])), with_kwargs=True
    )
    with hook:
        row = Preset("half", steps=4, guided_share=0.5)
        generator.denoiser.latents(PROMPT, 9, 48, 32, row, 0, lambda step: None)
    assert inputs == [2, 2, 1, 1]


def test_4_diffusers_own_way_to_compile_blocks_raises(generator):
    """Hence ours compiles the blocks itself: see `test_blocks_run_compiled_and_give_the_same_frames`."""
    with pytest.raises(ValueError, match="_repeated_blocks"):
        generator.pipeline.transformer.compile_repeated_blocks()


def test_5_the_5b_image_to_video_model_has_one_size_and_gets_no_other(tiny_cogvideox_5b_i2v):
    generator = made(tiny_cogvideox_5b_i2v)
    picture = PIL.Image.fromarray(np.zeros((16, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="resolution"):
        stock(generator, image=picture, width=32, height=16)
    assert {generator.size_for(row) for row in PRESETS.values()} == {(48, 32)}
    assert frames(generator, "draft").shape == (9, 32, 48, 3)


def test_6_several_videos_of_a_prompt_are_one_and_a_list_of_prompts_is_several(generator):
    assert len(stock(generator, num_videos_per_prompt=2)[0]) == 1
    assert len(stock(generator, [PROMPT, "smoke"])[0]) == 2


def test_7_an_interrupted_pipeline_gives_the_frames_of_what_was_done_and_ours_gives_none(generator):
    def interrupt(pipeline, step, timestep, tensors):
        pipeline._interrupt = step == 1
        return tensors

    clips, passes = stock(generator, callback_on_step_end=interrupt)
    assert len(passes) == 2
    assert clips[0].shape == (9, 32, 48, 3), "a clip like any other, to look at"
    steps = []

    def on_step(step):
        steps.append(step)
        if step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        generator.denoiser.latents(PROMPT, 9, 48, 32, Preset("four", steps=4), 0, on_step)
    assert steps == [1, 2]


def test_8_a_callback_can_put_another_prompt_in_and_ours_keeps_its_own(generator):
    def swap(pipeline, step, timestep, tensors):
        return {"prompt_embeds": torch.zeros_like(tensors["prompt_embeds"])}

    _, passes = stock(
        generator, callback_on_step_end=swap, callback_on_step_end_tensor_inputs=["prompt_embeds"], steps=3
    )
    assert [bool(each.any()) for each in passes] == [True, False, False]
    texts = []
    hook = generator.pipeline.transformer.register_forward_pre_hook(
        lambda module, arguments, named: texts.append(named["encoder_hidden_states"].clone()), with_kwargs=True
    )
    with hook:
        generator.denoiser.latents(PROMPT, 9, 48, 32, Preset("three", steps=3), 0, lambda step: None)
    assert all(torch.equal(each, texts[0]) for each in texts)


def test_fp8_is_nowhere_without_compiling_where_it_would_be_slower():
    assert all(row.compiled for row in PRESETS.values() if row.precision == "fp8")
