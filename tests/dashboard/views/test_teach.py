"""The Teach page's states, without a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.services.jobs import CONVERSIONS
from dashboard.teaching import desks, keeping, lessons, projects
from tests.dashboard.page_visit import texts, visit_page
from tests.drawn import SHAPES, encode
from tests.training.teach.taught import QuickBackbone, scene, shape_file
from training.projects import shelf
from training.projects.project import Project
from training.teach import teach as teaching
from training.teach.bundle import FLOAT, INT8
from training.teach.learn import Taught
from training.teach.teach import set_careful


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    quick = QuickBackbone()
    monkeypatch.setattr(teaching, "load_backbone", lambda: quick)
    monkeypatch.setattr(lessons, "load_backbone", lambda: quick)
    monkeypatch.setattr(keeping, "load_backbone", lambda: quick)
    monkeypatch.setattr(lessons, "QUIET_SECONDS", 0.0)
    yield
    desks._desks.clear()
    desks._lessons.clear()


def shapes(name: str = "shapes", per_class: int = 12) -> Project:
    project = shelf.create_project(name)
    for shape in SHAPES:
        project.add(shape, [shape_file(shape, number) for number in range(per_class)])
    return project


def learnt(test: AppTest) -> AppTest:
    """The page once it has learnt."""
    deadline = time.monotonic() + 240
    while not any(button.key == "teach-learn" and button.disabled for button in test.button):
        assert time.monotonic() < deadline, texts(test)
        time.sleep(0.05)
        test.run()
    return test


def test_the_first_visit_has_an_empty_project_and_says_what_to_do() -> None:
    test = visit_page("teach")
    assert not test.exception
    assert "learns by itself as soon as two classes have a picture each" in texts(test)
    assert shelf.list_projects() == ["my-classes"]


def test_it_learns_without_being_asked_and_says_how_good_it_is() -> None:
    shapes()
    test = learnt(visit_page("teach"))
    assert not test.exception
    assert "pictures right" in texts(test)
    assert "between" in texts(test)


def test_one_picture_a_class_is_learnt_and_nothing_is_claimed() -> None:
    shapes(per_class=1)
    assert "A second picture in each class" in texts(learnt(visit_page("teach")))


def test_a_planted_wrong_label_is_named_and_a_click_moves_it() -> None:
    project = shapes()
    project.add("circle", [("planted.png", shape_file("stripes", 300)[1])])
    wrong = project.pictures("circle")[-1].id
    test = learnt(visit_page("teach"))
    assert "looks like stripes" in texts(test)
    test.button(key=f"teach-move-{wrong}").click().run()
    assert wrong in [one.id for one in project.pictures("stripes")]
    assert "looks like stripes" not in texts(test)


def test_a_picture_that_is_right_is_not_asked_about_again() -> None:
    project = shapes()
    project.add("circle", [("planted.png", shape_file("stripes", 300)[1])])
    test = learnt(visit_page("teach"))
    test.button(key=f"teach-keep-{project.pictures('circle')[-1].id}").click().run()
    assert "looks like stripes" not in texts(test)
    assert "looks like stripes" not in texts(learnt(visit_page("teach")))  # nor after the page is loaded again
    other = shapes("others")
    other.add("circle", [("planted.png", shape_file("stripes", 300)[1])])
    assert "looks like stripes" in texts(learnt(visit_page("teach", project="others")))


def test_a_planted_duplicate_across_classes_is_a_warning_with_a_way_out() -> None:
    project = shapes()
    project.add("square", [("again.jpg", encode(scene("circle", 3).resize((90, 90)), "JPEG", quality=80))])
    test = learnt(visit_page("teach"))
    assert "The same picture is in circle, square" in texts(test)
    key = next(button.key for button in test.button if button.label == "Remove from square")
    test.button(key=key).click().run()
    assert "again.jpg" not in [one.name for one in project.pictures()]


def test_how_careful_it_is_can_be_set_and_is_learnt() -> None:
    project = shapes()
    test = learnt(visit_page("teach"))
    test.slider[0].set_value(80).run()
    assert project.setting("careful", "") == "0.8" and test.slider[0].value == 80
    set_careful(project, 0.7)  # in another tab
    assert test.run().slider[0].value == 70


def test_projects_are_made_renamed_removed_and_brought_back() -> None:
    test = visit_page("teach")
    test.text_input(key="teach-new-name").set_value("pets")
    test.button(key="teach-new-do").click().run()
    assert test.selectbox(key="choose-project").value == "pets"
    test.text_input(key="teach-rename-pets").set_value("cats and dogs")
    test.button(key="teach-rename-do").click().run()
    assert test.error[0].value
    test.text_input(key="teach-rename-pets").set_value("animals")
    test.button(key="teach-rename-do").click().run()
    assert set(shelf.list_projects()) == {"my-classes", "animals"}
    assert test.selectbox(key="choose-project").value == "animals"
    test.button(key="teach-remove").click().run()
    assert shelf.list_projects() == ["my-classes"]
    test.button(key="teach-undo").click().run()
    assert test.selectbox(key="choose-project").value == "animals"


def test_the_only_project_is_brought_back_too() -> None:
    shelf.create_project("my-classes").add_class("cat")
    test = visit_page("teach")
    test.button(key="teach-remove").click().run()
    assert shelf.open_project("my-classes").classes() == []
    test.button(key="teach-undo").click().run()
    assert not test.error
    assert [entry.name for entry in shelf.open_project("my-classes").classes()] == ["cat"]


def test_a_project_is_not_renamed_while_a_folder_is_read_into_it() -> None:
    project = shapes("pets", 1)
    test, going = visit_page("teach"), threading.Event()
    job = projects._IMPORTS.start(str(project.path), lambda _job: going.wait(60))
    try:
        test.text_input(key="teach-rename-pets").set_value("animals")
        test.button(key="teach-rename-do").click().run()
        assert "a folder is being read into this project" in test.error[0].value
        assert shelf.list_projects() == ["pets"]
    finally:
        going.set()
        job.ended.wait(60)


def test_a_folder_of_this_machine_is_read_and_one_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    for number in range(2):
        for shape in ("circle", "square"):
            (tmp_path / "mine" / shape).mkdir(parents=True, exist_ok=True)
            name, content = shape_file(shape, number)
            (tmp_path / "mine" / shape / name).write_bytes(content)
    (tmp_path / "mine" / "circle" / "broken.jpg").write_bytes(b"text")
    test = visit_page("teach")
    test.text_input(key="teach-folder-path").set_value(str(tmp_path / "mine"))
    test.button(key="teach-folder-do").click().run()
    learnt(test)
    assert "broken" in test.warning[0].value
    assert [entry.count for entry in shelf.open_project("my-classes").classes()] == [2, 2]
    test.text_input(key="teach-folder-path").set_value(str(tmp_path / "nowhere"))
    test.button(key="teach-folder-do").click().run()
    deadline = time.monotonic() + 30
    while not test.error and time.monotonic() < deadline:
        test.run()
    assert "nowhere" in test.error[0].value


def made(test: AppTest) -> AppTest:
    """The page once no network is being made."""
    deadline = time.monotonic() + 240
    while any(not job.ended.is_set() for job in list(CONVERSIONS.jobs.values())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return test.run()


def test_what_was_learnt_becomes_a_model_and_is_taught_again_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def keep(project: Project, taught: Taught, backbone: object, name: str, on_stage: Callable[[str], object]) -> None:
        names.append((name, taught.samples.revision))
        on_stage(FLOAT)
        on_stage(INT8)

    monkeypatch.setattr(keeping, "keep_model", keep)
    project = shapes()
    test = learnt(visit_page("teach"))
    test.text_input(key="teach-keep-name-shapes").set_value("fast")
    test.button(key="teach-keep-do").click().run()
    assert "choose another name" in test.error[0].value
    test.text_input(key="teach-keep-name-shapes").set_value("shapes")
    test.button(key="teach-keep-do").click()
    made(test.run())
    assert names == [("shapes", project.revision)]
    assert "teach-keep-again" not in [button.key for button in test.button]
    project.remove([project.pictures()[0].id])
    learnt(test.run())
    test.button(key="teach-keep-again").click()
    made(test.run())
    assert names[-1] == ("shapes", project.revision)


def test_what_got_better_is_shown_picture_by_picture() -> None:
    project = misplaced()
    test = learnt(visit_page("teach"))
    assert "Compared with" not in texts(test)
    project.undo()
    test = learnt(test.run())
    (lesson,) = desks._lessons.values()
    assert lesson.compared is not None and lesson.compared.better_count > 2
    said = f"on the same 24 pictures: better on {lesson.compared.better_count}, worse on {lesson.compared.worse_count}"
    assert said in texts(test).replace("\\", "")
    shown = "".join(block.body for block in test.get("html") if "teach-changes" in block.body)
    assert shown.count("<img") == lesson.compared.better_count + lesson.compared.worse_count
    assert "square, " in shown and "; now circle, " in shown
    test.slider[0].set_value(80)
    learnt(test.run())
    assert "no answer became right or wrong" in texts(test)


def test_after_a_restart_the_comparison_is_there_again() -> None:
    project = misplaced()
    learnt(visit_page("teach"))
    project.undo()
    learnt(visit_page("teach"))
    desks._desks.clear()
    desks._lessons.clear()
    assert "same 24 pictures\\: better on" in texts(learnt(visit_page("teach")))


def misplaced() -> Project:
    """Most circles lie among the squares."""
    project = shapes(per_class=8)
    project.move([one.id for one in project.pictures("circle")[:6]], "square")
    return project


@pytest.mark.usefixtures("visitor")
def test_a_visitor_teaches_in_memory_and_sees_no_project_of_the_owner() -> None:
    shapes("secret")
    test = visit_page("teach", project="secret")
    assert not test.exception
    assert "none of it is stored" in texts(test)
    assert "secret" not in texts(test) and not test.selectbox
    assert shelf.list_projects() == ["secret"]


@pytest.mark.usefixtures("visitor")
def test_a_visitor_may_download_the_network_as_soon_as_it_is_there() -> None:
    test = visit_page("teach")
    desk = desks.find_desk(test.session_state["teach_desk"])
    assert desk is not None and not test.get("download_button")
    for shape in SHAPES[:2]:
        desk.lesson.project.add(shape, [shape_file(shape, number) for number in range(3)])
    deadline = time.monotonic() + 240
    while desk.lesson.taught is None:
        assert time.monotonic() < deadline
        desk.lesson.watch()
        time.sleep(0.05)
    test.run()
    assert [button.label for button in test.get("download_button")] == ["The network, as a ZIP file"]
