"""Cross-validation of a head: logits of held-out pictures, and the penalty that gives the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.signature.outputs import softmax
from training.teach.head import Space, fit_coordinates

PENALTIES = (1.0, 0.1, 0.01, 0.001, 0.0001)  # the largest first, so that each solution is the next one's start
DEFAULT_PENALTY = 0.01  # where nothing can be held out
# Few pictures are held out in ten parts, so that the heads have nearly all of them; many in three, which is quicker.
_FEW, _FEW_FOLDS, _FOLDS, _MANY, _MANY_FOLDS = 60, 10, 5, 5000, 3
_SEARCHED = 1500  # pictures on which the penalty is chosen; more hardly change the choice
NEVER = -1  # the fold of a picture that is always learnt from


@dataclass(frozen=True)
class Validation:
    """What cross-validation gave.

    Attributes:
        folds: int64 (n,), when each picture was held out; NEVER for the only picture of a class.
        logits: float32 (n, classes), of each by a head that was fitted without it and its near-duplicates; where the
            fold is NEVER they are those of the head that has seen it.
        solutions: By fold, of `fit_coordinates` on all other pictures.
        penalty: The one with the most likely labels.
        repeated: Indices of classes all of whose pictures are near-duplicates of each other: what is held out looks
            like what is learnt from, so their figures are too good.
    """

    folds: np.ndarray
    logits: np.ndarray
    solutions: dict[int, np.ndarray]
    penalty: float
    repeated: tuple[int, ...]

    @property
    def held_out(self) -> np.ndarray:
        """Whether each picture was held out once, bool (n,)."""
        return np.asarray(self.folds != NEVER)


def cross_validate(space: Space, labels: np.ndarray, classes: int, groups: np.ndarray) -> Validation:
    """Hold out each part of the pictures once.

    Args:
        space: The pictures' features.
        labels: int (n,).
        classes: How many there are.
        groups: int (n,), near-duplicates have the same; they are held out together.
    """
    folds, repeated = make_folds(labels, groups, classes)
    penalty = choose_penalty(space, labels, classes, folds)
    logits, solutions = np.zeros((len(labels), classes), np.float32), {}
    for fold in map(int, np.unique(folds)):
        out = folds == fold
        learnt = ~out if fold != NEVER else np.ones(len(labels), bool)
        solution = fit_coordinates(space.rows[learnt], labels[learnt], classes, penalty, space.variances)
        logits[out] = apply(solution, space.rows[out])
        solutions[fold] = solution
    return Validation(folds, logits, solutions, penalty, repeated)


def make_folds(labels: np.ndarray, groups: np.ndarray, classes: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """Deal the pictures of each class out to folds evenly, near-duplicates to the same one.

    Returns:
        The folds, int64 (n,), and the classes that are one group of near-duplicates, which is dealt out all the same.
    """
    count = _FEW_FOLDS if len(labels) <= _FEW else _FOLDS if len(labels) <= _MANY else _MANY_FOLDS
    rng, folds = np.random.default_rng(0), np.full(len(labels), NEVER, np.int64)
    repeated, sizes = [], np.zeros(count, np.int64)
    for label in range(classes):
        members = np.flatnonzero(labels == label)
        alone = len(np.unique(groups[members])) == 1 < len(members)
        if alone:
            repeated.append(label)
        if len(members) < 2:
            continue
        units, own = members if alone else groups[members], np.zeros(count, np.int64)
        for unit in rng.permutation(np.unique(units)):
            chosen = members[units == unit]
            # A group that lies in two classes has its fold from the first.
            others = folds[groups == groups[chosen[0]]] if not alone else folds[chosen]
            fold = int(others.max())
            if fold == NEVER:
                # By the class's own pictures first: after large groups of another, a small class would lie in one fold.
                fold = int(np.lexsort((sizes, own))[0])
            folds[chosen] = fold
            own[fold] += len(chosen)
            sizes[fold] += len(chosen)
    return folds, tuple(repeated)


def choose_penalty(space: Space, labels: np.ndarray, classes: int, folds: np.ndarray) -> float:
    """Choose the penalty under which held-out labels are likeliest; from a few thousand pictures on, one fold tells."""
    chosen = np.arange(len(labels))
    if len(labels) > _SEARCHED:
        chosen = np.sort(np.random.default_rng(0).permutation(len(labels))[:_SEARCHED])
    rows, labels, folds = space.rows[chosen], labels[chosen], folds[chosen]
    parts: Sequence[int] = [int(fold) for fold in np.unique(folds) if fold != NEVER]
    if len(labels) >= _SEARCHED:
        parts = parts[:1]
    losses, held = np.zeros(len(PENALTIES)), 0
    for fold in parts:
        out = folds == fold
        held += int(out.sum())
        solution = None
        for place, penalty in enumerate(PENALTIES):
            solution = fit_coordinates(rows[~out], labels[~out], classes, penalty, space.variances, solution)
            losses[place] += negative_log_likelihood(apply(solution, rows[out]), labels[out]) * out.sum()
    return PENALTIES[int(losses.argmin())] if held else DEFAULT_PENALTY


def apply(solution: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the logits, float32 (n, classes), of rows in the coordinates of a Space."""
    return np.asarray(rows @ solution[:-1] + solution[-1])


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative log likelihood of labels, int (n,), under logits, float (n, classes)."""
    own = softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, 1e-7)).mean())


def learning_curve(
    space: Space, labels: np.ndarray, classes: int, validation: Validation, parts: Sequence[float] = (0.25, 0.5)
) -> list[tuple[int, float]]:
    """Return how right heads are that were taught on parts of the pictures: (pictures, accuracy) each.

    Each part is a share of what a fold leaves to learn from; of many pictures only one fold is held out. A part that
    has no picture of some class is left out.
    """
    rng, curve = np.random.default_rng(1), []
    folds = [int(fold) for fold in np.unique(validation.folds) if fold != NEVER]
    folds = folds[:1] if len(labels) > _SEARCHED else folds
    smaller = dict[int, np.ndarray]()  # of each fold, the solution of the part before: where the next one begins
    for part in parts:
        right = held = learnt = 0
        for fold in folds:
            out = validation.folds == fold
            taken = _thinned(rng, np.flatnonzero(~out), labels, part)
            if len(np.unique(labels[taken])) < classes:
                continue
            rows, penalty = space.rows[taken], validation.penalty
            start = smaller.get(fold)
            solution = fit_coordinates(rows, labels[taken], classes, penalty, space.variances, start)
            smaller[fold] = solution
            right += int((apply(solution, space.rows[out]).argmax(axis=1) == labels[out]).sum())
            held, learnt = held + int(out.sum()), learnt + len(taken)
        if held and len(folds):
            curve.append((round(learnt / len(folds)), right / held))
    return curve


def _thinned(rng: np.random.Generator, places: np.ndarray, labels: np.ndarray, part: float) -> np.ndarray:
    """Keep a share of each class's pictures, at least one."""
    kept = []
    for label in np.unique(labels[places]):
        members = rng.permutation(places[labels[places] == label])
        kept.append(members[: max(1, round(len(members) * part))])
    return np.concatenate(kept) if kept else places
