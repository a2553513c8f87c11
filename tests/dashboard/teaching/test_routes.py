"""What the browser of the page Teach asks for, without a browser."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.access.visitors import LOCAL, REMOTE, Visitor
from dashboard.teaching import desks, lessons, routes
from dashboard.teaching.desks import find_desk, forget_project, open_in_memory, open_stored
from dashboard.teaching.lessons import Lesson
from tests.drawn import SHAPES
from tests.training.teach.taught import QuickBackbone, shape_file
from training.projects import shelf
from training.projects.schema import ProjectError
from training.teach import teach as teaching

URL = "http://127.0.0.1:8501"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    for name in ("VITRINE_SHARE", "VITRINE_LOCAL_OWNER", "VITRINE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    quick = QuickBackbone()
    monkeypatch.setattr(teaching, "load_backbone", lambda: quick)
    monkeypatch.setattr(lessons, "load_backbone", lambda: quick)
    monkeypatch.setattr(lessons, "QUIET_SECONDS", 0.0)
    yield
    desks._desks.clear()
    desks._lessons.clear()


def stored(name: str = "shapes") -> str:
    shelf.create_project(name)
    return open_stored(Visitor(LOCAL), name)


def client(token: str, base: str = "") -> TestClient:
    app = Starlette(routes=routes.teaching_routes(base, ()))
    return TestClient(app, base_url=f"{URL}{base}/teaching/{token}/", client=("127.0.0.1", 50000))


def parcel(files: list[tuple[str, bytes]]) -> bytes:
    head = json.dumps([{"name": name, "size": len(content)} for name, content in files])
    return f"{head}\n".encode() + b"".join(content for _name, content in files)


def fill(browser: TestClient, per_class: int, classes: tuple[str, ...] = SHAPES) -> None:
    for shape in classes:
        files = [shape_file(shape, number) for number in range(per_class)]
        answer = browser.post("pictures", params={"class": shape, "group": shape}, content=parcel(files))
        assert answer.json() == {"added": per_class, "known": 0, "refused": []}


def wait_for(lesson: Lesson, what: Callable[[Lesson], bool]) -> None:
    deadline = time.monotonic() + 240
    while not what(lesson):
        lesson.watch()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lesson_of(token: str) -> Lesson:
    desk = find_desk(token)
    assert desk is not None
    return desk.lesson


@pytest.mark.parametrize("base", ["", "/vitrine"])
def test_pictures_go_into_classes_and_come_back_as_thumbnails(base: str) -> None:
    browser = client(stored(), base)
    fill(browser, 2)
    state = browser.get("state").json()
    assert [(one["name"], one["count"]) for one in state["classes"]] == [(shape, 2) for shape in SHAPES]
    assert [one["name"] for one in state["classes"][0]["pictures"]] == ["circle-1.png", "circle-0.png"]
    small = browser.get(f"thumbnails/{state['classes'][0]['pictures'][0]['sha256']}")
    assert small.content.startswith(b"\xff\xd8") and small.headers["content-type"] == "image/jpeg"


def test_a_file_that_is_no_picture_is_named_and_the_others_are_kept() -> None:
    browser = client(stored())
    files = [shape_file("circle", 0), ("broken.jpg", b"\xff\xd8\xff nothing"), shape_file("circle", 0)]
    answer = browser.post("pictures", params={"class": "circle"}, content=parcel(files)).json()
    assert (answer["added"], answer["known"], answer["refused"][0]["name"]) == (1, 1, "broken.jpg")
    assert "damaged" in answer["refused"][0]["reason"]


def test_what_was_added_in_one_go_is_undone_in_one_go() -> None:
    browser = client(stored())
    for number in range(3):
        query = {"class": "circle", "group": "first" if number < 2 else "second"}
        browser.post("pictures", params=query, content=parcel([shape_file("circle", number)]))
    assert browser.post("change", json={"do": "undo"}).json()["classes"][0]["count"] == 2
    assert browser.post("change", json={"do": "undo"}).json()["classes"][0]["count"] == 1  # step by step from here
    browser.post("pictures", params={"class": "circle", "group": "a"}, content=parcel([shape_file("circle", 5)]))
    browser.post("pictures", params={"class": "circle", "group": "a"}, content=parcel([shape_file("circle", 6)]))
    browser.post("pictures", params={"class": "circle", "group": "a"}, content=parcel([("note.txt", b"no picture")]))
    browser.post("change", json={"do": "add class", "name": "square"})
    after = browser.post("change", json={"do": "undo"}).json()  # the class, not the pictures before it
    assert [(one["name"], one["count"]) for one in after["classes"]] == [("circle", 3)]
    parts = [[shape_file("circle", 7)], [("note.txt", b"no picture")], [shape_file("circle", 8)]]
    for files in parts:
        browser.post("pictures", params={"class": "circle", "group": "b"}, content=parcel(files))
    assert browser.post("change", json={"do": "undo"}).json()["classes"][0]["count"] == 3


def test_classes_and_pictures_change_and_a_wrong_change_is_a_sentence() -> None:
    browser = client(stored())
    fill(browser, 2, ("circle", "square"))
    first = browser.get("state").json()["classes"][0]["pictures"][0]["id"]
    moved = browser.post("change", json={"do": "move", "ids": [first], "to": "square"}).json()
    assert [one["count"] for one in moved["classes"]] == [1, 3]
    browser.post("change", json={"do": "remove", "ids": [first]})
    renamed = browser.post("change", json={"do": "rename class", "old": "square", "new": "box"}).json()
    assert [(one["name"], one["count"]) for one in renamed["classes"]] == [("circle", 1), ("box", 2)]
    gone = browser.post("change", json={"do": "remove class", "name": "box"}).json()
    assert [one["name"] for one in gone["classes"]] == ["circle"] and "box" in gone["undoable"]
    for wrong in ({"do": "add class", "name": "a/b"}, {"do": "dance"}, {"do": "move", "ids": ["x"], "to": "circle"}):
        answer = browser.post("change", json=wrong)
        assert answer.status_code == 422 and answer.json()["error"], wrong
    assert browser.post("change", content=b"{").status_code == 422


def test_a_zip_with_a_folder_a_class_is_taken() -> None:
    browser, buffer = client(stored()), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for shape in SHAPES:
            name, content = shape_file(shape, 1)
            archive.writestr(f"all/{shape}/{name}", content)
    assert browser.post("zip", content=buffer.getvalue()).json()["added"] == 3
    answer = browser.post("zip", content=b"no archive")
    assert answer.status_code == 422 and "ZIP" in answer.json()["error"]


def test_it_learns_by_itself_and_answers_with_bars_and_its_reasons() -> None:
    token = stored()
    browser, lesson = client(token), lesson_of(token)
    assert browser.post("ask", content=shape_file("circle", 50)[1]).json() == {"learnt": False}
    fill(browser, 6)
    wait_for(lesson, lambda one: one.current)
    answer = browser.post("ask", content=shape_file("circle", 50)[1]).json()
    assert answer["bars"][0]["label"] == "circle" and len(answer["bars"]) == 3
    assert answer["bars"][0]["color"] == browser.get("state").json()["classes"][0]["color"]
    assert answer["nearest"][0]["label"] == "circle" and len(answer["nearest"]) == lessons.NEAREST
    assert browser.post("ask", content=b"text").status_code == 422
    browser.post("change", json={"do": "remove class", "name": "stripes"})
    assert not lesson.current
    wait_for(lesson, lambda one: one.current)
    assert len(browser.post("ask", content=shape_file("circle", 50)[1]).json()["bars"]) == 2


def test_what_was_learnt_is_there_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    token = stored()
    fill(client(token), 4)
    wait_for(lesson_of(token), lambda one: one.current)
    forget_project(str(lesson_of(token).project.path))
    assert find_desk(token) is None

    def never(*_arguments: object) -> None:
        raise AssertionError("learnt again")

    monkeypatch.setattr(lessons, "teach", never)
    again = lesson_of(open_stored(Visitor(LOCAL), "shapes"))
    wait_for(again, lambda one: one.current and not one.learning)
    assert again.job is None or not again.job.error


def test_learning_that_fails_is_not_tried_again_until_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fail(*_arguments: object) -> None:
        tries.append(1)
        raise ValueError("no room")

    monkeypatch.setattr(lessons, "teach", fail)
    token = stored()
    browser, lesson = client(token), lesson_of(token)
    fill(browser, 1)
    wait_for(lesson, lambda one: bool(one.job and one.job.error))
    for _time in range(5):
        lesson.watch()
    assert len(tries) == 1
    fill_more = browser.post("pictures", params={"class": "circle"}, content=parcel([shape_file("circle", 9)]))
    assert fill_more.json()["added"] == 1
    wait_for(lesson, lambda one: len(tries) == 2 and not one.learning)


def test_strangers_and_other_sites_get_nothing() -> None:
    token = stored()
    assert client("x" * 32).get("state").status_code == 410
    assert client(token).get("state", headers={"Origin": "https://evil.example"}).status_code == 403
    desk = find_desk(token)
    assert desk is not None
    desk.who = Visitor(REMOTE)  # as whoever has signed out since
    assert client(token).post("change", json={"do": "add class", "name": "a"}).status_code == 403


def test_bodies_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = client(stored())
    answer = browser.post("change", content=b"x" * (routes._MOST_CHANGE + 1))
    assert answer.status_code == 413 and "MB" in answer.json()["error"]


def test_nothing_is_read_of_whoever_has_no_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*_given: object) -> None:
        raise AssertionError("the body was read")

    monkeypatch.setattr(routes, "_read", read)
    assert client("x" * 32).post("zip", content=b"x").status_code == 410


def test_visitors_may_send_as_much_as_is_kept_of_theirs_and_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = client(open_in_memory(Visitor(REMOTE)))
    monkeypatch.setattr(routes, "MOST_IN_MEMORY", 100)
    answer = browser.post("zip", content=b"x" * 101)
    assert answer.status_code == 413
    monkeypatch.setattr(routes, "MOST_HELD", 50)
    answer = browser.post("zip", content=b"x" * 60)
    assert answer.status_code == 503 and answer.headers["Retry-After"] and "try again" in answer.json()["error"]
    assert browser.post("zip", content=b"x" * 40).status_code == 422  # no ZIP file, but there was room for it
    assert routes._Room.held == 0


def test_a_sentence_about_the_size_is_in_the_reader_s_language() -> None:
    token = stored()
    desk = find_desk(token)
    assert desk is not None
    desk.language = "pt"
    answer = client(token).post("change", content=b"x" * (routes._MOST_CHANGE + 1))
    assert answer.json()["error"] == "isto é maior que 0,1 MB"


def test_a_renamed_project_stays_open_under_the_same_token() -> None:
    token = stored()
    browser = client(token)
    fill(browser, 1)
    path = str(shelf.open_project("shapes").path)
    desks.follow_project(path, shelf.rename_project("shapes", "forms"))
    assert lesson_of(token).project.name == "forms"
    answer = browser.post("change", json={"do": "add class", "name": "more"})
    assert [entry["name"] for entry in answer.json()["classes"]] == [*SHAPES, "more"]
    assert open_stored(Visitor(LOCAL), "forms") and len(desks._lessons) == 1


def test_a_project_that_was_removed_and_made_again_is_another() -> None:
    token = stored()
    lesson, desk = lesson_of(token), find_desk(token)
    assert desk is not None and desk.is_of_now
    shelf.remove_project("shapes")
    shelf.create_project("shapes")
    assert not desk.is_of_now
    again = lesson_of(open_stored(Visitor(LOCAL), "shapes"))
    assert again is not lesson and again.key != lesson.key


def test_visitors_teach_in_memory_and_the_idlest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [open_in_memory(Visitor(REMOTE)) for _count in range(desks.MOST_VISITORS)]
    assert lesson_of(tokens[0]).project.in_memory
    fill(client(tokens[0]), 1)
    assert not shelf.list_projects()
    with pytest.raises(ProjectError, match="no room"):
        open_in_memory(Visitor(REMOTE))
    monkeypatch.setattr(desks, "IDLE_SECONDS", 0.0)
    assert find_desk(tokens[0])  # used last
    newest = open_in_memory(Visitor(REMOTE))
    assert find_desk(tokens[0]) and find_desk(tokens[1]) is None
    monkeypatch.setattr(desks, "IDLE_SECONDS", 600.0)
    closed = find_desk(newest)
    assert closed is not None
    closed.used = closed.seen = closed.used - 2 * desks.CLOSED_SECONDS  # whoever closes the page makes room at once
    open_in_memory(Visitor(REMOTE))
    assert find_desk(newest) is None


def test_the_pictures_come_back_as_a_zip_file() -> None:
    token = stored()
    with client(token) as browser:
        fill(browser, 2)
        answer = browser.get("pictures.zip")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''shapes.zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == 1 + 2 * len(SHAPES)
    shelf.remove_project("shapes")
    with client(token) as browser:
        assert browser.get("pictures.zip").status_code == 422
