from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import model.cli.history
import model.cli.models  # noqa: F401  (both add their commands)
from benchmarks.servers import ROOT
from model.cli.main import app
from model.history import prediction_log
from model.inference.prediction import Prediction
from model.registry.card import read_card
from model.registry.resolution import DEFAULT, find_bundle
from tests.drawn import encode, open_image, picture
from tests.fake_server import Stand
from tests.foreign import write_keras
from tests.shipped import FAST_CARD, FAST_INT8, LISTED, NAMES

SAMPLES = ROOT / "sample_images"
HORSE, CAT = SAMPLES / "horse-zaniskari.jpg", SAMPLES / "cat-chelsea.png"
FAST = ("--engine", "int8")
COUNTS = {name: str(len(read_card(find_bundle(name)).classes)) for name in NAMES}
# How `list` begins a shipped network's line.
SHIPPED_LINES = [["*", name, "ships"] if name == DEFAULT else [name, "ships", COUNTS[name]] for name in NAMES]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


def call(*arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)


def works(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def complaint(*arguments: object) -> str:
    """The one line that a failing command prints."""
    result = call(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)  # not a traceback
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def predict_json(*arguments: object) -> Any:
    return json.loads(call("predict", "--json", *FAST, *arguments).stdout)


def test_predict_prints_a_line_a_file() -> None:
    lines = works("predict", HORSE, CAT, *FAST).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [str(HORSE), str(CAT)]
    assert lines[0].partition(": ")[2].startswith("horse ")
    assert lines[0].count("%") == 4  # three classes, and how known the picture is
    assert works("predict", HORSE, *FAST, "--top-k", 1).count("%") == 2


def test_predict_prints_json_in_the_order_given() -> None:
    cat, horse = predict_json(CAT, HORSE)
    assert (cat["file"], cat["category"], horse["category"]) == (str(CAT), "cat", "horse")
    assert (horse["predicted_class"], horse["index"], horse["model"]) == ("7", 7, DEFAULT)
    probabilities = [entry["probability"] for entry in horse["predictions"]]
    assert len(probabilities) == 10
    assert probabilities == sorted(probabilities, reverse=True)
    assert horse["confidence"] == probabilities[0]
    (short,) = predict_json(HORSE, "--top-k", 2)
    assert short["predictions"] == horse["predictions"][:2]


def test_a_picture_that_was_brightened_says_so(tmp_path: Path) -> None:
    path = tmp_path / "microscope.png"
    path.write_bytes(encode(Image.fromarray(np.full((40, 40), 3000, np.uint16)), "PNG"))
    assert works("predict", path, *FAST).endswith("it was brightened as a picture of 12 bits.)\n")
    assert "of 12 bits" in predict_json(path, *FAST)[0]["note"]


def test_a_folder_stands_for_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "A.JPG", "deep/c.webp"):
        (tmp_path / name).write_bytes(encode(picture(0), "PNG"))
    (tmp_path / "notes.txt").write_text("no picture")
    files = [Path(entry["file"]).name for entry in predict_json(tmp_path)]
    assert files == ["A.JPG", "b.png", "c.webp"]


def test_a_bad_file_fails_the_command_and_not_the_others(tmp_path: Path) -> None:
    bad, gone, empty = tmp_path / "bad.jpg", tmp_path / "gone.png", tmp_path / "empty"
    bad.write_text("I am a cat.")
    empty.mkdir()
    long = tmp_path / ("a" * 300 + ".png")
    result = call("predict", bad, HORSE, gone, empty, "/dev/zero", long, *FAST)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{HORSE}: horse")
    errors = dict(line.split(": ", 1) for line in result.stderr.splitlines())
    assert errors[str(bad)].startswith("This file is not an image: it looks like a text file")
    assert errors[str(gone)] == "There is no such file."
    assert errors[str(empty)] == "This folder holds no pictures."
    assert errors[str(long)] == "This file cannot be read: File name too long."
    assert errors["/dev/zero"] == "This is a device or a pipe, not a file."
    records = predict_json(bad, HORSE)
    assert "error" in records[0]
    assert records[1]["category"] == "horse"


def test_other_names_for_the_classes(tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"7": "Pferd", "3": "Katze"}))
    horse, cat = predict_json(HORSE, CAT, "--category-names", names)
    assert (horse["category"], cat["predictions"][0]["label"], cat["index"]) == ("Pferd", "Katze", 3)
    assert (horse["prediction_set"]["labels"], cat["prediction_set"]["labels"][0]) == (["Pferd"], "Katze")
    names.write_text("{")
    assert "names.json is no JSON file" in complaint("predict", HORSE, *FAST, "--category-names", names)
    names.write_text('["one"]')
    assert "there are 1 names for 10 classes" in call("predict", HORSE, *FAST, "--category-names", names).stderr


