from __future__ import annotations

from dataclasses import replace

from dashboard.presenters import teach_text
from model.i18n.translations import use_language
from training.teach.advice import advise
from training.teach.report import Confusion, DuplicateGroup, Flaw, Report, Suspect
from training.teach.versions import Change

NOTHING = Report(
    classes=("cat", "dog"),
    counts=(1, 1),
    held_out=0,
    right=0,
    confusion=((0, 0), (0, 0)),
    ece=float("nan"),
    temperature=1.0,
    penalty=0.01,
    curve=(),
    forecast=None,
    confusions=(),
    suspects=(),
    duplicates=(),
    flaws=(),
    small_classes=(),
    repeated=(),
    giveaways=(),
    careful=0.95,
    passing_strangers=None,
    seconds=0.12,
)


def test_one_picture_a_class_claims_nothing() -> None:
    assert teach_text.headline(NOTHING) == "It has learnt"
    assert "second picture" in teach_text.details(NOTHING)


def test_the_accuracy_stands_with_its_interval() -> None:
    report = replace(NOTHING, held_out=24, right=23)
    assert teach_text.headline(report) == "23 of 24 held-out pictures right"
    assert teach_text.details(report) == "between 80% and 99% on pictures like these; learnt in 0.1 s"
    with use_language("pt"):
        assert "23 de 24" in teach_text.headline(report) and "0,1 s" in teach_text.details(report)


def test_sentences_with_pictures_stand_apart_from_those_without() -> None:
    report = replace(
        NOTHING,
        confusions=(Confusion("cat", "a*b", 3),),
        suspects=(Suspect(1, "cat", "dog", 0.912),),
        duplicates=(DuplicateGroup((1, 2), ("cat", "dog")), DuplicateGroup((3, 4), ("cat", "cat"))),
        flaws=(Flaw(5, "dark"),),
    )
    advice = advise(report)
    assert [one.ids for one in advice if teach_text.has_pictures(one)] == [(1,), (1, 2)]
    lines, ids = zip(*teach_text.sentences(advice), strict=True)
    assert ids[:3] == ((), (3, 4), (5,))
    assert lines[0] == ":material/swap_horiz: cat and a\\*b are confused\\: 3 pictures\\."
    assert ":material/content_copy: 2 pictures look alike" in lines[1]
    assert ":material/broken_image: 1 picture is very dark" in lines[2]


def test_a_change_names_both_answers_and_how_sure_they_were() -> None:
    change = Change(7, "0" * 64, "circle", "square", 0.61, "circle", 0.884)
    assert teach_text.change_line(change) == "square, 61%; now circle, 88%"


def test_progress_counts_only_what_is_new() -> None:
    assert teach_text.progress(0, 0) == "Warming up the network"
    assert teach_text.progress(5, 5) == "Learning …"
    assert teach_text.progress(1200, 10000) == "Looking at the pictures: 1,200 of 10,000"
