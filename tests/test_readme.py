"""README is true: its commands run, its figures are the card's, its settings exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import model.__main__
from api.settings import settings_table, unknown_variables
from benchmarks.servers import API, started
from model import store
from model.bundle import DEFAULT, INT8_FILE, KERAS_FILE, Card, find_bundle, read_card
from tests.drawn import draw_cifar10, encode, picture
from tests.foreign import write_keras2
from tests.model.test_remote import Stand, stand  # noqa: F401  (a fixture)
from training.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (\S.*)$", README, re.MULTILINE)
CURL = [command for command in COMMANDS if "curl " in command]
# A short run of the same command: a tiny network, one epoch.
SHORT = [
    "--set",
    "epochs=1",
    "--set",
    "model.widths=[8, 8, 8]",
    "--set",
    "batch_size=50",
    "--set",
    "data.validation=0.2",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("data")
    draw_cifar10(folder, 30)
    return folder


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The API, as it answers who sends the token of the README's line."""
    with started([*API, "--engine", "int8"]) as server:
        yield server.url


@pytest.fixture(scope="module")
def guarded_url() -> Iterator[str]:
    with started([*API, "--engine", "int8"], {"VITRINE_API_TOKEN": "secret"}) as server:
        yield server.url


def run_line(line: str, url: str) -> str:
    """What a line of the shell prints, with this server in the place of the usual one."""
    line = line.replace("http://localhost:8501", url).replace("curl ", "curl --silent --show-error --fail ")
    return subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("line", CURL)
def test_every_curl_line_is_answered(line: str, url: str, guarded_url: str) -> None:
    answer = run_line(line, guarded_url if "Bearer" in line else url)
    if line.endswith("/metrics"):
        assert "vitrine_requests_total" in answer
        return
    content = json.loads(answer)
    if "/predict" in line:
        assert (content[0] if isinstance(content, list) else content)["category"] == "frog"
    if "Bearer" in line:
        with pytest.raises(subprocess.CalledProcessError):
            run_line(line.replace("secret", "secrets"), guarded_url)


def test_the_answer_that_is_shown_is_the_answer() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    with started(API) as server:
        line = next(line for line in CURL if "-X POST" in line)
        answer = json.loads(run_line(f"{line}?top_k=2", server.url))
    expected = json.loads(shown)
    assert expected.keys() == answer.keys()
    for name in ("success", "predicted_class", "category", "model"):
        assert answer[name] == expected[name]
    for mine, theirs in zip(answer["predictions"], expected["predictions"], strict=True):
        assert mine == {**theirs, "probability": pytest.approx(theirs["probability"], abs=1e-4)}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in CURL])
