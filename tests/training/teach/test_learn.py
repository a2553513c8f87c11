from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.images.decoder import read_image
from model.inference.unknown import known_scores, verdict_of
from model.registry.card import Card, read_card, write_card
from model.signature.rows import FEATURES
from tests.drawn import SHAPES, encode
from tests.training.teach.taught import QuickBackbone, shape_file, shapes_project
from training.projects.project import Project
from training.projects.schema import ProjectError
from training.projects.shelf import create_project
from training.teach import teach as teaching
from training.teach.advice import advise
from training.teach.answers import answer
from training.teach.bundle import check_model_name, networks_of, rename_with_networks
from training.teach.correction import correct, project_of
from training.teach.duplicates import find_groups
from training.teach.features import Samples, compute_features, read_samples
from training.teach.findings import forecast
from training.teach.head import find_space, fit_coordinates, head_of
from training.teach.kept import is_current, read_taught
from training.teach.learn import TeachError
from training.teach.report import Forecast
from training.teach.strangers import (
    count_others,
    fit_rule,
    fit_strangers,
    likeness_to_others,
    make_bank,
    passing_strangers,
)
from training.teach.teach import Stopped, set_careful, teach
from training.teach.validation import NEVER, make_folds


@pytest.fixture
def backbone(monkeypatch: pytest.MonkeyPatch) -> QuickBackbone:
    quick = QuickBackbone()
    monkeypatch.setattr(teaching, "load_backbone", lambda: quick)
    return quick


def blobs(n: int, classes: int, width: int = 40, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, n)
    return (rng.normal(size=(classes, width))[labels] * 1.5 + spread * rng.normal(size=(n, width))), labels


@pytest.mark.parametrize(("n", "classes"), [(30, 2), (200, 5), (30, 3)])
@pytest.mark.parametrize("penalty", [1.0, 0.01])
def test_the_head_is_where_the_loss_has_no_slope(n: int, classes: int, penalty: float) -> None:
    features, labels = blobs(n, classes, spread=2.0)
    space = find_space(features)
    solution = fit_coordinates(space.rows, labels, classes, penalty, space.variances)
    logits = space.rows @ solution[:-1] + solution[-1]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    odds[np.arange(n), labels] -= 1
    slope = space.rows.T @ odds + penalty * solution[:-1]
    assert np.abs(slope).max() < 0.02 * max(1.0, np.abs(space.rows.T @ (np.eye(classes)[labels] - 1 / classes)).max())
    np.testing.assert_allclose(head_of(space, solution).logits(features), logits, rtol=1e-3, atol=2e-3)


def test_the_coordinates_keep_every_distance() -> None:
    for n in (20, 200):
        features, _labels = blobs(n, 3)
        space = find_space(features)
        near = ((features[0] - features[1]) ** 2).sum() / space.scale**2
        assert ((space.rows[0] - space.rows[1]) ** 2).sum() == pytest.approx(near, rel=1e-3)
        np.testing.assert_allclose(space.project(features), space.rows, atol=1e-4)


def test_folds_hold_near_duplicates_together_and_a_lone_picture_never() -> None:
    labels = np.array([0] * 12 + [1] * 12 + [2] + [3] * 4)
    groups = np.arange(len(labels))
    groups[[3, 4, 5, 15]] = 3  # in two classes
    groups[25:] = 25  # all of a class
    folds, repeated = make_folds(labels, groups, 4)
    assert len(set(folds[[3, 4, 5, 15]])) == 1 and folds[24] == NEVER and repeated == (3,)
    assert len(set(folds[25:])) == 4
    assert all(len(set(folds[labels == label])) > 4 for label in (0, 1))


def test_a_small_class_is_dealt_to_all_folds_after_large_groups_of_another() -> None:
    bursts = np.repeat(np.arange(5), [40, 35, 30, 20, 10])
    groups = np.append(bursts, np.arange(200, 208))
    labels = (groups >= 200).astype(int)
    folds, _repeated = make_folds(labels, groups, 2)
    assert len(set(folds[labels == 0])) == 5
    assert sorted(np.bincount(folds[labels == 1])) == [1, 1, 2, 2, 2]
    assert all(len(set(folds[groups == group])) == 1 for group in range(5))


