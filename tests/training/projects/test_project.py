from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from model.common.errors import BundleError
from model.i18n.translations import use_language
from model.images.decoder import read_image
from model.images.picture_bytes import read_file
from tests.drawn import draw_folder, encode, picture
from training.projects import archive as archives
from training.projects import project as projects
from training.projects import shelf
from training.projects.archive import add_class_folder, add_folder, add_zip, write_zip
from training.projects.project import ADDED, KNOWN, REFUSED, Project
from training.projects.schema import ProjectError, connect
from training.projects.shelf import (
    create_project,
    list_projects,
    open_or_create,
    open_project,
    remove_project,
    rename_project,
    restore_project,
)
from training.teach.strangers import CAREFUL
from training.teach.teach import careful_of

ROOT = Path(__file__).parents[3]


def file(number: int) -> tuple[str, bytes]:
    return f"{number}.png", encode(picture(number), "PNG")


def counts(project: Project) -> dict[str, int]:
    return {entry.name: entry.count for entry in project.classes()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["on disk", "in memory"])
def project(request: pytest.FixtureRequest, home: Path) -> Project:
    return create_project("pets") if request.param == "on disk" else Project("pets")


def test_pictures_come_in_and_are_shown(project: Project) -> None:
    content = encode(picture(1, 640), "JPEG")
    assert [one.status for one in project.add(" cat ", [("a.jpg", content), file(2)])] == [ADDED, ADDED]
    first, second = project.pictures("cat")
    assert (first.name, first.label, second.name) == ("a.jpg", "cat", "2.png")
    assert project.content(first.sha256) == content
    assert read_image(project.thumbnail(first.sha256)).size == (160, 160)
    with pytest.raises(ProjectError, match="no longer in the project"):
        project.thumbnail("0" * 64)


def test_a_file_counts_once_a_class_and_broken_ones_say_why(project: Project) -> None:
    statuses = project.add("cat", [file(1), file(1), ("note.txt", b"hello")])
    assert [one.status for one in statuses] == [ADDED, KNOWN, REFUSED]
    assert "it looks like a text file" in statuses[2].reason
    project.add("dog", [file(1)])
    assert counts(project) == {"cat": 1, "dog": 1}


def test_each_change_is_undone_in_turn(project: Project) -> None:
    project.add("cat", [file(1), file(2)])
    project.add("dog", [file(2), file(3)])
    both = project.pictures("cat")
    project.rename_class("cat", "kitten")
    project.move([one.id for one in both], "dog")  # one of them is there already
    assert counts(project) == {"kitten": 0, "dog": 3}
    project.remove_class("dog")
    project.remove([999])
    assert counts(project) == {"kitten": 0}
    said = [project.undoable, *(project.undo() for _ in range(4))]
    assert said[1:] == [
        "1 picture removed",
        "class dog removed",
        "2 pictures moved to dog",
        "class cat renamed to kitten",
    ]
    assert said[0] == said[1]
    assert project.pictures("cat") == both and counts(project) == {"cat": 2, "dog": 2}
    assert project.content(both[0].sha256) == file(1)[1]
    project.undo()
    project.undo()
    assert counts(project) == {} and project.undo() == "" and project.undoable == ""


def test_a_change_is_told_in_the_language_of_whoever_reads_it(project: Project) -> None:
    with use_language("pt"):
        project.add("cat", [file(1)])
        project.move([project.pictures()[0].id], "dog", make=True)
        assert project.undoable == "1 imagem movida para dog"
    assert project.undoable == "1 picture moved to dog"
    with project.opened(writes=True) as connection:  # as it was written once
        connection.execute("UPDATE changes SET about = ?", ("imagens para [dog]",))
    assert project.undoable == project.undo() == "imagens para [dog]"


def test_what_changed_nothing_is_no_change_to_undo(project: Project) -> None:
    project.add("cat", [file(1)])
    before = project.last_change, project.revision
    project.add("cat", [file(1), ("note.txt", b"hello")])
    project.add("dog", [("note.txt", b"hello")])
    assert (project.last_change, project.revision) == before and counts(project) == {"cat": 1}
    project.undo()
    assert counts(project) == {} and project.undoable == ""


def renaming(project: Project, change: Callable[[], object]) -> Iterator[tuple[str, bytes]]:
    """Twenty pictures; after the twelfth has been asked for, the project changes. Some are looked at ahead."""
    for number in range(20):
        if number == 12:
            change()
        yield file(number)


