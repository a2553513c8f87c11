"""Quantize a float network to int8: a quarter of the size, and faster, on any machine."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.common.errors import BundleError
from model.common.files import write_atomic
from model.common.stderr_filter import quiet
from model.datasets.loader import load_dataset
from model.datasets.splits import DataError
from model.datasets.test_set import match_labels
from model.evaluation.paired_test import Disagreement, disagreements
from model.evaluation.scores import Evaluation, score_sets
from model.export.bias_correction import correct_biases
from model.export.float_tail import refine, tail_tensors
from model.export.held_out import load_as_trained
from model.formats.keras2.weights import own_functions
from model.i18n.translations import gettext as _
from model.inference.classifier import ENGINES, Classifier, file_of, load_keras, read_network
from model.inference.lite import load_tflite
from model.registry.card import Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_bundle
from model.signature.rows import keras_outputs
from model.signature.scaling import scaling_layers

if TYPE_CHECKING:
    import keras

_CALIBRATION_IMAGES = 500
_MOST_REASON = 300  # letters of why a conversion failed
_INNER_OUTPUT = {"logits": "probabilities"}  # output before -> after baking in


def quantize(model: keras.Model, images: np.ndarray, path: Path) -> None:
    """Write a network as a .tflite file with int8 weights and activations: one uint8 image in, float32 numbers out.

    This is post-training integer quantization (https://ai.google.dev/edge/litert/models/post_training_integer_quant).
    The layers after the last large one are computed in float32, see `model.export.float_tail`, and the biases of those
    before it make up for what rounding the weights changes, see `model.export.bias_correction`.

    Args:
        model: The network, with its preprocessing inside.
        images: Training images, uint8 (n, height, width, channels), that set the ranges of the activations.
        path: The file to write.
    """
    import keras
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    # The converter needs a float input to calibrate; the numbers are still 0 to 255. One image at a time, because in a
    # browser only files with fixed shapes run.
    floating = keras.Input(batch_shape=(1, *images.shape[1:]), dtype="float32")
    with keras.saving.custom_object_scope(own_functions()):
        network = keras.models.clone_model(model, input_tensors=floating)
    network.set_weights(model.get_weights())
    rng = np.random.default_rng(0)
    chosen = images[rng.permutation(len(images))[:_CALIBRATION_IMAGES]]

    def representative() -> Iterator[list[np.ndarray]]:
        for image in chosen:
            yield [image[None].astype(np.float32)]

    with silence_converter():
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        # The two halves of `convert` in turn, as in tf.lite.experimental.QuantizationDebugger: what stays float32 is
        # named between them.
        converter._experimental_calibrate_only = True
        calibrated = converter.convert()
        content = mlir_quantize(
            calibrated,
            input_data_type=tf.uint8,
            output_data_type=tf.float32,
            denylisted_nodes=tail_tensors(calibrated) or None,
        )
        content = correct_biases(content, calibrated, chosen)
    write_atomic(path, refine(content))


def bake_in_pre_and_postprocessing(network: keras.Model, card: Card) -> keras.Model:
    """Return a network with its scaling and its softmax inside: uint8 images in, probabilities out.

    Args:
        network: A bundle's network.
        card: The bundle's card, which says what is outside.
    """
    import keras

    has_channel_axis = len(network.inputs[0].shape) == 4  # an input of grey images may have no channel axis
    if card.scaling == "none" and card.output == "probabilities" and has_channel_axis:
        return network
    pictures = keras.Input(card.input_shape, dtype="uint8", name="image")
    scaled = scaling_layers(pictures, card.scaling)
    if not has_channel_axis:
        scaled = keras.layers.Reshape(card.input_shape[:2])(scaled)
    last: Callable[[object], object] = keras.layers.Softmax() if card.output == "logits" else lambda answers: answers
    return keras.Model(pictures, last(network(scaled, training=False)))


@dataclass(frozen=True)
class QuantizationReport:
    """A float network compared with its int8 file.

    Attributes:
        model: Its name.
        bytes: The size of the file, by engine.
        figures: The figures, by engine and test set.
        pictures: The number of test pictures.
        differing: The classes on whose pictures the answers differ.
    """

    model: str
    bytes: dict[str, int]
    figures: dict[str, dict[str, Evaluation]]
    pictures: int
    differing: list[Disagreement]


def compare_with_int8(
    model: str, data: Path | None, path: Path, log: Callable[[str], object] = lambda sentence: None
) -> QuantizationReport:
    """Quantize a bundle's network anew, and measure both on the data set's test pictures.

    Args:
        model: The bundle's name.
        data: The data folder; None for CIFAR-10.
        path: The int8 file to write.
        log: As for `load_as_trained`.

    Raises:
        BundleError: The bundle cannot be used or has no float network.
        DataError: The data cannot be used or has no test pictures.
    """
    folder = find_bundle(model)
    card = read_card(folder)
    if not card.files.keys() & ENGINES["keras"]:
        raise BundleError(
            _("{name!r} is a .tflite file, which cannot be turned into {suffix}").format(name=model, suffix="int8")
        )
    source = check_file(folder, card, file_of(card, "keras"))
    if data is None:
        dataset = load_dataset(None, card.input_shape, validation=0.0)
    else:
        dataset = load_as_trained(card.name, data, card.input_shape, None, log, "test")
    if not len(dataset.test):  # checked first, because the conversion takes minutes
        raise DataError(
            _(
                "{folder} leaves no picture to test on; give it a folder test/, or more than five pictures in a class"
            ).format(folder=data)
        )
    labels = match_labels(dataset.test.labels, dataset.classes, card.classes)
    split = dataclasses.replace(dataset.test, labels=labels)
    network = bake_in_pre_and_postprocessing(read_network(source, card.outputs), card)
    try:
        quantize(network, dataset.train.images, path)
    except OSError:
        raise
    except Exception as error:  # TensorFlow's converter raises nearly anything at what it cannot convert
        reason = str(error).strip().partition("\n")[0][:_MOST_REASON] or type(error).__name__
        raise BundleError(
            _("{name!r} cannot be turned into int8: {reason}").format(name=card.name, reason=reason)
        ) from error
    files = {"keras": source, "int8": path}
    # The int8 file has preprocessing and softmax inside, and only the network's own outputs: `model.export.known` adds
    # features later.
    own = keras_outputs(card.outputs)
    inside = dataclasses.replace(
        card,
        scaling="none",
        output=_INNER_OUTPUT.get(card.output, card.output),
        outputs=own if len(own) > 1 else (),
    )
    forwards = {"keras": load_keras(source, card), "int8": load_tflite(path, inside)}
    cards = {"keras": card, "int8": inside}
    answers, figures = {}, {}
    for engine, forward in forwards.items():
        rows = Classifier(cards[engine], engine, forward).probabilities(split.images)
        answers[engine] = rows
        figures[engine] = score_sets(rows, dataset.name, split, card.classes)
    differing = disagreements(answers["keras"], answers["int8"], split.labels, card.classes)
    sizes = {engine: file.stat().st_size for engine, file in files.items()}
    return QuantizationReport(card.name, sizes, figures, len(split), differing)


@contextlib.contextmanager
def silence_converter() -> Iterator[None]:
    """Silence the converter, which prints its temporary folders and tensor names and warns of its own defaults."""
    silence = io.StringIO()
    with quiet(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
