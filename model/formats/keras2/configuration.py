"""The description of a network of Keras 2, in words that Keras 3 understands.

What Keras 3 has no word for stays as it is, and is then refused like all that is not on the list of what is taken.
"""

from __future__ import annotations

from typing import Any

from model.formats.allowlist import ACTIVATIONS, CONSTRAINTS, INITIALIZERS, LAYERS, NETWORKS, OPERATIONS, REGULARIZERS
from model.formats.keras2.graph import fresh_names, modern_graph

MODULE_OF_NETWORK = {
    "Functional": "keras.src.models.functional",
    "Sequential": "keras.src.models.sequential",
}
# Where Keras 2, its parts in TensorFlow and tf_keras kept what Keras 3 keeps elsewhere.
HOMES = ("keras", "keras.src", "tf_keras", "tf_keras.src")
MOVED = {
    "tensorflow.python.ops.init_ops_v2",
    *HOMES,
    *(
        f"{home}.{place}"
        for home in HOMES
        for place in (
            "layers",
            "layers.experimental",
            "layers.experimental.preprocessing",
            "initializers",
            "regularizers",
            "constraints",
            "models",
            "engine.functional",
            "engine.sequential",
            "engine.training",
            "applications.convnext",
            "applications.inception_resnet_v2",
        )
    ),
}
# Layers that networks of keras.applications bring along.
OF_APPLICATIONS = {
    "LayerScale": "keras.src.applications.convnext",
    "StochasticDepth": "keras.src.applications.convnext",
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
}
POLICIES = {"Policy", "PolicyV1"}
RANDOM = ("Flip", "Rotation", "Translation", "Zoom", "Contrast", "Crop", "Brightness")
SEPARABLE = {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"}
# Keras 2 wrote these settings into a layer's description although the layer has no use for them.
UNUSED = {
    "InputLayer": {"ragged", "sparse"},
    "DepthwiseConv2D": {"groups"},
    "DepthwiseConv1D": {"groups"},
    "Conv1DTranspose": {"groups"},
    "Conv2DTranspose": {"groups"},
    "Conv3DTranspose": {"groups"},
    "SeparableConv2D": SEPARABLE,
    "SeparableConv1D": SEPARABLE,
    "LSTM": {"implementation", "time_major"},
    "GRU": {"implementation", "time_major"},
    "SimpleRNN": {"implementation", "time_major"},
    "MultiHeadAttention": {"query_shape", "key_shape", "value_shape"},
    **{f"SpatialDropout{sides}D": {"noise_shape", "trainable"} for sides in (1, 2, 3)},
    "BatchNormalization": {"fused", "renorm", "renorm_clipping", "renorm_momentum", "virtual_batch_size"},
    **{f"Random{change}": {"rng_type"} for change in RANDOM},
}
RENAMED = {"SyncBatchNormalization": "BatchNormalization", "ThresholdedReLU": "ReLU"}
# They change pictures while training alone; Keras 3 has no such layers.
IDLE = {"RandomHeight", "RandomWidth"}


def modern(value: Any) -> Any:
    """A description of Keras 2 as one of Keras 3.

    Raises:
        UnsafeModelError: It uses arithmetic that Keras 3 has no counterpart for.
    """
    if isinstance(value, list):
        return [modern(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    part = {key: modern_activation(key, modern(inner)) for key, inner in value.items()}
    name, config = part.get("class_name"), part.get("config")
    if not isinstance(name, str):
        return part
    if name == "Custom>CustomScaleLayer":  # the .h5 files' name of it
        name = part["class_name"] = "CustomScaleLayer"
    if name in POLICIES and isinstance(config, dict):
        return config.get("name")
    if name == "Sequential":
        config = config if isinstance(config, dict) else {"name": "sequential", "layers": config}
        return placed(part | {"config": modern_sequence(config)})
    if not isinstance(config, dict):
        return part
    if name in ("Functional", "Model"):
        return placed(part | {"class_name": "Functional", "config": modern_graph(config)})
    return placed(modern_layer(part, name, config))


def modern_activation(key: str, value: Any) -> Any:
    """An activation by its name; archives describe TensorFlow's own functions, such as tf.nn.relu, as functions."""
    if key.endswith("activation") and isinstance(value, dict) and value.get("class_name") == "function":
        module, name = value.get("module"), value.get("config")
        if name in ACTIVATIONS and module in ("builtins", "tensorflow.python.ops.gen_nn_ops", "keras.activations"):
            return name
    return value


def with_modules(value: Any) -> Any:
    """A description from an .h5 file of Keras 3, which names no modules, with those of its layers and operations."""
    if isinstance(value, list):
        return [with_modules(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    part = {key: with_modules(inner) for key, inner in value.items()}
    return placed(part) if isinstance(part.get("class_name"), str) and isinstance(part.get("config"), dict) else part


def placed(part: dict[str, Any]) -> dict[str, Any]:
    """The part with the module that Keras 3 keeps it in, if it names none or one of Keras 2."""
    module = part.get("module")
    if module is not None and not (isinstance(module, str) and module in MOVED):
        return part
    home = home_of(part["class_name"], part["config"])
    if home is None:
        return part
    kind = part["class_name"]
    called = kind if kind in NETWORKS or kind in OF_APPLICATIONS or home in OPERATIONS else None
    return part | {"module": home, "registered_name": called}


def home_of(kind: str, config: dict[str, Any]) -> str | None:
    """Where Keras 3 keeps what is called so. Some names are a layer's and an operation's, or an initializer's."""
    if kind in MODULE_OF_NETWORK:
        return MODULE_OF_NETWORK[kind]
    if "trainable" not in config and "name" in config:
        found = next((module for module, kinds in OPERATIONS.items() if kind in kinds), None)
        if found is not None:
            return found
    if kind in OF_APPLICATIONS:
        return OF_APPLICATIONS[kind]
    if kind == "Identity" and "name" not in config:
        return "keras.initializers"
    kinds = {"layers": LAYERS, "initializers": INITIALIZERS, "regularizers": REGULARIZERS, "constraints": CONSTRAINTS}
    home = next((home for home, names in kinds.items() if kind in names), None)
    return f"keras.{home}" if home else None


def modern_layer(part: dict[str, Any], name: str, config: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in config.items() if key not in UNUSED.get(name, ())}
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    if name == "InputLayer" and "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    if name in INITIALIZERS and name != "Identity":
        config.pop("dtype", None)
    if name in IDLE:
        return part | {"class_name": "Identity", "config": {key: config.get(key) for key in ("name", "dtype")}}
    if name == "RandomCrop":  # outside of training it makes pictures as large as its crops
        kept = {key: config.get(key) for key in ("name", "dtype", "height", "width")}
        return part | {"class_name": "Resizing", "config": {**kept, "crop_to_aspect_ratio": True}}
    if name == "ThresholdedReLU":
        config["threshold"] = config.pop("theta", 1.0)
    if name == "SyncBatchNormalization":
        config["synchronized"] = True
    return part | {"class_name": RENAMED.get(name, name), "config": config}


def modern_sequence(config: dict[str, Any]) -> dict[str, Any]:
    """A sequence of layers that begins with an input layer, if its first says what shape its pictures have."""
    layers = config.get("layers")
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, dict) for layer in layers):
        return config
    names = fresh_names(layers)
    shapes = []
    for layer in layers:
        if isinstance(layer.get("config"), dict):
            shapes.append(layer["config"].pop("batch_input_shape", None))
            old = layer["config"].get("name")
            layer["config"]["name"] = names.get(old, old) if isinstance(old, str) else old
    if is_shapeless_input(layers[0]):
        return config | {"layers": layers[1:]}  # what it is called with has a shape
    if layers[0].get("class_name") == "InputLayer" or not shapes or shapes[0] is None:
        return config | {"layers": layers}
    given = {"batch_shape": shapes[0], "dtype": "float32", "name": "pictures"}
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": given, "registered_name": None}
    return config | {"layers": [first, *layers]}


def is_shapeless_input(layer: dict[str, Any]) -> bool:
    """Whether an input layer knows no side of its pictures, as where `Normalization` was adapted before it had any."""
    config = layer.get("config")
    shape = config.get("batch_shape") if isinstance(config, dict) else None
    return layer.get("class_name") == "InputLayer" and isinstance(shape, list) and shape == [None] * len(shape)
