"""The documents are true: their commands run, their figures are the cards', their settings and files exist."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import dropwhile
from operator import attrgetter
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import model.__main__
from benchmarks import on_paper
from benchmarks.servers import API, started
from model.common.settings import settings_table
from model.history import prediction_log
from model.inference.classifier import ENGINES
from model.inference.prediction import Prediction
from model.registry import store
from model.registry.card import INT8_FILE, KERAS_FILE, Card, read_card
from model.registry.locations import BUNDLES
from model.registry.resolution import DEFAULT
from tests.documents import ENGLISH, PORTUGUESE, ROOT, TEXT
from tests.drawn import SHAPES, draw_cifar10, draw_folder, encode, picture
from tests.fake_server import Stand
from tests.foreign import write_keras2
from tests.kept_answers import judge
from tests.training.teach.taught import QuickBackbone
from training.cli.main import app
from training.projects.archive import add_folder, write_zip
from training.projects.shelf import create_project
from training.recipes.recipe_file import load_recipe
from training.runs.run import SHIPPED_RUNS, read_run
from training.runs.series import format_markdown, recipe_results

# What a target of the Makefile comes to.
MADE = {
    "run": "streamlit run dashboard/app.py",
    "test": "pytest",
    "lint": "ruff check",
    "coverage": "scripts/coverage.sh",
}
LONGEST_README = 150  # lines; more of them belong into docs/
COMMANDS = list(dict.fromkeys(re.findall(r"^    (\S.*)$", TEXT, re.MULTILINE)))
CURL = [command for command in COMMANDS if "curl " in command]
# What makes a command short: a tiny network, one epoch.
TINY = ["epochs=1", "batch_size=50", "data.validation=0.2"]
SHORT = {
    "fit": [*TINY, "model.widths=[8, 8, 8]"],
    "transfer": [*TINY, "model.input_size=64"],
    "ablate": [*TINY, "model.widths=[4, 4, 4]"],
    "sweep": [*TINY, "model.widths=[8, 8, 8]"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("data")
    draw_cifar10(folder, 30)
    return folder


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The API, as it answers who sends the token of the documents' line."""
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
    (shown,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    with started(API) as server:
        line = next(line for line in CURL if "-X POST" in line)
        answer = json.loads(run_line(f"{line}?top_k=2", server.url))
    expected = json.loads(shown)
    assert expected.keys() == answer.keys()
    for name in ("success", "file", "category", "predicted_class", "index", "model", "engine"):
        assert answer[name] == expected[name]
    for mine, theirs in zip(answer["predictions"], expected["predictions"], strict=True):
        assert mine == {**theirs, "probability": pytest.approx(theirs["probability"], abs=1e-4)}


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=[pytest.mark.train] if re.search("training (fit|ablate|sweep)", command) else [])
        for command in COMMANDS
        if command not in CURL
    ],
)
def test_every_command_runs(
    command: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stand: Stand,
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    words = list(dropwhile(re.compile(r"[A-Z_]+=").match, shlex.split(command)))
    if words[0] == "make":
        shown = subprocess.run(
            ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert MADE[words[1]] in shown
        assert ("VITRINE_SHARE=1" in shown) == ("SHARE=1" in words)
        return
    if words[:2] == [".venv/bin/python", "-m"] and words[2].startswith("benchmarks."):
        assert importlib.util.find_spec(words[2])  # they take hours, some of them another Python's TensorFlow
        return
    if words[:3] == [".venv/bin/python", "-m", "api"]:
        with started([*words[1:], "--port", "PORT"]) as server:
            assert server.log.read_text().startswith("http://")
        return
    if words[:3] == [".venv/bin/python", "-m", "model"]:
        prepare(tmp_path, words[3:])
        monkeypatch.chdir(tmp_path)
        given = [str(data) if word == "DIR" else stand.url if "://" in word else word for word in words[3:]]
        result = CliRunner().invoke(model.cli.main.app, given, input="y\n", catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return
    assert words[:3] == [".venv/bin/python", "-m", "training"], f"no test runs {command!r}"
    if words[3] in ("teach", "projects"):
        run_teaching(words[3:], tmp_path, monkeypatch)
        return
    given = [str(data) if word == "DIR" else word for word in words[3:]]
    short = SHORT.get("transfer" if "transfer" in given else given[0], [])
    sets = [word for setting in short for word in ("--set", setting)]
    words = given[:1] + sets + given[1:]  # the last setting counts, which is the document's
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def run_teaching(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that teaches, with a network that is quick to ask and without files of the network it makes."""
    monkeypatch.chdir(folder)
    backbone = QuickBackbone()
    for place in ("training.teach.backbone.load_backbone", "training.teach.teach.load_backbone"):
        monkeypatch.setattr(place, lambda: backbone)
    card = Card("pets", SHAPES, 224, 0, 0, "teach", "pets", "")
    monkeypatch.setattr("training.teach.bundle.keep_model", lambda *given: card)
    pictures = draw_folder(folder / "pictures", 2)
    project = create_project("animals" if "export" in words else "pets")
    add_folder(project, pictures)
    write_zip(project, folder / "pets.zip")
    (pictures / "circle").rename(folder / "more")
    draw_folder(pictures, 2, classes=("circle",), seed=1)
    given = [str(pictures) if word == "DIR" else word for word in words]
    result = CliRunner().invoke(app, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def prepare(folder: Path, words: list[str]) -> None:
    """What the reader of a command has by then: pictures, names, a network's file, and that network in the store."""
    (folder / "sample_images").symlink_to(ROOT / "sample_images")
    (folder / "holiday").mkdir()
    for name in ("cat.jpg", "holiday/beach.png"):
        (folder / name).write_bytes(encode(picture(0), "PNG"))
    (folder / "names.json").write_text('{"3": "Katze"}')
    write_keras2(folder / "modelo.h5")
    if "--pictures" in words:
        for truth in ("cat", "dog"):
            prediction = Prediction.from_probabilities([0.5, 0.5], ("cat", "dog"), "net", 1.0)
            judge(prediction_log.save_answer(truth.encode(), prediction, "0" * 64, encode(picture(0), "JPEG")), truth)
    if words[0] not in ("add", "predict", "batch", "history", "quantize"):
        card = Card("x", ("cat", "dog", "frog"), 8, 0, 0, "", "", "", scaling="unit")
        name = "mine" if "mine" in words else "pets"
        store.save_model((folder / "modelo.h5").read_bytes(), ".h5", name, card)


def test_commands_were_found() -> None:
    assert {"make run", "make test"} <= set(COMMANDS)
    assert len(CURL) >= 9


def test_every_command_of_the_classifier_is_documented() -> None:
    names = [command.name or command.callback.__name__ for command in model.cli.main.app.registered_commands]
    assert [name for name in names if f"-m model {name}" not in TEXT] == []


def test_python_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    check = "import numpy\nprint(network(numpy.zeros((1, 32, 32, 3), 'uint8')).shape)"
    # Isolated: the saved network needs nothing of ours.
    run = subprocess.run(
        [sys.executable, "-I", "-c", code + check], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "(1, 10)"


def section(document: str, heading: str) -> str:
    """What stands under a heading, as far as the next."""
    return ENGLISH[document].partition(f"# {heading}\n")[2].partition("\n#")[0]


def flat(document: str) -> str:
    """A document's text without its line breaks."""
    return " ".join(ENGLISH[document].split())


def shipped_rows() -> list[str]:
    """The table of the shipped networks, from their cards."""
    head = "| network | parameters | minutes to train | size | first 1,000 | all 10,000 | calibration error |"
    lines = [head, "| --- " * 7 + "|"]
    for folder in sorted(BUNDLES.iterdir(), key=lambda folder: (folder.name != DEFAULT, folder.name)):
        card = read_card(folder)
        size = ", ".join(f"{card.files[name].bytes / 1e6:.2g} MB" for name in (KERAS_FILE, INT8_FILE))
        minutes, shares = "–", ["–"] * 3  # of one that others trained nothing was measured here
        if card.accuracy:
            first, whole = (card.accuracy[f"cifar10 test, {title}"] for title in ("first 1,000", "all 10,000"))
            rows = (first, whole, card.ece["cifar10 test, all 10,000"])
            minutes = f"{card.minutes:.0f}"
            shares = [", ".join(f"{100 * row[engine]:.2f} %" for engine in ENGINES) for row in rows]
        cells = [f"`{card.name}`", f"{card.parameters / 1e6:.2g} million", minutes, size, *shares]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def test_the_table_of_networks_is_the_cards() -> None:
    assert "\n".join(shipped_rows()) in ENGLISH["docs/models.md"]


def set_rows() -> list[str]:
    """The table of the networks' prediction sets, from their cards."""
    rows = []
    for folder in sorted(BUNDLES.iterdir(), key=lambda folder: (folder.name != DEFAULT, folder.name)):
        if sets := read_card(folder).sets:
            parts = [sets.measured[f"cifar10 test, {title}"] for title in ("first 1,000", "all 10,000")]
            cells = [f"{100 * part['keras']:.2f} % | {part['keras classes']:.2f}" for part in parts]
            rows.append(f"| `{folder.name}` | {' | '.join(cells)} |")
    return rows


def test_the_table_of_prediction_sets_is_the_cards() -> None:
    assert len(set_rows()) == 4
    assert "\n".join(set_rows()) in ENGLISH["docs/models.md"]


def made_rows() -> list[str]:
    """The table of what the shipped networks were trained with, from their runs' recipes."""
    folders = sorted(BUNDLES.iterdir(), key=lambda folder: (folder.name != DEFAULT, folder.name))
    files = [SHIPPED_RUNS / folder.name / "recipe.toml" for folder in folders]
    recipes = [load_recipe(str(file)) for file in files if file.is_file()]
    names = re.findall(r"^\| `([a-z_.]+)` \|", section("docs/models.md", "How they were made"), re.MULTILINE)
    assert len(names) >= 20
    rows = [[f"`{name}`", *(spelled(attrgetter(name)(recipe)) for recipe in recipes)] for name in names]
    return [f"| {' | '.join(row)} |" for row in rows]


def spelled(value: object) -> str:
    """A value of a recipe as the table has it: nothing where it changes nothing."""
    if value in (0, "", (), False, (1.0,)):
        return ""
    return "yes" if value is True else ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_what_the_networks_were_made_with_is_their_runs() -> None:
    assert "\n".join(made_rows()) in ENGLISH["docs/models.md"]


def test_small_is_as_small_as_its_recipe_says() -> None:
    size = read_card(BUNDLES / "small").files[INT8_FILE].bytes
    assert size <= 300_000
    assert f"its int8 file has {size / 1000:.0f} KB" in flat("docs/models.md")


def test_the_table_of_recipes_is_what_the_command_prints() -> None:
    assert "\n".join(format_markdown(recipe_results())) in ENGLISH["docs/training.md"]


def test_what_is_said_of_the_recipes_is_what_their_runs_have() -> None:
    runs = {standing.name: standing.run for standing in recipe_results() if standing.run}
    run, said = runs["vgg3"], flat("docs/training.md")
    epochs, share = len(run.history), 100 * run.test_accuracy("first 1,000")
    assert f"After {epochs} epochs it is right on {share:.2f} % of the first 1,000 pictures" in said
    assert f"its source reports {load_recipe('vgg3').reported}. " in said
    for name in ("vgg3-normalised", "small"):
        assert f"The {runs[name].minutes:.0f} minutes of `{name}`" in said


def test_the_table_on_paper_is_what_its_script_prints() -> None:
    assert "\n".join(on_paper.table()) in ENGLISH["docs/scale.md"]
    assert on_paper.basis() in flat("docs/scale.md")
    for assumed in (
        f"{on_paper.PRICE} dollars an hour",
        f"{on_paper.FILE_SYSTEM:.0f} GB a second",
        f"{on_paper.LIST:,}",
    ):
        assert assumed in flat("docs/scale.md")


@pytest.mark.parametrize("name", ["fast", "fast-lossless"])
def test_what_is_said_of_three_seeds_is_what_their_runs_have(name: str) -> None:
    runs = [read_run(SHIPPED_RUNS / run) for run in (name, f"{name}-seed1", f"{name}-seed2")]
    recipes = [load_recipe(str(run.path / "recipe.toml")) for run in runs]
    assert [recipe.seed for recipe in recipes] == [0, 1, 2]
    assert {replace(recipe, seed=0) for recipe in recipes} == {load_recipe(name)}
    paragraph = next(
        part for part in section("docs/models.md", "`fast`").split("\n\n") if f"`{name}`" in part and "seed" in part
    )
    said = " ".join(paragraph.split())
    for title in ("first 1,000", "all 10,000"):
        shares = [100 * run.test_accuracy(title) for run in runs]
        assert "{:.2f}, {:.2f} and {:.2f} %".format(*shares) in said
        assert f"mean {statistics.mean(shares):.2f} %, " in said
        assert f"{statistics.stdev(shares):.2f} points)" in said
    first, *others = (f"{run.minutes:.0f}" for run in runs)
    assert f"in {first} minutes on" in said and f"took {others[0]} and {others[1]} minutes" in said


def test_the_readme_says_what_a_training_takes_and_reaches() -> None:
    run, said = read_run(SHIPPED_RUNS / "fast"), " ".join(section("README.md", "Train one").split())
    assert f"takes {run.minutes:.0f} minutes and" in said
    assert f"right on {100 * run.test_accuracy('first 1,000'):.2f} % of the first 1,000 test pictures" in said


@pytest.mark.parametrize("folder", sorted(BUNDLES.iterdir()), ids=lambda folder: folder.name)
def test_a_card_describes_its_network(folder: Path) -> None:
    card = read_card(folder)
    network = keras.models.load_model(folder / KERAS_FILE, compile=False)
    assert network.count_params() == card.parameters
    assert network.input_shape == (None, card.input_size, card.input_size, 3)
    given = network(np.zeros((2, card.input_size, card.input_size, 3), np.uint8))
    rows = given[0] if isinstance(given, list | tuple) else given  # the probabilities come first
    assert rows.shape == (2, len(card.classes))
    assert all((folder / name).stat().st_size == entry.bytes for name, entry in card.files.items())
    measured = SHIPPED_RUNS / folder.name / "metrics.json"  # one that others trained has none
    assert card.accuracy == (json.loads(measured.read_text("utf-8"))["accuracy"] if measured.is_file() else {})
    assert bool(card.accuracy) == bool(card.recipe)


def test_every_setting_is_documented_and_real() -> None:
    documented = set(re.findall(r"^\| ((?:`[A-Z0-9_]+`(?:, )?)+) \|", TEXT, re.MULTILINE))
    names = {name for cell in documented for name in re.findall(r"`([A-Z0-9_]+)`", cell)}
    source = "".join(
        path.read_text("utf-8")
        for folder in ("model", "training", "dashboard", "api")
        for path in (ROOT / folder).rglob("*.py")
    )
    source += (ROOT / "Makefile").read_text() + (ROOT / "scripts" / "setup.sh").read_text()
    settings = {name for name, _, _ in settings_table()}
    assert settings < names
    assert all(name in source for name in names - settings)
    assert set(re.findall(r"VITRINE_[A-Z_]+[A-Z]", source)) <= settings


@pytest.mark.parametrize("document", [*ENGLISH, *PORTUGUESE])
def test_what_a_document_links_to_is_there(document: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", (ENGLISH | PORTUGUESE)[document]):
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.is_file(), target
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), target


def anchors(text: str) -> list[str]:
    """What a link to a heading is called."""
    return [
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)
    ]


@pytest.mark.parametrize("document", ENGLISH)
def test_the_files_that_a_document_names_are_there(document: str) -> None:
    folders = "|".join(re.escape(path.name) for path in ROOT.iterdir() if path.is_dir())
    names = re.findall(rf"`((?:{folders})/[\w./-]*)`", ENGLISH[document])
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_readmes_are_short_and_lead_to_every_document() -> None:
    for readme in (ENGLISH["README.md"], PORTUGUESE["README.pt.md"]):
        assert len(readme.splitlines()) <= LONGEST_README
        assert "![" in readme
    assert [path for path in ENGLISH if path != "README.md" and f"]({path})" not in ENGLISH["README.md"]] == []
