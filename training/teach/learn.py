"""Learning: from the features of a project's pictures to a head, its figures and what it knows of strangers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

import numpy as np

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _
from model.inference.unknown import FeatureBank
from model.registry.card import KnownRule
from model.signature.outputs import softmax
from training.teach.duplicates import find_groups, unit_rows
from training.teach.features import Samples
from training.teach.findings import (
    confused_pairs,
    confusion_matrix,
    expected_calibration_error,
    find_flaws,
    find_giveaways,
    find_suspects,
    forecast,
    list_duplicates,
    small_classes,
)
from training.teach.head import Head, Space, find_space, fit_coordinates, head_of
from training.teach.report import Report
from training.teach.strangers import CAREFUL, fit_strangers, passing_strangers
from training.teach.validation import Validation, cross_validate, learning_curve

# Each held-out picture counts as a twentieth for the temperature: the heads that answered had fewer pictures to learn
# from than the one it is for. With 2, 4 and 7 photographs of each of eight kinds, the negative log likelihood of others
# falls by that from 0.530 to 0.463, 0.335 to 0.291 and 0.184 to 0.156 (20 draws). With thousands it changes nothing.
_CAUTION = 20


class TeachError(VitrineError, ValueError):
    """A project cannot be learnt; the message says what is missing."""


def too_few_classes(count: int) -> TeachError:
    """Return the error for a project with fewer than two classes that have pictures."""
    return TeachError(_("two classes with a picture each are needed to learn; there are {count}").format(count=count))


@dataclass(frozen=True)
class Taught:
    """A head that has been taught, and all that answers with it need.

    Attributes:
        classes: In the order of its logits.
        head: On the backbone's features, its temperature inside.
        rule: How unknown pictures are told.
        bank: What they are compared with.
        samples: What it was taught on.
        report: What was found out.
        held_out_ids: int64 (n,), the numbers of the pictures that it was taught on.
        held_out_answers: int64 (n,), what each was taken for when it was held out; -1 for those that never were.
        held_out_probabilities: float32 (n,), of those answers.
    """

    classes: tuple[str, ...]
    head: Head
    rule: KnownRule
    bank: FeatureBank
    samples: Samples
    report: Report
    held_out_ids: np.ndarray
    held_out_answers: np.ndarray
    held_out_probabilities: np.ndarray

    @cached_property
    def taught_directions(self) -> np.ndarray:
        """The features of `samples` less the bank's center, at length 1, float32 (n, features)."""
        return unit_rows(self.samples.features.astype(np.float32) - self.bank.center)


def learn(samples: Samples, careful: float = CAREFUL) -> Taught:
    """Teach a head, and measure it by cross-validation.

    Args:
        samples: Pictures of two classes or more.
        careful: The share of own pictures that must not be called unknown, 0.5 to 0.99.

    Raises:
        TeachError: There are fewer than two classes with pictures.
    """
    begun = perf_counter()
    classes, labels = samples.classes, samples.labels
    if len(classes) < 2:
        raise too_few_classes(len(classes))
    space = find_space(samples.features)
    groups = find_groups(space, samples.likeness)
    validation = cross_validate(space, labels, len(classes), groups)
    temperature = _temperature(validation, labels)
    start = np.mean(list(validation.solutions.values()), axis=0)  # close to what all pictures together give
    solution = fit_coordinates(space.rows, labels, len(classes), validation.penalty, space.variances, start)
    head = head_of(space, solution).divided(temperature)
    validation = dataclasses.replace(validation, logits=validation.logits / np.float32(temperature))
    bank, rule, passing = _strangers(samples, groups, validation, careful)
    report = _report(samples, groups, space, validation)
    report = dataclasses.replace(
        report,
        temperature=temperature,
        careful=careful,
        passing_strangers=passing,
        seconds=perf_counter() - begun,
    )
    held_out_answers = np.where(validation.held_out, validation.logits.argmax(axis=1), -1)
    sure = softmax(validation.logits).max(axis=1)
    return Taught(classes, head, rule, bank, samples, report, samples.ids, held_out_answers, sure)


def _temperature(validation: Validation, labels: np.ndarray) -> float:
    """The temperature that makes the labels of held-out pictures likeliest; 1 without any."""
    from training.engine.calibration import fit_temperature

    held = validation.held_out
    return fit_temperature(validation.logits[held], labels[held], _CAUTION) if held.any() else 1.0


def _strangers(
    samples: Samples, groups: np.ndarray, validation: Validation, careful: float
) -> tuple[FeatureBank, KnownRule, float | None]:
    # A class that is one group of near-duplicates has nothing else to be compared with: picture by picture, then.
    repeated = np.isin(samples.labels, validation.repeated)
    forbidden = np.where(repeated, len(groups) + np.arange(len(groups)), groups)
    bank, rule = fit_strangers(samples.features, samples.labels, forbidden, careful)
    return bank, rule, passing_strangers(samples.features, samples.labels, groups, rule)


def _report(samples: Samples, groups: np.ndarray, space: Space, validation: Validation) -> Report:
    """All figures but those that `learn` has itself."""
    classes, labels, held = samples.classes, samples.labels, validation.held_out
    logits, count = validation.logits[held], int(held.sum())
    confusion = confusion_matrix(logits, labels[held])
    right = int(np.trace(confusion))
    curve = learning_curve(space, labels, len(classes), validation)
    if count:
        curve.append((round(len(labels) * (1 - 1 / max(2, len(np.unique(validation.folds[held]))))), right / count))
    return Report(
        classes=classes,
        counts=tuple(map(int, np.bincount(labels, minlength=len(classes)))),
        held_out=count,
        right=right,
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        ece=expected_calibration_error(logits, labels[held]),
        temperature=1.0,
        penalty=validation.penalty,
        curve=tuple(curve),
        forecast=forecast(curve, len(classes)),
        confusions=confused_pairs(confusion, classes),
        suspects=find_suspects(samples, validation.logits, held),
        duplicates=list_duplicates(samples, groups),
        flaws=find_flaws(samples),
        small_classes=small_classes(labels, groups, classes),
        repeated=tuple(classes[label] for label in validation.repeated),
        giveaways=find_giveaways(samples, space, validation),
        careful=0.0,
        passing_strangers=None,
    )