def test_answers_go_into_a_file_as_they_come(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    for name in ("answers.jsonl", "answers.csv", "answers.parquet"):
        assert call("predict", bad, HORSE, CAT, *FAST, "--output", tmp_path / name).exit_code == 1
    printed = call("predict", bad, HORSE, CAT, *FAST, "--jsonl").stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line.get("category") for line in lines] == [None, "horse", "cat"]
    written = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [without_time(line) for line in written] == [without_time(line) for line in lines]
    with (tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["category"]) for row in rows] == [
        (line["file"], line.get("category", "")) for line in lines
    ]
    assert float(rows[1]["horse"]) == pytest.approx(lines[1]["confidence"], abs=1e-6)
    table = pq.read_table(tmp_path / "answers.parquet")
    assert json.loads(table.schema.metadata[b"classes"])[7] == "horse"
    first, horse, _cat = table.to_pylist()
    assert (first["error"], first["probabilities"]) == (lines[0]["error"], None)
    assert horse["probabilities"][horse["index"]] == pytest.approx(lines[1]["confidence"])
    assert "answers.txt is no file of answers" in complaint(
        "predict", HORSE, *FAST, "--output", tmp_path / "answers.txt"
    )
    assert "cannot be written" in complaint("predict", HORSE, *FAST, "--output", tmp_path / "none" / "answers.csv")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_name_that_is_not_utf8_has_an_answer_too(suffix: str, tmp_path: Path) -> None:
    folder, output = tmp_path / "pictures", tmp_path / f"answers.{suffix}"
    folder.mkdir()
    for name in (b"p\xe1ssaro.png", b"sapo.png"):
        (folder / os.fsdecode(name)).write_bytes(CAT.read_bytes())
    works("predict", folder, *FAST, "--output", output)
    lines = output.read_text("utf-8-sig").splitlines() if suffix != "parquet" else []
    if suffix == "parquet":
        names = pq.read_table(output)["file"].to_pylist()
    elif suffix == "csv":
        names = [row["file"] for row in csv.DictReader(lines)]
    else:
        names = [json.loads(line)["file"] for line in lines]
    assert [Path(name).name for name in names] == ["p?ssaro.png", "sapo.png"]


def test_files_without_answers_make_a_file_all_the_same(tmp_path: Path) -> None:
    call("predict", tmp_path / "gone.png", *FAST, "--output", tmp_path / "answers.csv")
    assert "There is no such file." in (tmp_path / "answers.csv").read_text("utf-8-sig")
    call("predict", tmp_path / "gone.png", *FAST, "--output", tmp_path / "answers.parquet")
    assert pq.read_table(tmp_path / "answers.parquet")["error"].to_pylist() == ["There is no such file."]


def without_time(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "milliseconds"}


def test_plot_saves_a_picture_of_what_could_be_read(tmp_path: Path) -> None:
    result = call("predict", HORSE, tmp_path / "gone.png", CAT, *FAST, "--plot", tmp_path / "out.png")
    assert result.exit_code == 1
    assert open_image(tmp_path / "out.png").width > 1000
    failed = call("predict", tmp_path / "gone.png", *FAST, "--plot", tmp_path / "none.png")
    assert "none.png was not written: there is no prediction to draw" in failed.stderr
    failed = call("predict", HORSE, *FAST, "--plot", tmp_path / "out.doc")
    assert failed.exit_code == 1
    assert "out.doc cannot be written: its name should end in .png" in failed.stderr


def test_a_running_server_is_asked(stand: Stand) -> None:
    result = call("predict", HORSE, CAT, "--url", stand.url, "--model", "mine", "--json")
    assert result.exit_code == 0
    assert [entry["category"] for entry in json.loads(result.stdout)] == ["dog", "dog"]
    assert [(path, HORSE.read_bytes() in body) for path, _, body in stand.asked] == [
        ("/predict?model=mine", True),
        ("/predict?model=mine", False),
    ]