def test_every_command_runs(
    command: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stand: Stand,  # noqa: F811
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word) or word == "SHARE=1"]
    if words[0] == "make":
        shown = subprocess.run(
            ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert "streamlit run dashboard/app.py" in shown or "pytest" in shown
        assert ("VITRINE_SHARE=1" in shown) == ("SHARE=1" in words)
        return
    if words[:3] == [".venv/bin/python", "-m", "api"]:
        with started([*words[1:], "--port", "PORT"]) as server:
            assert server.log.read_text().startswith("http://")
        return
    if words[:3] == [".venv/bin/python", "-m", "model"]:
        prepare(tmp_path, words[3:])
        monkeypatch.chdir(tmp_path)
        given = [stand.url if word.startswith("http://") else word for word in words[3:]]
        result = CliRunner().invoke(model.cli.app, given, input="y\n")
        assert result.exit_code == 0, result.output
        return
    assert words[:3] == [".venv/bin/python", "-m", "training"], f"no test runs {command!r}"
    given = [str(data) if word == "DIR" else word for word in words[3:]]
    result = CliRunner().invoke(app, given + (SHORT if given[0] == "fit" else []))
    assert result.exit_code == 0, result.output


def prepare(folder: Path, words: list[str]) -> None:
    """What the reader of a command has by then: pictures, names, a network's file, and that network in the store."""
    (folder / "holiday").mkdir()
    for name in ("cat.jpg", "holiday/beach.png"):
        (folder / name).write_bytes(encode(picture(0), "PNG"))
    (folder / "names.json").write_text('{"3": "Katze"}')
    write_keras2(folder / "modelo.h5")
    if words[0] not in ("add", "predict", "history"):
        card = Card("x", ("cat", "dog", "frog"), 8, 0, 0, "", "", "", scaling="unit")
        name = "mine" if "mine" in words else "pets"
        store.add((folder / "modelo.h5").read_bytes(), ".h5", name, card)


def test_commands_were_found() -> None:
    assert {"make run", "make test"} <= set(COMMANDS)
    assert len(CURL) >= 9


def test_every_command_of_the_classifier_is_documented() -> None:
    names = [command.name or command.callback.__name__ for command in model.cli.app.registered_commands]
    assert [name for name in names if f"-m model {name}" not in README] == []


def test_python_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    check = "import numpy\nprint(network(numpy.zeros((1, 32, 32, 3), 'uint8')).shape)"
    # Isolated: the saved network needs nothing of ours.
    run = subprocess.run(
        [sys.executable, "-I", "-c", code + check], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "(1, 10)"


def test_accuracy_table_is_the_cards() -> None:
    card = read_card(find_bundle(DEFAULT))
    shown = re.findall(r"\| CIFAR-10 test, (first 1,000|all 10,000) .*\| ([\d.]+) % \| ([\d.]+) % \|", README)
    for title, float_share, int8_share in shown:
        figures = card.accuracy[f"cifar10 test, {title}"]
        assert (float(float_share), float(int8_share)) == (
            pytest.approx(100 * figures["keras"]),
            pytest.approx(100 * figures["int8"]),
        )
    assert len(shown) == 2
    assert f"in {card.minutes} minutes" in README
    assert f"by {100 * card.ece['cifar10 test, all 10,000']:.2f} points" in README
    sizes = [card.files[name].bytes / 1e6 for name in (KERAS_FILE, INT8_FILE)]
    assert f"is {sizes[0]:.1f} MB, {sizes[1]:.1f} MB as int8" in README.replace("\n", " ")


def test_card_describes_the_shipped_network() -> None:
    folder = find_bundle(DEFAULT)
    card = read_card(folder)
    network = keras.models.load_model(folder / KERAS_FILE, compile=False)
    assert network.count_params() == card.parameters
    assert network.input_shape == (None, card.input_size, card.input_size, 3)
    rows = np.asarray(network(np.zeros((2, 32, 32, 3), np.uint8)))
    assert rows.shape == (2, len(card.classes))
    assert card.accuracy["cifar10 test, first 1,000"]["keras"] >= 0.93
    assert card.accuracy["cifar10 test, all 10,000"]["keras"] >= 0.895
    assert sum(entry.bytes for entry in card.files.values()) <= 12e6


def test_every_setting_is_documented_and_real() -> None:
    documented = set(re.findall(r"^\| ((?:`[A-Z0-9_]+`(?:, )?)+) \|", README, re.MULTILINE))
    names = {name for cell in documented for name in re.findall(r"`([A-Z0-9_]+)`", cell)}
    source = "".join(
        path.read_text("utf-8")
        for folder in ("model", "training", "dashboard", "api")
        for path in (ROOT / folder).rglob("*.py")
    )
    source += (ROOT / "Makefile").read_text() + (ROOT / "scripts" / "setup.sh").read_text()
    assert names
    assert all(name in source for name in names - {name for name, _, _ in settings_table()})
    read = set(re.findall(r"VITRINE_[A-Z_]+[A-Z]", source))
    assert read <= names
    assert unknown_variables(dict.fromkeys(names | read, "1")) == []


def test_pictures_of_the_readme_exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / path).is_file() for path in pictures)
