"""Two networks on one picture: what each says, side by side, and what changes from one to the other."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import contrast, parts, resources, sources, words
from dashboard.answers import Answer
from dashboard.cards import megabytes
from dashboard.charts import CONFIG
from dashboard.contrast import Contrast, Side
from dashboard.paste import paste_button
from model.bundle import BundleError
from model.classifier import Classifier, file_of
from model.language import decimal
from model.language import gettext as _


def choose_sides() -> dict[str, Side]:
    """The two networks to compare, by name: the default and another one, until somebody chooses."""
    try:
        options = contrast.sides()
    except BundleError as error:
        parts.refuse(error)
    if len(options) < 2:
        st.info(_("There is only one network here. Add another one on the page Models, and the two can be compared."))
        st.stop()
    names, second = list(options), contrast.second_choice(options)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = st.selectbox(_("First network"), names, key="first", bind="query-params", width=260)
        others = sorted(names, key=second.__ne__)  # the address names only another choice than the first option
        two = st.selectbox(_("Second network"), others, key="second", bind="query-params", width=260)
        paste_button()
    return {one: options[one], two: options[two]} if one != two else {one: options[one]}


def load(side: Side) -> Classifier:
    return parts.warm(side.name, side.engine)


def show_side(name: str, figure: Any, answer: Answer, classifier: Classifier, key: str) -> None:
    """One network's answer: its headline, its bars, its speed and size."""
    assert answer.prediction is not None
    best, card = answer.prediction.best, classifier.card
    st.markdown(f"**{words.plain(name)}**: {words.plain(words.headline(answer.prediction))}")
    alt = _("Bars of all classes by {name}; {label} leads").format(name=name, label=_(best.label))
    st.plotly_chart(figure, config=CONFIG, key=key, alt=alt)
    size = megabytes(card.files[file_of(card, classifier.engine)].bytes)
    time = _("{ms} ms a picture").format(ms=decimal(resources.pass_milliseconds(classifier), 2))
    st.caption(f"{time} · {size}")


def show_table(both: Contrast) -> None:
    columns: dict[str, Any] = {
        "class": _("class"),
        "first": st.column_config.NumberColumn(both.names[0], format="percent"),
        "second": st.column_config.NumberColumn(both.names[1], format="percent"),
        "change": st.column_config.NumberColumn(_("change in percentage points"), format="%+.1f"),
    }
    with st.expander(_("As a table")):
        st.dataframe(
            contrast.table(both),
            hide_index=True,
            height="content",
            column_config=columns,
            alt=_("Every class with both probabilities"),
        )


chosen = choose_sides()
files = sources.drop_one()
sources.show_samples()
sample = sources.chosen_sample()
if sample:
    files = [(sample.name, sample.path.read_bytes())]
if not files:
    st.caption(_("Both networks answer the same picture, and what changes from one to the other stands below it."))
    st.stop()
if len(chosen) < 2:
    st.info(_("These are the same network. Choose another one for either side."))
    st.stop()
((name, content),) = files
classifiers = [load(side) for side in chosen.values()]
answers = [resources.answer_for(content, classifier) for classifier in classifiers]
one, two = answers
if one.prediction is None or two.prediction is None:
    st.error(f"**{words.plain(name)}**  \n{one.error or two.error}", icon=":material/broken_image:")
    st.stop()
first, second = chosen
both = Contrast((first, second), one.prediction, two.prediction)
times = (resources.pass_milliseconds(classifiers[0]), resources.pass_milliseconds(classifiers[1]))
lines = [*contrast.sentences(both, sample.truth if sample else ""), contrast.pace(both.names, times)]
left, right = st.columns([1, 3], gap="medium", vertical_alignment="center")
with left, st.container(key="picture-compare"):
    st.image(one.preview, width="stretch", alt=_("The picture {name}").format(name=name))
with right:
    head, *rest = (words.plain(line) for line in lines if line)
    st.subheader(head, anchor=False)
    st.markdown("  \n".join(rest))
sides = zip(st.columns(2, gap="medium"), chosen, contrast.charts(both), answers, classifiers, strict=True)
for place, (column, title, figure, answer, classifier) in enumerate(sides):
    with column:
        show_side(title, figure, answer, classifier, f"side-{place}")
show_table(both)
