"""Earlier versions of what was taught, compared with the latest on the same pictures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from model.i18n.translations import use_language
from tests.training.teach.taught import QuickBackbone, shape_file, shapes_project
from training.projects.project import Project
from training.teach import teach as teaching
from training.teach.advice import describe_comparison
from training.teach.correction import correct
from training.teach.kept import read_taught
from training.teach.learn import Taught
from training.teach.teach import set_careful, teach
from training.teach.versions import (
    BEFORE,
    KEPT,
    MOST_CHANGES,
    REPLACED,
    compare_versions,
    compare_with_earlier,
    encode_version,
    keep_version,
    read_version,
    version_of,
)


@pytest.fixture
def backbone(monkeypatch: pytest.MonkeyPatch) -> QuickBackbone:
    quick = QuickBackbone()
    monkeypatch.setattr(teaching, "load_backbone", lambda: quick)
    return quick


def grown(project: Project, number: int) -> Taught:
    """What is learnt after one more picture."""
    project.add("circle", [shape_file("circle", number)])
    return teach(project)


def with_answers(taught: Taught, answers: np.ndarray) -> Taught:
    return dataclasses.replace(
        taught, held_out_answers=answers, held_out_probabilities=np.linspace(0.4, 0.9, len(answers))
    )


def test_pictures_that_changed_are_named_with_both_answers(backbone: QuickBackbone) -> None:
    taught = teach(shapes_project(4))
    labels = taught.samples.labels
    before, now = labels.copy(), labels.copy()
    before[:3], now[11] = 1, 0  # three circles were squares; one of the stripes is now a circle
    found = compare_versions(version_of(with_answers(taught, before)), with_answers(taught, now))
    assert (found.pictures, found.right_before, found.right_now) == (12, 9, 11)
    assert (found.better_count, found.worse_count) == (3, 1)
    assert [(one.truth, one.before, one.now) for one in found.better] == [("circle", "square", "circle")] * 3
    assert [one.probability for one in found.better] == sorted((one.probability for one in found.better), reverse=True)
    (worse,) = found.worse
    assert (worse.truth, worse.before, worse.now) == ("stripes", "stripes", "circle")
    assert (worse.id, worse.sha256) == (taught.samples.ids[11], taught.samples.sha256s[11])
    assert (worse.probability_before, worse.probability) == (pytest.approx(0.9, abs=1e-3), pytest.approx(0.9))


def test_pictures_that_came_later_are_asked_and_those_without_a_held_out_answer_are_left_out(
    backbone: QuickBackbone,
) -> None:
    project = shapes_project(6)
    planted = shape_file("stripes", 300)
    project.add("circle", [planted])
    before = version_of(teach(project))
    correct(project, "stripes", *planted)
    project.add("square", [shape_file("square", 40)])
    project.add("star", [shape_file("circle", 41)])  # alone in its class: never held out
    now = teach(project)
    found = compare_versions(before, now)
    assert found.pictures == 20
    assert found.right_now - found.right_before == found.better_count - found.worse_count
    unseen = before.head.logits(now.samples.features[now.held_out_ids == 20]).argmax()
    assert before.classes[unseen] == "square"


def test_a_class_that_was_renamed_is_the_same(backbone: QuickBackbone) -> None:
    project = shapes_project(4)
    before = version_of(teach(project))
    project.rename_class("circle", "disc")
    found = compare_versions(before, teach(project))
    assert (found.pictures, found.better_count, found.worse_count) == (12, 0, 0)


def test_very_many_changes_are_counted_and_some_are_named(backbone: QuickBackbone) -> None:
    taught = teach(shapes_project(14))
    wrong = (taught.samples.labels + 1) % 3
    found = compare_versions(version_of(with_answers(taught, wrong)), with_answers(taught, taught.samples.labels))
    assert found.better_count == 42 and len(found.better) == MOST_CHANGES < 42


def test_the_version_that_became_a_model_is_what_later_ones_are_compared_with(backbone: QuickBackbone) -> None:
    project = shapes_project(4)
    first = teach(project)
    assert compare_with_earlier(project, first, backbone) is None
    keep_version(project, first, backbone)
    grown(project, 50)
    second = grown(project, 51)
    found = compare_with_earlier(project, second, backbone)
    assert found is not None and found.earlier == KEPT and found.pictures == 14
    assert found == compare_versions(version_of(first), second, KEPT)
    keep_version(project, second, backbone)
    keep_version(project, second, backbone)  # again, with nothing new
    found = compare_with_earlier(project, second, backbone)
    assert found == compare_versions(version_of(first), second, REPLACED)
    backbone.key = "another"
    assert compare_with_earlier(project, second, backbone) is None


def test_without_a_model_the_learning_before_is_compared(backbone: QuickBackbone) -> None:
    project = shapes_project(4)
    first, second = teach(project), grown(project, 50)
    found = compare_with_earlier(project, second, backbone)
    assert found == compare_versions(version_of(first), second, BEFORE)
    again = read_taught(project, backbone)
    assert again is not None and compare_with_earlier(project, again, backbone) == found
    project.add("circle", [shape_file("circle", 51)])
    backbone_knows = teaching.compute_features(project, backbone)  # but nothing has been learnt since
    stale = read_taught(project, backbone)
    assert backbone_knows and stale is not None and compare_with_earlier(project, stale, backbone) is None


def test_a_version_takes_few_bytes_and_a_damaged_one_is_none(backbone: QuickBackbone) -> None:
    taught = teach(shapes_project(4))
    version = version_of(taught)
    many = dataclasses.replace(
        version,
        ids=np.arange(10_000),
        answers=np.zeros(10_000, np.int64),
        probabilities=np.full(10_000, 0.5, np.float16),
    )
    assert len(encode_version(many, backbone)) - len(encode_version(version, backbone)) < 130_000
    project = shapes_project(1)
    with project.opened(writes=True) as connection:
        connection.execute("INSERT INTO results VALUES (?, ?)", (KEPT, encode_version(many, backbone)[:1000]))
    assert read_version(project, backbone, KEPT) is None


def test_the_comparison_is_said_in_words(backbone: QuickBackbone) -> None:
    project = shapes_project(4)
    teach(project)
    set_careful(project, 0.9)  # learnt again with the same pictures
    found = compare_with_earlier(project, teach(project), backbone)
    assert found is not None
    same = "Compared with what was learnt before, on the same 12 pictures: no answer became right or wrong."
    assert describe_comparison(found) == same
    changed = dataclasses.replace(found, better_count=2, worse_count=1, earlier=KEPT)
    assert describe_comparison(changed).endswith(
        "the network in use, on the same 12 pictures: better on 2, worse on 1."
    )
    with use_language("pt"):
        assert "melhor em 2, pior em 1" in describe_comparison(changed)
