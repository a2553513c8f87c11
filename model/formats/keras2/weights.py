"""Load weights saved by Keras 2 into a Keras 3 network, layer by layer.

Keras 2 stored the layers in the order of its description, which may differ from the order in which Keras 3 builds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.formats.allowlist import NETWORKS
from model.formats.keras2.graph import FUNCTION_LAYERS, layer_name, valid_names
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    import h5py
    import keras

# Attributes that hold a layer's inner layers in Keras 2 and 3.
_INNER_ATTRIBUTES = (
    "cell",
    "layer",
    "forward_layer",
    "backward_layer",
    "_query_dense",
    "_key_dense",
    "_value_dense",
    "_output_dense",
)
_LAYER_LISTS = ("layers", "_layer_checkpoint_dependencies")  # names of a network's layers in .keras files


def load_weights(network: keras.Model, description: dict[str, Any], file: h5py.File) -> None:
    """Load the weights of a Keras 2 file into the network.

    Args:
        network: The network that Keras 3 has built.
        description: The description as the file has it, not the translated one.
        file: A whole .h5 file, or the weights of a .keras file.

    Raises:
        UnsafeModelError: The weights do not fit the network.
    """
    if "model_weights" in file:
        _load_from_h5(network, description, file["model_weights"])
    else:
        _load_network(network, description, file)
    _finish_loading(network)


def _load_from_h5(network: keras.Model, description: dict[str, Any], group: h5py.Group) -> None:
    for entry, layer in _matching_layers(description, network):
        changed, fixed = _ordered_variables(entry, layer)
        _assign(layer_name(entry), [*changed, *fixed], _stored_arrays(group, str(layer_name(entry))))


def _matching_layers(description: dict[str, Any], network: keras.Model) -> Iterator[tuple[dict[str, Any], keras.Layer]]:
    """Yield each layer as Keras 2 described it with the layer that Keras 3 built, if there is one."""
    entries = _layer_descriptions(description)
    names = valid_names(entries)
    built = {layer.name: layer for layer in network.layers}
    for entry in entries:
        layer = built.get(names.get(str(layer_name(entry)), ""))
        if layer is not None and entry.get("class_name") not in FUNCTION_LAYERS:
            yield entry, layer


def _layer_descriptions(description: dict[str, Any]) -> list[dict[str, Any]]:
    config = description["config"]
    return list(config if isinstance(config, list) else config["layers"])


def _ordered_variables(entry: dict[str, Any], layer: keras.Layer) -> tuple[list[Any], list[Any]]:
    """Return a layer's trainable and non-trainable variables in the order of an .h5 file."""
    if entry.get("class_name") not in NETWORKS:
        return list(layer.trainable_weights), list(layer.non_trainable_weights)
    inner = [_ordered_variables(*pair) for pair in _matching_layers(entry, layer)]
    return [one for part, _ in inner for one in part], [one for _, part in inner for one in part]


def _stored_arrays(group: h5py.Group, name: str) -> list[np.ndarray]:
    """Return a layer's arrays in the order of the names stored beside them, perhaps in several pieces."""
    layer = group.get(name)
    if layer is None:
        return []
    pieces = [key for key in layer.attrs if re.fullmatch(r"weight_names\d*", key)]
    pieces.sort(key=lambda key: int(key.removeprefix("weight_names") or 0))
    names = [text.decode() if isinstance(text, bytes) else str(text) for key in pieces for text in layer.attrs[key]]
    return [np.asarray(layer[text]) for text in names]


def _load_layer(layer: keras.Layer, description: dict[str, Any], group: Any) -> None:
    """Load a layer's own variables, then those of its inner layers; `group` is {} if the file has none."""
    if description.get("class_name") in NETWORKS:
        _load_network(layer, description, group)
        return
    store = group.get("vars", {})
    try:
        layer.load_own_variables({key: np.asarray(store[key]) for key in store})
    except (ValueError, KeyError) as error:
        raise UnsafeModelError(
            _("its weights do not fit its description at layer {name!r}").format(name=str(layer_name(description))[:80])
        ) from error
    for attribute in _INNER_ATTRIBUTES:
        inner = getattr(layer, attribute, None)
        if hasattr(inner, "load_own_variables"):
            _load_layer(inner, _wrapped_description(description), group.get(attribute, {}))


def _wrapped_description(description: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a wrapped layer, as far as its class and name matter here."""
    wrapped = description["config"].get("layer")
    return wrapped if isinstance(wrapped, dict) else {"class_name": "", "config": {}, "name": layer_name(description)}


def _load_network(network: keras.Model, description: dict[str, Any], group: Any) -> None:
    """Load the layers of a network, which .keras files name by class, numbered in the order of the description."""
    inside: Any = next((group[name] for name in _LAYER_LISTS if name in group), {})
    layers = {id(entry): layer for entry, layer in _matching_layers(description, network)}
    waiting: dict[str, list[str]] = {}
    for entry in _layer_descriptions(description):
        kind = _snake_case(str(entry.get("class_name")))
        keys = waiting.setdefault(kind, _numbered_names(inside, kind) if kind not in waiting else [])
        group = inside[keys.pop(0)] if keys else {}
        if id(entry) in layers:
            _load_layer(layers[id(entry)], entry, group)


def _numbered_names(group: Any, kind: str) -> list[str]:
    """Return dense, dense_1, dense_2, … of a group in order; some versions skipped numbers."""
    numbers = {key: int(key[len(kind) + 1 :] or 0) for key in group if re.fullmatch(rf"{kind}(_\d+)?", key)}
    return sorted(numbers, key=numbers.__getitem__)


def _snake_case(name: str) -> str:
    """Return a class name as Keras writes it in .keras files: Conv2D becomes conv2d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _assign(name: Any, variables: list[Any], values: list[np.ndarray]) -> None:
    """Assign arrays to a layer's variables; raise UnsafeModelError if the shapes differ."""
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise UnsafeModelError(
            _("its weights do not fit its description: layer {name!r} needs {wanted}, and it holds {found}").format(
                name=str(name)[:80],
                wanted=_format_shapes(shapes),
                found=_format_shapes([value.shape for value in values]),
            )
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _format_shapes(shapes: list[tuple[int, ...]]) -> str:
    text = ", ".join(" x ".join(map(str, shape)) or "1" for shape in shapes)
    return (text if len(text) <= 80 else f"{text[:77]}...") or _("none")


def _finish_loading(network: keras.Model) -> None:
    """Update what layers compute from their weights, and restore Keras 2's definition of hard_sigmoid."""
    import keras

    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and layer.built:
            layer.finalize_state()
        for attribute in ("activation", "recurrent_activation"):
            if vars(layer).get(attribute) is keras.activations.hard_sigmoid:
                setattr(layer, attribute, _hard_sigmoid)


def own_functions() -> dict[str, Any]:
    """Return the functions that a network may have and Keras 3 lacks, by name: a copy is made where these are known.

    They are not registered for good: a file that is written must not say what no other program has.
    """
    return {"_hard_sigmoid": _hard_sigmoid}


def _hard_sigmoid(x: Any) -> Any:
    """Compute Keras 2's version, 0.2 x + 0.5 clipped to 0 to 1; Keras 3 uses x / 6 + 0.5."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
