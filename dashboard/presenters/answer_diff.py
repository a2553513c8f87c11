"""The difference between two networks' answers to one picture: in words, as a table and as charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import plotly.graph_objects as go

from dashboard.presenters.charts import axis_labels, bar_chart, bar_count, class_color
from dashboard.presenters.phrases import INCLUSIVE, certainty, headline
from model.common.errors import BundleError
from model.datasets.class_matching import canonical_name
from model.datasets.display_names import class_name
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.inference.classifier import engines_of
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN
from model.registry.card import read_card
from model.registry.resolution import bundle_folders, default_name

_MIN_CHANGE = 0.01  # smaller changes of probability are not worth a sentence
_MIN_SPEED_RATIO = 1.5  # smaller ratios may be chance


@dataclass(frozen=True)
class NetworkChoice:
    """A network to compare: its name and the engine that runs it."""

    name: str
    engine: str

    @property
    def title(self) -> str:
        """Its name with the engine."""
        return f"{self.name} ({self.engine})"


def list_choices() -> dict[str, NetworkChoice]:
    """Return what can be compared, by the value in the address: the default first, then its other files.

    Networks that cannot be read are left out.

    Raises:
        BundleError: The store cannot be read.
    """
    folders = bundle_folders()
    default = default_name(folders)
    found: dict[str, NetworkChoice] = {}
    for name in sorted(folders, key=default.__ne__):
        try:
            engines = engines_of(read_card(folders[name]))
        except BundleError:  # the Models page says what is wrong with it
            continue
        found |= {f"{name}:{engine}": NetworkChoice(name, engine) for engine in engines}
    return found


def default_second_choice(options: dict[str, NetworkChoice]) -> str:
    """Return what the first option is compared with by default: another network, else another file of it."""
    first, *others = options
    return next((key for key in others if options[key].name != options[first].name), others[0])


@dataclass(frozen=True)
class AnswerDiff:
    """Two answers to one picture, with the names of the networks as sentences call them."""

    names: tuple[str, str]
    first: Prediction
    second: Prediction

    def probabilities(self) -> dict[str, tuple[float | None, float | None]]:
        """Return both probabilities of each class, None if a network does not know it; the likeliest of both first."""
        one = {score.label: score.probability for score in self.first.scores}
        two = {score.label: score.probability for score in self.second.scores}
        labels = sorted({**one, **two}, key=lambda label: -(one.get(label, 0.0) + two.get(label, 0.0)))
        return {label: (one.get(label), two.get(label)) for label in labels}


def diff_answers(names: tuple[str, str], first: Prediction, second: Prediction) -> AnswerDiff:
    """Build the difference, with the second network's classes spelled like the first's if they stay distinct."""
    known = first.labels
    labels = [canonical_name(label, known) for label in second.labels]
    if len(set(labels)) == len(labels):
        pairs = zip(second.scores, labels, strict=True)
        second = replace(second, scores=tuple(replace(score, label=label) for score, label in pairs))
    return AnswerDiff(names, first, second)


def sentences(diff: AnswerDiff, truth: str = "") -> list[str]:
    """Describe what changes from the first network to the second, the headline first.

    Args:
        diff: The answers.
        truth: The true class, if it is known.
    """
    said = [*headline_and_details(diff), *_largest_change(diff), *(_verdict(diff, truth) if truth else ())]
    return [*said, *_independence_note(diff)]


def _independence_note(diff: AnswerDiff) -> Iterator[str]:
    """Say whose classes do not exclude each other."""
    pairs = zip(diff.names, (diff.first, diff.second), strict=True)
    found = [name for name, answer in pairs if not answer.exclusive]
    if len(found) == 2:
        yield _(INCLUSIVE)
    elif found:
        yield _("The classes of {name} do not exclude each other: each has its own probability.").format(name=found[0])


def headline_and_details(diff: AnswerDiff) -> tuple[str, str]:
    """Return what both say as a headline, and how sure they are."""
    both = (diff.first, diff.second)
    if not all(answer.exclusive and answer.verdict != UNKNOWN for answer in both):
        return _headline_of_several(diff)
    one, two = diff.first.best, diff.second.best
    facts = {
        "first": diff.names[0],
        "second": diff.names[1],
        "label": class_name(one.label, diff.first.labels),
        "other": class_name(two.label, diff.second.labels),
        "share": percentage(one.probability),
        "other_share": percentage(two.probability),
    }
    if one.label == two.label:
        head, details = _("Both say “{label}”"), _("{first} is {share} sure, {second} {other_share}.")
    else:
        head = _("They disagree: “{label}” or “{other}”")
        details = _("{first} says “{label}” ({share}), {second} says “{other}” ({other_share}).")
    return head.format(**facts), details.format(**facts)


def _headline_of_several(diff: AnswerDiff) -> tuple[str, str]:
    """Return the same if an answer may be any number of classes, or none of them."""
    one, two = map(_predicted, (diff.first, diff.second))
    head = _("Both say “{label}”") if one == two else _("They disagree: “{label}” or “{other}”")
    details = _("{first}: {said}. {second}: {other_said}.").format(
        first=diff.names[0],
        said=certainty(diff.first),
        second=diff.names[1],
        other_said=certainty(diff.second),
    )
    return head.format(label=headline(diff.first), other=headline(diff.second)), details


def _predicted(answer: Prediction) -> set[str]:
    """Return the classes that an answer says it is; none where it probably is none of them."""
    return set() if answer.verdict == UNKNOWN else {score.label for score in answer.answers}


def _largest_change(diff: AnswerDiff) -> Iterator[str]:
    """Name the class whose probability changes most, among those both networks know."""
    pairs = diff.probabilities()
    both = {label: (one, two) for label, (one, two) in pairs.items() if one is not None and two is not None}
    if not both:
        yield _("They have no class in common.")
        return
    if len(both) < len(pairs):
        yield _("They have {count} of {all} classes in common.").format(count=len(both), all=len(pairs))
    label, (one, two) = max(both.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    if abs(two - one) < _MIN_CHANGE:
        yield _("No probability changes by as much as one percentage point.")
    else:
        yield _("The largest change: “{label}” goes from {before} to {after}.").format(
            label=class_name(label, diff.first.labels), before=percentage(one), after=percentage(two)
        )


def _verdict(diff: AnswerDiff, truth: str) -> Iterator[str]:
    """Say which of the two is right; a network that does not know the class is not judged."""
    both = (diff.first, diff.second)
    names = [canonical_name(truth, answer.labels) for answer in both]
    known = [name in answer.labels for name, answer in zip(names, both, strict=True)]
    right = [name in _predicted(answer) for name, answer in zip(names, both, strict=True)]
    if not all(known):
        for name, is_known, is_right in zip(diff.names, known, right, strict=True):
            if is_known:
                text = _("{name} is right: it is “{truth}”.") if is_right else _("{name} is wrong: it is “{truth}”.")
                yield text.format(name=name, truth=class_name(truth, diff.first.labels))
    elif all(right):
        yield _("Both are right.")
    elif any(right):
        yield _("Only {name} is right: it is “{truth}”.").format(
            name=diff.names[right.index(True)], truth=class_name(truth, diff.first.labels)
        )
    else:
        yield _("Both are wrong: it is “{truth}”.").format(truth=class_name(truth, diff.first.labels))


def compare_speed(names: tuple[str, str], times: Sequence[float]) -> str:
    """Say which network is faster, given the milliseconds of each; empty if the difference is small."""
    slow, fast = max(times), min(times)
    if slow < _MIN_SPEED_RATIO * fast:
        return ""
    return _("{name} answers {times} times as fast: {fast} ms a picture against {slow} ms.").format(
        name=names[times.index(fast)], times=decimal(slow / fast), fast=decimal(fast, 2), slow=decimal(slow, 2)
    )


def diff_table(diff: AnswerDiff) -> pd.DataFrame:
    """Return a row for each class: both probabilities and the change in percentage points."""
    rows = [
        (
            class_name(label, diff.first.labels),
            one,
            two,
            None if one is None or two is None else round(100 * (two - one), 1) + 0.0,  # no -0.0
        )
        for label, (one, two) in diff.probabilities().items()
    ]
    return pd.DataFrame(rows, columns=["class", "first", "second", "change"])


def change_text(points: float) -> str:
    """Format a change in percentage points with its sign: `+3.2`, `-0.4`, `0.0`."""
    return f"{'+' if points > 0 else ''}{decimal(points)}"


def diff_charts(diff: AnswerDiff) -> tuple[go.Figure, go.Figure]:
    """Return a chart for each network, with the classes in the same order and its answer in full colour.

    With many classes, those that are likeliest to both are shown.
    """
    pairs = diff.probabilities()
    labels = list(pairs)[: bar_count(len(pairs))][::-1]  # Plotly draws upwards
    places = {score.label: score.index for score in (*diff.second.scores, *diff.first.scores)}
    colors = [class_color(places[label]) for label in labels]

    def side(place: int, answer: Prediction) -> go.Figure:
        said = _predicted(answer)
        values = [pairs[label][place] or 0.0 for label in labels]
        opacity = [1.0 if label in said else 0.4 for label in labels]
        return bar_chart(axis_labels(labels, diff.first.labels), values, colors, opacity)

    return side(0, diff.first), side(1, diff.second)
