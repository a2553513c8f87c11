from __future__ import annotations

from pathlib import Path

import pytest
import typer

from benchmarks.plot import draw_points
from benchmarks.results import __main__ as results
from benchmarks.results.robustness import mutate_pictures


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    parts = {
        "one": results._Part("The first", "About it.", ["benchmarks.tests_one"]),
        "two": results._Part("The second", "About that.", ["benchmarks.tests_two"], "plot.svg"),
    }
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    for name in ("tests_one", "tests_two"):
        (tmp_path / "benchmarks" / f"{name}.py").write_text(f"print('{name}, n 3')\n")
    monkeypatch.setattr(results, "_PARTS", parts)
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(results, "_DOCUMENT", tmp_path / "RESULTS.md")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "RESULTS.md"


def test_parts_are_written_as_printed_in_their_order(document: Path) -> None:
    results.main(["two"])
    results.main(["one"])
    text = document.read_text("utf-8")
    assert text.startswith("# Results\n")
    assert text.index("## The first") < text.index("tests_one, n 3") < text.index("## The second")
    assert (
        text.index("![The second](plot.svg)")
        < text.index("$ python -m benchmarks.tests_two")
        < text.index("tests_two, n 3")
    )


def test_a_part_that_fails_leaves_the_document_as_it_was(document: Path, tmp_path: Path) -> None:
    results.main(["one", "two"])
    before = document.read_text("utf-8")
    (tmp_path / "benchmarks" / "tests_two.py").write_text("raise SystemExit(3)")
    with pytest.raises(typer.Exit):
        results.main(["two"])
    assert document.read_text("utf-8") == before


def test_an_unknown_part_is_a_sentence() -> None:
    with pytest.raises(typer.BadParameter, match="There is no part three; there are pages, page"):
        results.main(["three"])


def test_mutated_pictures_are_read_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    mutate_pictures(150, seed=1)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert {name for name, *_ in rows} == {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"}
    assert all(int(read) + int(refused) == 150 and int(refused) > 0 for _, _, read, refused, _ in rows)


def test_the_frontier_is_what_nothing_quicker_is_above() -> None:
    points = {"keras": {"slow": (4.0, 0.9), "worse": (8.0, 0.88)}, "int8": {"quick": (1.0, 0.86)}}
    svg = draw_points(points, "milliseconds", (1, 2, 10))
    line = next(line for line in svg.splitlines() if line.startswith("<polyline"))
    assert line.split('"')[1].count(",") == 2
    assert all(f">{name}</text>" in svg for name in ("slow", "worse", "quick", "keras", "int8", "milliseconds"))