def test_near_duplicates_are_found_and_others_are_not(backbone: QuickBackbone) -> None:
    project = shapes_project(8)
    name, content = shape_file("circle", 3)
    copy = read_image(content).resize((80, 80))
    project.add("square", [("again.jpg", encode(copy, "JPEG", quality=70))])
    compute_features(project, backbone)
    samples = read_samples(project, backbone)
    groups = find_groups(find_space(samples.features), samples.likeness)
    sizes = np.unique(groups, return_counts=True)[1]
    assert sizes.max() == 2 and (sizes == 2).sum() == 1
    taught = teach(project)
    (pair,) = taught.report.duplicates
    names = {one.id: one.name for one in project.pictures()}
    assert pair.across and {names[number] for number in pair.ids} == {name, "again.jpg"}


@pytest.mark.parametrize("copies", [2, 300], ids=["pairs", "more than are compared one by one"])
def test_groups_are_those_of_every_pair_compared(copies: int) -> None:
    rng = np.random.default_rng(copies)
    originals = rng.normal(size=(1200 // copies, 200)).astype(np.float32) * np.geomspace(1, 0.05, 200, dtype=np.float32)
    hashes = rng.integers(0, 256, (len(originals), 32), np.uint8)
    which = rng.permutation(np.arange(1200) % len(originals))
    features = originals[which] + 0.02 * rng.normal(size=(1200, 200)).astype(np.float32)
    features[::3] += 0.4 * rng.normal(size=(400, 200)).astype(np.float32)  # these are alike only by their look
    likeness = hashes[which]
    centred = features - features.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    bits = np.unpackbits(likeness[:, None] ^ likeness[None], axis=2).sum(axis=2, dtype=np.int64)
    cosines = unit @ unit.T
    alike = (cosines > 0.92) | ((cosines > 0.6) & (bits <= 40)) | ((cosines > 0.2) & (bits <= 16))
    expected = np.arange(1200)
    while True:
        lowest = np.where(alike, expected[None], 1200).min(axis=1)
        if (lowest == expected).all():
            break
        expected = lowest
    found = find_groups(find_space(features), likeness)
    np.testing.assert_array_equal(found, expected)
    assert 1 < len(np.unique(found)) < 1200


def test_features_are_computed_once_and_as_pictures_come(backbone: QuickBackbone) -> None:
    project, seen = shapes_project(5), list[tuple[int, int]]()
    assert compute_features(project, backbone, lambda *done: seen.append(done)) == 15
    assert seen == [(0, 15), (15, 15)] and backbone.asked == 30  # each with its centre covered too
    project.add("circle", [shape_file("circle", 77)])
    project.move([project.pictures()[0].id], "square")
    assert compute_features(project, backbone) == 1
    assert len(read_samples(project, backbone)) == 16


def test_stopping_keeps_what_was_done(backbone: QuickBackbone) -> None:
    project, stop = shapes_project(15), threading.Event()
    with pytest.raises(Stopped, match="kept"):
        teach(project, lambda done, total: stop.set() if done else None, stop)
    assert len(read_samples(project, backbone)) == 32
    assert len(teach(project).samples) == 45


def test_shapes_are_learnt_and_answered(backbone: QuickBackbone) -> None:
    project = shapes_project(12)
    taught = teach(project)
    report = taught.report
    assert report.classes == SHAPES and report.counts == (12,) * 3 and report.held_out == 36
    assert report.accuracy is not None and report.accuracy > 0.9
    low, high = report.interval or (0, 0)
    assert low < report.accuracy <= high and sum(map(sum, report.confusion)) == 36
    found = answer(taught, backbone, shape_file("square", 500)[1], "shapes")
    assert found.prediction.best.label == "square" and found.prediction.verdict
    assert len(found.nearest) == 3 and found.nearest[0].label == "square"
    assert found.nearest[0].similarity >= found.nearest[1].similarity


def test_what_was_taught_is_there_after_a_restart(backbone: QuickBackbone) -> None:
    project = shapes_project(6)
    assert read_taught(project, backbone) is None
    first = teach(project)
    again = read_taught(project, backbone)
    assert again is not None and again.report == first.report and is_current(project, again)
    np.testing.assert_array_equal(again.head.weights, first.head.weights)
    project.add("circle", [shape_file("circle", 99)])
    assert not is_current(project, again)
    second = teach(project)
    again = read_taught(project, backbone)
    assert again is not None and again.report == second.report
    backbone.key = "another"
    assert read_taught(project, backbone) is None


def test_one_picture_a_class_is_learnt_without_figures(backbone: QuickBackbone) -> None:
    taught = teach(shapes_project(1, SHAPES[:2]))
    assert taught.report.held_out == 0 and taught.report.accuracy is None and taught.report.interval is None
    found = answer(taught, backbone, shape_file("circle", 0)[1], "shapes")
    assert found.prediction.best.label == "circle" and np.isfinite(taught.head.weights).all()


def test_two_classes_are_the_least(backbone: QuickBackbone) -> None:
    project = Project("mine")
    project.add("circle", [shape_file("circle", 1)])
    project.add_class("empty")
    with pytest.raises(TeachError, match="two classes with a picture each are needed to learn; there are 1"):
        teach(project)


def test_a_planted_wrong_label_is_named(backbone: QuickBackbone) -> None:
    project = shapes_project(12)
    project.add("circle", [("planted.png", shape_file("stripes", 300)[1])])
    report = teach(project).report
    names = {one.id: one.name for one in project.pictures()}
    first = report.suspects[0]
    assert (names[first.id], first.label, first.suggestion) == ("planted.png", "circle", "stripes")
    project.move([first.id], first.suggestion)
    assert first.id not in [one.id for one in teach(project).report.suspects]


def test_poor_pictures_and_classes_out_of_balance_are_named(backbone: QuickBackbone) -> None:
    project = shapes_project(12)
    poor = {
        "dark": Image.new("RGB", (200, 200), (9, 9, 12)),
        "bright": Image.new("RGB", (200, 200), (252, 255, 255)),
        "tiny": Image.new("RGB", (30, 40), (90, 120, 90)),
    }
    project.add("few", [(f"{kind}.png", encode(image, "PNG")) for kind, image in poor.items()])
    soft = read_image(shape_file("circle", 1)[1]).resize((16, 16)).resize((256, 256), Image.Resampling.BICUBIC)
    project.add("circle", [("blurred.png", encode(soft, "PNG"))])
    report = teach(project).report
    names = {one.id: one.name for one in project.pictures()}
    assert {(names[flaw.id], flaw.kind) for flaw in report.flaws} == {
        (f"{kind}.png", kind) for kind in (*poor, "blurred")
    }
    assert report.small_classes == ("few",)


def test_a_background_that_gives_a_class_away_is_named(backbone: QuickBackbone) -> None:
    project, rng = Project("mine"), np.random.default_rng(0)
    for label, colour in (("beach", (230, 200, 120)), ("forest", (40, 120, 50)), ("street", (120, 120, 130))):
        for number in range(8):
            image = Image.fromarray(np.clip(rng.normal(colour, 25, (96, 96, 3)), 0, 255).astype(np.uint8))
            image.paste(tuple(rng.integers(0, 255, 3).tolist()), (30, 30, 66, 66))
            project.add(label, [(f"{number}.png", encode(image, "PNG"))])
    assert {one.label for one in teach(project).report.giveaways} == {"beach", "forest", "street"}
    assert teach(shapes_project(8)).report.giveaways == ()


def test_careful_moves_the_threshold_of_unknown(backbone: QuickBackbone) -> None:
    project, limits = shapes_project(20), []
    for careful in (0.5, 0.8, 0.95, 0.99):
        set_careful(project, careful)
        taught = teach(project)
        assert taught.report.careful == careful
        limits.append(taught.rule.unknown)
        assert taught.rule.unsure > taught.rule.unknown
    assert limits == sorted(limits, reverse=True)
    with pytest.raises(TeachError, match=r"0\.5 to 0\.99"):
        set_careful(project, 0.2)


def test_what_is_like_no_taught_picture_is_unknown() -> None:
    features, labels = blobs(90, 4)
    taught = labels < 3
    bank, chosen = make_bank(features[taught])
    own = likeness_to_others(features[taught], bank, chosen, np.arange(taught.sum()), 1)
    again, rule = fit_strangers(features[taught], labels[taught], np.arange(taught.sum()), 0.95)
    np.testing.assert_array_equal(again.rows, bank.rows)
    assert (own < rule.unknown).mean() == pytest.approx(0.05, abs=0.02)
    strangers = known_scores(rule, {FEATURES: features[labels == 3]}, bank)
    assert np.mean([verdict_of(rule, score) == "unknown" for score in strangers]) > 0.9
    passing = passing_strangers(features, labels, np.arange(90), rule)
    assert passing is not None and passing < 0.2
    assert passing_strangers(features[labels < 2], labels[labels < 2], np.arange((labels < 2).sum()), rule) is None


@pytest.mark.parametrize("count", [0, 1, 5])
def test_thresholds_from_hardly_any_pictures_are_the_usual_ones(count: int) -> None:
    rule = fit_rule(np.full(count, 0.5), np.ones(count, np.int64), 0.95, 10)
    assert 0.1 < rule.unknown < rule.unsure < 0.5


def test_a_picture_that_had_little_to_be_compared_with_counts_as_more_alike() -> None:
    own, many = np.full(60, 0.4), np.full(60, 30)
    few = fit_rule(own, np.ones(60, np.int64), 0.95, 60)
    assert few.unknown > fit_rule(own, many, 0.95, 60).unknown > 0.4
    labels, groups = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 2, 3, 4])
    assert count_others(labels, groups).tolist() == [1, 1, 1, 1, 1, 0]
    alone = fit_rule(np.append(own, 0.9), np.append(many, 0), 0.95, 60)  # the only one of its class tells nothing
    assert alone.unknown == pytest.approx(fit_rule(own, many, 0.95, 60).unknown)


