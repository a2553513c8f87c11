"""A network loaded once: picture bytes in, predictions out, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.cache import Cache
from model.common.errors import BundleError
from model.common.extras import is_installed
from model.common.keras_import import ignore_outdated_arguments, import_keras
from model.common.stderr_filter import quiet
from model.formats.class_output import feature_tensor, lite_rows, with_class_output, with_rows
from model.i18n.translations import gettext as _
from model.images.decoder import process_image_with_note, to_array
from model.inference.prediction import ClassScore, Prediction
from model.inference.shared_batches import Forward, SharedPass
from model.inference.unknown import LOGITS, METHODS, NEIGHBORS, Bank, known_scores, read_bank, verdict_of
from model.registry.card import H5_FILE, INT8_FILE, KERAS_FILE, KNOWN_FILE, TFLITE_FILE, Card, read_card
from model.registry.checksums import checked_copy
from model.registry.resolution import find_bundle
from model.signature.imagenet import imagenet_classes
from model.signature.outputs import OUTPUTS
from model.signature.rows import FEATURES, IMAGENET, PROBABILITIES, given_by_keras, split_rows
from model.signature.scaling import SCALINGS, Scaling, as_function, as_numbers

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Look:
    """One picture as the network saw it, uint8 (height, width, channels), and what it said."""

    seen: np.ndarray
    prediction: Prediction


class NoProbabilities(BundleError):
    """A network that gave something else for a picture, such as NaN; the message names it."""


DERIVED = 2**16  # bytes of references to compiled functions: they last as long as their network
BATCH = 256  # pictures a pass, so that a large set needs no more memory than this many


class KerasPass(SharedPass):
    """The pass of a Keras network, which explanations look into; derived: what was compiled from it, by name."""

    def __init__(self, forward: Forward, network: keras.Model) -> None:
        super().__init__(forward)
        self.network = network
        self.derived: Cache[Any] = Cache(DERIVED)


class Classifier:
    """A bundle's network behind one engine. Thread-safe; `load` makes one."""

    def __init__(self, card: Card, engine: str, forward: Forward, bank: Bank | None = None) -> None:
        self.card, self.engine, self.forward, self.bank = card, engine, forward, bank

    @classmethod
    def load(cls, bundle: str | Path = "default", engine: str | None = None) -> Classifier:
        """Read a bundle by name or path, check its file against the card and warm the network up.

        engine: `keras` (float32, needs TensorFlow), `int8` (LiteRT), or None for the first of them that the bundle can
        be run with here. Raises BundleError, or ValueError for others.
        """
        if engine is not None and engine not in ENGINES:
            raise ValueError(f"unknown engine {engine!r}; engines: {', '.join(ENGINES)}")
        folder = find_bundle(str(bundle))
        card = read_card(folder)
        engine = engine or next(iter(engines_of(card)), DEFAULT_ENGINE)
        file = file_of(card, engine)
        try:
            with checked_copy(folder, card, file) as copy:
                classifier = cls(card, engine, LOADERS[copy.suffix](copy, card), load_bank(folder, card))
                blank = np.zeros((1, *card.input_shape), np.uint8)
                rows = classifier.probabilities(blank)
                classifier.known_scores(blank)
        except BundleError:
            raise
        except Exception as error:  # what is in the file is not ours: Keras and LiteRT raise nearly anything
            reason = str(error).strip().partition(chr(10))[0]
            raise BundleError(
                _("{path} cannot be loaded: {reason}").format(path=folder / file, reason=reason)
            ) from error
        if rows.shape != (1, len(card.classes)):
            raise BundleError(
                _("{path} gives {shape} numbers a picture; its card names {count} classes").format(
                    path=folder / file, shape=rows.shape[1:], count=len(card.classes)
                )
            )
        return classifier

    @property
    def network(self) -> keras.Model | None:
        """The Keras network itself, or None: it takes what `card.scaling` says and gives what `card.output` says."""
        return self.forward.network if isinstance(self.forward, KerasPass) else None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes), of uint8 pictures (n, height, width, channels). n may be 0."""
        parts = [rows[PROBABILITIES] for rows in self.each_rows(images)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.card.classes)), np.float32)

    def rows(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """All that one pass gives, by the names that the card has for it, float32 (n, width) each; n is 1 or more."""
        parts = list(self.each_rows(images))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def each_rows(self, images: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        """The same for BATCH pictures at a time."""
        card = self.card
        if images.dtype != np.uint8 or images.shape[1:] != card.input_shape:
            wanted = ", ".join(map(str, ("n", *card.input_shape)))
            raise ValueError(f"images are {images.dtype} {images.shape}; the network takes uint8 ({wanted})")
        for start in range(0, len(images), BATCH):
            joined = self.forward(images[start : start + BATCH])
            rows = split_rows(joined, card.outputs, len(card.classes), card.output)
            if card.output == "logits":
                rows[LOGITS] = rows[PROBABILITIES]
            yield rows | {PROBABILITIES: OUTPUTS[card.output](rows[PROBABILITIES])}

    def known_scores(self, images: np.ndarray) -> np.ndarray | None:
        """How known pictures are, 0 to 1, float (n,); None for a network that cannot tell. n is 1 or more."""
        rule = self.card.known
        return None if rule is None else known_scores(rule, self.rows(images), self.bank)

    def classify(self, content: bytes) -> Look:
        """A picture file's bytes to an answer, timed from first byte to last probability.

        Raises InvalidImage, or NoProbabilities.
        """
        start = perf_counter()
        shape = self.card.input_shape
        seen, note = process_image_with_note(content, lambda picture: to_array(picture, shape), min_side=shape.longest)
        card, rows = self.card, self.rows(seen[None])
        known = known_scores(card.known, rows, self.bank).item() if card.known else None
        milliseconds = (perf_counter() - start) * 1000
        prediction = Prediction.from_probabilities(
            rows[PROBABILITIES][0].tolist(), card.classes, card.name, milliseconds, self.engine, note, card.exclusive
        )
        check_probabilities(prediction)
        if card.known and known is not None and isfinite(known):
            prediction = replace(prediction, known_score=known, verdict=verdict_of(card.known, known))
        if IMAGENET in rows:
            prediction = replace(prediction, looks_like=likeliest(rows[IMAGENET][0]))
        return Look(seen, prediction)


def likeliest(row: np.ndarray) -> ClassScore:
    """The most probable of ImageNet's classes, from the probabilities of all."""
    place = int(row.argmax())
    return ClassScore(imagenet_classes()[place], place, float(row[place]))


