"""Try every pixel scaling on the sample pictures, if the file itself does not show which one is right."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.i18n.translations import gettext as _
from model.images.samples import Sample, first_of_each_class, list_samples
from model.inference.shared_batches import Forward
from model.intake.scaling_evidence import SIMILAR, Finding, default_guess
from model.signature.outputs import OUTPUTS, SUM_TOLERANCE, detect_output
from model.signature.scaling import GUESSED, SCALINGS, TRIED, scale_images
from model.signature.shapes import InputShape

_SECONDS = 30.0  # a slow network is judged by the samples predicted in this time
_MIN_PROBABILITY = 0.01  # floor for probabilities: one confident mistake proves nothing
_MOST_COMMON, _ALTERNATIVES = "unit", ("none", "symmetric")  # the most common scalings, in this order
_SAME_ANSWERS = 0.01  # nats; below this all answers are the same


@dataclass(frozen=True)
class _Answers:
    """A network's outputs: for each scaling, a row per sample."""

    samples: list[Sample]
    rows: dict[str, np.ndarray]


def try_scalings(
    forward: Forward,
    shape: InputShape,
    naming: Callable[[int], Sequence[str]],
    means: tuple[str, float] = ("", SUM_TOLERANCE),
) -> Finding:
    """Return the scaling with which a network recognizes the samples, or with which its answers vary most.

    The second way is only a guess, and so is the first if two scalings do about equally well.

    Args:
        forward: From scaled pictures, float32 (n, height, width, channels), to outputs.
        shape: The network's input shape.
        naming: From the number of classes to their names.
        means: As for `kind_of_output`.
    """
    answers = _answer_samples(forward, shape)
    finish = OUTPUTS[detect_output(np.concatenate(list(answers.rows.values())), *means)]
    answers = _Answers(answers.samples, {name: finish(rows) for name, rows in answers.rows.items()})
    return _scaling_from_accuracy(answers, naming(answers.rows[_MOST_COMMON].shape[1])) or _scaling_from_spread(answers)


def _answer_samples(forward: Forward, shape: InputShape) -> _Answers:
    """Predict as many samples as time allows, one of each class first."""
    samples = list_samples()
    first = first_of_each_class(samples)
    until = time.monotonic() + _SECONDS
    done, rows = [], []
    for sample in first + [sample for sample in samples if sample not in first]:
        picture = sample.pixels(shape)
        with np.errstate(all="ignore"):
            numbers = np.concatenate([scale_images(picture[None], scaling) for scaling in SCALINGS.values()])
            rows.append(np.nan_to_num(forward(numbers)))
        done.append(sample)
        if time.monotonic() > until:
            break
    return _Answers(done, {name: np.stack([row[place] for row in rows]) for place, name in enumerate(SCALINGS)})


def _name_words(name: str) -> set[str]:
    """Return the words in a class name without plural endings: `Garbage_trucks` gives `garbage` and `truck`."""
    return {word.rstrip("s") for word in re.findall(r"[a-z]+", name.lower())}


def _scaling_from_accuracy(answers: _Answers, classes: Sequence[str]) -> Finding | None:
    """Return the scaling with which most samples of known classes are right; None if too few are known.

    The file name says what a sample shows: `bird-macaw` counts as a bird and as a macaw.
    """
    told = [_name_words(name) for name in classes]
    right = {
        place: found
        for place, sample in enumerate(answers.samples)
        if (found := [index for index, name in enumerate(told) if name & _name_words(sample.path.stem)])
    }
    if len({tuple(found) for found in right.values()}) < 2:  # a constant network would be right
        return None
    scores = {name: _score(rows, right) for name, rows in answers.rows.items()}
    order = sorted(scores, key=lambda name: scores[name], reverse=True)
    best = order[0]
    rival = next(name for name in order[1:] if not {name, best} <= SIMILAR)
    (hits, likelihood), (other_hits, other_likelihood) = scores[best], scores[rival]
    # A network that always predicts one class is right on this many.
    constant = max(sum(index in found for found in right.values()) for index in range(len(told)))
    if 2 * hits < len(right) or hits <= constant:
        return None
    said = _("as {best} it is right on {hits} of {count} sample pictures, as {rival} on {others}").format(
        best=best, hits=hits, count=len(right), rival=rival, others=other_hits
    )
    clear = hits >= constant + 2 and (hits >= other_hits + 2 or likelihood >= other_likelihood + 3)
    return Finding(best, TRIED if clear else GUESSED, said)


def _score(rows: np.ndarray, right: dict[int, list[int]]) -> tuple[int, float]:
    """Count the correct samples, and return the log likelihood of all true classes."""
    hits = sum(int(rows[place].argmax()) in found for place, found in right.items())
    likelihood = sum(float(np.log(max(rows[place][found].sum(), _MIN_PROBABILITY))) for place, found in right.items())
    return hits, likelihood


def _scaling_from_spread(answers: _Answers) -> Finding:
    """Guess the most common scaling, unless the answers vary between pictures only with another one."""
    if _is_one_class(answers.rows[_MOST_COMMON]) and _mutual_information(answers.rows[_MOST_COMMON]) < _SAME_ANSWERS:
        for name in _ALTERNATIVES:
            if not _is_one_class(answers.rows[name]) and _mutual_information(answers.rows[name]) > 10 * _SAME_ANSWERS:
                why = _("as {usual} it says the same of all sample pictures, as {name} it does not")
                return Finding(name, GUESSED, why.format(usual=_MOST_COMMON, name=name))
    return default_guess()


def _is_one_class(rows: np.ndarray) -> bool:
    return len(set(rows.argmax(axis=1).tolist())) == 1


def _mutual_information(rows: np.ndarray) -> float:
    """Return the mean information (nats) of an answer: entropy of the mean minus mean entropy."""
    return _entropy(rows.mean(axis=0)) - float(np.mean([_entropy(row) for row in rows]))


def _entropy(probabilities: np.ndarray) -> float:
    positive = np.clip(probabilities, 1e-12, 1)
    return float(-(positive * np.log(positive)).sum())