def test_a_class_that_is_renamed_meanwhile_gets_the_rest_of_its_pictures(project: Project) -> None:
    project.add("cat", renaming(project, lambda: project.rename_class("cat", "cats")))
    assert counts(project) == {"cats": 20}
    assert project.undo() == "class cat renamed to cats" and counts(project) == {"cat": 20}
    assert project.undo() == "pictures added to cat" and counts(project) == {} and project.undoable == ""


def test_a_class_that_is_removed_meanwhile_comes_back_with_the_rest_as_a_change_of_its_own(project: Project) -> None:
    project.add("cat", renaming(project, lambda: project.remove_class("cat")))
    rest = counts(project)["cat"]
    assert 0 < rest < 20
    assert project.undo() == "pictures added to cat" and counts(project) == {}
    assert project.undo() == "class cat removed" and counts(project) == {"cat": 20 - rest}
    assert project.undo() == "pictures added to cat" and counts(project) == {} and project.undoable == ""


def test_what_is_added_after_an_undo_can_be_undone_too(project: Project) -> None:
    project.add_class("cat")
    project.add("cat", renaming(project, project.undo))
    rest = counts(project)["cat"]
    assert 0 < rest < 20
    assert project.undo() == "pictures added to cat" and counts(project) == {"cat": 0}
    assert project.undo() == "class cat added" and project.undoable == ""


@pytest.mark.parametrize("change", ["move", "remove"])
def test_a_file_that_comes_a_second_time_after_the_first_has_left_can_be_undone(project: Project, change: str) -> None:
    def twice() -> Iterator[tuple[str, bytes]]:
        yield file(1)
        yield from map(file, range(2, 20))
        first = [project.pictures("cat")[0].id]
        project.move(first, "dog", make=True) if change == "move" else project.remove(first)
        yield from (("copy.png", file(1)[1]), file(20))

    project.add("cat", twice())
    assert [project.undo() for _ in range(3)] == [
        "pictures added to cat",
        "1 picture moved to dog" if change == "move" else "1 picture removed",
        "pictures added to cat",
    ]
    assert counts(project) == {} and project.undoable == ""


def test_what_can_no_longer_come_back_takes_no_room(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.projects.changes._UNDO_CHANGES", 2)
    project.add("cat", [file(1)])
    gone = project.pictures()[0]
    project.remove([gone.id])
    project.content(gone.sha256)
    for name in ("a", "b", "c"):
        project.add_class(name)
    with pytest.raises(ProjectError):
        project.content(gone.sha256)


def test_the_revision_grows_with_each_change_and_not_with_looking(project: Project) -> None:
    seen = [project.revision]
    for change in (
        lambda: project.add_class("cat"),
        lambda: project.add("cat", [file(1)]),
        lambda: project.keep_setting("careful", "0.9"),
        lambda: project.undo(),
    ):
        change()
        seen.append(project.revision)
    assert seen == sorted(set(seen))
    project.keep_setting("careful", "0.9")
    project.pictures()
    assert project.revision == seen[-1] and project.setting("careful", "") == "0.9"


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", "a\x1bb", "x" * 65])
def test_names_that_are_no_class(project: Project, name: str) -> None:
    with pytest.raises(ProjectError, match="cannot be a class"):
        project.add_class(name)


def test_classes_that_are_not_there_or_there_twice(project: Project) -> None:
    project.add_class("cat")
    project.add_class("dog")
    with pytest.raises(ProjectError, match="there is a class 'cat' already"):
        project.rename_class("dog", "cat")
    with pytest.raises(ProjectError, match=r"unknown class 'cta'; classes: cat, dog; did you mean 'cat'\?"):
        project.remove_class("cta")


def test_a_visitor_has_so_much_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "MOST_IN_MEMORY", len(file(1)[1]) + 10)
    project = Project("mine")
    first, second = project.add("cat", [file(1), file(2)])
    assert (first.status, second.status) == (ADDED, REFUSED) and "remove some first" in second.reason
    project.remove([project.pictures()[0].id])
    assert [one.status for one in project.add("cat", [file(2), file(1)])] == [ADDED, REFUSED]
    assert [one.name for one in project.pictures()] == ["2.png"]
    project.undo()
    assert project.pictures() == [] and project.undoable == ""  # what gave room can no longer come back


