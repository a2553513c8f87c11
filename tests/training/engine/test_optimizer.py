from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from training.engine.optimizer import (
    BiasScaledSGD,
    Lookahead,
    Muon,
    Triangle,
    build_optimizer,
    dtype_policy,
    orthogonalize,
)
from training.recipes.recipe import OptimizerSettings, Recipe, ScheduleSettings


def test_triangle_at_start_peak_and_end() -> None:
    rate = Triangle(2.0, 101, ScheduleSettings("triangle", start=0.2, peak=0.25, end=0.07))
    values = [float(rate(step)) for step in range(101)]
    assert values[0] == pytest.approx(0.4)
    assert values[25] == pytest.approx(2.0)
    assert values[100] == pytest.approx(0.14)
    assert np.argmax(values) == 25
    assert values[5] == pytest.approx(0.4 + 1.6 * 5 / 25)
    assert float(rate(500)) == pytest.approx(0.14)


@pytest.mark.parametrize(("peak", "first", "last"), [(0.0, 1.0, 0.1), (1.0, 0.2, 1.0)])
def test_triangle_may_only_fall_or_only_rise(peak: float, first: float, last: float) -> None:
    rate = Triangle(1.0, 11, ScheduleSettings("triangle", start=0.2, peak=peak, end=0.1))
    assert float(rate(0)) == pytest.approx(first)
    assert float(rate(10)) == pytest.approx(last)


def steps_of(optimizer: keras.optimizers.Optimizer, steps: int = 3) -> dict[str, float]:
    """How far a bias and a kernel, both of value 1, move for a gradient of 1."""
    variables = [keras.Variable([1.0], name=name) for name in ("beta", "kernel")]
    optimizer.build(variables)
    for _ in range(steps):
        optimizer.apply([keras.ops.ones(1), keras.ops.ones(1)])
    return {variable.name: 1.0 - float(np.asarray(variable)[0]) for variable in variables}


def test_biases_move_faster() -> None:
    moved = steps_of(BiasScaledSGD(64.0, learning_rate=0.001, momentum=0.85, nesterov=True))
    plain = steps_of(keras.optimizers.SGD(learning_rate=0.001, momentum=0.85, nesterov=True))
    assert moved["beta"] == pytest.approx(64 * plain["beta"], rel=1e-3)
    assert moved["kernel"] == pytest.approx(plain["kernel"], rel=1e-5)


def test_orthogonalized_singular_values_are_near_one() -> None:
    rng = np.random.default_rng(0)
    for shape in ((6, 40), (40, 6)):
        left, _, right = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
        values = np.linspace(1.0, 0.2, 6)
        matrix = orthogonalize(keras.ops.convert_to_tensor((left * values) @ right, "float32"))
        result = np.asarray(keras.ops.cast(matrix, "float32"))
        assert result.shape == shape
        found = np.linalg.svd(result, compute_uv=False)
        assert 0.5 < found.min() <= found.max() < 1.3
        # The directions stay: in the old ones' terms the result is nearly diagonal.
        seen = left.T @ result @ right.T
        assert np.abs(seen - np.diag(np.diag(seen))).max() < 0.1


def test_muon_steps_kernels_by_direction_only() -> None:
    def moved(scale: float) -> np.ndarray:
        kernel = keras.Variable(np.random.default_rng(1).normal(size=(3, 3, 4, 8)), dtype="float32", name="kernel")
        optimizer = Muon(0.5, 0.6, bias_scale=1.0, learning_rate=0.1, momentum=0.9, nesterov=True)
        optimizer.build([kernel])
        gradient = np.random.default_rng(2).normal(size=(3, 3, 4, 8)).astype("float32")
        optimizer.apply([keras.ops.convert_to_tensor(scale * gradient)])
        return np.asarray(kernel)

    small, large = moved(1e-3), moved(1e3)
    assert np.allclose(small, large, atol=0.01)
    # The norm was set to the root of the outputs; a step of rate 0.05 has singular values of about 0.05.
    start = np.random.default_rng(1).normal(size=(3, 3, 4, 8))
    step = small - start * np.sqrt(8) / np.linalg.norm(start)
    assert 0.02 < np.linalg.svd(step.reshape(-1, 8), compute_uv=False).max() < 0.08


def test_muon_is_sgd_for_what_is_no_kernel() -> None:
    settings = {"bias_scale": 8.0, "learning_rate": 0.01, "momentum": 0.85, "nesterov": True}
    assert steps_of(Muon(0.5, 0.6, **settings)) == pytest.approx(steps_of(BiasScaledSGD(**settings)))


def test_weight_decay_spares_biases() -> None:
    settings = OptimizerSettings("sgd", learning_rate=0.1, momentum=0.0, weight_decay=0.5)
    moved = steps_of(build_optimizer(settings, ScheduleSettings(), 10), steps=1)
    assert moved["beta"] == pytest.approx(0.1, rel=1e-5)
    assert moved["kernel"] == pytest.approx(0.1 + 0.1 * 0.5, rel=0.1)


