"""Fit a bundle's prediction sets on held-out pictures, and measure them on the test pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from model.datasets.splits import DataError, Dataset, Split
from model.datasets.test_set import match_labels
from model.evaluation.conformal import fit_thresholds, least_pictures, measure_sets
from model.evaluation.scores import named_test_sets
from model.export.held_out import load_as_trained
from model.export.known import copied, save_fitted
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier, engines_of
from model.registry.card import Card, SetRule, read_card, write_card
from model.registry.resolution import find_own_bundle

COVERAGE = 0.95


def fit_sets(folder: Path, dataset: Dataset) -> Card | None:
    """Write into a bundle's card how its prediction sets are made, and return the card.

    The thresholds come from the data set's validation pictures, what they are worth is measured on its test pictures.
    The card stays as it is, and None is returned, if a class has too few validation pictures, or if a picture may be of
    several classes.

    Raises:
        BundleError: The bundle cannot be used.
        DataError: The network lacks a class of the data set.
    """
    card = read_card(folder)
    held_out = _of_network(dataset.validation, dataset, card)
    counts = np.bincount(held_out.labels, minlength=len(card.classes))
    if not card.exclusive or not len(held_out) or counts.min() < least_pictures(COVERAGE):
        return None
    classifiers = {engine: Classifier.load(folder, engine) for engine in engines_of(card)}
    first = next(iter(classifiers.values()))
    thresholds = fit_thresholds(first.probabilities(held_out.images), held_out.labels, COVERAGE)
    rule = SetRule(COVERAGE, thresholds, len(held_out))
    measured: dict[str, dict[str, float]] = {}
    test = _of_network(dataset.test, dataset, card)
    for engine, classifier in classifiers.items() if len(test) else ():
        rows = classifier.probabilities(test.images)
        for title, part in named_test_sets(dataset.name, test).items():
            share, size = measure_sets(rule, rows[: len(part)], part.labels)
            figures = measured.setdefault(title, {"n": len(part)})
            figures |= {engine: round(share, 4), f"{engine} classes": round(size, 2)}
    return write_card(folder, dataclasses.replace(card, sets=dataclasses.replace(rule, measured=measured)))


def _of_network(split: Split, dataset: Dataset, card: Card) -> Split:
    """Return a split with labels that are indices into the network's classes."""
    return dataclasses.replace(split, labels=match_labels(split.labels, dataset.classes, card.classes))


def fit_bundle_sets(
    name: str,
    data: Path,
    validation: float | None = None,
    log: Callable[[str], object] = lambda sentence: None,
) -> Card:
    """Fit the prediction sets of an existing bundle, a stored one too, on a data set, and return its card.

    Args:
        name: The bundle's name or folder.
        data: The data folder.
        validation: As for `load_as_trained`.
        log: As for `load_as_trained`.

    Raises:
        BundleError: The bundle cannot be used, or ships.
        DataError: The data cannot be used, or leaves too few held-out pictures of a class.
    """
    folder = find_own_bundle(name)
    card = read_card(folder)
    dataset = load_as_trained(card.name, data, card.input_shape, validation, log)
    with copied(folder, card) as making:
        fitted = fit_sets(making, dataset)
        if fitted is None:
            raise DataError(
                _(
                    "{folder} leaves fewer than {least} held-out pictures of a class, or a picture may be of several"
                ).format(folder=data, least=least_pictures(COVERAGE))
            )
        save_fitted(folder, making, fitted)
    return fitted
