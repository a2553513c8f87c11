from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.common.errors import UnsafeModelError
from model.formats.allowlist import LAYERS, MAX_SIDE, check_network, strip_records
from model.inference.classifier import read_network
from model.networks.architectures import ARCHITECTURES, build_model
from tests.foreign import layer, sequential, write_keras

EVIL = {"module": "builtins", "class_name": "eval", "config": {}, "registered_name": None}
OS = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}


def test_an_honest_network_passes() -> None:
    check_network(sequential(layer("Conv2D", filters=4, kernel_size=[3, 3], activation="relu")))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}), "Lambda layer"),
        (layer("Conv2D", activation={"class_name": "__lambda__", "config": {"value": "x"}}), "Lambda layer"),
        (EVIL, "'eval' of 'builtins'"),
        (OS, "'function' of 'os'"),
        (layer("Conv2D", kernel_initializer=EVIL), "'eval' of 'builtins'"),
        (layer("Conv2D", kernel_regularizer=OS), "'function' of 'os'"),
        (layer("Conv2D", activation=OS), "'function' of 'os'"),
        (layer("Conv2D", activation="os.system"), "the activation 'os.system'"),
        (
            layer("Conv2D", dtype={"module": "subprocess", "class_name": "Popen", "config": {}}),
            "'Popen' of 'subprocess'",
        ),
        (layer("Bidirectional", layer=layer("Lambda")), "Lambda layer"),
        (layer("Dense", module="keras.src.utils.file_utils"), "'Dense' of 'keras.src.utils.file_utils'"),
        (layer("get_file", module="keras.utils"), "'get_file' of 'keras.utils'"),
        (layer("enable_unsafe_deserialization", module="keras.config"), "of 'keras.config'"),
        (layer("TFSMLayer", filepath="/tmp/x"), "'TFSMLayer'"),
        (layer("TorchModuleWrapper", module_bytes="gASV"), "'TorchModuleWrapper'"),
        (layer("StringLookup", vocabulary="/etc/passwd"), "'StringLookup'"),
        (layer("Mine") | {"registered_name": "my_package>Mine"}, "custom object 'my_package>Mine'"),
        (layer("Dense") | {"registered_name": "Evil"}, "by another name, 'Evil'"),
        (layer("Dense") | {"class_name": ["Dense"]}, "['Dense']"),
        (layer("Dense") | {"module": ["keras.layers"]}, "'Dense'"),
        (layer("TFOpLambda", module=None), "'TFOpLambda'"),
        ({"module": "os", "config": {}}, "the module 'os' without a class"),
        (layer("Dense", units=10**9), "units is 1000000000"),
        (layer("Reshape", target_shape=[MAX_SIDE + 1]), f"up to {MAX_SIDE}"),
        (layer("Dense", name="x" * 5000), "5000 characters"),
    ],
)
def test_anything_else_is_refused_wherever_it_hides(part: dict[str, Any], words: str) -> None:
    inbound = layer("Add") | {"inbound_nodes": [{"args": [[part]], "kwargs": {}}]}
    nested = copy.deepcopy(sequential(part))
    for description in (sequential(part), sequential(nested), sequential(inbound)):
        with pytest.raises(UnsafeModelError) as caught:
            check_network(description)
        assert words in str(caught.value)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("description", [None, [], "Sequential", {}, {"class_name": "Dense"}, {"class_name": EVIL}])
def test_what_is_no_network_is_refused(description: Any) -> None:
    with pytest.raises((UnsafeModelError, TypeError)):
        check_network(description)


RECORDS = {
    "build_config": {"input_shape": [None, 10**9], "shapes_dict": {"a_shape": [2**40]}, "name": "x" * 5000},
    "compile_config": {"optimizer": EVIL, "loss": OS, "metrics": [layer("Lambda")]},
    "training_config": EVIL,
}


def test_records_of_how_a_network_was_made_are_left_out_at_any_depth() -> None:
    recorded = layer("Bidirectional", layer=layer("LSTM", units=4) | RECORDS) | RECORDS
    description = sequential(recorded, sequential(recorded) | RECORDS) | RECORDS
    left = strip_records(description)
    assert left == sequential(layer("Bidirectional", layer=layer("LSTM", units=4)), left["config"]["layers"][2])
    check_network(left)
    with pytest.raises(UnsafeModelError):
        check_network(description)


@pytest.mark.parametrize("key", ["build_config", "compile_config", "training_config", "config", "inbound_nodes"])
def test_only_records_of_parts_are_left_out(key: str) -> None:
    """Where Keras would read a dictionary of that name as something else, what is in it is looked at."""
    hidden = layer("Dense", **{key: EVIL}) if key != "inbound_nodes" else layer("Dense") | {key: [EVIL]}
    with pytest.raises(UnsafeModelError, match="'eval' of 'builtins'"):
        check_network(strip_records(sequential(hidden)))


