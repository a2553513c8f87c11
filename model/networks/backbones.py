"""Networks on a backbone that was trained before: Keras Applications with ImageNet weights, or a bundle of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model.common.errors import VitrineError
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.networks.plain_cnns import classify
from model.signature.scaling import whole_input

if TYPE_CHECKING:
    import keras

LOGITS = "logits"
PREPROCESS = "preprocess"
TEACHER = "teacher"  # a network in the network that another learns from, and that stays as it is


class BackboneError(VitrineError, ValueError):
    """A backbone that cannot be had; the message says why and what would be right."""


@dataclass(frozen=True)
class Backbone:
    """A network of keras.applications, and what its ImageNet weights expect of the pixels."""

    attribute: str
    pixels: str = "own"  # own (scales inside) | signed (-1 to 1) | normal (ImageNet's mean and deviation) | caffe

    @property
    def options(self) -> dict[str, Any]:
        return {"include_preprocessing": True} if self.attribute.startswith(("MobileNetV3", "EfficientNetV2")) else {}


def families(pixels: str, *attributes: str) -> dict[str, Backbone]:
    return {attribute.lower(): Backbone(attribute, pixels) for attribute in attributes}


BACKBONES: dict[str, Backbone] = (
    families("caffe", "ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19")
    | families("signed", "ResNet50V2", "ResNet101V2", "ResNet152V2", "MobileNet", "MobileNetV2", "Xception")
    | families("signed", "InceptionV3", "InceptionResNetV2", "NASNetMobile", "NASNetLarge")
    | families("normal", "DenseNet121", "DenseNet169", "DenseNet201")
    | families("own", "MobileNetV3Small", "MobileNetV3Large", *(f"EfficientNetB{number}" for number in range(8)))
    | families("own", *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")))
    | families("own", *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")))
)
# Means of ImageNet's pixels in the order blue, green, red, which the first networks in Caffe subtracted.
CAFFE_MEAN = (103.939, 116.779, 123.68)
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


def transfer(
    classes: int,
    input_size: int | None = 224,
    backbone: str = "mobilenetv3small",
    weights: str = "imagenet",
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
) -> keras.Model:
    """A backbone with a new head: dense layers `hidden` with dropout, then one logit a class.

    backbone: a name of BACKBONES, or a bundle's name or path, whose logits and the dropout before them are left off.
    weights: `imagenet`
    (downloaded by Keras) or `none` (untrained). Trained weights are frozen; `unfreeze` lets them go.
    Raises BackboneError.
    """
    from keras import layers

    known = BACKBONES.get(backbone.lower().replace("-", "").replace("_", ""))
    base = application(known, input_size, weights) if known else own_backbone(backbone, input_size)
    x = base.output
    for index, units in enumerate(hidden, start=1):
        x = layers.Dense(units, activation="relu", name=f"head{index}")(x)
        x = layers.Dropout(dropout, name=f"head{index}_dropout")(x) if dropout else x
    return classify(base.input, x, classes, "transfer")


def application(backbone: Backbone, input_size: int | None, weights: str) -> keras.Model:
    """The network of keras.applications on uint8 pictures, to its pooled features (n, features)."""
    import keras

    inputs = whole_input(input_size)
    build: Callable[..., Any] = getattr(keras.applications, backbone.attribute)
    pretrained = weights == "imagenet"
    x = preprocess(inputs, backbone.pixels)
    try:
        base = build(
            include_top=False,
            weights=weights if pretrained else None,
            input_tensor=x,
            pooling="avg",
            **backbone.options,
        )
    except ValueError:
        raise
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise BackboneError(
            _(
                "the ImageNet weights of {network} could not be downloaded ({error}); check the connection, or set "
                "model.weights=none, or model.backbone to one of your own models"
            ).format(network=backbone.attribute, error=error)
        ) from error
    network = keras.Model(inputs, base.output)
    return freeze(network) if pretrained else network


def preprocess(inputs: Any, pixels: str) -> Any:
    """What keras.applications' `preprocess_input` does in Python, as layers that are saved with the network."""
    import numpy as np
    from keras import layers

    if pixels == "own":
        return layers.Rescaling(1.0, name=PREPROCESS)(inputs)  # from uint8 to the network's numbers
    if pixels == "signed":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name=PREPROCESS)(inputs)
    if pixels == "normal":
        return layers.Normalization(mean=IMAGENET_MEAN, variance=[std**2 for std in IMAGENET_STD], name=PREPROCESS)(
            inputs
        )
    swap = layers.Conv2D(3, 1, trainable=False, name=PREPROCESS)
    outputs = swap(layers.Rescaling(1.0, name="to_numbers")(inputs))
    swap.set_weights([np.eye(3)[::-1].reshape(1, 1, 3, 3), -np.array(CAFFE_MEAN)])  # red, green, blue turned round
    return outputs


