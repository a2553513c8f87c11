"""Below an answer: where the network looked, the nearest training pictures, and how robust the answer is.

Everything is computed when it is opened, in a fragment of the page.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st

from dashboard.access import roles
from dashboard.components.heat_map import show_overlay
from dashboard.components.plotly_chart import draw
from dashboard.panels import network_choice
from dashboard.presenters import phrases, robustness_text, saliency_text
from dashboard.presenters.file_answers import Answer, Item
from dashboard.services import explanation_cache, resources
from dashboard.services.explanation_cache import GRADIENT, OCCLUSION
from model.datasets.class_matching import canonical_name
from model.datasets.display_names import class_name
from model.datasets.known_folders import known_folders
from model.explanation.feature_index import Index
from model.explanation.saliency import NoMapError
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from model.inference.classifier import Classifier

_METHODS = {GRADIENT: marked("Grad-CAM, from its features"), OCCLUSION: marked("Occlusion, by covering parts")}
_NEWS_SECONDS = 0.3  # between looks at how far the training pictures are
_SMALL = 64  # pixels a side below which a picture is shown pixel by pixel


@st.fragment
def show_why(item: Item, classifier: Classifier, key: str = "answer", narrow: bool = False) -> None:
    """Draw the closed panel below an answer, and what is open in it."""
    if item.answer.prediction is None:
        return
    panel = st.expander(_("Why this answer"), key=f"why-{key}", icon=":material/help:", on_change="rerun")
    if not panel.open:
        return
    with panel:
        network_choice.replace_stand_in(classifier)
        names = [_("Where it looked"), _("Nearest training pictures"), _("Robustness")]
        looked, alike, steady = st.tabs(names, key=f"why-tabs-{key}", on_change="rerun")
    try:
        if looked.open:
            with looked:
                _show_map(item, classifier, key, narrow)
        elif alike.open:
            with alike:
                _show_alike(item.answer, classifier, key)
        elif steady.open:
            with steady:
                _show_steadiness(item.answer, classifier, key)
    except NoMapError as error:
        with panel:
            st.info(phrases.escape_markdown(roles.hide_paths(str(error))))


def _show_map(item: Item, classifier: Classifier, key: str, narrow: bool) -> None:
    """Draw the picture below a map for the chosen class, and describe the map in words and numbers."""
    prediction, own = item.answer.prediction, explanation_cache.digest(item.answer).hex()[:12]
    assert prediction is not None
    network = hashlib.sha256(resources.identity(classifier).encode()).hexdigest()[:12]
    probability = {score.index: score.probability for score in prediction.scores}
    known = classifier.card.classes
    left, right = (st.container(), st.container()) if narrow else st.columns([2, 3], gap="medium")
    with right:
        label = st.selectbox(
            _("Evidence for"),
            list(probability),
            format_func=lambda index: f"{class_name(known[index], known)} · {percentage(probability[index])}",
            key=f"why-class-{key}-{own}-{network}",  # another picture or network starts with its own answer
        )
        ways = explanation_cache.methods(classifier)
        method = st.radio(_("Method"), ways, format_func=lambda way: _(_METHODS[way]), key=f"why-method-{key}")
    with left, st.spinner(_("Looking into the network")):
        name = class_name(known[label], known)
        marks = explanation_cache.saliency_map(item.answer, classifier, label, method)
        sentence = saliency_text.describe_map(marks, name)
        show_overlay(item.answer.preview, marks, sentence, f"why-map-{key}")
    with right:
        st.markdown(phrases.escape_markdown(sentence))
        if method == OCCLUSION:
            st.caption(_("Bright: covering this part with grey makes the network less sure of the class."))
        else:
            st.caption(_("Bright: what the network found here is evidence for the class."))
        with st.expander(_("As a table")):
            st.table(saliency_text.map_table(marks).map(percentage))


def _show_alike(answer: Answer, classifier: Classifier, key: str) -> None:
    """Draw the nearest training pictures, if there are any on this machine."""
    folders = known_folders()
    if classifier.network is None:
        st.info(_("Only Keras networks give the features to compare pictures by; this one is a .tflite file."))
        return
    if not folders:
        st.info(_("The training pictures are not here. Set VITRINE_DATA to their folder, and the nearest ones show."))
        return
    names = sorted(folders, key=lambda name: name != classifier.card.dataset)  # what it learnt from comes first
    chosen = names[0]
    if len(names) > 1:
        chosen = st.selectbox(_("Training pictures"), names, key=f"why-data-{key}", width=260)
    index = _ready_index(classifier, folders[chosen])
    if index is not None:
        _show_neighbors(answer, classifier, index)


def _ready_index(classifier: Classifier, source: Path) -> Index | None:
    """Return the features of a data folder's training pictures, with a progress bar the first time; None on failure."""
    if index := explanation_cache.find_index(classifier, source):
        return index
    job, bar = explanation_cache.make_index(classifier, source), st.empty()
    while not job.ended.is_set():
        text = job.progress() if job.total else _("Reading the training pictures, once for this network")
        bar.progress(job.fraction, text)
        job.ended.wait(_NEWS_SECONDS)
    bar.empty()
    if job.error:
        said = _("The training pictures cannot be compared: {reason}").format(reason=job.error)
        st.error(phrases.escape_markdown(roles.hide_paths(said)))
    return explanation_cache.find_index(classifier, source)


