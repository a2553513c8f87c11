"""Under an answer: where the network looked, which training pictures it finds alike, and how steady the answer is.

Everything is worked out when it is opened, in a part of the page that runs by itself.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.access import roles
from dashboard.components.heat_map import show_overlay
from dashboard.components.plotly_chart import draw
from dashboard.presenters import phrases, robustness_text, saliency_text
from dashboard.presenters.file_answers import Answer, Item
from dashboard.services import explanation_cache
from dashboard.services.explanation_cache import GRADIENT, OCCLUSION
from model.datasets.class_matching import canonical_name
from model.datasets.display_names import class_name
from model.datasets.known_folders import known_folders
from model.explanation.feature_index import Index
from model.explanation.saliency import NoMapError
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.inference.classifier import Classifier

METHODS = {GRADIENT: marked("By its features (Grad-CAM)"), OCCLUSION: marked("By covering parts (occlusion)")}
NEWS_SECONDS = 0.3  # between looks at how far the training pictures are
SMALL = 64  # pixels a side below which a picture is shown pixel by pixel


@st.fragment
def show_why(item: Item, classifier: Classifier, key: str = "answer", narrow: bool = False) -> None:
    """The closed panel under an answer, and what is open in it."""
    if item.answer.prediction is None:
        return
    panel = st.expander(_("Why this answer"), key=f"why-{key}", icon=":material/help:", on_change="rerun")
    if not panel.open:
        return
    with panel:
        names = [_("Where it looked"), _("What it finds alike"), _("How steady it is")]
        looked, alike, steady = st.tabs(names, key=f"why-tabs-{key}", on_change="rerun")
    try:
        if looked.open:
            with looked:
                show_map(item, classifier, key, narrow)
        elif alike.open:
            with alike:
                show_alike(item.answer, classifier, key)
        elif steady.open:
            with steady:
                show_steadiness(item.answer, classifier, key)
    except NoMapError as error:
        with panel:
            st.info(phrases.plain(roles.hide_paths(str(error))))


def show_map(item: Item, classifier: Classifier, key: str, narrow: bool) -> None:
    """The picture under a map for the class that the visitor chooses, and the same in words and numbers."""
    prediction, own = item.answer.prediction, explanation_cache.digest(item.answer).hex()[:12]
    assert prediction is not None
    probability = {score.index: score.probability for score in prediction.scores}
    known = classifier.card.classes
    left, right = (st.container(), st.container()) if narrow else st.columns([2, 3], gap="medium")
    with right:
        label = st.selectbox(
            _("What speaks for"),
            list(probability),
            format_func=lambda index: f"{class_name(known[index], known)} · {percentage(probability[index])}",
            key=f"why-class-{key}-{own}",  # another picture starts with its own answer
        )
        ways = explanation_cache.methods(classifier)
        method = st.radio(_("Found out"), ways, format_func=lambda way: _(METHODS[way]), key=f"why-method-{key}")
    with left, st.spinner(_("Looking into the network")):
        name = class_name(known[label], known)
        marks = explanation_cache.map_of(item.answer, classifier, label, method)
        sentence = saliency_text.where(marks, name)
        show_overlay(item.answer.preview, marks, sentence, f"why-map-{key}")
    with right:
        st.markdown(phrases.plain(sentence))
        if method == OCCLUSION:
            st.caption(_("Bright: covering this part with grey makes the network less sure of the class."))
        else:
            st.caption(_("Bright: what the network found here speaks for the class."))
        with st.expander(_("As a table")):
            st.table(saliency_text.table(marks).map(percentage))


def show_alike(answer: Answer, classifier: Classifier, key: str) -> None:
    """The nearest training pictures, where there are some on this machine."""
    folders = known_folders()
    if classifier.network is None:
        st.info(_("Only a Keras network tells what it finds alike; this one is a .tflite file."))
        return
    if not folders:
        st.info(_("The training pictures are not here. Set VITRINE_DATA to their folder, and the nearest ones show."))
        return
    names = sorted(folders, key=lambda name: name != classifier.card.dataset)  # what it learnt from comes first
    chosen = names[0]
    if len(names) > 1:
        chosen = st.selectbox(_("Training pictures"), names, key=f"why-data-{key}", width=260)
    index = ready_index(classifier, folders[chosen])
    if index is not None:
        show_neighbors(answer, classifier, index)


def ready_index(classifier: Classifier, source: Path) -> Index | None:
    """The features of a data folder's training pictures, after a progress bar the first time; None with a sentence."""
    if index := explanation_cache.index_of(classifier, source):
        return index
    job, bar = explanation_cache.make_index(classifier, source), st.empty()
    while not job.ended.is_set():
        text = job.progress() if job.total else _("Reading the training pictures, once for this network")
        bar.progress(job.fraction if job.total else 0.0, text)
        job.ended.wait(NEWS_SECONDS)
    bar.empty()
    if job.error:
        said = _("The training pictures cannot be compared: {reason}").format(reason=job.error)
        st.error(phrases.plain(roles.hide_paths(said)))
    return explanation_cache.index_of(classifier, source)