def test_a_full_disk_is_told_as_such(home: Path) -> None:
    project = create_project("pets")
    project.add("cat", [file(1)])

    def limited(path: Path | None) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projects, "connect", limited)
        with pytest.raises(ProjectError, match="database or disk is full"):
            project.add("cat", [("large.png", encode(picture(2).resize((900, 900)), "PNG"))])
    assert counts(project) == {"cat": 1}


def test_two_threads_fill_one_project(project: Project) -> None:
    threads = [
        threading.Thread(target=project.add, args=(name, [file(number) for number in numbers]))
        for name, numbers in (("cat", range(10)), ("dog", range(10, 20)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(project) == {"cat": 10, "dog": 10} or counts(project) == {"dog": 10, "cat": 10}


def test_projects_are_listed_renamed_removed_and_brought_back(home: Path) -> None:
    create_project("one").add("cat", [file(1)])
    create_project("two")
    with pytest.raises(ProjectError, match="there is a project 'two' already"):
        rename_project("one", "two")
    assert rename_project("one", "three").name == "three"
    removed = remove_project("three")
    assert list_projects() == ["two"]
    with pytest.raises(ProjectError, match=r"unknown project 'tow'; projects: two; did you mean 'two'\?"):
        open_project("tow")
    assert counts(restore_project(removed)) == {"cat": 1}
    assert sorted(list_projects()) == ["three", "two"]
    with pytest.raises(ProjectError, match="there is a project"):
        restore_project(removed)


def test_a_removed_project_takes_the_place_of_one_in_which_nothing_was_done(home: Path) -> None:
    create_project("pets").add("cat", [file(1)])
    removed = remove_project("pets")
    create_project("pets")
    assert counts(restore_project(removed)) == {"cat": 1}
    removed = remove_project("pets")
    create_project("pets").add_class("dog")
    with pytest.raises(ProjectError, match="there is a project 'pets' already"):
        restore_project(removed)


def test_a_folder_that_cannot_be_a_project_s_name_is_passed_over(home: Path) -> None:
    create_project("pets").add("cat", [file(1)])
    shutil.copytree(home / "teach" / "pets", home / "teach" / "pets copy")
    assert list_projects() == ["pets"]


def test_why_a_picture_is_refused_is_told_in_the_language_of_whoever_adds_it(project: Project) -> None:
    with use_language("pt"):
        (outcome,) = project.add("gato", [("torn.png", file(1)[1][:40])])
    assert outcome.reason.startswith("Este arquivo")


def test_a_project_with_a_long_name_is_brought_back_too(home: Path) -> None:
    name = "a" * 64
    create_project(name)
    removed = remove_project(name)
    assert restore_project(shelf.Removed.of(removed.folder.name)).name == name


@pytest.mark.parametrize("stamp", ["pets", "pets-", "pets-1a", "-12", "../pets-12", "pets/..-12", ".removed-12"])
def test_what_rm_has_not_printed_is_not_brought_back(stamp: str, home: Path) -> None:
    create_project("pets")
    with pytest.raises((ProjectError, BundleError), match=r"is not what `projects rm` printed|cannot be a name"):
        shelf.Removed.of(stamp)


def test_threads_that_make_one_project_at_once_all_have_it(home: Path) -> None:
    names = [f"pets{number}" for number in range(10) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: open_or_create(item[1]).add("cat", [file(item[0])]), enumerate(names)))
    assert {name: counts(open_project(name)) for name in names} == {name: {"cat": 4} for name in names}
    assert sorted(path.name for path in (home / "teach").iterdir()) == sorted(set(names))


def test_a_project_that_was_removed_meanwhile_says_so(home: Path) -> None:
    project = create_project("one")
    remove_project("one")
    with pytest.raises(ProjectError, match="no longer there"):
        project.add("cat", [file(1)])
    assert list_projects() == []


def test_a_damaged_file_says_so(home: Path) -> None:
    project = create_project("one")
    (home / "teach" / "one" / "project.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(ProjectError, match="cannot be used"):
        project.classes()


def test_a_home_that_is_no_folder_says_so(home: Path) -> None:
    (home / "teach").write_text("no folder")
    with pytest.raises(ProjectError, match="'pets' cannot be used: Not a directory"):
        create_project("pets")


def test_half_a_project_does_not_keep_its_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as context:
        context.setattr(shelf, "connect", full)
        with pytest.raises(ProjectError, match="'pets' cannot be used: database or disk is full"):
            create_project("pets")
    assert create_project("pets").classes() == []


def test_a_zip_keeps_all_of_a_project(project: Project, tmp_path: Path) -> None:
    project.add("cat", [file(1), file(2), ("../evil.png", file(3)[1])])
    project.add_class("empty")
    project.add("arara-azul é", [file(4)])
    project.keep_setting("careful", "0.8")
    write_zip(project, tmp_path / "pets.zip")
    other = Project("copy")
    add_zip(other, tmp_path / "pets.zip")
    assert counts(other) == {"cat": 3, "empty": 0, "arara-azul é": 1}
    assert [one.sha256 for one in other.pictures()] == [one.sha256 for one in project.pictures()]
    assert other.setting("careful", "") == "0.8"
    with zipfile.ZipFile(tmp_path / "pets.zip") as archive:
        assert not [name for name in archive.namelist() if ".." in name]


@pytest.mark.parametrize("around", ["", "pets/"])
def test_a_zip_of_folders(around: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("cat/1.png", "cat/more/2.png", "dog/3.png", "__MACOSX/cat/._1.png"):
            archive.writestr(around + name, file(int(name[-5]))[1])
    project = Project("mine")
    add_zip(project, buffer)
    assert counts(project) == {"cat": 2, "dog": 1}


@pytest.mark.parametrize(
    ("system", "raw"),
    [
        (3, "lea\u0303o".encode()),  # as Finder writes it
        (0, "leão".encode("cp850")),  # as Explorer does
        (0, "leão".encode()),  # as others do on Windows
    ],
)
def test_classes_of_a_zip_that_does_not_say_how_its_names_are_written(system: int, raw: bytes) -> None:
    """7-Zip's and Python's say so, with a flag."""
    placeholder = "x" * len(raw)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder in (placeholder, "cão"):
            entry = zipfile.ZipInfo(f"{folder}/1.png")
            entry.create_system = system
            archive.writestr(entry, file(1)[1])
    project = Project("mine")
    add_zip(project, io.BytesIO(buffer.getvalue().replace(placeholder.encode(), raw)))
    assert counts(project) == {"leão": 1, "cão": 1}


def test_a_name_that_becomes_another_character_by_character_is_checked_as_that() -> None:
    raw = "\u202egnp".encode()  # from right to left
    placeholder = "x" * len(raw)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{placeholder}/1.png", file(1)[1])
    with pytest.raises(ProjectError, match="cannot be a class name"):
        add_zip(Project("mine"), io.BytesIO(buffer.getvalue().replace(placeholder.encode(), raw)))


def test_a_zip_of_very_many_files_is_not_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archives, "_MOST_LISTED", 100)
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(101):
            archive.writestr(f"cat/{number}.txt", b"")
    for given in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(ProjectError, match="more than 100 files; a project can hold up to 100,000 pictures"):
            add_zip(Project("mine"), given)


@pytest.mark.parametrize("name", ["from the history", "blob", "", ".jpg", "note.txt"])
def test_pictures_without_a_picture_file_s_name_come_back_too(project: Project, name: str, tmp_path: Path) -> None:
    jpeg = encode(picture(2), "JPEG")
    project.add("cat", [(name, file(1)[1]), (name, jpeg)])
    write_zip(project, tmp_path / "pets.zip")
    other = Project("copy")
    add_zip(other, tmp_path / "pets.zip")
    assert [one.sha256 for one in other.pictures()] == [one.sha256 for one in project.pictures()]
    with zipfile.ZipFile(tmp_path / "pets.zip") as archive:
        suffixes = [Path(member).suffix for member in archive.namelist() if member.startswith("cat/")]
        assert suffixes == [".png", ".jpeg"]


@pytest.mark.parametrize("careful", ["banana", None, [0.9], "nan", 5, 10**400])
def test_a_setting_that_cannot_be_one_breaks_no_project(careful: object) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        about = {"classes": ["cat"], "settings": {"careful": careful}}
        archive.writestr("vitrine-project.json", json.dumps(about))
        archive.writestr("cat/1.png", file(1)[1])
    project = Project("mine")
    with suppress(ProjectError):
        add_zip(project, buffer)
    assert careful_of(project) == CAREFUL


def test_a_damaged_zip_is_a_sentence() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"cat/{number}.bmp", encode(picture(number), "BMP"))
    whole = buffer.getvalue()
    refused = 0
    for place in range(40, len(whole), len(whole) // 50):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        try:
            add_zip(Project("mine"), io.BytesIO(damaged))
        except ProjectError:
            refused += 1
    assert refused > 10


@pytest.mark.parametrize("name", [".", "", "/"])
def test_a_member_of_a_zip_without_a_name_is_passed_over(name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
        archive.writestr("cat/1.png", file(1)[1])
    project = Project("mine")
    add_zip(project, buffer)
    assert counts(project) == {"cat": 1}


@pytest.mark.parametrize(("content", "reason"), [(b"no zip", "cannot be read"), (None, "has no folders with pictures")])
def test_zips_that_hold_no_project(content: bytes | None, reason: str) -> None:
    buffer = io.BytesIO(content or b"")
    if content is None:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("1.png", file(1)[1])
    with pytest.raises(ProjectError, match=reason):
        add_zip(Project("mine"), buffer)


def test_folders(tmp_path: Path) -> None:
    project, seen = Project("mine"), []
    add_folder(
        project, draw_folder(tmp_path / "shapes", 2), lambda label, outcome: seen.append((label, outcome.status))
    )
    assert counts(project) == {"circle": 2, "square": 2, "stripes": 2}
    assert seen == [(label, ADDED) for label in ("circle", "square", "stripes") for _ in range(2)]
    for folder in (tmp_path / "shapes" / "circle", tmp_path / "nowhere"):
        with pytest.raises(ProjectError, match="needs one for each class"):
            add_folder(project, folder)
    with pytest.raises(ProjectError, match="holds no pictures"):
        add_class_folder(project, "cat", tmp_path / "nowhere")


def test_folders_without_pictures_may_lie_beside_those_of_the_classes(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "shapes", 1)
    for name in ("annotations", "notes", "zzz"):
        (folder / name).mkdir()
        (folder / name / "note.txt").write_text("hello")
    project = Project("mine")
    add_folder(project, folder)
    assert counts(project) == {"circle": 1, "square": 1, "stripes": 1}
    for shape in ("circle", "square", "stripes"):
        shutil.rmtree(folder / shape)
    with pytest.raises(ProjectError, match="has folders, but no pictures in them"):
        add_folder(project, folder)


def test_a_file_name_that_is_not_utf8_is_kept_as_it_can_be_shown(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "shapes", 1)
    (folder / "circle" / "000.png").rename(folder / "circle" / os.fsdecode(b"p\xe1ssaro.png"))
    project = Project("mine")
    assert {one.status for one in add_folder(project, folder)} == {ADDED}
    assert [one.name for one in project.pictures("circle")] == ["p?ssaro.png"]


def test_a_file_of_a_folder_that_cannot_be_read_is_named_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = draw_folder(tmp_path / "shapes", 2)
    (folder / "circle" / "gone.png").write_bytes(b"")

    def read(path: Path) -> bytes:
        if path.name == "gone.png":  # between the list and now
            path.unlink()
        return read_file(path)

    monkeypatch.setattr(projects, "read_file", read)
    (folder / "square" / "huge.png").write_bytes(bytes(21 * 2**20))
    project = Project("mine")
    reasons = {one.name: one.reason for one in add_folder(project, folder) if one.status == REFUSED}
    assert counts(project) == {"circle": 2, "square": 2, "stripes": 2}
    assert reasons["gone.png"] == "There is no such file." and "more than 20 MB" in reasons["huge.png"]


FILL = """
import sys
from tests.drawn import encode, picture
from training.projects.shelf import open_project
files = ((str(number), encode(picture(number), "PNG")) for number in range(10_000))
open_project("pets").add("cat", files, lambda outcome: print(outcome.name, flush=True))
"""


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_loses_nothing_that_was_said_to_be_kept(home: Path, seed: int) -> None:
    project = create_project("pets")
    process = subprocess.Popen(
        [sys.executable, "-c", FILL],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        said = [process.stdout.readline().strip() for _ in range(20)]
        time.sleep(0.017 * seed)
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().split()
    kept = [one.name for one in project.pictures()]
    assert kept[: len(said)] == said and len(kept) <= len(said) + 1
    for one in project.pictures():
        read_image(project.content(one.sha256))
    assert project.add("cat", [file(50_000)])[0].status == ADDED
    project.undo()
    assert project.undo() == "pictures added to cat"
    assert counts(project) == {}
