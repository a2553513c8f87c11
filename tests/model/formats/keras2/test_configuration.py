from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from model.common.errors import UnsafeModelError
from model.formats.keras2.configuration import to_keras3
from model.formats.keras2.weights import _finish_loading, own_functions
from model.formats.keras_files import parse_object, read_h5
from model.inference.classifier import read_network
from tests.foreign import SIDE, write_h5, write_keras2

FILES = Path(__file__).parents[3] / "files" / "keras2"
SAVED = sorted(path for path in FILES.iterdir() if path.suffix in (".h5", ".keras"))

POLICY = {"class_name": "Policy", "config": {"name": "float32"}}


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.name)
def test_a_file_that_keras_2_saved_gives_its_answers(path: Path) -> None:
    known = np.load(path.with_suffix(".npz"))
    answers = np.asarray(read_network(path)(known["pictures"], training=False))
    spread = np.ptp(known["answers"])
    assert spread > 0.3
    assert np.allclose(answers, known["answers"], atol=1e-5 * spread, rtol=0)


def test_files_of_each_kind_are_there() -> None:
    known = {"arithmetic", "caffe", "mixed", "deep", "deep-2.12", "recurrent", "normalised", "adapted"}
    assert {path.stem for path in SAVED} == known


@pytest.mark.parametrize(("dtype", "as_list"), [("float32", False), (POLICY, True)])
def test_a_file_of_keras_2_loads_with_its_weights(tmp_path: Path, dtype: Any, as_list: bool) -> None:
    values = write_keras2(tmp_path / "old.h5", dtype, as_list)
    before = (tmp_path / "old.h5").read_bytes()
    network = read_network(tmp_path / "old.h5")
    assert (tmp_path / "old.h5").read_bytes() == before
    assert network.input_shape == (None, SIDE, SIDE, 3)
    loaded = [weight for layer in network.layers for weight in layer.get_weights()]
    assert all(np.array_equal(*pair) for pair in zip(loaded, values.values(), strict=True))
    images = np.random.default_rng(0).random((4, SIDE, SIDE, 3), np.float32)
    assert np.allclose(np.asarray(network(images, training=False)), by_hand(images, values), atol=1e-4)


def by_hand(images: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """The same network, calculated with NumPy alone."""

    def same(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (n, h, w, channels, 3, 3)

    x = np.einsum("nhwcij,ijco->nhwo", same(images), values["conv2d_0/kernel:0"]) + values["conv2d_0/bias:0"]
    x = np.maximum(x, 0)
    norm = {key.partition("/")[2]: value for key, value in values.items() if key.startswith("batchnorm")}
    x = (x - norm["moving_mean:0"]) / np.sqrt(norm["moving_variance:0"] + 1e-3) * norm["gamma:0"] + norm["beta:0"]
    x = np.einsum("nhwcij,ijc->nhwc", same(x), values["depthwiseconv2d_2/depthwise_kernel:0"][..., 0])
    x = np.where(x > 0, x, 0.1 * x)
    x = x.reshape(len(x), SIDE // 2, 2, SIDE // 2, 2, 4).max(axis=(2, 4)).reshape(len(x), -1)
    logits = x @ values["dense_7/kernel:0"] + values["dense_7/bias:0"]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_keras_alone_does_not_load_it(tmp_path: Path) -> None:
    """Otherwise none of this would be needed."""
    write_keras2(tmp_path / "old.h5")
    with pytest.raises(Exception, match="groups"):
        keras.models.load_model(tmp_path / "old.h5", compile=False)


def test_a_functional_network_of_keras_2_loads(tmp_path: Path) -> None:
    description = {
        "class_name": "Model",
        "config": {
            "name": "model",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_input_shape": [None, 4, 4, 3], "dtype": "float32", "sparse": False, "name": "a"},
                    "name": "a",
                    "inbound_nodes": [],
                },
                {
                    "class_name": "GlobalAveragePooling2D",
                    "config": {"name": "b", "trainable": True, "dtype": "float32", "data_format": "channels_last"},
                    "name": "b",
                    "inbound_nodes": [[["a", 0, 0, {}]]],
                },
            ],
            "input_layers": [["a", 0, 0]],
            "output_layers": [["b", 0, 0]],
        },
    }
    network = read_network(write_h5(tmp_path / "old.h5", description))
    assert network.input_shape == (None, 4, 4, 3)
    assert network.output_shape == (None, 3)


def old_layer(kind: str, name: str, *given: list[Any], **config: Any) -> dict[str, Any]:
    """A layer as Keras 2 wrote it into a functional network; given: for each call, [name, call, output] it takes."""
    about = {"name": name, "trainable": True, "dtype": "float32"} | config
    return {"class_name": kind, "config": about, "name": name, "inbound_nodes": [[[*entry, {}]] for entry in given]}


@pytest.mark.parametrize("kind", ["Functional", "Sequential"])
def test_networks_inside_a_network_of_keras_2_load(tmp_path: Path, kind: str) -> None:
    """Keras 2 counted their calls from 1, and put a network's one input and output into a list."""
    shape = [None, 4, 4, 3]
    parts = [
        old_layer("InputLayer", "a", batch_input_shape=shape, sparse=False),
        old_layer("RandomFlip", "b", ["a", 0, 0], mode="horizontal", rng_type="stateful"),
        old_layer("MaxPooling2D", "c", ["b", 0, 0], pool_size=[2, 2], padding="same", strides=[1, 1]),
    ]
    config: dict[str, Any] = {"name": "base", "layers": parts}
    if kind == "Functional":
        config |= {"input_layers": [["a", 0, 0]], "output_layers": [["c", 0, 0]]}
    base = {"class_name": kind, "config": config, "name": "base"}
    layers = [
        old_layer("InputLayer", "pictures", batch_input_shape=shape, sparse=False),
        base | {"inbound_nodes": [[["pictures", 0, 0, {}]], [["base", 1, 0, {}]]]},
        old_layer("Flatten", "flat", ["base", 2, 0]),
    ]
    outer = {"name": "outer", "layers": layers, "input_layers": [["pictures", 0, 0]], "output_layers": [["flat", 0, 0]]}
    network = read_network(write_h5(tmp_path / "old.h5", {"class_name": "Functional", "config": outer}))
    images = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    twice = pooled(pooled(images))
    assert np.allclose(np.asarray(network(images, training=False)), twice.reshape(2, -1))
    ends = {"layers": layers[:2], "output_layers": [["base", 2, 0]]}
    network = read_network(write_h5(tmp_path / "ends.h5", {"class_name": "Functional", "config": outer | ends}))
    assert np.allclose(np.asarray(network(images, training=False)), twice)


def pooled(images: np.ndarray) -> np.ndarray:
    """The largest value of each pixel and its neighbours to the right and below."""
    padded = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-1)
    return np.lib.stride_tricks.sliding_window_view(padded, (2, 2), axis=(1, 2)).max(axis=(4, 5))