def show_neighbors(answer: Answer, classifier: Classifier, index: Index) -> None:
    """The nearest training pictures with their classes and how alike they are."""
    assert answer.prediction is not None
    with st.spinner(_("Looking for pictures that are alike")):
        found = explanation_cache.alike(answer, classifier, index)
    known = classifier.card.classes
    classes = [canonical_name(label, known) for label in index.classes]
    labels = [classes[int(index.labels[neighbor.index])] for neighbor in found]
    best = answer.prediction.best.label
    if learnt := index.name == classifier.card.dataset:
        text = _("Of the {count} training pictures that the network finds most alike, {same} show “{label}”.")
    else:
        text = _("Of the {count} pictures of {name} that the network finds most alike, {same} show “{label}”.")
    same = sum(label == best for label in labels)
    st.markdown(phrases.plain(text.format(count=len(found), same=same, label=class_name(best, known), name=index.name)))
    captions = [
        f"{phrases.plain(class_name(label, known))} · {decimal(neighbor.similarity, 2)}"
        for label, neighbor in zip(labels, found, strict=True)
    ]
    small = classifier.card.input_shape.longest <= SMALL
    with st.container(horizontal=True, gap="small", key="seen-alike" if small else "alike"):
        for neighbor, label, caption in zip(found, labels, captions, strict=True):
            alt = _("Training picture of the class {label}") if learnt else _("Picture of the class {label}")
            st.image(index.images[neighbor.index], caption, width=112, alt=alt.format(label=class_name(label, known)))
    st.caption(
        _("The number is the cosine of the angle between the network's features: 1 is the same picture to it. ")
        + _("{total} pictures of {name} were compared.").format(total=len(index), name=phrases.plain(index.name))
    )


def show_steadiness(answer: Answer, classifier: Classifier, key: str) -> None:
    """What becomes of the answer when the picture is changed a little."""
    assert answer.prediction is not None
    label, classes, exclusive = answer.prediction.best.index, classifier.card.classes, classifier.card.exclusive
    with st.spinner(_("Changing the picture a little, in many ways")):
        found = explanation_cache.trials_of(answer, classifier)
    sentence = robustness_text.summary(found, label, classes, exclusive)
    st.markdown(phrases.plain(sentence))
    draw(robustness_text.chart(found, label, classes, exclusive), key=f"why-steady-{key}", alt=sentence)
    marks = (
        _("Each mark is a changed picture, by how sure the network is of “{label}” then; a cross: another class won.")
        if exclusive
        else _("Each mark is a changed picture, by how sure the network is of “{label}” then; a cross: under one half.")
    )
    st.caption(marks.format(label=phrases.plain(class_name(classes[label], classes))))
    with st.expander(_("As a table")):
        st.dataframe(
            robustness_text.table(found, label, classes),
            hide_index=True,
            row_height=48,
            column_config={
                "picture": st.column_config.ImageColumn(_("picture"), width="small"),
                "change": _("change"),
                "answer": _("answer"),
                "sure": st.column_config.ProgressColumn(
                    _("sure of “{label}”").format(label=class_name(classes[label], classes)),
                    format="percent",
                    min_value=0,
                    max_value=1,
                ),
            },
            alt=_("Every change with the answer that it got"),
        )