def test_a_server_that_is_not_there_is_a_sentence_a_file() -> None:
    result = call("predict", HORSE, "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "horse-zaniskari.jpg: http://127.0.0.1:9/predict cannot be reached" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "fsat"), f"unknown model 'fsat'; models: {LISTED}; did you mean 'fast'?"),
        (("--engine", "onnx"), "unknown engine 'onnx'; engines: keras, int8"),
        (("--url", "localhost"), "'localhost' is not the address of a server"),
    ],
)
def test_predict_refuses_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    assert words in complaint("predict", HORSE, *arguments)


def test_predict_with_int8_imports_no_tensorflow() -> None:
    code = (
        "import sys; from model.cli.main import app\n"
        f"app(['predict', {str(HORSE)!r}, '--engine', 'int8'], standalone_mode=False)\n"
        "print(*sorted({'tensorflow', 'keras', 'streamlit', 'sqlalchemy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, imported = run.stdout.splitlines()
    assert "horse" in said
    assert imported == ""


def test_progress_is_shown_on_a_terminal_and_nowhere_else() -> None:
    command = [sys.executable, "-m", "model", "predict", str(HORSE), str(CAT), *FAST]
    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (piped.stderr, len(piped.stdout.splitlines())) == ("", 2)
    assert "\x1b" not in piped.stdout
    controller, terminal = pty.openpty()
    on_terminal = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, check=True)
    seen = os.read(controller, 100_000).decode()
    assert "Classifying" in seen
    assert on_terminal.stdout.decode() == piped.stdout


def test_answers_stand_above_the_bar_where_both_go_to_the_terminal() -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "model", "predict", str(HORSE), str(CAT), "--top-k", "1", *FAST]
    subprocess.run(command, stdout=terminal, stderr=terminal, check=True)
    seen = os.read(controller, 100_000).decode()
    assert seen.count("horse-zaniskari.jpg: horse ") == 1
    assert seen.count("cat-chelsea.png: cat ") == 1
    assert "Classifying" in seen


def test_answers_are_printed_as_they_come(tmp_path: Path) -> None:
    """A folder that is stopped half-way has told the first half; what was in work is waited for, and not told."""
    (tmp_path / "a.png").write_bytes(encode(picture(0), "PNG"))
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import model.cli.predict_files as asking, time, sys, model.__main__\n"
        "real = asking.read_file\n"
        "asking.read_file = lambda path: time.sleep(5) if path.name == 'b.png' else real(path)\n"
        "model.cli.main.app(sys.argv[1:])"
    )
    command = [sys.executable, str(slow), "predict", str(tmp_path / "a.png"), str(tmp_path / "b.png"), *FAST]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(str(tmp_path / "a.png"))
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert "stopped; files answered so far: 1" in complaint
    assert process.returncode == 1


def test_answers_are_kept_where_somebody_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    works("predict", HORSE, *FAST)
    assert works("history") == ""
    monkeypatch.setenv("VITRINE_HISTORY", "1")
    works("predict", HORSE, *FAST)
    assert " horse " in works("history")
    (kept,) = json.loads(works("history", "--json"))
    assert (kept["model"], kept["category"], kept["right"]) == (DEFAULT, "horse", None)
    assert call("history", "--forget", given="n\n").exit_code == 1
    assert works("history", "--forget", "--yes") == "deleted 1 answer\n"
    monkeypatch.setenv("VITRINE_HISTORY", "yes")
    assert "VITRINE_HISTORY is 'yes'; it can be 1" in complaint("predict", HORSE, *FAST)


def test_the_history_is_printed_as_one_array_however_long() -> None:
    assert works("history", "--json") == "[]\n"
    prediction = Prediction.from_probabilities([0.9, 0.1], ("cat", "dog"), "mine", 1.0)
    for number in range(3):
        prediction_log.save_answer(b"%d" % number, prediction, "", b"")
    printed = works("history", "--json")
    assert printed == json.dumps(list(prediction_log.export_answers()), indent=2) + "\n"
    assert [answer["id"] for answer in json.loads(printed)] == [1, 2, 3]


