"""A network asked the sample pictures under each convention for a pixel, where its file says nothing of that."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.i18n.translations import gettext as _
from model.images.samples import Sample, first_of_each_class, list_samples
from model.inference.shared_batches import Forward
from model.intake.scaling_evidence import ALIKE, Finding, guess
from model.signature.outputs import MISS, OUTPUTS, kind_of_output
from model.signature.scaling import GUESSED, SCALINGS, TRIED, as_numbers
from model.signature.shapes import InputShape

SECONDS = 30.0  # a network that takes longer for all samples is judged by those that it has answered
LEAST = 0.01  # a probability below counts as this: one sure mistake is no proof
USUAL, OTHERS = "unit", ("none", "symmetric")  # the most usual conventions, in this order
SAME = 0.01  # nats: answers that tell less of their pictures are all the same


@dataclass(frozen=True)
class Answers:
    """What a network said: by convention, a row for each sample."""

    samples: list[Sample]
    rows: dict[str, np.ndarray]


def try_out(
    forward: Forward, shape: InputShape, naming: Callable[[int], Sequence[str]], means: tuple[str, float] = ("", MISS)
) -> Finding:
    """The convention under which a network knows the sample pictures, or answers them most unlike each other.

    forward: from pictures in the network's own numbers, float32 (n, height, width, channels), to its rows; naming: from
    the number of classes to their names; means: what the rows are, as `kind_of_output` takes it. The second way is a
    guess, as is the first where two conventions do about as well.
    """
    answers = asked(forward, shape)
    finish = OUTPUTS[kind_of_output(np.concatenate(list(answers.rows.values())), *means)]
    answers = Answers(answers.samples, {name: finish(rows) for name, rows in answers.rows.items()})
    return by_truth(answers, naming(answers.rows[USUAL].shape[1])) or by_spread(answers)


def asked(forward: Forward, shape: InputShape) -> Answers:
    """The answers to as many samples as there is time for, one of each class first."""
    samples = list_samples()
    first = first_of_each_class(samples)
    until = time.monotonic() + SECONDS
    done, rows = [], []
    for sample in first + [sample for sample in samples if sample not in first]:
        picture = sample.pixels(shape)
        with np.errstate(all="ignore"):
            numbers = np.concatenate([as_numbers(picture[None], scaling) for scaling in SCALINGS.values()])
            rows.append(np.nan_to_num(forward(numbers)))
        done.append(sample)
        if time.monotonic() > until:
            break
    return Answers(done, {name: np.stack([row[place] for row in rows]) for place, name in enumerate(SCALINGS)})


def words_of(name: str) -> set[str]:
    """The words of a class's name, without their endings: `Garbage_trucks` has `garbage` and `truck`."""
    return {word.rstrip("s") for word in re.findall(r"[a-z]+", name.lower())}


def by_truth(answers: Answers, classes: Sequence[str]) -> Finding | None:
    """The convention under which most samples of classes that the network knows are right; None if it knows too few.

    A sample's file name says what it shows: `bird-macaw` is right as a bird, and as a macaw.
    """
    told = [words_of(name) for name in classes]
    right = {
        place: found
        for place, sample in enumerate(answers.samples)
        if (found := [index for index, name in enumerate(told) if name & words_of(sample.path.stem)])
    }
    if len({tuple(found) for found in right.values()}) < 2:  # a network that always says one thing would be right
        return None
    scores = {name: score(rows, right) for name, rows in answers.rows.items()}
    order = sorted(scores, key=lambda name: scores[name], reverse=True)
    best = order[0]
    rival = next(name for name in order[1:] if not {name, best} <= ALIKE)
    (hits, likelihood), (other_hits, other_likelihood) = scores[best], scores[rival]
    # Who always answers one class is right on so many.
    constant = max(sum(index in found for found in right.values()) for index in range(len(told)))
    if 2 * hits < len(right) or hits <= constant:
        return None
    said = _("as {best} it is right on {hits} of {count} sample pictures, as {rival} on {others}").format(
        best=best, hits=hits, count=len(right), rival=rival, others=other_hits
    )
    clear = hits >= constant + 2 and (hits >= other_hits + 2 or likelihood >= other_likelihood + 3)
    return Finding(best, TRIED if clear else GUESSED, said)


def score(rows: np.ndarray, right: dict[int, list[int]]) -> tuple[int, float]:
    """How many samples are right, and the logarithm of the probability that all of them are."""
    hits = sum(int(rows[place].argmax()) in found for place, found in right.items())
    likelihood = sum(float(np.log(max(rows[place][found].sum(), LEAST))) for place, found in right.items())
    return hits, likelihood


def by_spread(answers: Answers) -> Finding:
    """A guess: the most usual convention, unless only under another one the answers differ from picture to picture."""
    if is_one_class(answers.rows[USUAL]) and spread(answers.rows[USUAL]) < SAME:
        for name in OTHERS:
            if not is_one_class(answers.rows[name]) and spread(answers.rows[name]) > 10 * SAME:
                why = _("as {usual} it says the same of all sample pictures, as {name} it does not")
                return Finding(name, GUESSED, why.format(usual=USUAL, name=name))
    return guess()


def is_one_class(rows: np.ndarray) -> bool:
    return len(set(rows.argmax(axis=1).tolist())) == 1


def spread(rows: np.ndarray) -> float:
    """How many nats an answer tells of its picture: the entropy of the mean answer less the mean of theirs."""
    return entropy(rows.mean(axis=0)) - float(np.mean([entropy(row) for row in rows]))


def entropy(probabilities: np.ndarray) -> float:
    positive = np.clip(probabilities, 1e-12, 1)
    return float(-(positive * np.log(positive)).sum())