def own_backbone(name: str, input_size: int | None) -> keras.Model:
    """A bundle's network up to its features (n, features), frozen, for pictures of any size. Raises BackboneError."""
    import keras

    network = own_network(name, input_size)
    return freeze(keras.Model(network.input, features_of(network)))


def features_of(network: keras.Model) -> Any:
    """What a network's logits are made of, (n, features), before any dropout."""
    last = network.get_layer(LOGITS).input
    while type(layer := last._keras_history.operation).__name__ == "Dropout":
        last = layer.input
    return last


def own_network(name: str, input_size: int | None) -> keras.Model:
    """A bundle's whole network, for pictures of another size where it can take them. Raises BackboneError."""
    from model.common.errors import BundleError
    from model.inference.classifier import read_network
    from model.registry.card import KERAS_FILE, read_card
    from model.registry.checksums import check_file
    from model.registry.resolution import find_bundle

    try:
        folder = find_bundle(name)
        card = read_card(folder)
        path = check_file(folder, card, KERAS_FILE)
    except BundleError as error:
        raise BackboneError(
            _(
                "unknown backbone {name!r}: no network of keras.applications, such as resnet50, vgg16, "
                "mobilenetv3small, and {error}{hint}"
            ).format(name=name, error=error, hint=did_you_mean(name, BACKBONES, 3))
        ) from None
    if card.input_shape != (card.input_size, card.input_size, 3):
        raise BackboneError(
            _("the network {name!r} takes {pixels}; a backbone takes RGB squares").format(
                name=name, pixels=card.input_shape.pixels
            )
        )
    network = read_network(path)
    if LOGITS not in {layer.name for layer in network.layers}:
        raise BackboneError(
            _("the network {name!r} has no layer called {layer!r} to put a new head in place of").format(
                name=name, layer=LOGITS
            )
        )
    if input_size == card.input_size:
        return network
    try:
        return of_size(network, input_size)
    except ValueError:
        raise BackboneError(
            _("the network {name!r} takes pictures of {size} x {size} alone; set model.input_size={size}").format(
                name=name, size=card.input_size
            )
        ) from None


def of_size(network: keras.Model, input_size: int | None) -> keras.Model:
    """The same network and weights for pictures of another size.

    Raises ValueError where the weights of a layer are for the network's own size alone.
    """
    import keras

    other = keras.models.clone_model(network, input_tensors=whole_input(input_size))
    other.set_weights(network.get_weights())
    return other


def freeze(network: keras.Model) -> keras.Model:
    for layer in network.layers:
        layer.trainable = False
    return network


def unfreeze(network: keras.Model, first_layer: str = "") -> None:
    """Let the backbone learn too, but for batch normalisation, whose statistics a small data set would spoil.

    As https://keras.io/guides/transfer_learning advises. first_layer: what comes before it stays frozen; empty: nothing
    does. Raises BackboneError for a layer that is not there.
    """
    import keras

    names = [layer.name for layer in network.layers]
    if first_layer and first_layer not in names:
        raise BackboneError(
            _("the network has no layer {name!r}{hint}").format(name=first_layer, hint=did_you_mean(first_layer, names))
        )
    begin = names.index(first_layer) if first_layer else 0
    for place, layer in enumerate(network.layers):
        learns = place >= begin and layer.name not in (PREPROCESS, TEACHER)
        layer.trainable = learns and not isinstance(layer, keras.layers.BatchNormalization)
