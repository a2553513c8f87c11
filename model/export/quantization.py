"""A float network made into an int8 one: a quarter of the size, and faster, on any machine."""

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
from model.export.float_tail import refined, tail_results
from model.i18n.translations import gettext as _
from model.inference.classifier import ENGINES, Classifier, file_of, load_keras, load_tflite, read_network
from model.registry.card import Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_bundle
from model.signature.rows import given_by_keras
from model.signature.scaling import scaling_layers

if TYPE_CHECKING:
    import keras

CALIBRATION_IMAGES = 500
OUTPUT_INSIDE = {"logits": "probabilities"}  # what a network gives, by what it gave before `complete`


def quantize(model: keras.Model, images: np.ndarray, path: Path) -> None:
    """Write `model` as a .tflite file with int8 weights and activations, one uint8 picture in and float32 numbers out.

    `images`, uint8 (n, height, width, channels), are training pictures that set the ranges of the activations
    (post-training integer quantization, https://ai.google.dev/edge/litert/models/post_training_integer_quant). What
    comes after the last large layer is calculated in float32; see model.tail.
    """
    import keras
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    # The converter wants a float input to calibrate; the numbers are the same 0 to 255. One picture at a time, as in a
    # browser only files run whose shapes are all known.
    floating = keras.Input(batch_shape=(1, *images.shape[1:]), dtype="float32")
    network = keras.models.clone_model(model, input_tensors=floating)
    network.set_weights(model.get_weights())
    rng = np.random.default_rng(0)
    chosen = images[rng.permutation(len(images))[:CALIBRATION_IMAGES]]

    def representative() -> Iterator[list[np.ndarray]]:
        for image in chosen:
            yield [image[None].astype(np.float32)]

    with unspoken():
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        # The two halves of `convert` one after the other, as tf.lite.experimental.QuantizationDebugger does it: what
        # stays float32 is named between them.
        converter._experimental_calibrate_only = True
        calibrated = converter.convert()
        content = mlir_quantize(
            calibrated,
            input_data_type=tf.uint8,
            output_data_type=tf.float32,
            denylisted_nodes=tail_results(calibrated) or None,
        )
    write_atomic(path, refined(content))


def complete(network: keras.Model, card: Card) -> keras.Model:
    """The network with its scaling and its probabilities inside: uint8 pictures in, probabilities out."""
    import keras

    whole = len(network.inputs[0].shape) == 4  # an input of grey pictures may have no axis for their one channel
    if card.scaling == "none" and card.output == "probabilities" and whole:
        return network
    pictures = keras.Input(card.input_shape, dtype="uint8", name="image")
    scaled = scaling_layers(pictures, card.scaling)
    if not whole:
        scaled = keras.layers.Reshape(card.input_shape[:2])(scaled)
    last: Callable[[object], object] = keras.layers.Softmax() if card.output == "logits" else lambda answers: answers
    return keras.Model(pictures, last(network(scaled, training=False)))


@dataclass(frozen=True)
class Twins:
    """A float network and its int8 file: bytes, and figures by engine and test set, and where their answers differ."""

    model: str
    bytes: dict[str, int]
    figures: dict[str, dict[str, Evaluation]]
    pictures: int
    differing: list[Disagreement]


def compare_with_int8(model: str, data: Path | None, path: Path) -> Twins:
    """Make the int8 file of a bundle anew at `path`, and measure both on the data set's test pictures.

    Raises BundleError, DataError.
    """
    folder = find_bundle(model)
    card = read_card(folder)
    if not card.files.keys() & ENGINES["keras"]:
        raise BundleError(
            _("{name!r} is a .tflite file, which cannot be turned into {suffix}").format(name=model, suffix="int8")
        )
    source = check_file(folder, card, file_of(card, "keras"))
    dataset = load_dataset(data, card.input_shape, validation=0.0, test=0.1)
    if not len(dataset.test):  # said now: the conversion takes minutes
        raise DataError(
            _(
                "{folder} leaves no picture to test on; give it a folder test/, or more than five pictures in a class"
            ).format(folder=data)
        )
    labels = match_labels(dataset.test.labels, dataset.classes, card.classes)
    split = dataclasses.replace(dataset.test, labels=labels)
    network = complete(read_network(source, card.outputs), card)
    quantize(network, dataset.train.images, path)
    files = {"keras": source, "int8": path}
    # The int8 file has inside what the card says of a network from elsewhere.
    # What is quantised is the network's own outputs: features are added when they are kept for comparison.
    own = given_by_keras(card.outputs)
    inside = dataclasses.replace(
        card,
        scaling="none",
        output=OUTPUT_INSIDE.get(card.output, card.output),
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
    return Twins(card.name, sizes, figures, len(split), differing)


@contextlib.contextmanager
def unspoken() -> Iterator[None]:
    """The converter prints its temporary folders and tensor names and warns of its own defaults; nobody needs them."""
    silence = io.StringIO()
    with quiet(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
