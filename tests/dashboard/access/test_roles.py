"""What a visitor may do, page by page; and that a change is refused even where its button was drawn for the owner."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.servers import ROOT
from dashboard.access import roles
from dashboard.access.password import SESSIONS
from dashboard.access.roles import NotOwnerError
from dashboard.access.visitors import LOCAL, REMOTE, Visitor
from model.datasets.known_folders import add_folder, known_folders
from model.history import prediction_log
from model.inference.prediction import Prediction
from model.registry import store
from model.registry.resolution import DEFAULT, default_name
from tests.dashboard.made_up_run import PROGRESS, make_run
from tests.dashboard.page_visit import Become, dialog, texts, visit, visit_page
from tests.drawn import draw_cifar10, draw_folder
from tests.shipped import FAST_CARD, FAST_INT8
from training.runs.background_runs import list_starting_runs
from training.runs.process import claim_run, is_stopping
from training.runs.run_files import CHECKPOINT

REFUSED = "Only the owner can do that"
VISITING = "You are visiting: look and try."
# What changes something, costs minutes or shows what others asked, as the page's code calls it.
GUARDED = {
    *(
        "resolution.set_default",
        *(f"store.{name}" for name in ("rename_model", "remove_models", "restore_models", "save_model")),
    ),
    *("add_file", "resources.converted_file", "add_folder", "forget_folder", "prediction_log.delete_all_answers"),
    *("start_run", "resume_run", "stop_run", "discard_start", "rename_run", "remove_run", "restore_run"),
}
GUARDS = {"attempt", "_attempt", "roles.check_owner", "roles.owner_only"}
PREDICTION = Prediction.from_probabilities([0.1, 0.7, 0.2], ("cat", "dog", "bird"), "mine", 2.5)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    for name in ("VITRINE_DATA", "VITRINE_SHARE", "VITRINE_DATABASE", "VITRINE_HISTORY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def keys(test: AppTest) -> set[str]:
    return {button.key for button in test.button if button.key}


def click(test: AppTest, key: str) -> AppTest:
    test.button(key=key).click().run()
    assert not test.exception
    return test


def dotted(node: ast.AST) -> str:
    """`name` or `module.name`, as the code says it; nothing for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""


