"""Whoever catches VitrineError catches all that this project raises of its own."""

from __future__ import annotations

import ast
import builtins
from pathlib import Path

import pytest

from model.common import errors

ROOT = Path(__file__).parents[3]
FOLDERS = ("api", "benchmarks", "dashboard", "model", "training", "vitrine")
BUILT_IN = {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)}


def bases() -> dict[str, set[str]]:
    """Every class of ours -> the names of what it derives from."""
    return {
        node.name: {ast.unparse(base) for base in node.bases}
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }


def test_every_error_has_one_root() -> None:
    known = bases()

    def reaches(name: str, goals: set[str]) -> bool:
        return name in goals or any(reaches(base, goals) for base in known.get(name, ()))

    raised = {name for name in known if reaches(name, BUILT_IN)}
    assert {"BundleError", "RunError", "Problem", "NotOwnerError"} <= raised
    assert [name for name in sorted(raised) if not reaches(name, {"VitrineError"})] == []


@pytest.mark.parametrize("error", [errors.BundleError, errors.SettingError, errors.UnsafeModelError])
def test_an_error_is_still_what_python_calls_a_wrong_value(error: type[Exception]) -> None:
    assert issubclass(error, ValueError) and issubclass(error, errors.VitrineError)
