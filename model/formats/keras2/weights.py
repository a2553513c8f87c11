"""The weights that Keras 2 saved, laid into a network of Keras 3 layer by layer.

Keras 2 stored layers in the order of its description, which is not always that of the network Keras 3 builds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.formats.allowlist import NETWORKS
from model.formats.keras2.graph import FUNCTIONS, fresh_names, name_of
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    import h5py
    import keras

# What a layer keeps its inner layers as, in Keras 2 and 3.
INNER = (
    "cell",
    "layer",
    "forward_layer",
    "backward_layer",
    "_query_dense",
    "_key_dense",
    "_value_dense",
    "_output_dense",
)
LISTS = ("layers", "_layer_checkpoint_dependencies")  # what the archives call a network's layers


def fill(network: keras.Model, description: dict[str, Any], file: h5py.File) -> None:
    """Lay the weights of a file of Keras 2 into the network. Raises UnsafeModelError where they do not fit.

    description: the file's own, not in the words of Keras 3; file: a whole .h5 file, or a .keras file's weights.
    """
    if "model_weights" in file:
        fill_from_h5(network, description, file["model_weights"])
    else:
        fill_network(network, description, file)
    finish(network)


def fill_from_h5(network: keras.Model, description: dict[str, Any], group: h5py.Group) -> None:
    for entry, layer in pairs(description, network):
        changed, fixed = ordered(entry, layer)
        assign(name_of(entry), [*changed, *fixed], stored(group, str(name_of(entry))))


def pairs(description: dict[str, Any], network: keras.Model) -> Iterator[tuple[dict[str, Any], keras.Layer]]:
    """Each layer of a network as Keras 2 described it, beside the one that Keras 3 built, if it built one."""
    entries = layers_of(description)
    names = fresh_names(entries)
    built = {layer.name: layer for layer in network.layers}
    for entry in entries:
        layer = built.get(names.get(str(name_of(entry)), ""))
        if layer is not None and entry.get("class_name") not in FUNCTIONS:
            yield entry, layer


def layers_of(description: dict[str, Any]) -> list[dict[str, Any]]:
    config = description["config"]
    return list(config if isinstance(config, list) else config["layers"])


def ordered(entry: dict[str, Any], layer: keras.Layer) -> tuple[list[Any], list[Any]]:
    """A layer's variables in the order in which an .h5 file has them: those that training changes, then the others."""
    if entry.get("class_name") not in NETWORKS:
        return list(layer.trainable_weights), list(layer.non_trainable_weights)
    inner = [ordered(*pair) for pair in pairs(entry, layer)]
    return [one for part, _ in inner for one in part], [one for _, part in inner for one in part]


def stored(group: h5py.Group, name: str) -> list[np.ndarray]:
    """A layer's arrays in the order of the names that are listed beside them; a long list comes in pieces."""
    layer = group.get(name)
    if layer is None:
        return []
    pieces = [key for key in layer.attrs if re.fullmatch(r"weight_names\d*", key)]
    pieces.sort(key=lambda key: int(key.removeprefix("weight_names") or 0))
    names = [text.decode() if isinstance(text, bytes) else str(text) for key in pieces for text in layer.attrs[key]]
    return [np.asarray(layer[text]) for text in names]


def fill_group(layer: keras.Layer, description: dict[str, Any], group: Any) -> None:
    """A layer's own variables, then those of the layers in it. group: the part of the archive, or {} for none."""
    if description.get("class_name") in NETWORKS:
        fill_network(layer, description, group)
        return
    store = group.get("vars", {})
    try:
        layer.load_own_variables({key: np.asarray(store[key]) for key in store})
    except (ValueError, KeyError) as error:
        raise UnsafeModelError(
            _("its weights do not fit its description at layer {name!r}").format(name=str(name_of(description))[:80])
        ) from error
    for attribute in INNER:
        inner = getattr(layer, attribute, None)
        if hasattr(inner, "load_own_variables"):
            fill_group(inner, inside_of(description), group.get(attribute, {}))


def inside_of(description: dict[str, Any]) -> dict[str, Any]:
    """The description of the layer that a layer wraps, as far as its kind and name matter here."""
    wrapped = description["config"].get("layer")
    return wrapped if isinstance(wrapped, dict) else {"class_name": "", "config": {}, "name": name_of(description)}


def fill_network(network: keras.Model, description: dict[str, Any], group: Any) -> None:
    """The archives name a network's layers by their classes, numbered in the order of the description."""
    inside: Any = next((group[name] for name in LISTS if name in group), {})
    layers = {id(entry): layer for entry, layer in pairs(description, network)}
    waiting: dict[str, list[str]] = {}
    for entry in layers_of(description):
        kind = snake(str(entry.get("class_name")))
        keys = waiting.setdefault(kind, numbered(inside, kind) if kind not in waiting else [])
        group = inside[keys.pop(0)] if keys else {}
        if id(entry) in layers:
            fill_group(layers[id(entry)], entry, group)


def numbered(group: Any, kind: str) -> list[str]:
    """dense, dense_1, dense_2, ... of a group. Some versions left numbers out."""
    numbers = {key: int(key[len(kind) + 1 :] or 0) for key in group if re.fullmatch(rf"{kind}(_\d+)?", key)}
    return sorted(numbers, key=numbers.__getitem__)


def snake(name: str) -> str:
    """The name of a class as Keras writes it in its archives: Conv2D is conv2d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def assign(name: Any, variables: list[Any], values: list[np.ndarray]) -> None:
    """Raises UnsafeModelError where the arrays are not those that the layer needs."""
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise UnsafeModelError(
            _("its weights do not fit its description: layer {name!r} needs {wanted}, and it holds {found}").format(
                name=str(name)[:80], wanted=spelled(shapes), found=spelled([value.shape for value in values])
            )
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def spelled(shapes: list[tuple[int, ...]]) -> str:
    text = ", ".join(" x ".join(map(str, shape)) or "1" for shape in shapes)
    return (text if len(text) <= 80 else f"{text[:77]}...") or _("none")


def finish(network: keras.Model) -> None:
    """Some layers calculate with what they make of their weights, and in Keras 2 one function was another."""
    import keras

    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and layer.built:
            layer.finalize_state()
        for attribute in ("activation", "recurrent_activation"):
            if vars(layer).get(attribute) is keras.activations.hard_sigmoid:
                setattr(layer, attribute, hard_sigmoid)


def hard_sigmoid(x: Any) -> Any:
    """That of Keras 2: 0.2 x + 0.5 between 0 and 1. Keras 3 has x / 6 + 0.5."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
