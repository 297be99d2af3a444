"""musicnn: reading of its checkpoint, computation of its layers, quantization of its kernels."""

from __future__ import annotations

import struct
from pathlib import Path

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from tools.train import frontend, musicnn  # noqa: E402
from tools.train.export import eight_bit_steps  # noqa: E402


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def block(rows: list[tuple[bytes, bytes]]) -> bytes:
    """A LevelDB block with prefix-compressed keys."""
    out, before = b"", b""
    for key, value in rows:
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return out + struct.pack("<II", 0, 1)


def checkpoint(folder: Path, weights: dict[str, NDArray[np.float32]], blocks: int = 2) -> None:
    """``weights`` as TensorFlow writes them, the index in ``blocks`` blocks."""
    data, rows = b"", [(b"", b"\x08\x01")]
    for name in sorted(weights):
        values = weights[name]
        sizes = b"".join(b"\x12" + varint(len(size)) + size for n in values.shape if (size := b"\x08" + varint(n)))
        entry = b"\x08\x01" + b"\x12" + varint(len(sizes)) + sizes
        entry += (b"\x20" + varint(len(data)) if data else b"") + b"\x28" + varint(values.nbytes) + b"\x35" + bytes(4)
        rows.append((name.encode(), entry))
        data += values.astype("<f4").tobytes()
    index, handles = b"", []
    for part in np.array_split(np.arange(len(rows)), blocks):
        raw = block([rows[i] for i in part])
        handles.append((rows[part[-1]][0], varint(len(index)) + varint(len(raw))))
        index += raw + bytes(5)
    top = block(handles)
    footer = varint(0) + varint(0) + varint(len(index)) + varint(len(top))
    folder.mkdir(parents=True, exist_ok=True)
    magic = bytes.fromhex("57fb808b247547db")
    (folder / ".index").write_bytes(index + top + bytes(5) + footer.ljust(40, b"\0") + magic)
    (folder / ".data-00000-of-00001").write_bytes(data)


def weights() -> dict[str, NDArray[np.float32]]:
    """Small random weights in the shapes of musicnn."""
    random = np.random.default_rng(0)
    front = [(7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51)]
    middle = [(7, 561, 1, 64), (7, 64, 1, 64), (7, 64, 1, 64)]
    out: dict[str, NDArray[np.float32]] = {}

    def add(name: str, *shape: int, positive: bool = False) -> None:
        drawn = random.normal(0, 0.1, shape).astype(np.float32)
        out[name] = np.abs(drawn) + np.float32(0.5) if positive else drawn

    for number, shape in enumerate([*front, *middle]):
        name = f"conv2d_{number}" if number else "conv2d"
        add(f"{name}/kernel", *shape)
        add(f"{name}/kernel/Adam", *shape)
        add(f"{name}/bias", shape[3])
    for number, count in enumerate([1, *(shape[3] for shape in [*front, *middle])]):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        for part in ("beta", "gamma", "moving_mean"):
            add(f"{name}/{part}", count)
        add(f"{name}/moving_variance", count, positive=True)
    out["beta1_power"] = np.ones((), np.float32)
    return out


def test_a_checkpoint_is_read_without_the_optimizer_state(tmp_path: Path) -> None:
    made = weights()
    checkpoint(tmp_path, made, blocks=3)
    read = musicnn.read_checkpoint(tmp_path)
    assert set(read) == {name for name in made if "Adam" not in name and name != "beta1_power"}
    for name, values in read.items():
        np.testing.assert_array_equal(values, made[name])


def test_a_folder_without_a_checkpoint_is_rejected(tmp_path: Path) -> None:
    checkpoint(tmp_path, weights())
    index = tmp_path / ".index"
    index.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(ValueError, match="holds no TensorFlow checkpoint"):
        musicnn.read_checkpoint(tmp_path)


