"""Two networks' answers to one picture: what changes from one to the other, in words, as a table and as charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import plotly.graph_objects as go

from dashboard.presenters.charts import MOST_BARS, bars, class_color, shown
from dashboard.presenters.phrases import INCLUSIVE, certainty, headline
from model.common.errors import BundleError
from model.datasets.class_matching import canonical_name
from model.datasets.display_names import class_name
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.inference.classifier import engines_of
from model.inference.prediction import Prediction
from model.registry.card import read_card
from model.registry.resolution import bundle_folders, default_name

SLIGHT = 0.01  # a change of probability under this is none worth a sentence
FASTER = 1.5  # a ratio of times under this is left to chance


@dataclass(frozen=True)
class Side:
    """A network as it can be chosen for one side: its name and the engine that runs it."""

    name: str
    engine: str

    @property
    def title(self) -> str:
        return f"{self.name} ({self.engine})"


def sides() -> dict[str, Side]:
    """What can be compared, by the words that stand in the address: the default first, then its other files.

    Networks that cannot be read are left out. Raises BundleError when the store cannot be read.
    """
    folders = bundle_folders()
    default = default_name(folders)
    found: dict[str, Side] = {}
    for name in sorted(folders, key=default.__ne__):
        try:
            engines = engines_of(read_card(folders[name]))
        except BundleError:  # the page Models says what is wrong with it
            continue
        found |= {f"{name}:{engine}": Side(name, engine) for engine in engines}
    return found


def second_choice(options: dict[str, Side]) -> str:
    """What the first option is compared with before somebody chooses: another network, else another file of it."""
    first, *others = options
    return next((key for key in others if options[key].name != options[first].name), others[0])


@dataclass(frozen=True)
class Contrast:
    """Two answers to one picture; names: what the networks are called in sentences."""

    names: tuple[str, str]
    first: Prediction
    second: Prediction

    def shares(self) -> dict[str, tuple[float | None, float | None]]:
        """Both probabilities of every class, None where a network does not know it; the likeliest of both first."""
        one = {score.label: score.probability for score in self.first.scores}
        two = {score.label: score.probability for score in self.second.scores}
        labels = sorted({**one, **two}, key=lambda label: -(one.get(label, 0.0) + two.get(label, 0.0)))
        return {label: (one.get(label), two.get(label)) for label in labels}


def contrast_of(names: tuple[str, str], first: Prediction, second: Prediction) -> Contrast:
    """Two answers, the second's classes written as the first's, as long as they stay apart."""
    known = first.labels
    labels = [canonical_name(label, known) for label in second.labels]
    if len(set(labels)) == len(labels):
        pairs = zip(second.scores, labels, strict=True)
        second = replace(second, scores=tuple(replace(score, label=label) for score, label in pairs))
    return Contrast(names, first, second)


def sentences(contrast: Contrast, truth: str = "") -> list[str]:
    """What changes from the first network to the second, the headline first; truth: the class, where it is known."""
    said = [*answers(contrast), *largest_change(contrast), *(verdict(contrast, truth) if truth else ())]
    return [*said, *inclusive(contrast)]


def inclusive(contrast: Contrast) -> Iterator[str]:
    """Whose classes do not exclude each other, where there are such."""
    pairs = zip(contrast.names, (contrast.first, contrast.second), strict=True)
    found = [name for name, answer in pairs if not answer.exclusive]
    if len(found) == 2:
        yield _(INCLUSIVE)
    elif found:
        yield _("The classes of {name} do not exclude each other: each has its own probability.").format(name=found[0])


def answers(contrast: Contrast) -> tuple[str, str]:
    """What both say as a headline, and how sure they are."""
    if not (contrast.first.exclusive and contrast.second.exclusive):
        return several(contrast)
    one, two = contrast.first.best, contrast.second.best
    facts = {
        "first": contrast.names[0],
        "second": contrast.names[1],
        "label": class_name(one.label, contrast.first.labels),
        "other": class_name(two.label, contrast.second.labels),
        "share": percentage(one.probability),
        "other_share": percentage(two.probability),
    }
    if one.label == two.label:
        head, details = _("Both say “{label}”"), _("{first} is {share} sure, {second} {other_share}.")
    else:
        head = _("They disagree: “{label}” or “{other}”")
        details = _("{first} says “{label}” ({share}), {second} says “{other}” ({other_share}).")
    return head.format(**facts), details.format(**facts)


def several(contrast: Contrast) -> tuple[str, str]:
    """The same where classes do not exclude each other: every class that is said."""
    one, two = ({score.label for score in answer.answers} for answer in (contrast.first, contrast.second))
    head = _("Both say “{label}”") if one == two else _("They disagree: “{label}” or “{other}”")
    details = _("{first}: {said}. {second}: {other_said}.").format(
        first=contrast.names[0],
        said=certainty(contrast.first),
        second=contrast.names[1],
        other_said=certainty(contrast.second),
    )
    return head.format(label=headline(contrast.first), other=headline(contrast.second)), details


def largest_change(contrast: Contrast) -> Iterator[str]:
    """The class whose probability changes most, among those that both networks know."""
    pairs = contrast.shares()
    both = {label: (one, two) for label, (one, two) in pairs.items() if one is not None and two is not None}
    if not both:
        yield _("They have no class in common.")
        return
    if len(both) < len(pairs):
        yield _("They have {count} of {all} classes in common.").format(count=len(both), all=len(pairs))
    label, (one, two) = max(both.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    if abs(two - one) < SLIGHT:
        yield _("No probability changes by as much as one percentage point.")
    else:
        yield _("The largest change: “{label}” goes from {before} to {after}.").format(
            label=class_name(label, contrast.first.labels), before=percentage(one), after=percentage(two)
        )


def verdict(contrast: Contrast, truth: str) -> Iterator[str]:
    """Which of the two is right."""
    right = [
        canonical_name(truth, answer.labels) in {score.label for score in answer.answers}
        for answer in (contrast.first, contrast.second)
    ]
    if all(right):
        yield _("Both are right.")
    elif any(right):
        yield _("Only {name} is right: it is “{truth}”.").format(
            name=contrast.names[right.index(True)], truth=class_name(truth, contrast.first.labels)
        )
    else:
        yield _("Both are wrong: it is “{truth}”.").format(truth=class_name(truth, contrast.first.labels))


def pace(names: tuple[str, str], times: Sequence[float]) -> str:
    """Which network is faster, from the milliseconds of a pass of each; empty where neither is by much."""
    slow, fast = max(times), min(times)
    if slow < FASTER * fast:
        return ""
    return _("{name} answers {times} times as fast: {fast} ms a picture against {slow} ms.").format(
        name=names[times.index(fast)], times=decimal(slow / fast), fast=decimal(fast, 2), slow=decimal(slow, 2)
    )


def table(contrast: Contrast) -> pd.DataFrame:
    """A row a class: both probabilities and the change in percentage points; empty where one does not know it."""
    rows = [
        (
            class_name(label, contrast.first.labels),
            one,
            two,
            None if one is None or two is None else round(100 * (two - one), 1),
        )
        for label, (one, two) in contrast.shares().items()
    ]
    return pd.DataFrame(rows, columns=["class", "first", "second", "change"])


def charts(contrast: Contrast) -> tuple[go.Figure, go.Figure]:
    """A bar a class for each network, the classes of both in one order, each network's answer strong.

    Of many classes, the MOST_BARS that are likeliest to both.
    """
    pairs = contrast.shares()
    labels = list(pairs)[:MOST_BARS][::-1]  # Plotly draws upwards
    places = {score.label: score.index for score in (*contrast.second.scores, *contrast.first.scores)}
    colors = [class_color(places[label]) for label in labels]

    def side(place: int, answer: Prediction) -> go.Figure:
        said = {score.label for score in answer.answers}
        values = [pairs[label][place] or 0.0 for label in labels]
        opacity = [1.0 if label in said else 0.4 for label in labels]
        return bars(shown(labels, contrast.first.labels), values, colors, opacity)

    return side(0, contrast.first), side(1, contrast.second)
