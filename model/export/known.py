"""Fit what recognizes pictures of unknown classes: features of training images, and thresholds from held-out ones."""

from __future__ import annotations

import dataclasses
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.common.files import atomic_folder, write_atomic
from model.datasets.image_folder import read_picture
from model.datasets.splits import DataError, draw_images
from model.evaluation.separation import Separation, separate
from model.export.feature_output import add_feature_output
from model.export.held_out import load_as_trained
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
    normalize_rows,
    raw_scores,
    read_bank,
)
from model.registry.card import CARD_FILE, INT8_FILE, KNOWN_FILE, Card, KnownRule, read_card, write_card
from model.registry.locations import has_store
from model.registry.resolution import find_own_bundle
from model.signature.rows import FEATURES, KNOWN_ROW, PROBABILITIES
from model.signature.shapes import InputShape

# Quantiles of held-out pictures. Of photographs of their classes below the 5 % quantile, the shipped networks get 34 to
# 45 % right, and of those below the 10 % quantile 47 %: an answer there is worth little either way. A threshold at 1 %
# would call no more than 8 to 14 % of other pictures unknown, this one calls 34 to 51 %.
_UNSURE_QUANTILE, _UNKNOWN_QUANTILE = 0.10, 0.05
MIN_HELD_OUT = 40  # so that two of them are below the lower threshold
_MAX_HELD_OUT = 2000
_BANK_BYTES, _MIN_ROWS, _MAX_ROWS = 400_000, 300, 4000
# The 5th nearest of 1,000: the shipped networks recognize photographs about as well with any from the 5th to the 20th.
_ROWS_PER_NEIGHBOR = 200
_CHECKED_IMAGES, _MAX_FEATURE_ERROR = 20, 0.25  # images; relative error of the features against those of float32
_LEVELS = 127  # of a bank's numbers on each side of 0


def fit_known(folder: Path, train: np.ndarray, held_out: np.ndarray) -> Card:
    """Fit a bundle's recognition of unknown pictures, and write it into its folder and onto its card.

    The int8 file gets the features as an output if features are compared. With fewer than MIN_HELD_OUT held-out images
    nothing is written, because no threshold could be found.

    Args:
        folder: The bundle's folder.
        train: Training images, uint8 (n, height, width, channels).
        held_out: Images of the known classes that were held out from the training, in the same form.

    Returns:
        The card.

    Raises:
        BundleError: The bundle is damaged.
    """
    card = read_card(folder)
    if len(held_out) < MIN_HELD_OUT or not len(train):
        return card
    best, *others = _suitable_methods(card)
    held_out = draw_images(held_out, _MAX_HELD_OUT)
    before = {name: (folder / name).read_bytes() for name in (INT8_FILE,) if name in card.files}
    try:
        return _fit_method(folder, card, best, train, held_out)
    except (UnsafeModelError, BundleError):  # its features are not available
        if not others:
            raise
    for name, content in before.items():
        write_atomic(folder / name, content)
    return _fit_method(folder, card, others[0], train, held_out)


def _suitable_methods(card: Card) -> tuple[str, ...]:
    """Return the methods that suit a network, the best first."""
    if KNOWN_ROW in card.outputs:
        return (OUTPUT,)
    return (NEIGHBORS, ENERGY if card.output == "logits" else PROBABILITY)


