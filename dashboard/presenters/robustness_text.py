"""How an answer holds under small changes of its picture: in words, as a table and as a chart."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.presenters.charts import class_color, escape_for_plotly
from dashboard.presenters.data_url import data_url
from model.datasets.display_names import class_name
from model.explanation.robustness import CHANGES, Trial, kept_share
from model.i18n.number_format import decimal, decimal_point, thousands_separator
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from model.images.thumbnails import encode_png

_KINDS = {
    "turned": marked("turned"),
    "moved": marked("moved"),
    "blurred": marked("blurred"),
    "compressed": marked("as a JPEG"),
}
_HEIGHT = 44  # pixels for each kind of change


def describe_change(trial: Trial) -> str:
    """Describe what was done to the picture."""
    height, width = trial.image.shape[:2]
    if trial.kind == "turned":
        way = _("turned {degrees}° to the left") if trial.strength > 0 else _("turned {degrees}° to the right")
        return way.format(degrees=round(abs(trial.strength)))
    if trial.kind == "moved":
        pixels = round(abs(trial.strength) * width)
        if trial.strength > 0:
            return ngettext("moved {n} pixel to the right", "moved {n} pixels to the right", pixels).format(n=pixels)
        return ngettext("moved {n} pixel to the left", "moved {n} pixels to the left", pixels).format(n=pixels)
    if trial.kind == "blurred":
        return _("blurred over {n} pixels").format(n=decimal(trial.strength * min(height, width)))
    return _("as a JPEG of quality {quality}").format(quality=round(trial.strength))


def summary(found: list[Trial], label: int, classes: tuple[str, ...], exclusive: bool = True) -> str:
    """Say in how many of the changed pictures the class is still the answer, and what replaces it.

    Args:
        found: The trials.
        label: The index of the class.
        classes: The names of the classes.
        exclusive: Whether another class can replace it.
    """
    count, kept = len(found), round(kept_share(found, label, exclusive) * len(found))
    if not exclusive:
        return _("“{label}” stays likelier than not in {kept} of {count} small changes.").format(
            label=class_name(classes[label], classes), kept=kept, count=count
        )
    if kept == count:
        return _("“{label}” stays the answer in all {count} small changes.").format(
            label=class_name(classes[label], classes), count=count
        )
    others = dict.fromkeys(
        class_name(classes[_predicted_class(trial)], classes) for trial in found if _predicted_class(trial) != label
    )
    return _("“{label}” stays the answer in {kept} of {count} small changes; otherwise it is: {others}.").format(
        label=class_name(classes[label], classes), kept=kept, count=count, others=", ".join(others)
    )


def _predicted_class(trial: Trial) -> int:
    return int(trial.probabilities.argmax())


def change_table(found: list[Trial], label: int, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return a row for each change: the changed picture, what was done, the answer, and the class's probability."""
    return pd.DataFrame(
        {
            "picture": [data_url(encode_png(trial.image)) for trial in found],
            "change": [describe_change(trial) for trial in found],
            "answer": [class_name(classes[_predicted_class(trial)], classes) for trial in found],
            "sure": [float(trial.probabilities[label]) for trial in found],
        }
    )


def change_chart(found: list[Trial], label: int, classes: tuple[str, ...], exclusive: bool = True) -> go.Figure:
    """Return a mark for each change at the class's probability: a dot if it is still the answer, else a cross."""
    figure = go.Figure()
    for kind in CHANGES:
        members = [trial for trial in found if trial.kind == kind]
        signs = ["circle" if trial.keeps_class(label, exclusive) else "x" for trial in members]
        names = [
            escape_for_plotly(f"{describe_change(trial)}: {class_name(classes[_predicted_class(trial)], classes)}")
            for trial in members
        ]
        figure.add_scatter(
            x=[float(trial.probabilities[label]) for trial in members],
            y=[_(_KINDS[kind])] * len(members),
            mode="markers",
            marker={"symbol": signs, "size": 13, "color": class_color(label), "opacity": 0.75},
            text=names,
            hovertemplate="%{text} · %{x:.1%}<extra></extra>",
        )
    figure.update_layout(
        height=_HEIGHT * len(CHANGES) + 46,
        margin={"l": 0, "r": 12, "t": 4, "b": 8},
        showlegend=False,
        separators=decimal_point() + thousands_separator(),
        dragmode=False,
        xaxis={"range": [-0.03, 1.03], "tickformat": ".0%", "fixedrange": True, "zeroline": False, "automargin": True},
        yaxis={"fixedrange": True, "automargin": True, "type": "category", "autorange": "reversed", "ticks": ""},
    )
    return figure