def _show_neighbors(answer: Answer, classifier: Classifier, index: Index) -> None:
    """Draw the nearest training pictures with their classes and similarity."""
    assert answer.prediction is not None
    with st.spinner(_("Looking for similar pictures")):
        found = explanation_cache.nearest_neighbors(answer, classifier, index)
    known = classifier.card.classes
    classes = [canonical_name(label, known) for label in index.classes]
    labels = [classes[int(index.labels[neighbor.index])] for neighbor in found]
    best = answer.prediction.best.label
    same = sum(label == best for label in labels)
    if learnt := index.name == classifier.card.dataset:
        text = ngettext(
            "Of the {count} training pictures that the network finds most similar, {same} shows “{label}”.",
            "Of the {count} training pictures that the network finds most similar, {same} show “{label}”.",
            same,
        )
    else:
        text = ngettext(
            "Of the {count} pictures of {name} that the network finds most similar, {same} shows “{label}”.",
            "Of the {count} pictures of {name} that the network finds most similar, {same} show “{label}”.",
            same,
        )
    st.markdown(
        phrases.escape_markdown(
            text.format(count=len(found), same=same, label=class_name(best, known), name=index.name)
        )
    )
    captions = [
        f"{phrases.escape_markdown(class_name(label, known))} · {decimal(neighbor.similarity, 2)}"
        for label, neighbor in zip(labels, found, strict=True)
    ]
    small = classifier.card.input_shape.longest <= _SMALL
    with st.container(horizontal=True, gap="small", key="seen-alike" if small else "alike"):
        for neighbor, label, caption in zip(found, labels, captions, strict=True):
            alt = _("Training picture of the class {label}") if learnt else _("Picture of the class {label}")
            st.image(index.images[neighbor.index], caption, width=112, alt=alt.format(label=class_name(label, known)))
    st.caption(
        _("The number is the cosine of the angle between the network's features: 1 is the same picture to it. ")
        + _("{total} pictures of {name} were compared.").format(
            total=len(index), name=phrases.escape_markdown(index.name)
        )
    )


def _show_steadiness(answer: Answer, classifier: Classifier, key: str) -> None:
    """Draw how the answer changes if the picture is changed a little."""
    assert answer.prediction is not None
    label, classes, exclusive = answer.prediction.best.index, classifier.card.classes, classifier.card.exclusive
    with st.spinner(_("Changing the picture a little, in many ways")):
        found = explanation_cache.robustness_trials(answer, classifier)
    sentence = robustness_text.summary(found, label, classes, exclusive)
    st.markdown(phrases.escape_markdown(sentence))
    draw(robustness_text.change_chart(found, label, classes, exclusive), key=f"why-steady-{key}", alt=sentence)
    marks = (
        _("Each mark is a changed picture, by how sure the network is of “{label}” then; a cross: another class won.")
        if exclusive
        else _("Each mark is a changed picture, by how sure the network is of “{label}” then; a cross: under one half.")
    )
    st.caption(marks.format(label=phrases.escape_markdown(class_name(classes[label], classes))))
    with st.expander(_("As a table")):
        st.dataframe(
            robustness_text.change_table(found, label, classes),
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