def mentions() -> Iterator[tuple[str, str, bool]]:
    """Every mention of something that is guarded: the file, what it is, and whether the function asks before."""
    for path in sorted((ROOT / "dashboard").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        here = {alias.name for node in imports for alias in node.names if node.module and "." in node.module}
        for statement in tree.body:
            said = [dotted(node) for node in ast.walk(statement)]
            asks = isinstance(statement, ast.FunctionDef) and bool(GUARDS & {*said})
            yield from ((path.name, name, asks) for name in said if name in GUARDED and ("." in name or name in here))


def test_every_change_in_the_code_of_the_page_asks_who_is_there() -> None:
    found = list(mentions())
    assert {name for _, name, _ in found} >= GUARDED - {"store.save_model"}  # the page adds by `add_file`
    assert [one for one in found if not one[2]] == []


def test_no_connection_has_no_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert not roles.is_owner()


def test_a_download_for_the_owner_is_not_made_for_who_has_signed_out(become: Become) -> None:
    token = SESSIONS.add()
    become(Visitor(REMOTE, token))
    work = roles.owner_only(lambda: "all of it")
    become(Visitor())  # it runs outside of any page
    assert work() == "all of it"
    SESSIONS.end(token)
    with pytest.raises(NotOwnerError, match=REFUSED):
        work()


@pytest.mark.usefixtures("visitor")
@pytest.mark.parametrize("view", ["classify", "gallery", "compare", "training", "evaluation", "models", "history"])
def test_every_page_tells_a_visitor_what_they_may_do(view: str) -> None:
    test = visit_page(view)
    assert not test.exception
    assert VISITING in texts(test)
    assert "at the machine that Vitrine runs on" in texts(test)  # no password is set
    assert not [field.label for field in test.text_input]


def greeting(test: AppTest) -> dict[str, object]:
    """What the line at the top of the page was given."""
    (found,) = [one for one in test.get("bidi_component") if "vitrine_greeting" in one.proto.component_name]
    given: dict[str, object] = json.loads(found.proto.json)
    return given


def test_the_way_in_and_the_way_out_stand_on_every_page(become: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_PASSWORD", "sesame")
    become(Visitor(REMOTE))
    assert (greeting(visit())["open"], greeting(visit())["signed_in"]) == ("Owner sign-in", False)
    assert greeting(visit(lang="pt"))["open"] == "Entrar como dono"
    become(Visitor(REMOTE, SESSIONS.add()))
    assert (greeting(visit())["open"], greeting(visit())["signed_in"]) == ("Sign out", True)
    become(Visitor(LOCAL))
    assert not [one for one in visit().get("bidi_component") if "vitrine_greeting" in one.proto.component_name]


# --- Networks ---------------------------------------------------------------------------------------------------------


def put(name: str) -> None:
    store.save_model(FAST_INT8.read_bytes(), ".tflite", name, FAST_CARD)


@pytest.mark.usefixtures("visitor")
def test_a_visitor_gets_the_files_that_are_there_and_has_none_made() -> None:
    test = visit_page("models", name="small")
    assert not test.exception
    assert {key for key in keys(test) if not key.startswith("open-")} == set()
    assert {button.proto.label for button in test.get("download_button")}
    test = visit_page("models", name=DEFAULT)
    assert not [key for key in keys(test) if key.startswith("make-")]


def test_networks_stay_as_they_are(become: Become) -> None:
    put("mine")
    for key in ("default-mine", "rename-do-mine", "remove-mine"):
        become(Visitor(LOCAL))
        test = visit_page("models", name="mine")
        become(Visitor(REMOTE))
        assert REFUSED in texts(click(test, key))
        assert default_name() == DEFAULT
        assert [model.title for model in store.list_models()] == ["mine"]


def test_what_was_deleted_is_brought_back_by_the_owner_alone(become: Become) -> None:
    put("mine")
    test = click(visit_page("models", name="mine"), "remove-mine")
    become(Visitor(REMOTE))
    assert REFUSED in texts(click(test, "undo"))
    assert not store.list_models()
    become(Visitor(LOCAL))
    click(test.run(), "undo")
    assert [model.title for model in store.list_models()] == ["mine"]


def test_a_form_that_was_open_takes_nothing_in(become: Become) -> None:
    test = dialog()
    test.file_uploader(key="network-file").upload("net.tflite", FAST_INT8.read_bytes()).run()
    become(Visitor(REMOTE))
    assert REFUSED in texts(click(test, "network-add"))
    assert not store.list_models()


# --- Runs -------------------------------------------------------------------------------------------------------------


def test_runs_stay_as_they_are(home: Path, become: Become) -> None:
    make_run(home, "mine")
    (make_run(home, "cut") / CHECKPOINT).touch()
    (home / "runs" / "failed").mkdir(parents=True)
    (home / "runs" / "failed" / "output.txt").write_text("error: no\n")
    for key in ("go-on-cut", "rename-do-mine", "remove-mine", "dismiss-failed"):
        become(Visitor(LOCAL))
        test = visit_page("training")
        test.session_state["show"] = ["mine", "cut"]
        test.run()
        if key.startswith("rename"):
            test.text_input(key="rename-mine").set_value("yours")
        become(Visitor(REMOTE))
        assert REFUSED in texts(click(test, key))
        assert {path.name for path in (home / "runs").iterdir()} == {"mine", "cut", "failed"}
        assert [start.name for start in list_starting_runs()] == ["failed"]


def test_a_run_is_stopped_by_the_owner_alone(home: Path, become: Become) -> None:
    folder = make_run(home, "going", progress=PROGRESS | {"updated": time.time()})
    with claim_run(folder):
        test = visit_page("training")
        become(Visitor(REMOTE))
        assert REFUSED in texts(click(test, "stop-going"))
        assert not is_stopping(folder)


def test_a_run_that_was_deleted_comes_back_by_the_owner_alone(home: Path, become: Become) -> None:
    make_run(home, "mine")
    test = visit_page("training")
    test.session_state["show"] = ["mine"]
    click(test.run(), "remove-mine")
    become(Visitor(REMOTE))
    assert REFUSED in texts(click(test, "undo-run"))
    become(Visitor(LOCAL))
    click(test.run(), "undo-run")
    assert (home / "runs" / "mine").is_dir()


def test_a_form_that_was_open_starts_nothing(tmp_path: Path, home: Path, become: Become) -> None:
    test = click(visit_page("training"), "start")
    test.text_input(key="start-data").set_value(str(draw_folder(tmp_path / "shapes", 2)))
    become(Visitor(REMOTE))
    test.button(key="start-do").click().run()
    assert not list_starting_runs()
    assert not (home / "runs").exists()


# --- Folders and the history ------------------------------------------------------------------------------------------


def test_no_folder_is_read_added_or_taken_off(tmp_path: Path, become: Become) -> None:
    shapes = draw_folder(tmp_path / "shapes", 2)
    test = visit_page("gallery")
    become(Visitor(REMOTE))
    test.text_input(key="folder").input(str(shapes)).run()
    assert REFUSED in texts(test)
    assert not known_folders()
    become(Visitor(LOCAL))
    add_folder(str(shapes))
    test = visit_page("gallery")
    become(Visitor(REMOTE))
    assert REFUSED in texts(click(test, "forget-shapes"))
    assert list(known_folders()) == ["shapes"]


@pytest.mark.usefixtures("visitor")
@pytest.mark.parametrize("query", [{"set": "/etc", "picture": "0"}, {"data": "/etc"}, {"folder": "/etc"}])
def test_no_address_reads_a_folder(query: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATA", str(draw_cifar10(tmp_path / "data", 2, tests=20)))
    for view in ("gallery", "evaluation", "classify"):
        test = visit_page(view, **query)
        assert not test.exception and not test.text_input
        assert list(known_folders()) == ["cifar10"]
        assert not [box for box in test.selectbox if box.label == "Pictures" and "/etc" in (*box.options, box.value)]


@pytest.mark.usefixtures("visitor")
def test_a_visitor_sees_none_of_what_others_asked() -> None:
    prediction_log.save_answer(b"a", PREDICTION, "", b"small")
    test = visit_page("history")
    assert "they are for the owner" in texts(test)
    assert not test.dataframe and not test.button and not test.get("download_button")


def test_the_history_is_forgotten_by_the_owner_alone(become: Become) -> None:
    prediction_log.save_answer(b"a", PREDICTION, "", b"small")
    test = visit_page("history")
    become(Visitor(REMOTE))
    assert REFUSED in texts(click(test, "forget"))
    assert len(prediction_log.list_answers()) == 1


@pytest.mark.parametrize("page", ["gallery", "evaluation"])
def test_a_visitor_does_not_read_where_a_data_folder_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, become: Become, page: str
) -> None:
    folder = draw_folder(tmp_path / "shapes" / "test", 1).parent
    (folder / "test" / "circle").mkdir(exist_ok=True)
    (folder / "test" / "circle" / "torn.png").write_bytes(b"")
    monkeypatch.setenv("VITRINE_DATA", str(folder))
    for who, shown in ((Visitor(REMOTE), "shapes"), (Visitor(LOCAL), str(folder))):
        become(who)
        test = visit_page(page, set="shapes")
        (said,) = [warning.value.replace("\\", "") for warning in test.warning if "torn" in warning.value]
        assert f" {shown}/test/circle/torn.png (This file is empty); left out" in said


def test_a_visitor_does_not_read_where_a_folder_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, become: Become
) -> None:
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path / "gone"))
    for who, hidden in ((Visitor(REMOTE), True), (Visitor(LOCAL), False)):
        become(who)
        (said,) = [error.value.replace("\\", "") for error in visit_page("evaluation").error]
        assert "gone" in said and (str(tmp_path) not in said) == hidden


@pytest.mark.usefixtures("visitor")
def test_nothing_above_vitrines_own_folders_is_named_to_a_visitor(home: Path) -> None:
    said = roles.hide_paths(f"{home}/models/mine and {ROOT}/model/bundles/best cannot be read")
    assert said == f"home/models/mine and {ROOT.name}/model/bundles/best cannot be read"


def test_why_a_picture_cannot_be_read_is_said_in_the_readers_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = draw_folder(tmp_path / "shapes" / "test", 1).parent
    (folder / "test" / "circle" / "torn.png").write_bytes(b"")
    monkeypatch.setenv("VITRINE_DATA", str(folder))
    for language, reason in (("en", "This file is empty"), ("pt", "Este arquivo está vazio")):
        test = visit(lang=language).switch_page("views/evaluation.py").run()
        (said,) = [one.value for one in test.warning if "torn" in one.value]
        assert f"({reason})" in said.replace("\\", "")
