"""The architectures by name. Every network takes uint8 RGB images and returns probabilities."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.keras_import import import_keras
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.networks.airbench import airbench, prepare_airbench
from model.networks.backbones import BackboneError, transfer, unfreeze
from model.networks.plain_cnns import cnn5x5, dropout_dense, dropout_stages, vgg3
from model.networks.residual import residual

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """A kind of network that can be built by name.

    Attributes:
        name: Its name in recipes.
        build: Builds it, untrained.
        about: A short description.
        prepare: Sets starting weights from training images, uint8 (n, size, size, 3).
        unfreeze: Makes pretrained weights trainable.
    """

    name: str
    build: Callable[..., keras.Model]
    about: str
    prepare: Callable[[keras.Model, np.ndarray], None] | None = None
    unfreeze: Callable[..., None] | None = None


ARCHITECTURES: dict[str, Architecture] = {
    entry.name: entry
    for entry in (
        Architecture("airbench", airbench, "2x2 whitening, three blocks of 3x3 convolutions, GELU", prepare_airbench),
        Architecture("cnn5x5", cnn5x5, "three 5x5 convolutions, one dense layer"),
        Architecture("dropout_stages", dropout_stages, "stages of convolution, pooling and dropout, one dense layer"),
        Architecture("dropout_dense", dropout_dense, "three 3x3 convolutions, two dense layers of 512, dropout"),
        Architecture("vgg3", vgg3, "three stages of two 3x3 convolutions, two dense layers"),
        Architecture("residual", residual, "three stages of residual blocks, ReLU"),
        Architecture("transfer", transfer, "a pretrained network with a new head", unfreeze=unfreeze),
    )
}


def build_model(name: str, classes: int, input_size: int | None = 32, **settings: Any) -> keras.Model:
    """Build an untrained network.

    Args:
        name: A name of ARCHITECTURES.
        classes: The number of classes.
        input_size: Height and width of the images, in pixels; None for a network that takes any size.
        **settings: Arguments of the architecture's builder.

    Returns:
        A network from uint8 (n, input_size, input_size, 3) to probabilities, float32 (n, classes).

    Raises:
        BackboneError: The backbone cannot be used.
        ValueError: The name or a setting is unknown, or no such network can be built; the message lists the valid
            ones.
    """
    if name not in ARCHITECTURES:
        raise ValueError(
            _("unknown architecture {name!r}; architectures: {names}{hint}").format(
                name=name, names=", ".join(ARCHITECTURES), hint=did_you_mean(name, ARCHITECTURES)
            )
        )
    import_keras()
    build = ARCHITECTURES[name].build
    own = [key for key in inspect.signature(build).parameters if key not in ("classes", "input_size")]
    for key in settings.keys() - set(own):
        raise ValueError(
            _("architecture {name!r} has no {key}; its settings: {names}").format(
                name=name, key=key, names=", ".join(own)
            )
        )
    try:
        return build(classes=classes, input_size=input_size, **settings)
    except BackboneError:
        raise
    except (TypeError, ValueError) as error:  # Keras's own message fills a page
        sentence = (
            _("architecture {name!r} cannot be built for pictures of any size")
            if input_size is None
            else _("architecture {name!r} cannot be built for pictures of {size} x {size}")
        ).format(name=name, size=input_size)
        raise ValueError(f"{sentence}: {settings}" if settings else sentence) from error
