"""A loaded network that classifies pictures, from any thread."""

from __future__ import annotations

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
from model.formats.class_output import feature_tensor, with_class_output, with_rows
from model.i18n.translations import gettext as _
from model.images.decoder import process_image_with_note, to_array
from model.inference.lite import load_tflite
from model.inference.prediction import ClassScore, Prediction
from model.inference.prediction_sets import members
from model.inference.shared_batches import Forward, SharedPass
from model.inference.unknown import LOGITS, METHODS, NEIGHBORS, FeatureBank, known_scores, read_bank, verdict_of
from model.registry.card import H5_FILE, INT8_FILE, KERAS_FILE, KNOWN_FILE, TFLITE_FILE, Card, read_card
from model.registry.checksums import checked_copy
from model.registry.resolution import find_bundle
from model.signature.imagenet import imagenet_classes
from model.signature.outputs import OUTPUTS
from model.signature.rows import FEATURES, IMAGENET, PROBABILITIES, keras_outputs, split_rows
from model.signature.scaling import compile_function

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Classification:
    """A picture as the network saw it, uint8 (height, width, channels), and the prediction for it."""

    seen: np.ndarray
    prediction: Prediction


@dataclass(frozen=True)
class Prepared:
    """A picture as the network will see it, uint8 (height, width, channels), and what is to say about its file.

    Attributes:
        seen: The picture.
        note: A sentence about the file; mostly empty.
        milliseconds: How long it took.
    """

    seen: np.ndarray
    note: str
    milliseconds: float


class NoProbabilities(BundleError):
    """A network returned something other than probabilities, such as NaN; the message names it."""


_DERIVED_BUDGET = 2**16  # bytes, of references only: compiled functions live as long as their network
_INT8_MAY_LOSE = 0.002  # of the accuracy, 0 to 1
BATCH_SIZE = 256  # images at a time, at most
_BATCH_PIXELS = 2**20  # at a time: more leave the processor's caches, which takes Keras twice as long at 160 x 160


class KerasPass(SharedPass):
    """The forward function of a Keras network, whose layers explanations use.

    Attributes:
        network: The network.
        derived: Functions compiled from it, by name.
    """

    def __init__(self, forward: Forward, network: keras.Model) -> None:
        super().__init__(forward)
        self.network = network
        self.derived: Cache[Any] = Cache(_DERIVED_BUDGET)


