from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.training.runs.drawn_runs import make_run
from training.runs import changes
from training.runs.run_files import RunError


def test_runs_removed_over_a_day_ago_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    trash, now = tmp_path / "trash", time.time_ns()
    day = 24 * 3600 * 10**9
    young, link = f"young-{now - day + 60 * 10**9}", f"link-{now - 3 * day}"
    for name in (f"old-{now - day - 10**9}", young, "mine", "mine-2024"):
        make_run(trash / name)
    (trash / f"other-{now - 2 * day}").mkdir()
    (trash / link).symlink_to(make_run(tmp_path / "elsewhere"))
    make_run(tmp_path / "runs" / "new")
    removed = changes.remove_run("new")
    left = {removed.name, young, "mine", "mine-2024", f"other-{now - 2 * day}", link}
    assert {path.name for path in trash.iterdir()} == left
    assert (tmp_path / "elsewhere" / "recipe.toml").is_file()


def test_what_lies_where_a_run_should_go_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    run = make_run(tmp_path / "runs" / "one")
    (tmp_path / "runs" / "two").mkdir()
    (tmp_path / "runs" / "two" / "output.txt").write_text("it failed before its first epoch")
    with pytest.raises(RunError, match=r"one cannot become .*two: Directory not empty"):
        changes.rename_run("one", "two")
    assert (run / "recipe.toml").is_file()