@pytest.mark.parametrize("name", ["adam", "sgd", "muon"])
def test_the_schedule_reaches_the_optimizer(name: str) -> None:
    settings = OptimizerSettings(name, learning_rate=0.5)
    constant = build_optimizer(settings, ScheduleSettings("constant"), 10)
    triangle = build_optimizer(settings, ScheduleSettings("triangle", start=0.2), 10)
    for optimizer, rate in ((constant, 0.5), (triangle, 0.1)):
        optimizer.build([keras.Variable([1.0], name="kernel")])
        assert float(optimizer.learning_rate) == pytest.approx(rate)


class Counter:
    """Stands in for a network: one weight, which each step raises by 1."""

    def __init__(self) -> None:
        self.weights = [np.zeros(1)]

    def get_weights(self) -> list[np.ndarray]:
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = [weight.copy() for weight in weights]


def count(lookahead: Lookahead, network: Counter, steps: int) -> float:
    lookahead.set_model(network)
    lookahead.on_train_begin()
    for step in range(steps):
        network.weights[0] += 1
        lookahead.on_train_batch_end(step)
    return float(network.weights[0][0])


def test_lookahead_goes_back_to_its_average() -> None:
    keep = 0.5**5 * 0.5**3  # decay to the steps between, times the cubic warm-up at half of the way
    assert count(Lookahead(10, every=5, decay=0.5), Counter(), 4) == 4
    assert count(Lookahead(10, every=5, decay=0.5), Counter(), 5) == pytest.approx(5 * (1 - keep))


def test_lookahead_ends_on_the_average() -> None:
    lookahead = Lookahead(13, every=5, decay=0.9)
    network = Counter()
    end = count(lookahead, network, 13)
    assert end == pytest.approx(float(lookahead.average[0][0]))
    assert 5 < end < 10  # what stood at step 10, averaged with step 5; the last three steps do not count


def test_lookahead_goes_on_where_it_was() -> None:
    whole = count(Lookahead(20, decay=0.9), Counter(), 20)
    first, network = Lookahead(20, decay=0.9), Counter()
    count(first, network, 12)  # between two averages
    second = Lookahead(20, decay=0.9)
    second.step, second.average = first.step, first.average
    assert count(second, network, 8) == pytest.approx(whole)


def test_precision_follows_the_recipe_or_the_machine() -> None:
    assert dtype_policy(Recipe(precision="float32")) == "float32"
    assert dtype_policy(Recipe(precision="mixed_bfloat16")) == "mixed_bfloat16"
    assert dtype_policy(Recipe()) in ("float32", "mixed_bfloat16")


@pytest.mark.parametrize(
    ("gpus", "policy"),
    [
        ([{"compute_capability": (9, 0)}], "mixed_bfloat16"),
        ([{"compute_capability": (8, 0)}, {"compute_capability": (8, 9)}], "mixed_bfloat16"),
        ([{"compute_capability": (7, 5)}], "float32"),
        ([{"compute_capability": (9, 0)}, {"compute_capability": (7, 0)}], "float32"),
        ([{}], "float32"),  # a GPU that does not say what it is
    ],
)
def test_a_gpu_is_asked_for_bfloat16_and_not_the_processor_beside_it(
    gpus: list[dict[str, object]], policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "avx512_bf16" if policy == "float32" else "sse2"
    monkeypatch.setattr(Path, "read_text", lambda *_: other)
    monkeypatch.setattr("tensorflow.config.get_visible_devices", lambda kind: list(range(len(gpus))))
    monkeypatch.setattr("tensorflow.config.experimental.get_device_details", lambda gpu: gpus[gpu])
    assert dtype_policy(Recipe()) == policy


@pytest.mark.parametrize(("flags", "policy"), [("fma avx512_bf16", "mixed_bfloat16"), ("fma avx2", "float32")])
def test_without_a_gpu_the_processor_is_asked(flags: str, policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorflow.config.get_visible_devices", lambda kind: [])
    monkeypatch.setattr(Path, "read_text", lambda *_: flags)
    assert dtype_policy(Recipe()) == policy


def test_channels_move_in_proportion_to_their_weights() -> None:
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 1, (3, 3, 4, 2)) * np.array([100.0, 0.01])
    depthwise = rng.normal(0, 1, (3, 3, 2, 1)) * np.array([100.0, 0.01])[:, None]
    variables = [keras.Variable(value) for value in (kernel, depthwise, np.ones(2))]
    optimizer = build_optimizer(OptimizerSettings("channel_adam", 0.01), ScheduleSettings(), 10)
    optimizer.build(variables)
    optimizer.apply([keras.ops.ones_like(variable) for variable in variables])
    sizes = [np.sqrt(np.square(kernel).mean(axis=(0, 1, 2))), np.sqrt(np.square(depthwise).mean(axis=(0, 1, 3)))]
    for variable, before, size, axes in zip(
        variables, (kernel, depthwise), sizes, ((0, 1, 2), (0, 1, 3)), strict=False
    ):
        moved = (before - np.asarray(variable)).mean(axis=axes)
        np.testing.assert_allclose(moved, 0.01 * size, rtol=0.02)
    np.testing.assert_allclose(np.asarray(variables[2]), 1 - 0.01 * 0.05, rtol=1e-5)