def test_a_history_that_cannot_be_written_is_a_sentence(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("VITRINE_HISTORY", "1")
    (home / "vitrine.sqlite").mkdir(parents=True)
    result = call("predict", HORSE, *FAST)
    assert result.exit_code == 1
    assert "cannot be used" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_strange_file_name_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb 🐸.png"
    path.write_bytes(encode(picture(0), "PNG"))
    (line,) = works("predict", path, *FAST).splitlines()
    assert "\x1b" not in line
    assert predict_json(path)[0]["file"] == str(path)


def test_the_stores_round_trip(tmp_path: Path) -> None:
    said = works("add", FAST_INT8, "--name", "mine", "--classes", "a,b,c,d,e,f,g,h,i,j")
    assert said.splitlines() == [
        "stored as mine: 10 classes, 32 x 32 pixels, 2.0 MB",
        "scaling: none (read in the file: its uint8 input stands for 0 to 255)",
    ]
    assert works("add", FAST_INT8) == f"{FAST_INT8} is stored already, as mine\n"
    listed = [line.split()[:3] for line in works("list").splitlines()]
    assert listed == [*SHIPPED_LINES, ["mine", "added", "10"]]
    assert "a, b, c" in works("show", "mine")
    assert works("default", "mine") == "mine\n"
    assert predict_json(HORSE)[0] | {"predictions": []} == {
        "file": str(HORSE),
        "category": "h",
        "predicted_class": "7",
        "index": 7,
        "confidence": pytest.approx(0.99, abs=0.02),
        "predictions": [],
        "model": "mine",
        "engine": "int8",
        "milliseconds": ANY,
    }
    assert works("rename", "mine", "yours") == "mine is now yours\n"
    assert works("default") == "yours\n"
    works("export", "yours", tmp_path / "out.tflite")
    assert (tmp_path / "out.tflite").read_bytes() == FAST_INT8.read_bytes()
    assert works("remove", "yours", "--yes") == "removed yours\n"
    assert [line.split()[:3] for line in works("list").splitlines()] == SHIPPED_LINES


def test_a_guess_is_shown_until_it_is_confirmed(tmp_path: Path) -> None:
    write_keras(tmp_path / "net.keras")
    said = works("add", tmp_path / "net.keras").splitlines()
    guess = "unit (guessed: nothing in the file says what it was trained with)"
    assert said[1] == f"scaling: {guess}"
    assert "`confirm net` confirms it" in said[2]
    assert "scaling     unit, guessed: nothing in the file says" in works("show", "net")
    assert works("list").splitlines()[-1].endswith("scaling guessed")
    assert works("confirm", "net") == "scaling: unit (confirmed: as you said)\n"
    assert "guessed" not in works("show", "net") + works("list")
    assert works("confirm", "net", "--scaling", "caffe") == "scaling: caffe (confirmed: as you said)\n"
    card = json.loads(works("show", "net", "--json"))["card"]
    assert (card["scaling"], card["scaling_from"]) == ("caffe", "confirmed")


def test_remove_asks() -> None:
    works("add", FAST_INT8, "--name", "mine")
    refused = call("remove", "mine", given="n\n")
    assert refused.exit_code == 1
    assert "Remove mine for good? [y/N]" in refused.stdout
    assert "mine" in works("list")
    assert call("remove", "mine", given="y\n").exit_code == 0
    assert "mine" not in works("list")


def test_list_and_show_as_json() -> None:
    works("add", FAST_INT8, "--name", "mine")
    entries = json.loads(works("list", "--json"))
    assert [(entry["name"], entry["origin"], entry["default"]) for entry in entries] == [
        *((name, "ships", name == DEFAULT) for name in NAMES),
        ("mine", "added", False),
    ]
    shown = json.loads(works("show", "fast", "--json"))
    assert shown["card"]["parameters"] == FAST_CARD.parameters


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "nowhere.h5"), "nowhere.h5 is not a file"),
        (("add", str(FAST_INT8), "--name", "fast"), "'fast' is the name of a model outside the store"),
        (("show", "nobody"), f"unknown model 'nobody'; models: {LISTED}"),
        (("export", "nobody", "x.h5"), f"unknown model 'nobody'; models: {LISTED}"),
        (("export", "fast", "x.pb"), "x.pb should end in one of .keras, .h5, .tflite, .onnx"),
        (("remove", "nobody", "--yes"), "no model 'nobody' in the store"),
        (("confirm", "nobody"), "no model 'nobody' in the store"),
        (("confirm", "fast"), "no model 'fast' in the store"),
        (("confirm", "fast", "--scaling", "loud"), "unknown scaling 'loud'; scalings: none, unit, symmetric"),
        (("rename", "nobody", "x"), "no model 'nobody' in the store"),
        (("default", "nobody"), f"unknown model 'nobody'; models: {', '.join(NAMES)}"),
    ],
)
def test_the_store_refuses_in_one_line(arguments: tuple[str, ...], words: str, home: Path) -> None:
    assert words in complaint(*arguments)
    assert not home.exists()


def test_the_default_model_shown_by_its_name_too() -> None:
    assert f"name        {DEFAULT} (the default)" in works("show", "default")
