"""Imports run one way, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ARROWS = {
    "model": set(),
    "training": {"model"},
    "api": {"model"},
    "dashboard": {"model", "training", "api"},
    "vitrine": {"model", "training", "api"},
    "benchmarks": {"model", "training", "api"},
}
OURS = set(ARROWS) | {"tests"}
FOREIGN = {"model": {"streamlit", "fastapi"}, "training": {"streamlit", "fastapi"}, "api": {"streamlit"}}
# Of training, the page may read runs and recipes and start the command line; it does not train.
DASHBOARD_MAY_READ = {
    f"training.{name}"
    for name in ("history", "origin", "process", "background", "recipe", "recipefile", "remarks", "gains")
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


@pytest.mark.parametrize("package", ARROWS)
def test_a_package_imports_only_what_its_arrow_allows(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        tops = {name.partition(".")[0] for name in imported(path)}
        assert tops & OURS <= ARROWS[package] | {package}, path
        assert not tops & FOREIGN.get(package, set()), path


def test_the_page_reads_runs_and_does_not_train() -> None:
    for path in (ROOT / "dashboard").rglob("*.py"):
        assert {name for name in imported(path) if name.startswith("training")} <= DASHBOARD_MAY_READ, path


def test_no_dashboard_file_hides_a_package() -> None:
    # `streamlit run` puts dashboard/ first on the path.
    assert not {path.stem for path in (ROOT / "dashboard").iterdir()} & {*OURS, "streamlit", "keras", "plotly", "numpy"}


@pytest.mark.parametrize(
    "module",
    [
        "model.classifier",
        "model.images",
        "model.bundle",
        "model.pool",
        "api.app",
        "api.__main__",
        "training.cli",
        "model.data",
        "dashboard.charts",
        "dashboard.curves",
        "dashboard.runs",
        "training.background",
        "training.gains",
        "training.remarks",
        "vitrine.cli",
        "vitrine.page",
    ],
)
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; sys.exit(bool({{'tensorflow', 'keras', 'streamlit'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
