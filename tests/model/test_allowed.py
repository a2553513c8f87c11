from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from model.allowed import LAYERS, MAX_NUMBER, NotAllowed, check_network
from model.architectures import ARCHITECTURES, build_model
from tests.foreign import layer, sequential

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
        (layer("Reshape", target_shape=[MAX_NUMBER + 1]), f"up to {MAX_NUMBER}"),
        (layer("Dense", name="x" * 5000), "5000 characters"),
    ],
)
def test_anything_else_is_refused_wherever_it_hides(part: dict[str, Any], words: str) -> None:
    inbound = layer("Add") | {"inbound_nodes": [{"args": [[part]], "kwargs": {}}]}
    nested = copy.deepcopy(sequential(part))
    for description in (sequential(part), sequential(nested), sequential(inbound)):
        with pytest.raises(NotAllowed) as caught:
            check_network(description)
        assert words in str(caught.value)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("description", [None, [], "Sequential", {}, {"class_name": "Dense"}, {"class_name": EVIL}])
def test_what_is_no_network_is_refused(description: Any) -> None:
    with pytest.raises((NotAllowed, TypeError)):
        check_network(description)


def test_how_the_network_was_trained_is_not_read_but_an_inner_networks_training_is_refused() -> None:
    check_network(sequential() | {"compile_config": EVIL})
    with pytest.raises(NotAllowed, match="says how it was trained"):
        check_network(sequential(sequential() | {"compile_config": {"optimizer": "adam"}}))


def test_nesting_and_size_have_limits() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    for value in (deep, [1] * 300_000):
        with pytest.raises(NotAllowed, match="too large or too deeply nested"):
            check_network(sequential(layer("Dense", units=value)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_our_own_networks_pass(name: str) -> None:
    check_network(json.loads(build_model(name, 10).to_json()))


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
