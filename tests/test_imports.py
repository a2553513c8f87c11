"""The rooms: what each may import, that nothing goes round in a circle, and that nothing heavy comes too early."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "training", "api", "dashboard", "vitrine", "benchmarks")
LARGEST = 20  # modules in a room: more of them are two rooms

# A line a room: what it may import, lazily or at once. A name without a dot is a whole package, which stands for all of
# its rooms, and a package's own line is for the files that lie in it outside its rooms.
ARROWS: dict[str, str] = {
    "model.i18n": "",
    "model.common": "i18n",
    "model.signature": "i18n common",
    "model.images": "i18n common signature",
    "model.datasets": "i18n common signature images",
    "model.registry": "i18n common signature",
    "model.formats": "i18n common images",
    "model.inference": "i18n common signature images registry formats",
    "model.networks": "i18n common signature registry formats inference",
    "model.evaluation": "i18n common images datasets registry inference",
    "model.intake": "i18n common signature images datasets registry formats inference networks",
    "model.export": "i18n common signature images datasets registry formats inference evaluation",
    "model.explanation": "i18n common signature images datasets formats inference",
    "model.history": "i18n common images datasets registry inference",
    "model.batch": "i18n common images inference",
    "model.cli": "i18n common signature images datasets registry inference batch networks intake export history",
    "model": "cli",
    "training.recipes": "model",
    "training.runs": "model recipes",
    "training.engine": "model recipes runs",
    "training.analysis": "model recipes runs",
    "training.projects": "model",
    "training.teach": "model engine projects",
    "training.cli": "model recipes runs engine projects teach",
    "training": "cli engine",
    "api": "model training.projects training.teach",
    "dashboard.presenters": "model training.runs training.analysis training.teach",
    "dashboard.components": "presenters model",
    "dashboard.access": "model api",
    "dashboard.services": "presenters model api",
    "dashboard.teaching": "presenters components access services model training.projects training.teach api",
    "dashboard.panels": "presenters components access services model training",
    "dashboard.views": "presenters components access services teaching panels model training.runs training.analysis",
    "dashboard": "components access services teaching panels model api",
    "vitrine": "model training api",
    "benchmarks": "model training",
    "benchmarks.peers": "model benchmarks",
    "benchmarks.results": "model training benchmarks",
}
FOREIGN = {"model": {"streamlit", "fastapi"}, "training": {"streamlit", "fastapi"}, "api": {"streamlit"}}


def allowed(room: str) -> set[str]:
    """The rooms that a room may import."""
    package = room.partition(".")[0]
    names = {name if name in PACKAGES or "." in name else f"{package}.{name}" for name in ARROWS[room].split()}
    return {other for other in ARROWS if other in names or other.partition(".")[0] in names - {package}}


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name; a package by its own."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> str:
    """The room that a module is in; a file beside the rooms, such as `model/__main__.py`, is in the package itself."""
    package, *rest = module.split(".")
    room = f"{package}.{rest[0]}" if rest else package
    return room if room in modules() and modules()[room].name == "__init__.py" else package


def nodes_that_run(tree: ast.AST) -> Iterator[ast.AST]:
    """All of a file but what stands under `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from (inner for other in node.orelse for inner in (other, *nodes_that_run(other)))
        else:
            yield node
            yield from nodes_that_run(node)


def imported(path: Path) -> Iterator[str]:
    """What a file imports, in functions as well: a module where it takes one out of a package."""
    for node in nodes_that_run(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else node.module or ""


@cache
def files() -> dict[str, set[str]]:
    """The graph of files: module -> the modules of ours that it imports."""
    return {module: {name for name in imported(path) if name in modules()} for module, path in modules().items()}


def rooms() -> dict[str, set[str]]:
    """The graph of rooms: room -> the rooms that its files import."""
    graph: dict[str, set[str]] = {}
    for module, others in files().items():
        room = room_of(module)
        graph.setdefault(room, set()).update({room_of(other) for other in others} - {room})
    return graph


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """A way from somewhere back to there, or nothing."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        done.add(node)
        return next((found for other in graph.get(node, ()) if (found := walk(other, [*way, node]))), [])

    return next((found for node in graph if (found := walk(node, []))), [])


def test_a_circle_is_found() -> None:
    assert circle({"a": ["b"], "b": ["c", "d"], "c": [], "d": ["b"]}) == ["b", "d", "b"]
    assert circle({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_lazy_imports_count_and_those_for_annotations_do_not(tmp_path: Path) -> None:
    code = (
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    from model.common import files, nothing\n"
    )
    (tmp_path / "x.py").write_text(code, "utf-8")
    assert list(imported(tmp_path / "x.py")) == ["b", "model.common.files", "model.common"]


def drawn_lines() -> dict[str, int]:
    """The drawing of the rooms: room -> the line that it stands in, from the top."""
    drawing = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("```")[1]
    lines, package = dict[str, int](), ""
    for number, line in enumerate(drawing.splitlines()):
        left, _, right = line.partition("|")
        package = left.strip() or package
        names = [f"{package}.{name}" for name in re.split(r"\s{8}", right)[0].split()]
        lines |= dict.fromkeys(names, number) if names else {package: number} if left.strip() else {}
    return lines


