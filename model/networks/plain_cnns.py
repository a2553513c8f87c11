"""Networks of plain convolution and pooling stages, as courses teach them, from uint8 images to probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.signature.scaling import scaled_input

if TYPE_CHECKING:
    import keras


def add_classifier_head(inputs: Any, x: Any, classes: int, name: str) -> keras.Model:
    """Add the last layers, one logit for each class and a softmax, and return the whole network."""
    import keras
    from keras import layers

    x = layers.Dense(classes, name="logits")(x)
    outputs = layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name=name)


def cnn5x5(classes: int, input_size: int | None = 32, widths: tuple[int, ...] = (64, 128, 128)) -> keras.Model:
    """Build a network of 5x5 convolutions without padding, pooled after each but the last, and one dense layer."""
    from keras import layers

    inputs, x = scaled_input(input_size, "unit")
    for index, width in enumerate(widths, start=1):
        x = layers.Conv2D(width, 5, activation="relu", name=f"conv{index}")(x)
        if index < len(widths):
            x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="features")(x)
    return add_classifier_head(inputs, x, classes, "cnn5x5")


def dropout_stages(
    classes: int, input_size: int | None = 32, widths: tuple[int, ...] = (32, 64, 128), dropout: float = 0.25
) -> keras.Model:
    """Build stages of convolution, pooling and dropout, and one dense layer with twice the dropout."""
    from keras import layers

    inputs, x = scaled_input(input_size, "unit")
    for index, width in enumerate(widths, start=1):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
        x = layers.Dropout(dropout, name=f"dropout{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="features")(x)
    x = layers.Dropout(2 * dropout, name="dropout_dense")(x)
    return add_classifier_head(inputs, x, classes, "dropout_stages")


def dropout_dense(
    classes: int, input_size: int | None = 32, widths: tuple[int, ...] = (32, 64), dropout: float = 0.25
) -> keras.Model:
    """Build two stages of convolutions and two wide dense layers, with dropout after each."""
    from keras import layers

    first, second = widths
    inputs, x = scaled_input(input_size, "unit")
    x = layers.Conv2D(first, 3, activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Dropout(dropout, name="dropout1")(x)
    x = layers.Conv2D(second, 3, padding="same", activation="relu", name="conv2")(x)
    x = layers.Conv2D(second, 3, activation="relu", name="conv3")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Dropout(dropout, name="dropout2")(x)
    x = layers.Flatten(name="flatten")(x)
    for index, name in enumerate(("dense1", "features"), start=1):
        x = layers.Dense(512, activation="relu", name=name)(x)
        x = layers.Dropout(2 * dropout, name=f"dropout_dense{index}")(x)
    return add_classifier_head(inputs, x, classes, "dropout_dense")


def vgg3(
    classes: int,
    input_size: int | None = 32,
    widths: tuple[int, ...] = (32, 64, 128),
    batch_norm: bool = False,
    dropout: float = 0.0,
    l2: float = 0.0,
    scaling: str = "unit",
) -> keras.Model:
    """Build stages of two 3x3 convolutions and pooling, and two dense layers.

    After K. Simonyan and A. Zisserman, arXiv 1409.1556.

    Args:
        classes: The number of classes.
        input_size: Height and width of the images, in pixels.
        widths: The filters of each stage.
        batch_norm: Normalize after each convolution.
        dropout: The dropout after the first stage; it grows by as much with each stage, up to 0.5.
        l2: The weight of the L2 penalty on kernels.
        scaling: The scaling of the pixels, as in `model.signature.scaling`.
    """
    import keras
    from keras import layers

    penalty = keras.regularizers.L2(l2) if l2 else None

    def activated(x: Any, name: str) -> Any:
        x = layers.BatchNormalization(name=f"{name}_norm")(x) if batch_norm else x
        return layers.Activation("relu", name=f"{name}_relu")(x)

    def dropped(x: Any, stage: int) -> Any:
        return layers.Dropout(min(dropout * stage, 0.5), name=f"dropout{stage}")(x) if dropout else x

    inputs, x = scaled_input(input_size, scaling)
    for stage, width in enumerate(widths, start=1):
        for index in (1, 2):
            name = f"stage{stage}_conv{index}"
            x = layers.Conv2D(
                width, 3, padding="same", kernel_initializer="he_uniform", kernel_regularizer=penalty, name=name
            )(x)
            x = activated(x, name)
        x = dropped(layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x), stage)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, kernel_initializer="he_uniform", kernel_regularizer=penalty, name="dense")(x)
    x = dropped(activated(x, "features"), len(widths) + 1)
    return add_classifier_head(inputs, x, classes, "vgg3")