class Classifier:
    """A bundle's network with one engine. Thread-safe. Create it with `load`.

    Attributes:
        card: The bundle's card.
        engine: A key of ENGINES.
        forward: The forward function.
        bank: The features of training images, if the card's `known` compares with them.
    """

    def __init__(self, card: Card, engine: str, forward: Forward, bank: FeatureBank | None = None) -> None:
        self.card, self.engine, self.forward, self.bank = card, engine, forward, bank

    @classmethod
    def load(cls, bundle: str | Path = "default", engine: str | None = None) -> Classifier:
        """Load a bundle's network, after checking its file against the card, and warm it up.

        Args:
            bundle: The bundle's name or path.
            engine: `keras` (float32, needs TensorFlow) or `int8` (LiteRT); None for the first of them that the
                bundle has a file for and that is installed.

        Raises:
            BundleError: The bundle is damaged, or its network cannot be loaded.
            ValueError: There is no such engine.
        """
        if engine is not None and engine not in ENGINES:
            raise ValueError(f"unknown engine {engine!r}; engines: {', '.join(ENGINES)}")
        folder = find_bundle(str(bundle))
        card = read_card(folder)
        engine = engine or next(iter(engines_of(card)), DEFAULT_ENGINE)
        file = file_of(card, engine)
        try:
            with checked_copy(folder, card, file) as copy:
                classifier = cls(card, engine, LOADERS[copy.suffix](copy, card), _load_bank(folder, card))
                blank = np.zeros((1, *card.input_shape), np.uint8)
                rows = classifier.probabilities(blank)
                classifier.known_scores(blank)
        except BundleError:
            raise
        except Exception as error:  # Keras and LiteRT raise nearly anything for a bad file
            reason = str(error).strip().partition(chr(10))[0]
            raise BundleError(
                _("{path} cannot be loaded: {reason}").format(path=folder / file, reason=reason)
            ) from error
        if rows.shape != (1, len(card.classes)):
            raise BundleError(
                _("{path} returns {shape} numbers for a picture, but its card names {count} classes").format(
                    path=folder / file, shape=rows.shape[1:], count=len(card.classes)
                )
            )
        return classifier

    @property
    def network(self) -> keras.Model | None:
        """The Keras network itself, or None: it takes and returns what `card.scaling` and `card.output` say."""
        return self.forward.network if isinstance(self.forward, KerasPass) else None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return class probabilities, float32 (n, classes).

        Args:
            images: uint8 (n, height, width, channels); n may be 0.
        """
        parts = [rows[PROBABILITIES] for rows in self.each_rows(images)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.card.classes)), np.float32)

    def rows(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return all outputs of the network by the names on the card, float32 (n, width) each.

        Args:
            images: uint8 (n, height, width, channels), at least one.
        """
        parts = list(self.each_rows(images))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def each_rows(self, images: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        """Yield the same for up to BATCH_SIZE images at a time, and fewer large ones."""
        card = self.card
        if images.dtype != np.uint8 or images.shape[1:] != card.input_shape:
            wanted = ", ".join(map(str, ("n", *card.input_shape)))
            raise ValueError(f"images are {images.dtype} {images.shape}; the network takes uint8 ({wanted})")
        count = min(BATCH_SIZE, max(1, _BATCH_PIXELS // (card.input_shape.height * card.input_shape.width)))
        for start in range(0, len(images), count):
            joined = np.asarray(self.forward(images[start : start + count]), np.float32)  # it may be of bfloat16
            rows = split_rows(joined, card.outputs, len(card.classes), card.output)
            if card.output == "logits":
                rows[LOGITS] = rows[PROBABILITIES]
            yield rows | {PROBABILITIES: OUTPUTS[card.output](rows[PROBABILITIES])}

    def known_scores(self, images: np.ndarray) -> np.ndarray | None:
        """How known pictures are, 0 to 1, float (n,); None for a network that cannot tell. n is 1 or more."""
        return self.answers(images)[1]

    def answers(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Probabilities and known scores of one pass, as the two methods above give them; n is 1 or more."""
        rule, rows = self.card.known, self.rows(images)
        return rows[PROBABILITIES], None if rule is None else known_scores(rule, rows, self.bank)

    def classify(self, content: bytes) -> Classification:
        """Classify the bytes of a picture file. The time is measured from the bytes to the probabilities.

        Raises:
            InvalidImage: The bytes are not a picture that can be read.
            NoProbabilities: The network returned something else.
        """
        prepared, start = self.prepare(content), perf_counter()
        rows = self.rows(prepared.seen[None])
        return self.conclude(prepared, rows, (perf_counter() - start) * 1000)

    def prepare(self, content: bytes) -> Prepared:
        """Do what comes before the network.

        Raises:
            InvalidImage: As in `classify`.
        """
        start, shape = perf_counter(), self.card.input_shape
        seen, note = process_image_with_note(content, lambda picture: to_array(picture, shape), min_side=shape.longest)
        return Prepared(seen, note, (perf_counter() - start) * 1000)

    def conclude(self, prepared: Prepared, rows: dict[str, np.ndarray], milliseconds: float) -> Classification:
        """Do what comes after the network.

        Args:
            prepared: The picture.
            rows: What `rows` returned for it, float32 (1, width) each.
            milliseconds: How long the network took for it.

        Raises:
            NoProbabilities: As in `classify`.
        """
        card, start = self.card, perf_counter()
        known = known_scores(card.known, rows, self.bank).item() if card.known else None
        milliseconds += prepared.milliseconds + (perf_counter() - start) * 1000
        prediction = Prediction.from_probabilities(
            rows[PROBABILITIES][0].tolist(),
            card.classes,
            card.name,
            milliseconds,
            self.engine,
            prepared.note,
            card.exclusive,
        )
        check_probabilities(prediction)
        if card.known and known is not None and isfinite(known):
            prediction = replace(prediction, known_score=known, verdict=verdict_of(card.known, known))
        if card.sets:
            inside = members(card.sets, rows[PROBABILITIES])[0]
            chosen = tuple(score for score in prediction.scores if inside[score.index])
            prediction = replace(prediction, prediction_set=chosen, set_coverage=card.sets.coverage)
        if IMAGENET in rows:
            prediction = replace(prediction, looks_like=most_likely_imagenet_class(rows[IMAGENET][0]))
        return Classification(prepared.seen, prediction)


def most_likely_imagenet_class(row: np.ndarray) -> ClassScore:
    """Return the most probable class, given the probabilities of all ImageNet classes."""
    index = int(row.argmax())
    return ClassScore(imagenet_classes()[index], index, float(row[index]))


def _load_bank(folder: Path, card: Card) -> FeatureBank | None:
    """Load the features that a bundle's `known` compares with; None if it compares none.

    Raises:
        BundleError: The file is damaged, or the method is unknown.
    """
    if card.known is None:
        return None
    if card.known.method not in METHODS:
        raise BundleError(
            _("{method!r} is not a method to recognize unknown pictures; methods: {names}").format(
                method=card.known.method, names=", ".join(METHODS)
            )
        )
    if card.known.method != NEIGHBORS:
        return None
    with checked_copy(folder, card, KNOWN_FILE) as copy:
        return read_bank(copy)


def check_probabilities(prediction: Prediction) -> None:
    """Check that all probabilities are finite.

    Raises:
        NoProbabilities: One is not.
    """
    if not all(isfinite(score.probability) for score in prediction.scores):
        raise NoProbabilities(
            _("model {name!r} returned something other than probabilities for this picture").format(
                name=prediction.model
            )
        )


def load_keras(path: Path, card: Card) -> Forward:
    """Load a .keras file, or an .h5 file of Keras 2 or 3, as a compiled function."""
    return compile_network(read_network(path, card.outputs), card)


def read_network(path: Path, outputs: Sequence[str] = ()) -> keras.Model:
    """Load a Keras 2 or 3 network without its optimizer; it maps one tensor of images to rows of numbers.

    The network is built from what is left of its description after all of it has been checked; the file itself is never
    given to Keras.

    Args:
        path: A .keras or .h5 file.
        outputs: The outputs on its card; those that are outputs of the Keras network are kept, in that order.

    Raises:
        UnsafeModelError: It needs more than Keras's own layers, or has other outputs.
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
    count = len(keras_outputs(outputs))
    return with_class_output(network) if count == 1 else with_rows(network, count)


def _keep_probabilities(network: keras.Model) -> keras.Model:
    """Return the network with its first output only."""
    import keras

    if len(network.outputs) == 1:
        return network
    return keras.Model(network.inputs, network.outputs[0], name=network.name)


def _with_all_outputs(network: keras.Model, card: Card) -> keras.Model:
    """Return the network with each of the card's `outputs` as an output, the features too.

    Raises:
        UnsafeModelError: It has no features.
    """
    import keras

    if FEATURES not in card.outputs:
        return network
    rows = dict(zip(keras_outputs(card.outputs), network.outputs, strict=True))
    rows[FEATURES] = feature_tensor(network, len(card.classes))
    return keras.Model(network.inputs, [rows[name] for name in card.outputs])


def compile_network(network: keras.Model, card: Card) -> Forward:
    """Compile a network into a forward function of uint8 images, with their scaling."""
    # A batch of one, the usual case, gets a graph with fixed shapes.
    complete = _with_all_outputs(network, card)
    one, many = (compile_function(complete, card.input_shape, card.scaling, batch) for batch in (1, None))

    def forward(images: np.ndarray) -> np.ndarray:
        return one(images) if len(images) == 1 else many(images)

    # Trace it now, not in the first two threads that call it at the same time.
    forward(np.zeros((2, *card.input_shape), np.uint8))
    return KerasPass(forward, _keep_probabilities(network))


# Engine -> the files of a bundle that it can run, the preferred one first.
ENGINES: dict[str, tuple[str, ...]] = {"keras": (KERAS_FILE, H5_FILE), "int8": (INT8_FILE, TFLITE_FILE)}
DEFAULT_ENGINE = "keras"
LOADERS: dict[str, Callable[[Path, Card], Forward]] = {
    ".keras": load_keras,
    ".h5": load_keras,
    ".tflite": load_tflite,
}


def engines_of(card: Card) -> list[str]:
    """Return the engines that a bundle has a file for and that are installed."""
    return [engine for engine in ENGINES if file_of(card, engine) in card.files and _is_runnable(engine)]


def engine_by_accuracy(card: Card) -> str:
    """Return the engine that a server prefers: int8, which is faster and smaller, unless it is clearly less accurate.

    Without a test set that both were measured on it is Keras.
    """
    return "int8" if loses_at_most(card, _INT8_MAY_LOSE) else DEFAULT_ENGINE


def loses_at_most(card: Card, share: float) -> bool:
    """Return whether int8 is right on nearly as many pictures as Keras.

    Args:
        card: What counts is its test set with the most pictures that both were measured on; without one, int8 is not.
        share: Of all pictures, 0 to 1, that int8 may get wrong in addition.
    """
    measured = [row for row in card.accuracy.values() if ENGINES.keys() <= row.keys()]
    if not measured:
        return False
    row = max(measured, key=lambda row: row["n"])
    return bool(round(row["keras"] - row["int8"], 6) <= share)


def _is_runnable(engine: str) -> bool:
    """Return whether an engine is installed: `int8` always is."""
    return engine != "keras" or is_installed("keras")


def file_of(card: Card, engine: str) -> str:
    """Return the name of the file that an engine runs, or would run if the bundle had one."""
    return next((name for name in ENGINES[engine] if name in card.files), ENGINES[engine][0])