def test_the_drawing_has_every_room_above_those_that_it_imports() -> None:
    drawn = drawn_lines()
    have_rooms = {room.partition(".")[0] for room in ARROWS if "." in room}
    assert set(drawn) == set(ARROWS) - have_rooms
    for room in drawn:
        assert [other for other in rooms()[room] - have_rooms if drawn[other] <= drawn[room]] == [], room


def test_no_import_goes_round() -> None:
    assert circle(files()) == []
    assert circle(rooms()) == []


def test_every_room_stands_in_the_table() -> None:
    assert {room_of(module) for module in modules()} == set(ARROWS)


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_what_its_arrows_allow(room: str) -> None:
    assert rooms()[room] <= allowed(room)


@pytest.mark.parametrize("room", ARROWS)
def test_the_table_holds_no_arrow_that_nobody_goes(room: str) -> None:
    package = room.partition(".")[0]
    taken = {name.removeprefix(f"{package}.") for name in rooms()[room]}
    assert set(ARROWS[room].split()) <= taken | {name.partition(".")[0] for name in taken}


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_is_small_and_says_what_it_is_for(room: str) -> None:
    inside = [name for name, path in modules().items() if room_of(name) == room and path.name != "__init__.py"]
    assert len(inside) <= LARGEST
    tree = ast.parse((ROOT.joinpath(*room.split(".")) / "__init__.py").read_text("utf-8"))
    assert len([line for line in (ast.get_docstring(tree) or "").splitlines() if line]) >= 2
    assert len(tree.body) <= 2, "a room's __init__ imports nothing: whoever takes one module waits for no other"


def offered(package: str) -> set[str]:
    """The modules that a room lets others import, which its `__all__` lists."""
    for node in ast.parse((ROOT.joinpath(*package.split(".")) / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            assert names == sorted(names)
            assert all(f"{package}.{name}" in modules() for name in names), package
            return set(names)
    raise AssertionError(f"{package}/__init__.py has no __all__")


def test_others_import_only_what_a_room_offers() -> None:
    for module, others in files().items():
        for other in others:
            parts = other.split(".")
            for depth in range(1, len(parts)):
                package, name = ".".join(parts[:depth]), parts[depth]
                has_rooms = package in PACKAGES and f"{package}.{name}" in ARROWS
                if not has_rooms and not module.startswith(f"{package}."):
                    assert name in offered(package) | {"__main__"}, f"{module} imports {other}"


@pytest.mark.parametrize("package", FOREIGN)
def test_the_core_knows_no_server(package: str) -> None:
    for module, path in modules().items():
        if module.partition(".")[0] == package:
            assert not {name.partition(".")[0] for name in imported(path)} & FOREIGN[package], module


def test_no_code_imports_tests() -> None:
    for path in modules().values():
        assert "tests" not in {name.partition(".")[0] for name in imported(path)}, path


def test_no_test_imports_another() -> None:
    """What several of them need stands in modules of its own: a file of tests can be moved, or run alone."""
    for path in (ROOT / "tests").rglob("*.py"):
        for name in imported(path):
            parts = name.split(".")
            assert parts[0] != "tests" or not parts[-1].startswith(("test_", "conftest")), f"{path} imports {name}"


def test_no_dashboard_file_hides_a_package() -> None:
    # `streamlit run` puts dashboard/ first on the path.
    taken = {*PACKAGES, "tests", "streamlit", "keras", "plotly", "numpy"}
    assert not {path.stem for path in (ROOT / "dashboard").iterdir()} & taken


@pytest.mark.parametrize(
    "module",
    [
        "model.cli.main",
        "model.datasets.loader",
        "model.images.decoder",
        "model.inference.classifier",
        "model.inference.pool",
        "model.registry.card",
        "model.registry.resolution",
        "api.app",
        "api.__main__",
        "vitrine.cli",
        "vitrine.page",
        "training.analysis.ablation_report",
        "training.analysis.diagnosis",
        "training.cli.main",
        "training.runs.background_runs",
        "training.projects.archive",
        "training.teach.teach",
        "dashboard.presenters.charts",
        "dashboard.presenters.curves",
        "dashboard.presenters.run_table",
    ],
)
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; sys.exit(bool({{'tensorflow', 'keras', 'streamlit'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
