"""The states of the Training page, without a browser."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.servers import ROOT
from tests.dashboard.made_up_run import PROGRESS, make_run
from tests.drawn import draw_folder
from training.recipes.recipe_file import load_recipe, to_toml
from training.runs.background_runs import list_starting_runs
from training.runs.changes import rename_run
from training.runs.data_provenance import RunContext, read_context, write_context
from training.runs.history import append_epoch
from training.runs.process import claim_run, is_alive, stop_run
from training.runs.run_files import CHECKPOINT, PROCESS, read_json, write_json


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page starts only waits."""
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


def visit(**query: Any) -> AppTest:
    test = AppTest.from_file(str(ROOT / "dashboard" / "main.py"), default_timeout=300).run()
    test.switch_page("views/training.py")
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def texts(test: AppTest) -> str:
    elements = [*test.markdown, *test.caption, *test.error, *test.info, *test.warning, *test.subheader]
    return "\n".join(element.value for element in elements).replace("\\", "")


def labels(test: AppTest) -> list[str]:
    return [button.label for button in test.button]


def test_a_shipped_run_is_listed_with_one_figure_and_a_sentence() -> None:
    test = visit(show=["fast"])
    assert not test.exception
    assert test.dataframe[0].value.set_index("run").loc["fast", "status"] == "finished"
    assert len(test.get("plotly_chart")) == 1
    assert "Validation loss fell to the end (1.25 to 1.04 over the last 8 epochs)" in texts(test)
    assert len(test.dataframe) == 1  # the tables are made when they are opened
    assert "Start a run" in labels(test)
    assert "Delete" not in labels(test)  # it came with Vitrine


def test_smoothing_and_the_logarithmic_axis_stand_in_the_address() -> None:
    test = visit(smoothing="0.5", logarithmic="true")
    assert test.slider[0].value == 0.5
    assert test.toggle(key="logarithmic").value is True
    assert '"type":"log"' in test.get("plotly_chart")[0].proto.spec.replace(" ", "")


def test_a_running_run_is_followed_with_its_time_left(home: Path) -> None:
    make_run(home, "mine", progress=PROGRESS | {"updated": time.time()})
    test = visit()
    assert not test.exception
    assert test.dataframe[0].value.set_index("run").loc["mine", "status"] == "running"
    assert "mine: epoch 2 of 11, about 20 min left" in test.get("progress")[0].proto.text
    assert "Stop" not in labels(test)  # nobody knows its process
    assert "Delete" not in labels(test)


def test_progress_within_an_epoch_does_not_draw_the_page_anew(home: Path) -> None:
    folder = make_run(home, "mine", progress=PROGRESS | {"updated": time.time()})
    test = visit()
    before = test.session_state["runs_seen"]
    write_json(folder / "progress.json", PROGRESS | {"updated": time.time(), "step": 30})
    assert test.run().session_state["runs_seen"] == before
    append_epoch(folder, {"epoch": 2, "loss": 1.5, "accuracy": 0.5, "learning_rate": 0.1, "seconds": 60})
    assert test.run().session_state["runs_seen"] != before


def test_a_run_of_this_machine_can_be_stopped(home: Path) -> None:
    folder = make_run(home, "mine", progress=PROGRESS | {"updated": time.time()})
    with claim_run(folder):
        assert "Stop" in labels(visit())
        write_json(folder / PROCESS, read_json(folder / PROCESS) | {"stopping": True})
        test = visit()
        assert "End at once" in labels(test)
        assert "is being stopped; its best weights are made into a network" in test.get("progress")[0].proto.text


def test_a_damaged_run_folder_does_not_break_the_page(home: Path) -> None:
    folder = home / "runs" / "broken"
    folder.mkdir(parents=True)
    for name in ("recipe.toml", "history.csv", "metrics.json", "progress.json", "process.json", "output.txt"):
        (folder / name).write_bytes(b"\x00\xff{[")
    assert not visit(show="broken").exception


def test_a_deleted_run_comes_back(home: Path) -> None:
    folder = make_run(home, "mine")
    test = visit()
    test.button(key="remove-mine").click().run()
    assert not test.exception
    assert not folder.exists()
    assert "The run mine is deleted; its network stays." in texts(test)
    make_run(home, "mine")
    test.button(key="undo-run").click().run()
    assert "there is a run 'mine' already" in texts(test)
    rename_run("mine", "newer")
    test.button(key="undo-run").click().run()  # still there: the first try brought nothing back
    assert not test.exception
    assert folder.exists()
    assert test.session_state["show"] == ["mine"]


def test_a_run_gets_another_name_and_stays_shown(home: Path) -> None:
    make_run(home, "mine")
    make_run(home, "other")
    test = visit(show="mine")
    test.text_input(key="rename-mine").set_value("../x")
    test.button(key="rename-do-mine").click().run()
    assert "'../x' cannot be a name" in texts(test)
    test.run()  # as the page does by itself every two seconds
    assert "'../x' cannot be a name" in texts(test)
    test.button(key="dismiss-problem").click().run()
    assert not test.error
    test.text_input(key="rename-mine").set_value("other")
    test.button(key="rename-do-mine").click().run()
    assert "there is a run 'other' already" in texts(test)
    test.text_input(key="rename-mine").set_value("new")
    test.button(key="rename-do-mine").click().run()
    assert not test.exception
    assert not test.error
    assert test.session_state["show"] == ["new"]
    assert (home / "runs" / "new").exists()


