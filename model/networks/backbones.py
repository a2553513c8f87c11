"""Transfer learning: a pretrained backbone, from Keras Applications or from a bundle, with a new head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model.common.errors import VitrineError
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.networks.plain_cnns import add_classifier_head
from model.networks.pretrained import SHIPPED
from model.signature.scaling import image_input

if TYPE_CHECKING:
    import keras

LOGITS = "logits"
PREPROCESS = "preprocess"
TEACHER = "teacher"  # a frozen network inside the network, from which the rest learns


class BackboneError(VitrineError, ValueError):
    """A backbone cannot be used; the message says why and what would be right."""


@dataclass(frozen=True)
class Backbone:
    """A network of keras.applications.

    Attributes:
        attribute: Its name in keras.applications.
        pixels: How its ImageNet weights expect the pixels: `own` (the network scales them itself), `signed` (-1 to
            1), `normal` (minus ImageNet's mean, divided by its standard deviation) or `caffe` (BGR minus the mean).
    """

    attribute: str
    pixels: str = "own"

    @property
    def options(self) -> dict[str, Any]:
        """Further arguments of the constructor."""
        return {"include_preprocessing": True} if self.attribute.startswith(("MobileNetV3", "EfficientNetV2")) else {}


def _family(pixels: str, *attributes: str) -> dict[str, Backbone]:
    return {attribute.lower(): Backbone(attribute, pixels) for attribute in attributes}


BACKBONES: dict[str, Backbone] = (
    _family("caffe", "ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19")
    | _family("signed", "ResNet50V2", "ResNet101V2", "ResNet152V2", "MobileNet", "MobileNetV2", "Xception")
    | _family("signed", "InceptionV3", "InceptionResNetV2", "NASNetMobile", "NASNetLarge")
    | _family("normal", "DenseNet121", "DenseNet169", "DenseNet201")
    | _family("own", "MobileNetV3Small", "MobileNetV3Large", *(f"EfficientNetB{number}" for number in range(8)))
    | _family("own", *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")))
    | _family("own", *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")))
)
# The means of ImageNet's pixels in the order blue, green, red, as the first networks in Caffe subtracted them.
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_STD = (58.395, 57.12, 57.375)


def transfer(
    classes: int,
    input_size: int | None = 224,
    backbone: str = "efficientnet-lite0",
    weights: str = "imagenet",
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
) -> keras.Model:
    """Build a backbone with a new head: dense layers with dropout, then one logit for each class.

    Pretrained weights are frozen; `unfreeze` makes them trainable.

    Args:
        classes: The number of classes.
        input_size: Height and width of the images, in pixels.
        backbone: A name of BACKBONES, or a bundle's name or path, whose logits and the dropout before them are left
            off; `efficientnet-lite0` is the bundle that ships.
        weights: For one of BACKBONES: `imagenet`, which Keras downloads, or `none`.
        hidden: The units of the dense layers before the logits.
        dropout: The dropout after each of these layers.

    Raises:
        BackboneError: The backbone cannot be loaded or does not fit.
    """
    from keras import layers

    known = BACKBONES.get(backbone.lower().replace("-", "").replace("_", ""))
    base = _application_backbone(known, input_size, weights) if known else _bundle_backbone(backbone, input_size)
    x = base.output
    for index, units in enumerate(hidden, start=1):
        x = layers.Dense(units, activation="relu", name=f"head{index}")(x)
        x = layers.Dropout(dropout, name=f"head{index}_dropout")(x) if dropout else x
    return add_classifier_head(base.input, x, classes, "transfer")


def _application_backbone(backbone: Backbone, input_size: int | None, weights: str) -> keras.Model:
    """Return a network of keras.applications, from uint8 images to its pooled features (n, features)."""
    import keras

    inputs = image_input(input_size)
    build: Callable[..., Any] = getattr(keras.applications, backbone.attribute)
    pretrained = weights == "imagenet"
    x = preprocessing_layers(inputs, backbone.pixels)
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


def preprocessing_layers(inputs: Any, pixels: str) -> Any:
    """Apply what `preprocess_input` of keras.applications does as layers, so that it is saved with the network.

    Args:
        inputs: The images, uint8.
        pixels: As in `Backbone`.
    """
    import numpy as np
    from keras import layers

    if pixels == "own":
        return layers.Rescaling(1.0, name=PREPROCESS)(inputs)  # from uint8 to the network's numbers
    if pixels == "signed":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name=PREPROCESS)(inputs)
    if pixels == "normal":
        return layers.Normalization(mean=_IMAGENET_MEAN, variance=[std**2 for std in _IMAGENET_STD], name=PREPROCESS)(
            inputs
        )
    swap = layers.Conv2D(3, 1, trainable=False, name=PREPROCESS)
    outputs = swap(layers.Rescaling(1.0, name="to_numbers")(inputs))
    swap.set_weights([np.eye(3)[::-1].reshape(1, 1, 3, 3), -np.array(_CAFFE_MEAN)])  # RGB to BGR
    return outputs


def _bundle_backbone(name: str, input_size: int | None) -> keras.Model:
    """Return a bundle's network up to its features (n, features), frozen, for images of any size."""
    import keras

    network = load_bundle_network(name, input_size)
    return freeze(keras.Model(network.input, features_tensor(network)))


def features_tensor(network: keras.Model) -> Any:
    """Return the input of a network's logits, (n, features), before any dropout."""
    last = network.get_layer(LOGITS).input
    while type(layer := last._keras_history.operation).__name__ == "Dropout":
        last = layer.input
    return last


def load_bundle_network(name: str, input_size: int | None) -> keras.Model:
    """Load a bundle's whole network; at another input size than its own, if it can have one, up to its logits.

    Args:
        name: The bundle's name or path, or a key of SHIPPED.
        input_size: Height and width of the images, in pixels.

    Raises:
        BackboneError: There is no such bundle, it cannot be a backbone, or it takes another size only.
    """
    from model.common.errors import BundleError
    from model.inference.classifier import read_network
    from model.registry.card import KERAS_FILE, read_card
    from model.registry.checksums import check_file
    from model.registry.resolution import find_bundle

    try:
        folder = find_bundle(SHIPPED.get(name, name))
        card = read_card(folder)
        path = check_file(folder, card, KERAS_FILE)
    except BundleError as error:
        raise BackboneError(
            _(
                "unknown backbone {name!r}: neither efficientnet-lite0 nor a network of keras.applications, such as "
                "resnet50, vgg16, mobilenetv3small, and {error}{hint}"
            ).format(name=name, error=error, hint=did_you_mean(name, [*SHIPPED, *BACKBONES], 3))
        ) from None
    if card.input_shape != (card.input_size, card.input_size, 3):
        raise BackboneError(
            _("the network {name!r} takes {pixels}; a backbone takes RGB squares").format(
                name=name, pixels=card.input_shape.pixels
            )
        )
    network = read_network(path, card.outputs)
    if LOGITS not in {layer.name for layer in network.layers}:
        raise BackboneError(
            _("the network {name!r} has no layer called {layer!r} to put a new head in place of").format(
                name=name, layer=LOGITS
            )
        )
    if input_size == card.input_size:
        return network
    try:
        return _with_input_size(network, input_size)
    except ValueError:
        raise BackboneError(
            _("the network {name!r} takes pictures of {size} x {size} alone; set model.input_size={size}").format(
                name=name, size=card.input_size
            )
        ) from None


def _with_input_size(network: keras.Model, input_size: int | None) -> keras.Model:
    """Copy a network up to its logits, with its weights, for images of another size.

    What comes after them may need its own size, as an expert for tiles does.

    Raises:
        ValueError: The weights of a layer fit the network's own size only.
    """
    import keras

    network = keras.Model(network.input, network.get_layer(LOGITS).output, name=network.name)
    other = keras.models.clone_model(network, input_tensors=image_input(input_size))
    other.set_weights(network.get_weights())
    return other


def freeze(network: keras.Model) -> keras.Model:
    """Make every layer of a network untrainable, in place, and return the network."""
    for layer in network.layers:
        layer.trainable = False
    return network


def check_first_layer(network: keras.Model, first_layer: str) -> None:
    """Raise BackboneError if a network has no layer of this name; an empty one is fine."""
    names = [layer.name for layer in network.layers]
    if first_layer and first_layer not in names:
        raise BackboneError(
            _("the network has no layer {name!r}{hint}").format(name=first_layer, hint=did_you_mean(first_layer, names))
        )


def unfreeze(network: keras.Model, first_layer: str = "") -> None:
    """Make a backbone trainable, except batch normalization: a small data set would spoil its statistics.

    This is what https://keras.io/guides/transfer_learning advises.

    Args:
        network: The network.
        first_layer: The first layer that becomes trainable; empty for all.

    Raises:
        BackboneError: There is no such layer.
    """
    import keras

    check_first_layer(network, first_layer)
    begin = [layer.name for layer in network.layers].index(first_layer) if first_layer else 0
    for index, layer in enumerate(network.layers):
        learns = index >= begin and layer.name not in (PREPROCESS, TEACHER)
        layer.trainable = learns and not isinstance(layer, keras.layers.BatchNormalization)
