"""Files that stay are written whole, by model.common.files. Who opens one for writing all the same is listed here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.unpromised import sources

FILES = "model.common.files"
WHERE = {
    FILES: "the one place",
    "model.registry.checksums": "into a temporary folder, a copy that is checked before it is loaded",
    "model.common.stderr_filter": "what is written to stderr meanwhile, in a temporary file",
    "model.registry.materialized_models": "into a folder of `atomic_folder`",
    "model.intake.add_model": "into a temporary folder, for the process that looks a file over",
    "model.export.conversion": "into a temporary folder, for the process that converts",
    "model.export.known": "a bundle is copied into a temporary folder, and from there into one of `atomic_folder`",
    "model.formats.keras2.savedmodel": "into a temporary folder, for TensorFlow's reader",
    "model.batch.plan": "of several processes that list the files at once, the first one's list stays",
    "model.cli.answer_files": "answers as they come",
    "dashboard.panels.model_actions": "into a temporary folder, for a file that was uploaded",
    "training.projects.shelf": "a project's folder changes its name",
    "training.teach.bundle": "from a temporary folder into one of `atomic_folder`",
    "training.teach.result_blob": "into memory",
    "training.runs.history": "a row is appended to history.csv",
    "training.runs.changes": "a run's folder changes its name",
    "training.runs.background_runs": "a run's output, which grows while it trains",
}
WRITERS = {"write_text", "write_bytes", "mkstemp", "NamedTemporaryFile", "rename", "copy", "copyfile", "move"}
MODULES = {"os", "shutil", "tempfile", "Path"}


def writes(tree: ast.Module) -> Iterator[str]:
    """The calls of a module that write to a file's own name or move one there."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        texts = [
            one.value for one in (*node.args, *(word.value for word in node.keywords)) if isinstance(one, ast.Constant)
        ]
        if name in ("write_text", "write_bytes") or (owner in MODULES and name in WRITERS | {"replace"}):
            yield name
        if name == "open" and any(
            isinstance(text, str) and set(text) & set("wax") and len(text) <= 3 for text in texts
        ):
            yield name
        if owner == "np" and name in ("save", "savez", "savez_compressed"):
            target = node.args[0]
            if not (isinstance(target, ast.Name) and target.id == "file"):  # the open one of `atomic_file`
                yield name


def test_files_are_written_by_one_module() -> None:
    found = {
        name for name, text in sources().items() if not name.startswith("benchmarks.") and any(writes(ast.parse(text)))
    }
    assert found == set(WHERE)
