"""What tells unknown pictures, fitted for a bundle: training pictures' features, and thresholds from held-out ones."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.common.files import atomic_folder, write_atomic
from model.datasets.image_folder import read_picture
from model.datasets.loader import load_dataset
from model.datasets.splits import DataError
from model.evaluation.separation import Separation, separate
from model.export.feature_output import with_features
from model.i18n.translations import gettext as _
from model.images.decoder import InvalidImage
from model.images.image_files import picture_paths
from model.inference.classifier import Classifier, engines_of
from model.inference.unknown import (
    ENERGY,
    LOGITS,
    NEIGHBORS,
    OUTPUT,
    PROBABILITY,
    directions,
    raw_scores,
    read_bank,
)
from model.registry.card import CARD_FILE, INT8_FILE, KNOWN_FILE, Card, KnownRule, read_card, write_card
from model.registry.locations import has_store
from model.registry.resolution import find_bundle
from model.signature.rows import FEATURES, KNOWN_ROW, PROBABILITIES
from model.signature.shapes import InputShape

# Below the threshold that keeps 95 % of held-out pictures the networks that ship are right on 34 to 45 % of photographs
# of their classes, and below that of 90 % on 47 %: an answer there is worth little either way. A threshold that keeps
# 99 % would call no more than 8 to 14 % of other pictures unknown, this one calls 34 to 51 %.
UNSURE_SHARE, UNKNOWN_SHARE = 0.10, 0.05
LEAST_HELD_OUT = 40  # pictures, so that two of them lie below the lower threshold
MOST_HELD_OUT = 2000
BANK_BYTES, LEAST_ROWS, MOST_ROWS = 400_000, 300, 4000
# The 5th nearest of 1,000: from there to the 20th the networks that ship tell photographs apart about as well.
ROWS_A_NEIGHBOR = 200
CHECKED, LARGEST_MISS = 20, 0.25  # pictures, and by what share of their length features may miss those of float32
LEVELS = 127  # of a bank's numbers on either side of 0


def fit_known(folder: Path, train: np.ndarray, held_out: np.ndarray) -> Card:
    """Write into a bundle's folder what tells unknown pictures, and on its card by which method; returns the card.

    The int8 file gets its features as an output, if they are compared. train, held_out: uint8 (n, height, width,
    channels), held out from the training. With hardly any held-out pictures nothing is written: nobody could say where
    unknown begins. Raises BundleError.
    """
    card = read_card(folder)
    if len(held_out) < LEAST_HELD_OUT or not len(train):
        return card
    best, *others = methods_of(card)
    before = {name: (folder / name).read_bytes() for name in (INT8_FILE,) if name in card.files}
    try:
        return fit_method(folder, card, best, train, held_out[:MOST_HELD_OUT])
    except (UnsafeModelError, BundleError):  # its features cannot be had
        if not others:
            raise
    for name, content in before.items():
        write_atomic(folder / name, content)
    return fit_method(folder, card, others[0], train, held_out[:MOST_HELD_OUT])


def methods_of(card: Card) -> tuple[str, ...]:
    """The methods that suit a network, the best first."""
    if KNOWN_ROW in card.outputs:
        return (OUTPUT,)
    return (NEIGHBORS, ENERGY if card.output == "logits" else PROBABILITY)


def fit_method(folder: Path, card: Card, method: str, train: np.ndarray, held_out: np.ndarray) -> Card:
    """The same by one method. Raises UnsafeModelError or BundleError where the network has no features to compare."""
    outputs = tuple(name for name in card.outputs if name != FEATURES)
    if method == NEIGHBORS:
        outputs = (*(outputs or (PROBABILITIES,)), FEATURES)
    elif FEATURES in card.outputs:
        outputs = card.outputs  # its int8 file gives them
    (folder / KNOWN_FILE).unlink(missing_ok=True)
    card = write_card(folder, dataclasses.replace(card, outputs=outputs if len(outputs) > 1 else (), known=None))
    if method == NEIGHBORS and INT8_FILE in card.files:
        content = with_features((folder / INT8_FILE).read_bytes(), len(card.classes))
        write_atomic(folder / INT8_FILE, content)
        card = write_card(folder, card)
    # Each has to give the features; the last, LiteRT where there is a file for it, computes those that are kept.
    classifiers = [Classifier.load(folder, engine) for engine in engines_of(card)]
    classifier = classifiers[-1]
    if method == NEIGHBORS:
        check_same_features(classifiers, held_out[:CHECKED])
    rule, bank = KnownRule(method, 0.0, 0.0), None
    if method == NEIGHBORS:
        count = write_bank(folder / KNOWN_FILE, classifier, train)
        rule, bank = (
            dataclasses.replace(rule, neighbor=max(1, count // ROWS_A_NEIGHBOR)),
            read_bank(folder / KNOWN_FILE),
        )
    raw = raw_scores(rule, classifier.rows(held_out), bank)
    unsure, unknown = (float(np.quantile(raw, share)) for share in (UNSURE_SHARE, UNKNOWN_SHARE))
    return write_card(
        folder, dataclasses.replace(card, known=dataclasses.replace(rule, unsure=unsure, unknown=unknown))
    )


def check_same_features(classifiers: list[Classifier], images: np.ndarray) -> None:
    """Raises UnsafeModelError where the engines' features differ by more than int8's rounding: one bank serves all."""
    first, *others = (classifier.rows(images)[FEATURES] for classifier in classifiers)
    for other in others:
        if first.shape != other.shape or np.linalg.norm(first - other) > LARGEST_MISS * np.linalg.norm(first):
            raise UnsafeModelError(_("its files do not give the same features"))


def write_bank(path: Path, classifier: Classifier, train: np.ndarray) -> int:
    """Write the features of some training pictures; returns of how many. Their length does not matter later."""
    order = np.random.default_rng(0).permutation(len(train))[:MOST_ROWS]
    width = classifier.rows(train[:1])[FEATURES].shape[1]
    count = int(np.clip(BANK_BYTES // width, LEAST_ROWS, MOST_ROWS))
    features = classifier.rows(train[order[:count]])[FEATURES]
    center = features.mean(axis=0)
    found = directions(features - center)
    largest = np.maximum(np.abs(found).max(axis=1, keepdims=True), 1e-12)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, rows=(found / largest * LEVELS).round().astype(np.int8), center=center.astype(np.float32)
    )
    write_atomic(path, buffer.getvalue())
    return len(features)


def fit_bundle(
    name: str, data: Path | None, validation: float, other: Path | None = None
) -> tuple[Card, dict[str, Separation]]:
    """Fit a bundle that is there already, one of the store too, on a data set; returns its card as it is then.

    validation: the share of the training pictures that the training held back, if the data has no validation pictures
    of its own. other: a folder of pictures that are none of the classes; then there are figures of how well they are
    told from the held-out ones, by method. Raises BundleError, DataError.
    """
    folder = find_bundle(name)
    card = read_card(folder)
    strangers = read_others(other, card.input_shape) if other else None
    dataset = load_dataset(data, card.input_shape, validation=validation, test=0.1)
    held_out = dataset.validation.images
    if len(held_out) < LEAST_HELD_OUT:
        raise DataError(
            _("{folder} leaves {count} pictures to find thresholds on; {least} or more are needed").format(
                folder=data, count=len(held_out), least=LEAST_HELD_OUT
            )
        )
    with TemporaryDirectory() as temporary:
        making = Path(temporary) / "bundle"
        making.mkdir()
        for file in (CARD_FILE, *card.files):
            shutil.copy(folder / file, making)
        fitted = fit_known(making, dataset.train.images, held_out)
        figures = {} if strangers is None else compare(making, held_out[:MOST_HELD_OUT], strangers)
        keep(folder, making, fitted)
    return fitted, figures


def keep(folder: Path, made: Path, card: Card) -> None:
    """Put what was fitted where the bundle is: in its folder, or in the store."""
    if has_store():
        from model.registry.materialized_models import is_stored
        from model.registry.store import keep_known

        if is_stored(folder):
            path = made / KNOWN_FILE
            keep_known(card, path.read_bytes() if path.is_file() else None)
            return
    with atomic_folder(folder, CARD_FILE) as making:
        for file in (CARD_FILE, *card.files):
            shutil.copy(made / file, making)


def read_others(folder: Path, shape: InputShape) -> np.ndarray:
    """The pictures of a folder and below it as a network takes them; broken ones are left out. Raises DataError."""
    images = []
    for path in picture_paths(folder):
        try:
            images.append(read_picture(path, shape))
        except (OSError, InvalidImage):
            continue
    if not images:
        raise DataError(_("{folder} holds no pictures").format(folder=folder))
    return np.stack(images)


def compare(folder: Path, held_out: np.ndarray, others: np.ndarray) -> dict[str, Separation]:
    """By each method that the bundle has the numbers for: how well it tells other pictures from held-out ones."""
    card = read_card(folder)
    classifier = Classifier.load(folder, "int8" if INT8_FILE in card.files else None)
    known, unknown = classifier.rows(held_out), classifier.rows(others)
    rules = [KnownRule(PROBABILITY, 0.0, 0.0)] + ([KnownRule(ENERGY, 0.0, 0.0)] if LOGITS in known else [])
    if card.known:
        rules = [card.known, *(rule for rule in rules if rule.method != card.known.method)]
    bank = classifier.bank
    return {rule.method: separate(raw_scores(rule, known, bank), raw_scores(rule, unknown, bank)) for rule in rules}