def test_it_is_said_that_few_pictures_know_few_strangers(backbone: QuickBackbone) -> None:
    few, more = (" ".join(one.text for one in advise(teach(shapes_project(count)).report)) for count in (4, 10))
    assert "With fewer than ten pictures a class, it misses many pictures of other things." in few
    assert "fewer than ten" not in more


def test_a_forecast_follows_the_curve() -> None:
    falling = forecast([(20, 0.6), (40, 0.7), (80, 0.775)], 3)
    assert falling is not None and falling.more == 80 and 0.8 < falling.accuracy < 0.85
    assert forecast([(20, 0.97), (40, 0.975), (80, 0.975)], 3) == Forecast(0, pytest.approx(0.98, abs=0.004))
    assert forecast([(80, 0.9)], 3) is None
    assert forecast([(60, 0.5), (60, 0.9)], 3) is None
    assert forecast([(2, 0.5), (4, 1.0)], 2) is None  # so few say nothing


def test_an_empty_project_has_no_samples(backbone: QuickBackbone) -> None:
    samples: Samples = read_samples(Project("mine"), backbone)
    assert len(samples) == 0 and samples.classes == ()


def test_a_correction_moves_or_adds() -> None:
    project = shapes_project(10)
    planted = shape_file("stripes", 300)
    project.add("circle", [planted])
    correct(project, "stripes", *planted)
    correct(project, "star", *shape_file("square", 301))
    correct(project, "square", *shape_file("square", 301))
    correct(project, "square", *shape_file("square", 302))
    project.remove_class("star")
    assert {entry.name: entry.count for entry in project.classes()} == {"circle": 10, "square": 12, "stripes": 11}