def test_a_file_of_keras_3_is_read_in_its_own_words(tmp_path: Path) -> None:
    """Its hard sigmoid, for one, is not that of Keras 2; and its .h5 files name no modules, which Keras 3 wants."""
    pictures = keras.Input((4, 4, 3))
    inner = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3, activation="hard_sigmoid")])
    network = keras.Model([pictures], [keras.ops.multiply(inner(pictures / 255.0), 2.0)])
    images = np.random.default_rng(0).random((2, 4, 4, 3), np.float32) * 255
    for suffix in (".keras", ".h5"):
        network.save(tmp_path / f"new{suffix}")
        loaded = read_network(tmp_path / f"new{suffix}")
        assert np.array_equal(*(np.asarray(which([images], training=False)[0]) for which in (network, loaded)))


def test_a_copy_of_an_old_network_has_its_functions_too() -> None:
    """Keras 2's hard sigmoid is ours, and a copy is made from what layers say of themselves."""
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3, activation="hard_sigmoid")])
    _finish_loading(network)
    with keras.saving.custom_object_scope(own_functions()):
        copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    images = np.random.default_rng(0).normal(0, 3, (2, 4, 4, 3)).astype(np.float32)
    assert np.array_equal(*(np.asarray(which(images, training=False)) for which in (network, copy)))


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    values = write_keras2(tmp_path / "old.h5")
    assert values["dense_7/kernel:0"].shape == (64, 3)
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        del file["model_weights/dense_7/dense_7/kernel:0"]
        file["model_weights/dense_7/dense_7/kernel:0"] = np.zeros((63, 3), np.float32)
    with pytest.raises(UnsafeModelError, match="layer 'dense_7' needs 64 x 3, 3, and it holds 63 x 3, 3"):
        read_network(tmp_path / "old.h5")


def test_weights_that_an_archive_lacks_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(FILES / "mixed.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        group = next(file[name] for name in ("layers", "_layer_checkpoint_dependencies") if name in file)
        del group["dense/vars/1"]
    with zipfile.ZipFile(tmp_path / "less.keras", "w") as archive:
        for name, content in (members | {"model.weights.h5": weights.getvalue()}).items():
            archive.writestr(name, content)
    with pytest.raises(UnsafeModelError, match="its weights do not fit its description at layer 'dense"):
        read_network(tmp_path / "less.keras")


def test_names_that_differ_by_a_slash_alone_stay_apart(tmp_path: Path) -> None:
    names = ["a/b", "a_b", "a_b_"]
    values = {name: np.full((2, 2), number, np.float32) for number, name in enumerate(names, start=1)}
    layers = [old_layer("InputLayer", "x", batch_input_shape=[None, 2])]
    for name, before in zip(names, ["x", *names], strict=False):
        layers.append(old_layer("Dense", name, [before, 0, 0], units=2, use_bias=False))
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["a_b_", 0, 0]]}
    path = write_h5(tmp_path / "old.h5", {"class_name": "Functional", "config": config})
    with h5py.File(path, "r+") as file:
        for name, value in values.items():
            group = file["model_weights"][name]
            group.attrs["weight_names"] = np.array([f"{name}/kernel:0".encode()], "S64")
            group[f"{name}/kernel:0"] = value
    network = read_network(path)
    assert np.allclose(np.asarray(network(np.ones((1, 2)), training=False)), 2 * 4 * 6)


def test_odd_descriptions_do_not_break_it() -> None:
    for nodes in (1, [1], [[1]], [[[]]], [[["a"]]], [[["a", None, 0]]], [[[["a"], 1, 0]]]):
        layers = [{"class_name": "Sequential", "name": "a", "config": {}, "inbound_nodes": nodes}, 1]
        to_keras3({"class_name": "Functional", "config": {"layers": layers, "input_layers": 1, "output_layers": [1]}})
    for odd in (None, [], {}, {"class_name": "Sequential"}, {"class_name": "Sequential", "config": {"layers": [1]}}):
        to_keras3(odd)
    with_text = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": "x"}]}}
    assert to_keras3(with_text)["config"] == with_text["config"]


def test_the_test_file_is_laid_out_as_keras_2_did(tmp_path: Path) -> None:
    write_keras2(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5") as file:
        assert "batch_input_shape" in file.attrs["model_config"]
        assert parse_object(file.attrs["model_config"]) == read_h5(tmp_path / "old.h5")[0]
        assert "conv2d_0/conv2d_0/kernel:0" in file["model_weights"]