def load_bank(folder: Path, card: Card) -> Bank | None:
    """The features that a bundle's `known` compares with, or None where it does not. Raises BundleError."""
    if card.known is None:
        return None
    if card.known.method not in METHODS:
        raise BundleError(
            _("{method!r} is no way to tell unknown pictures; there are {names}").format(
                method=card.known.method, names=", ".join(METHODS)
            )
        )
    if card.known.method != NEIGHBORS:
        return None
    with checked_copy(folder, card, KNOWN_FILE) as copy:
        return read_bank(copy)


def check_probabilities(prediction: Prediction) -> None:
    """Raises NoProbabilities where a network's arithmetic went wrong."""
    if not all(isfinite(score.probability) for score in prediction.scores):
        raise NoProbabilities(
            _("model {name!r} gave something else than probabilities for this picture").format(name=prediction.model)
        )


def load_keras(path: Path, card: Card) -> Forward:
    """A .keras file, or an .h5 file of Keras 2 or 3, as a compiled function with a fixed signature."""
    return compiled(read_network(path, card.outputs), card)


def read_network(path: Path, outputs: Sequence[str] = ()) -> keras.Model:
    """A network of Keras 2 or 3 without its optimizer, from one tensor of pictures to one row of numbers for each.

    outputs: those of its card; of several that are the network's own, it has all, in that order. It is built by what
    is left of its description after all that has been checked; the file's own is never given to Keras. Raises
    UnsafeModelError for one that needs more than Keras's own parts, or has other rows.
    """
    from model.formats.keras2.weights import load_weights
    from model.formats.keras_files import open_weights, read_source

    source = read_source(path)
    import_keras()
    import keras

    ignore_outdated_arguments()
    network = keras.saving.deserialize_keras_object(source.description, safe_mode=True)
    if source.of_keras2:
        with open_weights(path) as weights:
            load_weights(network, source.given, weights)
    else:
        network.load_weights(path)
    count = len(given_by_keras(outputs))
    return with_class_output(network) if count == 1 else with_rows(network, count)


def only_probabilities(network: keras.Model) -> keras.Model:
    """A network of ours with its first row alone."""
    import keras

    if len(network.outputs) == 1:
        return network
    return keras.Model(network.inputs, network.outputs[0], name=network.name)


