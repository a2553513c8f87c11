"""Translate the description of a Keras 2 network for Keras 3.

What Keras 3 has no counterpart for stays unchanged, and the allowlist then refuses it.
"""

from __future__ import annotations

from typing import Any

from model.formats.allowlist import ACTIVATIONS, CONSTRAINTS, INITIALIZERS, LAYERS, NETWORKS, OPERATIONS, REGULARIZERS
from model.formats.keras2.graph import convert_graph, valid_names

_MODULE_OF_NETWORK = {
    "Functional": "keras.src.models.functional",
    "Sequential": "keras.src.models.sequential",
}
# Modules of Keras 2, tf_keras and TensorFlow whose classes have moved in Keras 3.
_KERAS2_PACKAGES = ("keras", "keras.src", "tf_keras", "tf_keras.src")
_KERAS2_MODULES = {
    "tensorflow.python.ops.init_ops_v2",
    *_KERAS2_PACKAGES,
    *(
        f"{home}.{place}"
        for home in _KERAS2_PACKAGES
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
# Layers defined by networks of keras.applications.
_APPLICATION_LAYERS = {
    "LayerScale": "keras.src.applications.convnext",
    "StochasticDepth": "keras.src.applications.convnext",
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
}
_POLICIES = {"Policy", "PolicyV1"}
_RANDOM = ("Flip", "Rotation", "Translation", "Zoom", "Contrast", "Crop", "Brightness")
_SEPARABLE = {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"}
# Settings that Keras 2 wrote although the layer does not use them.
_UNUSED_SETTINGS = {
    "InputLayer": {"ragged", "sparse"},
    "DepthwiseConv2D": {"groups"},
    "DepthwiseConv1D": {"groups"},
    "Conv1DTranspose": {"groups"},
    "Conv2DTranspose": {"groups"},
    "Conv3DTranspose": {"groups"},
    "SeparableConv2D": _SEPARABLE,
    "SeparableConv1D": _SEPARABLE,
    "LSTM": {"implementation", "time_major"},
    "GRU": {"implementation", "time_major"},
    "SimpleRNN": {"implementation", "time_major"},
    "MultiHeadAttention": {"query_shape", "key_shape", "value_shape"},
    **{f"SpatialDropout{sides}D": {"noise_shape", "trainable"} for sides in (1, 2, 3)},
    "BatchNormalization": {"fused", "renorm", "renorm_clipping", "renorm_momentum", "virtual_batch_size"},
    **{f"Random{change}": {"rng_type"} for change in _RANDOM},
}
_RENAMED_LAYERS = {"SyncBatchNormalization": "BatchNormalization", "ThresholdedReLU": "ReLU"}
# Layers that only act during training and do not exist in Keras 3.
_TRAINING_ONLY_LAYERS = {"RandomHeight", "RandomWidth"}


def to_keras3(value: Any) -> Any:
    """Translate a description, or any part of one.

    Raises:
        UnsafeModelError: It uses arithmetic that Keras 3 has no counterpart for.
    """
    if isinstance(value, list):
        return [to_keras3(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    part = {key: _convert_activation(key, to_keras3(inner)) for key, inner in value.items()}
    name, config = part.get("class_name"), part.get("config")
    if not isinstance(name, str):
        return part
    if name == "Custom>CustomScaleLayer":  # its name in .h5 files
        name = part["class_name"] = "CustomScaleLayer"
    if name in _POLICIES and isinstance(config, dict):
        return config.get("name")
    if name == "Sequential":
        config = config if isinstance(config, dict) else {"name": "sequential", "layers": config}
        return _with_module(part | {"config": _convert_sequential(config)})
    if not isinstance(config, dict):
        return part
    if name in ("Functional", "Model"):
        return _with_module(part | {"class_name": "Functional", "config": convert_graph(config)})
    return _with_module(_convert_layer(part, name, config))


def _convert_activation(key: str, value: Any) -> Any:
    """Return an activation's name; SavedModels describe TensorFlow's own, such as tf.nn.relu, as functions."""
    if key.endswith("activation") and isinstance(value, dict) and value.get("class_name") == "function":
        module, name = value.get("module"), value.get("config")
        if name in ACTIVATIONS and module in ("builtins", "tensorflow.python.ops.gen_nn_ops", "keras.activations"):
            return name
    return value


def with_all_modules(value: Any) -> Any:
    """Add the modules of layers and operations to a description from an .h5 file of Keras 3, which lacks them."""
    if isinstance(value, list):
        return [with_all_modules(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    part = {key: with_all_modules(inner) for key, inner in value.items()}
    return (
        _with_module(part) if isinstance(part.get("class_name"), str) and isinstance(part.get("config"), dict) else part
    )


def _with_module(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part with its Keras 3 module, if it names none or one of Keras 2."""
    module = part.get("module")
    if module is not None and not (isinstance(module, str) and module in _KERAS2_MODULES):
        return part
    home = _module_of(part["class_name"], part["config"])
    if home is None:
        return part
    kind = part["class_name"]
    called = kind if kind in NETWORKS or kind in _APPLICATION_LAYERS or home in OPERATIONS else None
    return part | {"module": home, "registered_name": called}


def _module_of(kind: str, config: dict[str, Any]) -> str | None:
    """Return the Keras 3 module of a class; some names are both a layer and an operation, or an initializer."""
    if kind in _MODULE_OF_NETWORK:
        return _MODULE_OF_NETWORK[kind]
    if "trainable" not in config and "name" in config:
        found = next((module for module, kinds in OPERATIONS.items() if kind in kinds), None)
        if found is not None:
            return found
    if kind in _APPLICATION_LAYERS:
        return _APPLICATION_LAYERS[kind]
    if kind == "Identity" and "name" not in config:
        return "keras.initializers"
    kinds = {"layers": LAYERS, "initializers": INITIALIZERS, "regularizers": REGULARIZERS, "constraints": CONSTRAINTS}
    home = next((home for home, names in kinds.items() if kind in names), None)
    return f"keras.{home}" if home else None


def _convert_layer(part: dict[str, Any], name: str, config: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in config.items() if key not in _UNUSED_SETTINGS.get(name, ())}
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    if name == "InputLayer" and "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    if name in INITIALIZERS and name != "Identity":
        config.pop("dtype", None)
    if name in _TRAINING_ONLY_LAYERS:
        return part | {"class_name": "Identity", "config": {key: config.get(key) for key in ("name", "dtype")}}
    if name == "RandomCrop":  # at inference it resizes pictures to the size of its crops
        kept = {key: config.get(key) for key in ("name", "dtype", "height", "width")}
        return part | {"class_name": "Resizing", "config": {**kept, "crop_to_aspect_ratio": True}}
    if name == "ThresholdedReLU":
        config["threshold"] = config.pop("theta", 1.0)
    if name == "SyncBatchNormalization":
        config["synchronized"] = True
    return part | {"class_name": _RENAMED_LAYERS.get(name, name), "config": config}


def _convert_sequential(config: dict[str, Any]) -> dict[str, Any]:
    """Translate a Sequential; it gets an input layer if its first layer says the input shape."""
    layers = config.get("layers")
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, dict) for layer in layers):
        return config
    names = valid_names(layers)
    shapes = []
    for layer in layers:
        if isinstance(layer.get("config"), dict):
            shapes.append(layer["config"].pop("batch_input_shape", None))
            old = layer["config"].get("name")
            layer["config"]["name"] = names.get(old, old) if isinstance(old, str) else old
    if _is_shapeless_input(layers[0]):
        return config | {"layers": layers[1:]}  # the shape comes from what it is called with
    if layers[0].get("class_name") == "InputLayer" or not shapes or shapes[0] is None:
        return config | {"layers": layers}
    given = {"batch_shape": shapes[0], "dtype": "float32", "name": "pictures"}
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": given, "registered_name": None}
    return config | {"layers": [first, *layers]}


def _is_shapeless_input(layer: dict[str, Any]) -> bool:
    """Return whether an input layer knows none of its sides, as after an early `Normalization.adapt`."""
    config = layer.get("config")
    shape = config.get("batch_shape") if isinstance(config, dict) else None
    return layer.get("class_name") == "InputLayer" and isinstance(shape, list) and shape == [None] * len(shape)