def test_values_that_differ_are_shown_alone_or_all(home: Path) -> None:
    folder = make_run(home, "mine")
    (folder / "recipe.toml").write_text(to_toml(load_recipe("fast", ("batch_size=7",))))
    test = visit(show=["mine", "fast"])
    test.session_state["recipes"] = True
    test.run()
    table = test.dataframe[-1].value
    assert table.loc["batch_size"].tolist() == ["≠", "7", str(load_recipe("fast").batch_size)]
    assert "seed" not in table.index
    test.toggle(key="only-differing").set_value(False).run()
    assert test.dataframe[-1].value.loc["seed"].tolist() == ["", "0", "0"]


def test_a_shared_page_only_shows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_SHARE", "1")
    (home / "runs" / "failed").mkdir(parents=True)
    (home / "runs" / "failed" / "output.txt").write_text("error: no\n")
    make_run(home, "mine")
    (make_run(home, "cut") / CHECKPOINT).touch()
    folder = make_run(home, "going", progress=PROGRESS | {"updated": time.time()})
    with claim_run(folder):
        test = visit(show=["mine", "cut", "going"])
    assert not test.exception
    assert "going: epoch 2 of 11" in test.get("progress")[0].proto.text
    assert labels(test) == []


def open_form() -> AppTest:
    test = visit()
    return test.button(key="start").click().run()


@pytest.mark.usefixtures("patient")
def test_a_run_starts_from_the_form(home: Path, tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "shapes", 2)
    test = open_form()
    assert not test.exception
    test.text_input(key="start-data").set_value(str(data))
    test.text_input(key="start-name").set_value("mine")
    test.number_input(key="start-epochs-fast").set_value(3)
    test.text_area(key="start-values").set_value("augmentation.shift=1\n\n model.depth=1 ")
    test.button(key="start-do").click().run()
    assert not test.exception
    (begun,) = list_starting_runs()
    try:
        assert (begun.name, begun.alive) == ("mine", True)
        assert read_context(begun.path) == RunContext(str(data))
        assert "mine: reads the data and builds the network" in texts(visit())
        form = open_form()
        assert "mine is training already. Two runs at once share this machine, and each takes longer." in texts(form)
        assert form.text_input(key="start-data").value == str(data)
    finally:
        stop_run(begun.path)


def test_a_data_folder_that_cannot_be_shown_is_not_proposed(home: Path) -> None:
    folder = home / "runs" / "mine"
    folder.mkdir(parents=True)
    write_context(folder, RunContext("/fotos/caf\udce9"))
    form = open_form()
    assert not form.exception
    assert form.text_input(key="start-data").value == ""


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("start-data", "/nowhere", "/nowhere is not a folder"),
        ("start-name", "a b", "'a b' cannot be a name"),
        ("start-values", "epoch=3", "unknown key 'epoch'"),
        ("start-values", "rubbish", "'rubbish' is not of the form key=value"),
    ],
)
def test_the_form_says_what_is_wrong(home: Path, key: str, value: str, words: str) -> None:
    test = open_form()
    fields = {field.key: field for field in [*test.text_input, *test.text_area]}
    fields[key].set_value(value)
    test.button(key="start-do").click().run()
    assert not test.exception
    assert words in texts(test)
    assert not home.exists()


def test_a_start_that_failed_says_why_until_it_is_dismissed(home: Path) -> None:
    folder = home / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "output.txt").write_text("error: *no* picture in [x](y)\n")
    test = visit()
    assert "mine** did not start: *no* picture in [x](y)" in texts(test)
    test.button(key="dismiss-mine").click().run()
    assert "did not start" not in texts(test)
    assert not folder.exists()


@pytest.mark.usefixtures("patient")
def test_a_run_that_was_cut_off_goes_on(home: Path, tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "shapes", 2)
    folder = make_run(home, "mine", process={"data": str(data)})
    (folder / CHECKPOINT).touch()
    (folder / "output.txt").write_text("epoch 1\nerror: the disk is full\n")
    test = visit(show="mine")
    assert "It was cut off after 1 of 11 epochs." in texts(test)
    assert "It said last: the disk is full" in texts(test)
    test.button(key="go-on-mine").click().run()
    assert not test.exception
    try:
        assert is_alive(folder)
        assert test.dataframe[0].value.set_index("run").loc["mine", "status"] == "running"
    finally:
        stop_run(folder)


@pytest.mark.parametrize("process", [{"pid": 2**22 + 1, "started": 0.0, "host": socket.gethostname()}, {}])
def test_a_stopped_run_that_could_not_go_on_says_why(process: dict[str, Any], home: Path) -> None:
    folder = make_run(home, "mine", metrics={"status": "interrupted"}, process=process)
    (folder / "output.txt").write_text("error: /pictures is not a folder\n")
    test = visit(show="mine")
    assert test.dataframe[0].value.set_index("run").loc["mine", "status"] == "stopped"
    assert "It said last: /pictures is not a folder" in texts(test)


def test_a_run_that_was_stopped_and_nothing_more_has_no_last_words(home: Path) -> None:
    folder = make_run(home, "mine", metrics={"status": "interrupted"})
    (folder / "output.txt").write_text("bundle /there (1.0 MB)\n")
    assert "It said last" not in texts(visit(show="mine"))


def test_a_run_from_the_command_line_asks_for_its_data_before_it_goes_on(home: Path) -> None:
    (make_run(home, "mine") / CHECKPOINT).touch()
    test = visit(show="mine")
    test.text_input(key="data-mine").set_value("/nowhere")
    test.button(key="go-on-mine").click().run()
    assert "/nowhere is not a folder" in texts(test)
    assert is_alive(home / "runs" / "mine") is None