def test_a_sequence_without_an_input_keeps_the_shape_it_was_built_for_and_nothing_else() -> None:
    shape, plain = {"input_shape": [None, 8, 8, 3]}, sequential()
    del plain["config"]["layers"][0]
    assert strip_records(plain | {"build_config": shape})["build_config"] == shape
    assert "build_config" not in strip_records(plain | {"build_config": shape | {"evil": EVIL}})
    assert "build_config" not in strip_records(sequential() | {"build_config": shape})
    with pytest.raises(UnsafeModelError, match="'eval' of 'builtins'"):
        check_network(strip_records(plain | {"build_config": {"input_shape": EVIL}}))
    with pytest.raises(UnsafeModelError, match=f"up to {MAX_SIDE}"):
        check_network(strip_records(plain | {"build_config": {"input_shape": [None, MAX_SIDE + 1]}}))


def test_a_hostile_record_is_never_given_to_keras(tmp_path: Path) -> None:
    """Keras would import its modules, call its classes, and make the weights that it asks for."""
    trap = {"module": "builtins", "class_name": "function", "config": "exit", "registered_name": "function"}
    evil = {"build_config": {"input_shape": [None, 2**40]}, "compile_config": {"optimizer": trap, "loss": trap}}
    inner = layer("ReLU") | evil
    network = read_network(write_keras(tmp_path / "a.keras", sequential(inner) | evil))
    assert network.output_shape == (None, 3)
    assert not network.compiled


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_wide_network_and_one_that_was_trained_in_parts_load(tmp_path: Path, suffix: str) -> None:
    import keras

    pictures = keras.Input((160, 160, 3))
    base = keras.Model(pictures, keras.layers.Reshape((160 * 160 * 3,))(pictures))
    base.compile("adam", "mse", metrics=["accuracy"])
    head = keras.Sequential([keras.Input((160 * 160 * 3,)), keras.layers.Dense(2)])
    network = keras.Model(pictures, keras.ops.multiply(head(base(pictures)), 0.5))
    network.compile("adam", "mse")
    network.save(tmp_path / f"wide{suffix}")
    images = np.random.default_rng(0).random((1, 160, 160, 3), np.float32)
    answers = [np.asarray(one(images, training=False)) for one in (network, read_network(tmp_path / f"wide{suffix}"))]
    assert np.allclose(*answers)


def test_nesting_and_size_have_limits() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    for value in (deep, [1] * 300_000):
        with pytest.raises(UnsafeModelError, match="too large or too deeply nested"):
            check_network(sequential(layer("Dense", units=value)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_our_own_networks_pass(name: str) -> None:
    settings = {"input_size": 96, "weights": "none"} if name == "transfer" else {}
    check_network(json.loads(build_model(name, 10, **settings).to_json()))


def test_our_own_networks_pass_with_everything_that_a_recipe_can_set() -> None:
    deep = build_model("airbench", 100, 64, depth=3, activation="silu")
    regular = build_model("vgg3", 10, batch_norm=True, dropout=0.2, l2=1e-3, scaling="standard")
    for network in (deep, regular):
        check_network(json.loads(network.to_json()))


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_the_networks_that_come_with_keras_pass(name: str) -> None:
    import keras

    check_network(json.loads(getattr(keras.applications, name)(weights=None, classes=10).to_json()))


def test_every_listed_layer_is_one_of_keras() -> None:
    import keras

    assert [name for name in LAYERS if not hasattr(keras.layers, name)] == []
    assert not LAYERS & {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup"}


def test_layers_between_maps_of_several_pictures_load(tmp_path: Path) -> None:
    import keras
    from keras import layers

    pictures = keras.Input((8, 8, 3))
    several = layers.UpSampling3D((2, 1, 1))(layers.ZeroPadding3D(1)(layers.Reshape((1, 8, 8, 3))(pictures)))
    maps = layers.ConvLSTM2D(2, 3)(layers.Cropping3D((1, 1, 1))(several))
    rows = layers.EinsumDense("bhwc,cd->bd", 3, activation="softmax")(maps)
    network = keras.Model(pictures, rows)
    network.save(tmp_path / "a.keras")
    given = np.ones((1, 8, 8, 3), np.float32)
    answers = [np.asarray(one(given, training=False)) for one in (network, read_network(tmp_path / "a.keras"))]
    assert answers[0].shape == (1, 3) and np.allclose(*answers)


def test_layers_of_kerass_own_applications_load(tmp_path: Path) -> None:
    import keras
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    pictures = keras.Input((8, 8, 3))
    scaled = LayerScale(0.5, 3, name="scale")(pictures)
    rows = keras.layers.Flatten()(CustomScaleLayer(0.1)([pictures, StochasticDepth(0.1)(scaled)]))
    keras.Model(pictures, rows).save(tmp_path / "a.keras")
    network = read_network(tmp_path / "a.keras")
    assert np.allclose(np.asarray(network(np.ones((1, 8, 8, 3)), training=False)), 1.05)
