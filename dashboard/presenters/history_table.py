"""Saved answers and the feedback on them, in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dashboard.presenters import phrases
from dashboard.presenters.data_url import data_url
from model.datasets.display_names import class_name
from model.history.prediction_log import KeptAnswer, Tally
from model.i18n.number_format import integer
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from model.inference.unknown import UNKNOWN

FILTERS: dict[str, tuple[bool | None, ...]] = {  # what KeptAnswer.right may be
    marked("All"): (True, False, None),
    marked("Right"): (True,),
    marked("Wrong"): (False,),
    marked("Not judged"): (None,),
}


def tally_lines(tallies: Sequence[Tally]) -> list[str]:
    """Return, as Markdown, how many answers each network gave, and how many of those with feedback were right."""
    lines = []
    for tally in tallies:
        count = ngettext("{n} answer", "{n} answers", tally.answers).format(n=integer(tally.answers))
        share = _("none judged yet")
        if tally.judged:
            share = _("right: {right} of {judged} judged").format(
                right=integer(tally.right), judged=integer(tally.judged)
            )
        lines.append(f"**{phrases.escape_markdown(tally.model)}** {count} · {share}")
    return lines


def _feedback_text(answer: KeptAnswer) -> str:
    """Return the feedback on an answer in words."""
    if answer.right is None:
        return "–"
    return (
        _("right")
        if answer.right
        else _("it is {truth}").format(truth=class_name(answer.truth or "", answer.probabilities))
    )


def answer_text(answer: KeptAnswer) -> str:
    """Return an answer's class; of one that probably is none of them, what it is most like."""
    label = class_name(answer.label, answer.probabilities)
    return _("none? like {label}").format(label=label) if answer.verdict == UNKNOWN else label


def table_key(answers: Sequence[KeptAnswer]) -> str:
    """Return a key that changes with the answers in a table and their order."""
    return f"kept-answers-{hash(tuple(answer.id for answer in answers))}"


def answer_table(answers: Sequence[KeptAnswer]) -> pd.DataFrame:
    """Return a row for each answer: picture, class, probability, feedback, network, time.

    There is a column for known scores if a network gave one.
    """
    rows = [
        {
            "picture": data_url(answer.thumbnail),
            "answer": answer_text(answer),
            "sure": answer.probabilities[answer.label],
            "known": answer.known_score,
            "verdict": _feedback_text(answer),
            "network": answer.model,
            "when": pd.Timestamp(answer.time, unit="s", tz="UTC"),
        }
        for answer in answers
    ]
    known = ["known"] if any(answer.verdict for answer in answers) else []
    return pd.DataFrame(rows, columns=["picture", "answer", "sure", *known, "verdict", "network", "when"])