def all_rows(network: keras.Model, card: Card) -> keras.Model:
    """A network with each row of its card's `outputs` as an output, its features too. Raises UnsafeModelError."""
    import keras

    if FEATURES not in card.outputs:
        return network
    rows = dict(zip(given_by_keras(card.outputs), network.outputs, strict=True))
    rows[FEATURES] = feature_tensor(network, len(card.classes))
    return keras.Model(network.inputs, [rows[name] for name in card.outputs])


def compiled(network: keras.Model, card: Card) -> Forward:
    """The network as a function of uint8 pictures, what it wants for their 0 to 255 included."""
    # A batch of one, the usual case, gets a graph whose shapes are all known.
    whole = all_rows(network, card)
    one, many = (as_function(whole, card.input_shape, card.scaling, batch) for batch in (1, None))

    def forward(images: np.ndarray) -> np.ndarray:
        return one(images) if len(images) == 1 else many(images)

    # Traced now, not by the first two who ask at the same time.
    forward(np.zeros((2, *card.input_shape), np.uint8))
    return KerasPass(forward, only_probabilities(network))


def load_tflite(path: Path, card: Card) -> Forward:
    """A .tflite file in LiteRT, picture by picture: faster than batches there, and one buffer serves all."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet():  # the first one in a process says what it computes with
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    results = lite_rows(interpreter.get_output_details(), max(1, len(card.outputs)))
    # A network of grey pictures may have no axis for their one channel.
    shape = (1, *card.input_shape)[: len(given["shape"])]
    if tuple(given["shape"]) != shape:
        interpreter.resize_tensor_input(given["index"], shape)
        interpreter.allocate_tensors()
    scaling = SCALINGS[card.scaling]
    lock = threading.Lock()  # an interpreter is not safe to share

    def forward(images: np.ndarray) -> np.ndarray:
        rows = []
        with lock:
            for image in images:
                interpreter.set_tensor(given["index"], to_tensor(image[None], scaling, given).reshape(shape))
                interpreter.invoke()
                answers = [from_tensor(interpreter.get_tensor(one["index"]), one)[0] for one in results]
                rows.append(answers[0] if len(answers) == 1 else np.concatenate(answers))
        return np.stack(rows)

    return forward


def to_tensor(images: np.ndarray, scaling: Scaling, details: dict[str, Any]) -> np.ndarray:
    """uint8 pictures as the numbers that a LiteRT input holds: its own dtype, quantised where it is."""
    if scaling.name == "none" and takes_bytes(details):
        return images
    return as_held(as_numbers(images, scaling), details)


def as_held(numbers: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Numbers as a LiteRT tensor holds them: in its dtype, quantised where it is."""
    step, zero = details["quantization"]
    if step == 0:
        return np.asarray(numbers, details["dtype"])
    limits = np.iinfo(details["dtype"])
    return np.asarray((numbers / step + zero).round().clip(limits.min, limits.max), details["dtype"])


def takes_bytes(details: dict[str, Any]) -> bool:
    """Whether an input is uint8 and its numbers are the pixels themselves, whatever it computes with.

    One that was calibrated on pictures without bright pixels has fewer steps than 255 for them: it is quantised.
    """
    if details["dtype"] != np.uint8:
        return False
    step, zero = details["quantization"]
    low, high = -zero * step, (255 - zero) * step
    return not (abs(low) <= 2 and 10 < high < 250)


def from_tensor(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """The float32 numbers that a LiteRT output stands for."""
    step, zero = details["quantization"]
    return np.asarray(values if step == 0 else (values.astype(np.float32) - zero) * step, np.float32)


# Engine -> the files of a bundle that it runs, the first there is. Suffix of a file -> how it is loaded.
ENGINES: dict[str, tuple[str, ...]] = {"keras": (KERAS_FILE, H5_FILE), "int8": (INT8_FILE, TFLITE_FILE)}
DEFAULT_ENGINE = "keras"
LOADERS: dict[str, Callable[[Path, Card], Forward]] = {
    ".keras": load_keras,
    ".h5": load_keras,
    ".tflite": load_tflite,
}


def engines_of(card: Card) -> list[str]:
    """The engines that a bundle has a file for, and that are installed."""
    return [engine for engine in ENGINES if file_of(card, engine) in card.files and is_runnable(engine)]


def is_runnable(engine: str) -> bool:
    """Whether what an engine needs is installed: `int8` always is."""
    return engine != "keras" or is_installed("keras")


def file_of(card: Card, engine: str) -> str:
    """The name of the file that an engine runs; where the bundle has none, the name that it would have."""
    return next((name for name in ENGINES[engine] if name in card.files), ENGINES[engine][0])
