"""Write a tiny CogVideoX pipeline with random weights to a folder, in diffusers' own format, tokenizer included.

    python -m tools.release.make_tiny_cogvideox FOLDER [--like 2b|5b|1.5|5b-i2v|1.5-i2v]

It loads by `CogVideoXPipeline.from_pretrained` like the real ones and renders in about a second on a CPU: noise in
the model's own colours, 48x32 pixels, up to 49 frames at 8 fps. Nothing is downloaded, and the same call writes the
same weights. `--like` chooses whose shape it has: the 2B's, the 5B's (rotary positions, DPM scheduler) or version
1.5's (frames in pairs, 81 of them at 16 fps), or that of their image-to-video models.
"""

import argparse
import contextlib
import io
import sys
from pathlib import Path
from typing import Any

WORDS = (
    "A close view of a bright room where light moves slowly over the walls and colours drift like water and smoke "
    "while the camera glides forward; a heart made of crimson glass turns, breaks, burns and blooms in the dark."
)
LIKE = ("2b", "5b", "1.5", "5b-i2v", "1.5-i2v")
TEXT_TOKENS = 64
TEXT_WIDTH = 32


def build(folder: Path, like: str = "2b", seed: int = 0) -> None:
    """Write the pipeline to `folder`, which is made; files of an earlier one there are replaced."""
    import torch  # noqa: PLC0415 - the 'cogvideo' extra
    from diffusers import (  # noqa: PLC0415
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXDPMScheduler,
        CogVideoXImageToVideoPipeline,
        CogVideoXPipeline,
        CogVideoXTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel  # noqa: PLC0415

    torch.manual_seed(seed)
    rotary, pairs, pictures = like != "2b", like.startswith("1.5"), like.endswith("i2v")
    tokenizer = _tokenizer(folder / "tokenizer")
    text_encoder = T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer), d_model=TEXT_WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4,
            feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=4,
        attention_head_dim=16,
        in_channels=8 if pictures else 4,
        out_channels=4,
        num_layers=2,
        time_embed_dim=2,
        text_embed_dim=TEXT_WIDTH,
        max_text_seq_length=TEXT_TOKENS,
        sample_width=6,
        sample_height=4,
        sample_frames=81 if pairs else 49,
        patch_size_t=2 if pairs else None,
        patch_bias=not pairs,
        use_rotary_positional_embeddings=rotary,
        use_learned_positional_embeddings=pictures and not pairs,
        ofs_embed_dim=2 if pictures and pairs else None,
    )
    vae = AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        sample_width=48,
        sample_height=32,
    )
    scheduler = CogVideoXDPMScheduler if rotary else CogVideoXDDIMScheduler
    schedule: dict[str, Any] = {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "snr_shift_scale": 1.0 if rotary else 3.0,
        "timestep_spacing": "trailing",
    }
    kind = CogVideoXImageToVideoPipeline if pictures else CogVideoXPipeline
    pipeline = kind(tokenizer, text_encoder.eval(), vae, transformer, scheduler(**schedule))
    pipeline.save_pretrained(folder, safe_serialization=True)
    (folder / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)  # the real ones come with spiece.model alone


def _tokenizer(folder: Path) -> Any:
    """A T5 tokenizer over a few words and all ASCII characters, as a sentencepiece model like the real one's."""
    import sentencepiece  # noqa: PLC0415 - the 'cogvideo' extra
    from transformers import T5Tokenizer  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    characters = "".join(map(chr, range(33, 127)))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*[WORDS] * 4, *WORDS.split(), *characters]),
        model_writer=model,
        model_type="unigram",
        vocab_size=140,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    path = folder / "spiece.model"
    path.write_bytes(model.getvalue())
    return T5Tokenizer.from_pretrained(folder, model_max_length=TEXT_TOKENS)


def main() -> None:
    """Read the arguments and write the pipeline."""
    parser = argparse.ArgumentParser(description="Write a tiny random CogVideoX pipeline for tests.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", choices=LIKE, default="2b", help="the model whose shape it has")
    options = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):
        build(options.folder, options.like)
    size = sum(path.stat().st_size for path in options.folder.rglob("*") if path.is_file())
    print(f"wrote {options.folder}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