def _fit_method(folder: Path, card: Card, method: str, train: np.ndarray, held_out: np.ndarray) -> Card:
    """Do the work of `fit_known` with one method.

    Raises:
        BundleError: The network has no features to compare.
        UnsafeModelError: As before, or its files do not give the same features.
    """
    outputs = tuple(name for name in card.outputs if name != FEATURES)
    if method == NEIGHBORS:
        outputs = (*(outputs or (PROBABILITIES,)), FEATURES)
    elif FEATURES in card.outputs:
        outputs = card.outputs  # its int8 file gives them
    (folder / KNOWN_FILE).unlink(missing_ok=True)
    card = write_card(folder, dataclasses.replace(card, outputs=outputs if len(outputs) > 1 else (), known=None))
    if method == NEIGHBORS and INT8_FILE in card.files:
        content = add_feature_output((folder / INT8_FILE).read_bytes(), len(card.classes))
        write_atomic(folder / INT8_FILE, content)
        card = write_card(folder, card)
    # Every engine has to give the features; the last, LiteRT if there is a file for it, computes those that are saved.
    classifiers = [Classifier.load(folder, engine) for engine in engines_of(card)]
    classifier = classifiers[-1]
    if method == NEIGHBORS:
        check_same_features(classifiers, held_out[:_CHECKED_IMAGES])
    rule, bank = KnownRule(method, 0.0, 0.0), None
    if method == NEIGHBORS:
        count = _write_bank(folder / KNOWN_FILE, classifier, train)
        rule, bank = (
            dataclasses.replace(rule, neighbor=max(1, count // _ROWS_PER_NEIGHBOR)),
            read_bank(folder / KNOWN_FILE),
        )
    raw = raw_scores(rule, classifier.rows(held_out), bank)
    unsure, unknown = (float(np.quantile(raw, share)) for share in (_UNSURE_QUANTILE, _UNKNOWN_QUANTILE))
    return write_card(
        folder, dataclasses.replace(card, known=dataclasses.replace(rule, unsure=unsure, unknown=unknown))
    )


def check_same_features(classifiers: list[Classifier], images: np.ndarray, most: float = _MAX_FEATURE_ERROR) -> None:
    """Check that the engines' features differ by no more than int8's rounding: one bank serves all engines.

    Args:
        classifiers: One for each engine, the float32 one first.
        images: uint8 (n, height, width, channels).
        most: The largest relative error.

    Raises:
        UnsafeModelError: They differ more.
    """
    first, *others = (classifier.rows(images)[FEATURES] for classifier in classifiers)
    for other in others:
        if first.shape != other.shape or np.linalg.norm(first - other) > most * np.linalg.norm(first):
            raise UnsafeModelError(_("its files do not give the same features"))


def _write_bank(path: Path, classifier: Classifier, train: np.ndarray) -> int:
    """Write the centered features of some training images as int8, and return their number.

    Each row is scaled by its own maximum, because only its direction is compared.
    """
    order = np.random.default_rng(0).permutation(len(train))[:_MAX_ROWS]
    width = classifier.rows(train[:1])[FEATURES].shape[1]
    count = int(np.clip(_BANK_BYTES // width, _MIN_ROWS, _MAX_ROWS))
    features = classifier.rows(train[order[:count]])[FEATURES]
    center = features.mean(axis=0)
    write_atomic(path, encode_bank(normalize_rows(features - center), center))
    return len(features)


def encode_bank(rows: np.ndarray, center: np.ndarray) -> bytes:
    """Return the content of a known.npz, from rows (n, features) of any length and their center (features,)."""
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, rows=(rows / largest * _LEVELS).round().astype(np.int8), center=center.astype(np.float32)
    )
    return buffer.getvalue()


def fit_bundle(
    name: str,
    data: Path,
    validation: float | None = None,
    other: Path | None = None,
    log: Callable[[str], object] = lambda sentence: None,
) -> tuple[Card, dict[str, Separation]]:
    """Fit an existing bundle, a stored one too, on a data set.

    Args:
        name: The bundle's name.
        data: The data folder.
        validation: As for `load_as_trained`.
        other: A folder of pictures of none of the classes, to measure on.
        log: As for `load_as_trained`.

    Returns:
        The card; and how well each method tells the pictures of `other` from held-out ones, by method.

    Raises:
        BundleError: The bundle cannot be used, or ships.
        DataError: The data cannot be used, or leaves fewer than MIN_HELD_OUT held-out pictures.
    """
    folder = find_own_bundle(name)
    card = read_card(folder)
    unknown_images = _read_unknown_images(other, card.input_shape) if other else None
    dataset = load_as_trained(card.name, data, card.input_shape, validation, log)
    held_out = dataset.validation.images
    if len(held_out) < MIN_HELD_OUT:
        raise DataError(
            _("{folder} leaves {count} pictures to find thresholds with; at least {least} are needed").format(
                folder=data, count=len(held_out), least=MIN_HELD_OUT
            )
        )
    with copied(folder, card) as making:
        fitted = fit_known(making, dataset.train.images, held_out)
        figures = (
            {}
            if unknown_images is None
            else _compare_methods(making, draw_images(held_out, _MAX_HELD_OUT), unknown_images)
        )
        save_fitted(folder, making, fitted)
    return fitted, figures


@contextmanager
def copied(folder: Path, card: Card) -> Iterator[Path]:
    """Yield a temporary copy of a bundle, to fit it there: what is asked meanwhile is answered as before."""
    with TemporaryDirectory() as temporary:
        made = Path(temporary) / "bundle"
        made.mkdir()
        for file in (CARD_FILE, *card.files):
            shutil.copy(folder / file, made)
        yield made


def save_fitted(folder: Path, made: Path, card: Card) -> None:
    """Save a fitted bundle where it was: in its folder, or in the store.

    Args:
        folder: The bundle's folder.
        made: The folder of the fitted copy.
        card: The fitted card.
    """
    if has_store():
        from model.registry.materialized_models import is_stored
        from model.registry.store import save_known

        if is_stored(folder):
            path = made / KNOWN_FILE
            save_known(card, path.read_bytes() if path.is_file() else None)
            return
    with atomic_folder(folder, CARD_FILE) as making:
        for file in (CARD_FILE, *card.files):
            shutil.copy(made / file, making)


def _read_unknown_images(folder: Path, shape: InputShape) -> np.ndarray:
    """Read all pictures below a folder at a network's input size; broken ones are left out.

    Raises:
        DataError: There are none.
    """
    images = []
    for path in picture_paths(folder):
        try:
            images.append(read_picture(path, shape))
        except (OSError, InvalidImage):
            continue
    if not images:
        raise DataError(_("{folder} holds no pictures").format(folder=folder))
    return np.stack(images)


def _compare_methods(folder: Path, held_out: np.ndarray, others: np.ndarray) -> dict[str, Separation]:
    """Return, for each method the bundle has numbers for, how well it tells other images from held-out ones."""
    card = read_card(folder)
    classifier = Classifier.load(folder, "int8" if INT8_FILE in card.files else None)
    known, unknown = classifier.rows(held_out), classifier.rows(others)
    rules = [KnownRule(PROBABILITY, 0.0, 0.0)] + ([KnownRule(ENERGY, 0.0, 0.0)] if LOGITS in known else [])
    if card.known:
        rules = [card.known, *(rule for rule in rules if rule.method != card.known.method)]
    bank = classifier.bank
    return {rule.method: separate(raw_scores(rule, known, bank), raw_scores(rule, unknown, bank)) for rule in rules}