def test_a_front_end_block_is_the_maximum_over_bands_of_a_normalized_convolution() -> None:
    made = weights()
    layer = musicnn.FrontEnd(made, 1)
    sound = np.random.default_rng(1).standard_normal((20, 96)).astype(np.float32)
    kernel = musicnn.round_to_int8(made["conv2d_1/kernel"].transpose(3, 2, 0, 1))
    padded = np.pad(sound, ((3, 3), (0, 0)))
    places = range(0, 96 - 67 + 1, musicnn.STRIDE)
    raw = np.array([[(kernel[:, 0] * padded[t : t + 7, f : f + 67]).sum((1, 2)) for f in places] for t in range(20)])
    scale = made["batch_normalization_2/gamma"] / np.sqrt(made["batch_normalization_2/moving_variance"] + 1e-3)
    assert scale.min() < 0 < scale.max()
    normal = np.maximum(0, raw + made["conv2d_1/bias"]) - made["batch_normalization_2/moving_mean"]
    expected = (normal * scale + made["batch_normalization_2/beta"]).max(axis=1).T
    with torch.no_grad():
        found = layer(torch.tensor(sound)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_kernel_of_even_length_covers_one_frame_more_after_than_before() -> None:
    made = weights()
    sound = np.random.default_rng(1).standard_normal((50, 96)).astype(np.float32)
    kernel = musicnn.round_to_int8(made["conv2d_4/kernel"].transpose(3, 2, 0, 1))[:, 0, :, 0]
    padded = np.pad(sound, ((15, 16), (0, 0)))[:, :: musicnn.STRIDE]
    raw = np.array([(kernel[:, :, None] * padded[t : t + 32]).sum(1) for t in range(50)])
    layer = musicnn.FrontEnd(made, 4)
    found = layer.conv(torch.tensor(sound)[None, None])[0].detach().numpy()
    sign = np.sign(made["batch_normalization_5/gamma"])[:, None, None]
    expected = (raw.transpose(1, 0, 2) + made["conv2d_4/bias"][:, None, None]) * sign
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_pruning_dead_channels_keeps_the_other_outputs(tmp_path: Path) -> None:
    made = weights()
    made["conv2d/kernel"][..., 3:200] = 0
    made["conv2d/bias"][3:200] = -1
    made["conv2d_4/kernel"][:] = 0
    checkpoint(tmp_path, made)
    network, bands = musicnn.Musicnn(tmp_path).eval(), musicnn.LogMel()
    sounds = bands(torch.randn(6, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1)
    with torch.no_grad():
        before = network(sounds).numpy()
        left = network.prune_constant(before[:4].astype(np.float16))
        after = network(sounds).numpy()
    assert len(network.front) == 4  # one block was dead
    assert left.sum() <= 2 * (musicnn.WIDE - 197 - 51)
    assert after.shape == (6, left.sum())
    np.testing.assert_allclose(after, before[:, left], atol=1e-3)


def test_the_output_is_maximum_and_mean_of_every_channel(tmp_path: Path) -> None:
    checkpoint(tmp_path, weights())
    audio = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1
    with torch.no_grad():
        pooled = musicnn.Musicnn(tmp_path).eval()(musicnn.LogMel()(audio))
    assert pooled.shape == (2, 2 * musicnn.WIDE)
    assert (pooled[:, : musicnn.WIDE] >= pooled[:, musicnn.WIDE :] - 1e-6).all()
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3


def test_kernels_are_rounded_to_eight_bit_steps() -> None:
    kernel = np.random.default_rng(0).standard_normal((6, 1, 7, 38)).astype(np.float32)
    small = musicnn.round_to_int8(kernel)
    assert np.abs(small - kernel).max() < np.abs(kernel).max() / 250
    assert eight_bit_steps(small) is not None
    assert eight_bit_steps(kernel) is None
    kernel[2] = 0
    np.testing.assert_array_equal(musicnn.round_to_int8(kernel)[2], 0)


def test_slaney_filters_equal_those_of_librosa() -> None:
    np.testing.assert_allclose(
        frontend.slaney_filters(96, 512, 16_000), librosa.filters.mel(sr=16_000, n_fft=512, n_mels=96).T, atol=1e-7
    )