def test_a_correction_is_taken_back_as_one_change_unless_another_has_come_since() -> None:
    project = shapes_project(2)
    before = project.pictures()
    change = correct(project, "star", *shape_file("square", 1))  # a new class, and a picture moved to it
    assert [(one.name, one.count) for one in project.classes()][-1] == ("star", 1)
    assert project.undo(change)
    assert project.pictures() == before and len(project.classes()) == 3
    change = correct(project, "star", *shape_file("square", 9))
    project.add_class("moon")
    assert project.undo(change) == "" and len(project.classes()) == 5


def test_a_file_that_cannot_be_put_right_leaves_the_project_as_it_was() -> None:
    project = shapes_project(1)
    last = project.last_change
    with pytest.raises(ProjectError, match="it looks like a text file"):
        correct(project, "star", "note.txt", b"hello")
    with pytest.raises(ProjectError, match="cannot be a class"):
        correct(project, "a/b", *shape_file("square", 0))
    assert project.last_change == last and len(project.classes()) == 3


def test_a_models_project_is_found_by_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    create_project("pets")
    card = Card("cats", ("cat", "dog"), 224, 0, 0, "teach", "pets", "")
    found = project_of(card)
    assert found is not None and found.name == "pets"
    assert project_of(dataclasses.replace(card, dataset="gone")) is None
    assert project_of(dataclasses.replace(card, recipe="fast")) is None


def test_a_network_stays_its_project_s_when_that_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    create_project("pets")
    folder = tmp_path / "bundles" / "cats"
    folder.mkdir(parents=True)
    write_card(folder, Card("cats", ("cat", "dog"), 224, 0, 0, "teach", "pets", ""))
    renamed = rename_with_networks("pets", "animals")
    found = project_of(read_card(folder))
    assert found is not None and found.name == renamed.name == "animals"
    assert networks_of("animals") == [folder] and check_model_name("animals", "cats") == "cats"
    with pytest.raises(TeachError, match="there is a model or a run 'cats' already"):
        check_model_name("pets", "cats")  # another project of the old name
