"""Training of the network, calibration, and 8-bit packing of weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("pyworld")

from tools.train import calibrate, fit, frontend  # noqa: E402
from tools.train.export import eight_bit_steps  # noqa: E402
from tools.train.features import FeatureSet  # noqa: E402
from tools.train.labels import LABELS, TARGETS  # noqa: E402
from tools.train.network import FEATURES, HIGH_BANDS, LOW_BANDS, Ensemble, LevelNormalization, TrainableNetwork  # noqa: E402


def random_features(count: int) -> FeatureSet:
    random = np.random.default_rng(0)
    labels = random.integers(-1, 2, (count, len(TARGETS))).astype(np.int8)
    shapes = ((99, HIGH_BANDS), (50, LOW_BANDS), (FEATURES,))
    high, low, features = (random.standard_normal((count, *s)).astype(np.float16) for s in shapes)
    features[:, 0] = labels[:, 0] * 3
    return FeatureSet(high, low, features, labels)


def spectra(frames: list[NDArray[np.float64]], window: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs([np.fft.rfft(frame * window, 512) for frame in frames]) ** 2


@pytest.mark.parametrize("window", [np.hanning(402)[1:-1], np.hanning(401)[:-1], np.hanning(401)[1:-1]])
def test_the_power_spectrum_equals_that_of_numpy(window: NDArray[np.float64]) -> None:
    audio = np.random.default_rng(0).standard_normal(4000)
    folded = frontend.Fourier(window, 512, 200, 160)
    frames = [audio[at : at + len(window)] for at in range(0, 4000 - len(window) + 1, 160)]
    found = folded(torch.tensor(audio[None], dtype=torch.float32))[0].numpy()
    np.testing.assert_allclose(found, spectra(frames, window)[:, :200], atol=1e-3, rtol=1e-4)
    assert sum(values.numel() for values in folded.state_dict().values()) == 600


def test_kaldi_frames_are_centred_and_pre_emphasized() -> None:
    audio = np.random.default_rng(0).standard_normal(4000) + 0.5
    frames = []
    for at in range(0, 4000 - 400 + 1, 160):
        frame = audio[at : at + 400] - audio[at : at + 400].mean()
        frames.append(np.append(0.03 * frame[0], frame[1:] - 0.97 * frame[:-1]))
    found = frontend.Kaldi()(torch.tensor(audio[None], dtype=torch.float32))[0].numpy()
    np.testing.assert_allclose(found, spectra(frames, np.hanning(400) ** 0.85), atol=1e-3, rtol=1e-4)


def test_an_asymmetric_window_is_rejected() -> None:
    with pytest.raises(ValueError, match="not the same from both ends"):
        frontend.Fourier(np.linspace(1, 2, 400), 512, 200, 160)


def test_halving_the_rate_keeps_low_and_removes_high_frequencies() -> None:
    time = np.arange(32_000) / 32_000
    tones = torch.tensor(np.stack([np.sin(2 * np.pi * f * time) for f in (500, 12_000)]), dtype=torch.float32)
    low, high = frontend.Halve()(tones)[:, 1000:-1000].abs().amax(1)
    assert low == pytest.approx(1, abs=0.02)
    assert high < 0.01


def test_level_normalization_removes_gain_and_presence_is_zero_in_silence() -> None:
    audio = torch.randn(1, 32_000, generator=torch.Generator().manual_seed(0))
    (loud, here), (soft, there) = LevelNormalization()(audio * 0.3), LevelNormalization()(audio * 0.01)
    torch.testing.assert_close(loud, soft, atol=1e-4, rtol=1e-3)
    assert min(here, there) > 0.99
    assert LevelNormalization()(torch.zeros(1, 32_000))[1] == 0


def test_training_is_deterministic_and_lowers_the_loss() -> None:
    data, outcomes = random_features(16), []
    for _ in range(2):
        torch.manual_seed(2)
        network = TrainableNetwork()
        before = fit.scores(network, data)[0]
        fit.fit(network, data, fit.Hyperparameters(epochs=4, batch=8), seed=2)
        outcomes.append(fit.scores(network, data)[0])
    np.testing.assert_array_equal(outcomes[0], outcomes[1])
    labels, even = torch.tensor(data.labels).float(), torch.ones(len(TARGETS))
    losses = [fit.loss_of(torch.tensor(scores), labels, even, smooth=0.01) for scores in (before, outcomes[0])]
    assert losses[1] < losses[0]


def test_an_ensemble_averages_its_members() -> None:
    data, members = random_features(4), [TrainableNetwork(), TrainableNetwork()]
    together, alone = fit.scores(Ensemble(members), data), [fit.scores(member, data) for member in members]
    for mean, first, second in zip(together, *alone, strict=True):
        np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-5)
        assert np.abs(first - second).max() > 1e-3


def test_quantizing_rounds_the_widest_layer_to_eight_bit_steps() -> None:
    head = TrainableNetwork().head
    head.quantize()
    assert eight_bit_steps(head.trunk[1].weight.detach().numpy()) is not None


def test_pruning_constant_features_keeps_the_output() -> None:
    data = random_features(16)
    varying = np.arange(FEATURES) % 3 > 0
    data.features[:, ~varying] = 2
    network = TrainableNetwork()
    fit.fit(network, data, fit.Hyperparameters(epochs=2, batch=8), seed=2)
    before = fit.scores(network, data)[0]
    network.head.prune(torch.tensor(varying), torch.tensor(data.features[0].astype(np.float32)))
    fewer = FeatureSet(data.high, data.low, data.features[:, varying], data.labels)
    np.testing.assert_allclose(fit.scores(network, fewer)[0], before, atol=1e-4)


def test_platt_scaling_recovers_slope_and_offset() -> None:
    random = np.random.default_rng(0)
    score = random.normal(0, 2, 20_000).astype(np.float32)
    truth = random.random(20_000) < calibrate.sigmoid(0.6 * score - 1.0)
    slope, offset = calibrate.platt(score, truth)
    assert (slope, offset) == (pytest.approx(0.6, abs=0.05), pytest.approx(-1.0, abs=0.06))


def test_confusion_lists_the_labels_predicted_where_they_are_absent() -> None:
    labels = np.zeros((50, len(LABELS)), np.int8)
    labels[:, LABELS.index("crash")] = 1
    predicted = np.zeros((50, len(LABELS)))
    predicted[:, LABELS.index("splash")], predicted[:, LABELS.index("synth")] = 0.3, 0.4
    table = calibrate.confusion(predicted, labels)["crash"]
    assert table == {"splash": 0.75, "synth": 0.25}
    assert next(iter(calibrate.confusion(predicted, labels)["splash"])) == "crash"  # though there is no splash


def test_weights_on_eight_bit_steps_are_detected() -> None:
    random = np.random.default_rng(0)
    steps = np.array([0.01, 0.003], np.float32)
    whole = random.integers(-128, 128, (2, 300))
    whole[:, 0] = -128
    found = eight_bit_steps((whole * steps[:, None]).astype(np.float32))
    assert found is not None
    np.testing.assert_allclose(found, steps, rtol=1e-4)
    assert eight_bit_steps(random.standard_normal((2, 300)).astype(np.float32)) is None
