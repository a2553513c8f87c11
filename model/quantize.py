"""A float network made into an int8 one: a quarter of the size, and faster, on any machine."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.bundle import KERAS_FILE, check_file, find_bundle, read_card
from model.classifier import Classifier, load_keras, load_tflite
from model.comparison import Disagreement, disagreements
from model.data import DataError, load_dataset
from model.evaluation import Evaluation, score_sets
from model.quiet import quiet

if TYPE_CHECKING:
    import keras

CALIBRATION_IMAGES = 500


def quantize(model: keras.Model, images: np.ndarray, path: Path) -> None:
    """Write `model` as a .tflite file with int8 weights and activations, uint8 in and float32 probabilities out.

    `images`, uint8 (n, size, size, 3), are training pictures from which the ranges of the activations are read
    (post-training integer quantization, https://ai.google.dev/edge/litert/models/post_training_integer_quant).
    """
    import keras
    import tensorflow as tf

    # The converter wants a float input to calibrate; the numbers are the same 0 to 255.
    floating = keras.Input(model.input_shape[1:], dtype="float32")
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
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.float32
        content = converter.convert()
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    os.replace(temporary, path)


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
    source = check_file(folder, card, KERAS_FILE)
    dataset = load_dataset(data, card.input_size, validation=0.0, test=0.1)
    if dataset.classes != card.classes:
        raise DataError(
            f"the data's classes are {', '.join(dataset.classes)}; the model's are {', '.join(card.classes)}"
        )
    with quiet():
        import keras

        network = keras.models.load_model(source, compile=False)
    quantize(network, dataset.train.images, path)
    split = dataset.test
    files = {"keras": source, "int8": path}
    loaders = {"keras": load_keras, "int8": load_tflite}
    answers, figures = {}, {}
    for engine, file in files.items():
        rows = Classifier(card, engine, loaders[engine](file, card.input_size)).probabilities(split.images)
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
