"""Nothing is kept that only its tests use, or nobody."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("api", "benchmarks", "dashboard", "model", "training", "vitrine")
STARTED = {("dashboard.app", "app")}  # by its name, from outside


def modules() -> dict[str, ast.Module]:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text("utf-8")) for path in paths
    }


def declared(tree: ast.Module) -> set[str]:
    """Names that a module gives to functions, classes and values; what a decorator registers is used by that."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found |= set() if any(isinstance(one, ast.Call) for one in node.decorator_list) else {node.name}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in found if not name.startswith("__")}


def read(tree: ast.Module) -> set[str]:
    """Names that a module reads itself."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def taken(tree: ast.Module) -> set[tuple[str, str]]:
    """What a module takes from others: (module, name)."""
    found, known = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {(node.module, alias.name) for alias in node.names}
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            found.add((known[node.value.id], node.attr))
    return found


def test_every_function_class_and_constant_is_used_by_more_than_its_tests() -> None:
    trees = modules()
    # What a package's __init__ passes on is used where somebody takes it from the package.
    uses = {use for name, tree in trees.items() if not name.endswith("__init__") for use in taken(tree)}
    unused = []
    for module, tree in trees.items():
        homes = [module, *(module[:place] for place, sign in enumerate(module) if sign == ".")]
        left = declared(tree) - read(tree)
        unused += [(module, name) for name in left if not any((home, name) in uses for home in homes)]
    assert set(unused) == STARTED
