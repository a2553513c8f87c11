from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from model.datasets.loader import load_dataset
from model.datasets.splits import Dataset
from tests.drawn import draw_folder
from training.runs.data_provenance import RunContext, read_context, record_data, write_context
from training.runs.run_files import RunError

ORIGIN = RunContext("/shapes")
OTHERS = "'run' was begun with other validation or test pictures, and may have learnt from these; put its pictures back"


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "shapes", 20)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def swap_first(dataset: Dataset) -> Dataset:
    """The data set with a picture that was learnt from as the first of validation, and that one in its place."""
    train, validation = dataset.train.images.copy(), dataset.validation.images.copy()
    train[0], validation[0] = dataset.validation.images[0], dataset.train.images[0]
    return dataclasses.replace(
        dataset,
        train=dataclasses.replace(dataset.train, images=train),
        validation=dataclasses.replace(dataset.validation, images=validation),
    )


def test_a_path_that_is_no_utf8_is_kept_as_it_is(run: Path) -> None:
    origin = RunContext("/fotos/caf\udce9", "/não.txt")
    write_context(run, origin)
    assert read_context(run) == origin
    assert "/não.txt" in (run / "data.json").read_text("utf-8")


def test_pictures_that_were_swapped_are_other_pictures(shapes: Path, run: Path) -> None:
    dataset = load_dataset(shapes, 16)
    record_data(run, ORIGIN, dataset, resume=False)
    before = (run / "data.json").read_bytes()
    with pytest.raises(RunError, match=OTHERS):
        record_data(run, ORIGIN, swap_first(dataset), resume=True)
    assert (run / "data.json").read_bytes() == before
    record_data(run, ORIGIN, dataset, resume=True)
    assert (run / "data.json").read_bytes() == before


@pytest.mark.parametrize("validation", [0.1, 0.0])
def test_pictures_that_are_drawn_anew_are_other_pictures(validation: float, shapes: Path, run: Path) -> None:
    record_data(run, ORIGIN, load_dataset(shapes, 16, validation), resume=False)
    with pytest.raises(RunError, match=OTHERS):
        record_data(run, ORIGIN, load_dataset(shapes, 16, validation, seed=1), resume=True)


def test_pictures_that_are_named_otherwise_are_drawn_otherwise(shapes: Path, run: Path) -> None:
    record_data(run, ORIGIN, load_dataset(shapes, 16), resume=False)
    for path in sorted(shapes.glob("*/*")):
        path.rename(path.with_stem(f"{999 - int(path.stem)}"))
    with pytest.raises(RunError, match=OTHERS):
        record_data(run, ORIGIN, load_dataset(shapes, 16), resume=True)


def test_pictures_at_another_size_are_not_taken_for_others(shapes: Path, run: Path) -> None:
    record_data(run, ORIGIN, load_dataset(shapes, 16), resume=False)
    record_data(run, ORIGIN, load_dataset(shapes, 24), resume=True)
    with pytest.raises(RunError, match=OTHERS):
        record_data(run, ORIGIN, load_dataset(shapes, 24, seed=1), resume=True)


def test_a_run_that_an_earlier_version_began_goes_on(shapes: Path, run: Path) -> None:
    record_data(run, ORIGIN, load_dataset(shapes, 16), resume=False)
    known = json.loads((run / "data.json").read_text("utf-8"))
    del known["held_out"]
    (run / "data.json").write_text(json.dumps(known), "utf-8")
    record_data(run, ORIGIN, load_dataset(shapes, 16, seed=1), resume=True)
    with pytest.raises(RunError, match=OTHERS):
        record_data(run, ORIGIN, load_dataset(shapes, 16), resume=True)
