"""Compare two networks on one picture: the answers side by side, and what changes from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard.access import roles
from dashboard.components import query_params
from dashboard.components.clipboard import paste_button
from dashboard.components.plotly_chart import draw
from dashboard.panels import answer_details, network_choice, picture_sources
from dashboard.presenters import answer_diff, charts, phrases
from dashboard.presenters.answer_diff import AnswerDiff, NetworkChoice
from dashboard.presenters.file_answers import Answer, Item
from dashboard.presenters.model_text import megabytes
from dashboard.services import resources
from model.common.errors import BundleError
from model.datasets.display_names import class_name
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier, file_of


def choose_sides() -> tuple[NetworkChoice, NetworkChoice]:
    """Return the two networks to compare; by default the default model and another one."""
    try:
        options = answer_diff.list_choices()
    except BundleError as error:
        network_choice.stop_with_error(error)
    if len(options) < 2:
        st.info(_("There is only one network here. Add another one on the page Models, and the two can be compared."))
        st.stop()
    second = answer_diff.default_second_choice(options)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = query_params.choose(_("First network"), "first", list(options), lambda key: options[key].title, width=220)
        others = sorted(options, key=second.__ne__)  # the first option is the one that the address need not name
        two = query_params.choose(_("Second network"), "second", others, lambda key: options[key].title, width=220)
        paste_button()
    return options[one], options[two]


def show_side(
    side: NetworkChoice, figure: Any, answer: Answer, classifier: Classifier, key: str
) -> Callable[[float], object]:
    """Draw a network's answer: headline, bars, size; return a place for its speed."""
    assert answer.prediction is not None
    st.markdown(
        f"**{phrases.escape_markdown(side.title)}**: {phrases.escape_markdown(phrases.headline(answer.prediction))}"
    )
    label = class_name(answer.prediction.best.label, answer.prediction.labels)
    alt = _("Bars of all classes by {name}; {label} leads")
    if len(answer.prediction.scores) > charts.MAX_BARS:
        alt = _("Bars of the likeliest classes by {name}; {label} leads")
    draw(figure, key, alt.format(name=side.title, label=label))
    size = megabytes(classifier.card.files[file_of(classifier.card, classifier.engine)].bytes)
    place = st.empty()
    place.caption(size)
    took = _("{ms} ms a picture")
    return lambda speed: place.caption(f"{took.format(ms=decimal(speed, 2))} · {size}")


def show_table(both: AnswerDiff) -> None:
    """Draw both networks' probabilities as a table."""
    columns = {
        "class": _("class"),
        "first": both.names[0],
        "second": both.names[1],
        "change": _("change in percentage points"),
    }
    words = {"first": percentage, "second": percentage, "change": answer_diff.change_text}
    with st.expander(_("As a table")):
        st.dataframe(
            answer_diff.diff_table(both).style.format(words, na_rep="–"),  # in the reader's language, sorted as numbers
            hide_index=True,
            height="content" if len(both.probabilities()) <= charts.MAX_BARS else "auto",
            column_config=columns,
            alt=_("Every class with both probabilities"),
        )


def speeds_of(sides: tuple[NetworkChoice, NetworkChoice]) -> list[float]:
    """Return the milliseconds for a picture of both, measured in turns once."""
    pairs = [(side.name, side.engine) for side in sides]
    if not resources.known_speeds(pairs):
        resources.measure_speeds(pairs)
    return resources.known_speeds(pairs)


sides = choose_sides()
files = picture_sources.drop_one()
picture_sources.show_samples()
sample = picture_sources.chosen_sample()
if sample:
    files = [(sample.name, sample.content)]
if sides[0] == sides[1]:
    st.info(_("These are the same network. Choose another one for either side."))
    st.stop()
if not files:
    st.caption(_("Both networks answer the same picture, and what changes from one to the other stands below it."))
    st.stop()
((name, content),) = files
classifiers = [network_choice.load_or_stop(side.name, side.engine) for side in sides]
answers = [resources.answer_for(content, classifier) for classifier in classifiers]
one, two = answers
if one.prediction is None or two.prediction is None:
    answer_details.show_failure(Item(name, one if one.error else two))
    st.stop()
both = answer_diff.diff_answers((sides[0].title, sides[1].title), one.prediction, two.prediction)
head, *rest = map(phrases.escape_markdown, answer_diff.sentences(both, sample.truth if sample else ""))
left, right = st.columns([1, 3], gap="medium", vertical_alignment="center")
with left, st.container(key="picture-compare"):
    st.image(one.preview, width="stretch", alt=_("The picture {name}").format(name=name))
with right:
    st.subheader(head, anchor=False)
    said = st.empty()
    said.markdown("  \n".join(rest))
add_speeds = []
shown = zip(st.columns(2, gap="medium"), sides, answer_diff.diff_charts(both), answers, classifiers, strict=True)
for place, (column, side, figure, answer, classifier) in enumerate(shown):
    with column:
        add_speeds.append(show_side(side, figure, answer, classifier, f"side-{place}"))
answer_details.say_how_many(len(both.probabilities()))
show_table(both)
try:  # last, for it takes a while the first time
    speeds = speeds_of(sides)
except BundleError as error:
    st.error(phrases.escape_markdown(roles.hide_paths(str(error))))
    st.stop()
if line := answer_diff.compare_speed(both.names, speeds):
    said.markdown("  \n".join([*rest, phrases.escape_markdown(line)]))
for add, speed in zip(add_speeds, speeds, strict=True):
    add(speed)
