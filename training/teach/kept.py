"""What was taught, kept in its project, so that it answers again after a restart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from model.common.errors import VitrineError
from model.inference.unknown import FeatureBank
from model.registry.card import KnownRule
from training.projects.project import Project
from training.teach.backbone import Backbone
from training.teach.features import read_samples
from training.teach.head import Head
from training.teach.learn import Taught
from training.teach.report import Confusion, DuplicateGroup, Flaw, Forecast, Giveaway, Report, Suspect
from training.teach.result_blob import encode_result, read_result
from training.teach.versions import BEFORE, encode_version, read_version

_LATEST = "taught"
_PARTS: Mapping[str, type] = {
    "confusions": Confusion,
    "suspects": Suspect,
    "duplicates": DuplicateGroup,
    "flaws": Flaw,
    "giveaways": Giveaway,
}


def keep_taught(project: Project, taught: Taught, backbone: Backbone) -> None:
    """Keep what was taught in its project; of what was kept so far stays what a comparison needs.

    Raises:
        ProjectError: The project is gone.
    """
    before = read_version(project, backbone, _LATEST)
    about = {
        "classes": taught.classes,
        "class_ids": taught.samples.class_ids,
        "revision": taught.samples.revision,
        "rule": dataclasses.asdict(taught.rule),
        "report": dataclasses.asdict(taught.report),
    }
    arrays = {
        "weights": taught.head.weights,
        "bias": taught.head.bias,
        "bank": taught.bank.rows,
        "center": taught.bank.center,
        "ids": taught.held_out_ids,
        "answers": taught.held_out_answers,
        "probabilities": taught.held_out_probabilities,
    }
    rows = [(_LATEST, encode_result(about, arrays, backbone))]
    if before is not None and before.revision != taught.samples.revision:
        rows.append((BEFORE, encode_version(before, backbone)))
    with project.opened(writes=True) as connection:
        connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?)", rows)


def read_taught(project: Project, backbone: Backbone) -> Taught | None:
    """Read what was taught last; None where there is nothing for this backbone.

    The samples are those of the project as it is now; `is_current` says whether they are what was learnt.
    """
    found = read_result(project, backbone, _LATEST)
    if found is None:
        return None
    about, arrays = found
    try:
        return Taught(
            tuple(about["classes"]),
            Head(arrays["weights"], arrays["bias"]),
            KnownRule(**about["rule"]),
            FeatureBank(arrays["bank"], arrays["center"]),
            dataclasses.replace(read_samples(project, backbone), revision=about["revision"]),
            read_report(about["report"]),
            arrays["ids"],
            arrays["answers"],
            arrays["probabilities"],
        )
    except (ValueError, KeyError, TypeError, VitrineError):
        return None  # of another version: learning it again takes a second


def is_current(project: Project, taught: Taught) -> bool:
    """Return whether nothing has changed in a project since this was learnt."""
    return project.revision == taught.samples.revision


def read_report(content: dict[str, Any]) -> Report:
    """Read a report from the JSON object that `dataclasses.asdict` made of it. Raises TypeError or KeyError."""
    parts = {name: tuple(kind(**_tuples(one)) for one in content[name]) for name, kind in _PARTS.items()}
    forecast = Forecast(**content["forecast"]) if content["forecast"] else None
    return Report(**_tuples(content) | parts | {"forecast": forecast})


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where the records have tuples."""
    return {
        name: tuple(tuple(one) if isinstance(one, list) else one for one in value) if isinstance(value, list) else value
        for name, value in content.items()
    }
