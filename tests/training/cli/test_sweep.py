from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.drawn import draw_cifar10, draw_folder
from training.cli.main import app
from training.recipes.recipe_file import load_recipe
from training.runs.run import list_runs

pytestmark = pytest.mark.train

TINY = (
    "model.input_size=16",
    "model.widths=[8, 16, 16]",
    "batch_size=8",
    "epochs=1",
    "precision=float32",
    "data.validation=0.2",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def call(*arguments: object) -> Result:
    settings = [word for value in TINY for word in ("--set", value)]
    return CliRunner().invoke(app, ["sweep", *map(str, arguments), *settings])


@pytest.mark.usefixtures("quick")
def test_a_sweep_trains_each_combination_and_writes_the_best_recipe(tmp_path: Path, home: Path) -> None:
    data = draw_folder(tmp_path / "shapes", 10)
    result = call("optimizer.learning_rate=0.3,1e-9", "--data", data, "--name", "rates", "--recipe", "fast")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "sweep rates: 2 runs, every combination of the values (2 of optimizer.learning_rate)"
    assert {run.name for run in list_runs()} >= {"rates-1", "rates-2"}
    *_before, head, first, second, best = lines
    assert head.split()[:4] == ["run", "epochs", "minutes", "validation"]
    shares = [float(line.split()[3].rstrip("%")) for line in (first, second)]
    assert shares == sorted(shares, reverse=True)
    assert best == f"the best recipe is {home / 'sweeps' / 'rates' / 'best.toml'}"
    chosen = load_recipe(str(home / "sweeps" / "rates" / "best.toml"))
    assert f"{chosen.optimizer.learning_rate:.4g}" == first.split()[-1]
    again = CliRunner().invoke(app, ["sweep", "--resume", "rates"])
    assert again.stdout.splitlines() == [lines[0], head, first, second, best]  # nothing is trained


@pytest.mark.usefixtures("quick")
def test_a_size_that_the_data_cannot_have_costs_only_its_own_run(tmp_path: Path, home: Path) -> None:
    data = draw_cifar10(tmp_path, 20)
    settings = [word for value in TINY[1:] for word in ("--set", value)]
    result = CliRunner().invoke(
        app,
        ["sweep", "model.input_size=32,24", "--data", str(data), "--name", "sizes", "--recipe", "fast", *settings],
    )
    assert result.exit_code == 0, result.output
    assert "CIFAR-10's pictures are 32 x 32, not 24 x 24" in result.output
    assert {run.name for run in list_runs()} >= {"sizes-1"} and (home / "sweeps" / "sizes" / "best.toml").is_file()


def test_what_cannot_be_swept_is_one_line(tmp_path: Path, home: Path) -> None:
    data = draw_folder(tmp_path / "shapes", 4)
    for arguments, words in [
        ((), "error: a sweep needs values to try"),
        (("epochs=1,0",), "error: epochs is 0; it can be 1 to 100000"),
        (("--resume", "none"), "error: unknown sweep 'none'; your sweeps: none"),
    ]:
        result = call(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith(words) and result.stderr.count("\n") == 1
    none = CliRunner().invoke(app, ["sweep", "epochs=1,2", "--data", str(data), "--set", "data.validation=0.0"])
    assert "shapes leaves none; --set data.validation=0.1 holds some out" in none.stderr
    assert not home.exists()
