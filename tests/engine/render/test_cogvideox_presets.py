"""That each setting of CogVideoX does what it says: passes and FLOPs counted, calls dispatched, frames compared."""

from collections import Counter

import numpy as np
import pytest

from engine.errors import UsageError
from engine.messages import Job
from engine.render.generators.choose import make
from engine.render.generators.cogvideox_presets import DEFAULT, PRESETS, Preset, preset

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from engine.render.generators import attention  # noqa: E402
from engine.render.paragraph import grow  # noqa: E402

PROMPT = "A heart made of crimson glass turns"


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors gain nothing from threads and lose much to them on a busy machine."""
    torch.set_num_threads(1)


def job(name, prompt=PROMPT, seconds=1.0):
    return Job("cogvideox", "", prompt, (), ("#ff0000",), 7, 640, 360, 24.0, seconds, name)


def frames(generator, a_job):
    return np.stack(generator.frames(a_job, lambda: False, lambda share: None))


def made(folder):
    generator = make("cogvideox", str(folder))
    torch.set_num_threads(1)
    return generator


@pytest.fixture(scope="module")
def generator(tiny_cogvideox):
    return made(tiny_cogvideox)


@pytest.mark.parametrize("like", ["tiny_cogvideox", "tiny_cogvideox_5b", "tiny_cogvideox_15"])
def test_with_every_step_guided_the_frames_are_those_of_diffusers_own_pipeline(like, request):
    generator = made(request.getfixturevalue(like))
    ours = frames(generator, job("quality", seconds=2.0))
    theirs = generator._pipeline(
        prompt=grow(job("quality"), generator._denoiser.count_tokens, generator._denoiser.max_tokens),
        width=generator.width,
        height=generator.height,
        num_frames=len(ours),
        num_inference_steps=PRESETS["quality"].steps,
        guidance_scale=PRESETS["quality"].guidance,
        generator=torch.Generator("cpu").manual_seed(7),
        max_sequence_length=generator._pipeline.transformer.config.max_text_seq_length,
        output_type="np",
    ).frames[0]
    np.testing.assert_array_equal(ours, np.round(255 * theirs).astype(np.uint8))


def test_version_15_runs_at_16_frames_a_second(tiny_cogvideox_15):
    generator = made(tiny_cogvideox_15)
    assert (generator.fps, generator.max_frames, generator.frames_for(5.0)) == (16.0, 81, 81)
    assert len(frames(generator, job("live", seconds=0.5))) == 9


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_runs_the_transformer_as_often_as_it_says(generator, name):
    passes = []
    hook = generator._pipeline.transformer.register_forward_pre_hook(
        lambda module, arguments, named: passes.append(len(named["hidden_states"])), with_kwargs=True
    )
    with hook:
        frames(generator, job(name))
    chosen = preset(name)
    assert passes == [2] * chosen.guided_steps + [1] * (chosen.steps - chosen.guided_steps)
    assert sum(passes) == chosen.passes


def test_the_work_counted_in_operations_is_the_share_that_the_table_promises(generator):
    def counted(row):
        with FlopCounterMode(display=False) as counter:
            generator._denoiser.latents(PROMPT, 9, 48, 32, row, 0, lambda step: None)
        return counter.get_total_flops()

    generator._denoiser.latents(PROMPT, 9, 48, 32, PRESETS["live"], 0, lambda step: None)  # has the prompts encoded
    once = counted(Preset("one step", steps=1, guided=0.0))
    assert counted(Preset("one guided step", steps=1)) == 2 * once
    for name in ("live", "balanced"):
        assert counted(PRESETS[name]) == PRESETS[name].passes * once


def test_less_work_gives_other_frames_and_still_a_whole_clip(generator):
    clips = {name: frames(generator, job(name)) for name in PRESETS}
    assert len({clip.tobytes() for clip in clips.values()}) == len(PRESETS)
    assert {clip.shape for clip in clips.values()} == {(9, 32, 48, 3)}


def test_the_default_preset_is_in_the_table_and_an_unknown_one_is_a_usage_error(generator):
    assert preset("") is PRESETS[DEFAULT]
    with pytest.raises(UsageError, match="no preset is called 'fastest'; there are"):
        frames(generator, job("fastest"))


def test_a_prompt_is_encoded_once(generator):
    seen = Counter()
    hook = generator._pipeline.text_encoder.register_forward_pre_hook(lambda *_: seen.update(["text"]))
    with hook:
        frames(generator, job("live", prompt="a chorus"))
        frames(generator, job("live", prompt="a chorus"))
    assert seen["text"] == 1


@pytest.mark.parametrize("like", ["tiny_cogvideox", "tiny_cogvideox_5b"])
def test_attention_is_dispatched_to_the_kernel_that_was_chosen(like, request, monkeypatch):
    generator = made(request.getfixturevalue(like))
    transformer = generator._pipeline.transformer
    plain = frames(generator, job("live"))
    kernels = Counter()
    dispatch = attention.dispatch_attention_fn

    def counting(query, key, value, backend):
        kernels[backend] += 1
        return dispatch(query, key, value, backend=backend)

    monkeypatch.setattr(attention, "dispatch_attention_fn", counting)
    assert attention.install(transformer, ("sage", "native")) == "native"
    dispatched = frames(generator, job("live"))
    assert kernels == {"native": preset("live").steps * transformer.config.num_layers}
    assert np.abs(dispatched.astype(int) - plain.astype(int)).max() <= 1
    assert attention.install(transformer, ("sage",)) == ""
    np.testing.assert_array_equal(frames(generator, job("live")), plain)
    assert kernels.total() == preset("live").steps * transformer.config.num_layers


def test_choosing_a_kernel_the_usual_way_would_change_nothing(generator):
    """Why there is a processor of our own: diffusers' one for this model does not dispatch."""
    transformer = generator._pipeline.transformer
    calls = []
    name = "diffusers.models.attention_dispatch.dispatch_attention_fn"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name, lambda *arguments, **named: calls.append(arguments))
        transformer.set_attention_backend("_native_math")
        frames(generator, job("live"))
    transformer.reset_attention_backend()
    assert calls == []
