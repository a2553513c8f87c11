"""Measure a network on photographs, known and unknown: python -m benchmarks.photographs DIR.

DIR holds ten/<class>/ with photographs of the classes, and none/<thing>/ with photographs of other things: near-<thing>
for what is easily taken for one of the classes, far-<thing> for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.machine import describe_machine
from model.datasets.loader import load_dataset
from model.datasets.resized import own_images, show_at
from model.evaluation.scores import calibration_error
from model.images.decoder import read_image, to_array
from model.inference.classifier import Classifier
from model.signature.rows import IMAGENET, PROBABILITIES
from model.signature.shapes import InputShape


@dataclass(frozen=True)
class _Figures:
    """Of the classes' photographs: accuracy, its mean over the classes, expected calibration error.

    Of all, by how known they are: the area under the ROC curve that tells them from those of near, far and all other
    things, 0 to 1, and the share of the others that passes where 95 % of the classes' photographs do.
    """

    photographs: int
    others: int
    accuracy: float
    balanced: float
    ece: float
    auroc_near: float
    auroc_far: float
    auroc: float
    passing: float


def _read_folder(folder: Path, shape: InputShape) -> tuple[np.ndarray, list[str]]:
    """Return uint8 (n, height, width, channels), and the name of each photograph's folder."""
    paths = sorted(path for path in folder.glob("*/*") if path.is_file())
    images = [to_array(read_image(path.read_bytes(), shape.longest), shape) for path in paths]
    return np.stack(images), [path.parent.name for path in paths]


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return how often a score inside, float (n,), is above one outside, float (m,), where equal ones count half."""
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, "left") + np.searchsorted(ordered, inside, "right")
    return float(below.mean() / 2 / len(outside))


def _scores(rows: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Return how known pictures are; where the network cannot tell, their largest probability has to do."""
    return rows.max(axis=1) if known is None else known


def _passing(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the share of other things that passes where 95 % of the classes' pictures do."""
    return float((outside >= np.quantile(inside, 0.05)).mean())


def measure(classifier: Classifier, folder: Path) -> _Figures:
    """Measure a classifier on a folder."""
    shape, classes = classifier.card.input_shape, classifier.card.classes
    images, names = _read_folder(folder / "ten", shape)
    strangers, things = _read_folder(folder / "none", shape)
    labels = np.array([classes.index(name) for name in names])
    rows, known = classifier.answers(images)
    right = rows.argmax(axis=1) == labels
    inside, outside = _scores(rows, known), _scores(*classifier.answers(strangers))
    near = np.array([name.startswith("near") for name in things])
    return _Figures(
        photographs=len(labels),
        others=len(things),
        accuracy=float(right.mean()),
        balanced=float(np.mean([right[labels == label].mean() for label in np.unique(labels)])),
        ece=calibration_error(rows.max(axis=1), right),
        auroc_near=auroc(inside, outside[near]),
        auroc_far=auroc(inside, outside[~near]),
        auroc=auroc(inside, outside),
        passing=_passing(inside, outside),
    )


def separate_tiles(classifier: Classifier, folder: Path, data: Path) -> tuple[float, float, float]:
    """Return how well a network tells CIFAR-10's first 1,000 test pictures from tiles of other things.

    Those are the folder's photographs of other things, shrunk to 32 x 32. The figures are the areas under the ROC curve
    for near and far things, and the share of these that passes where 95 % of the test pictures do.
    """
    shape = classifier.card.input_shape
    test = load_dataset(data, shape, validation=0.0, test=0.1).test.take(slice(1000))
    tiles, things = _read_folder(folder / "none", InputShape(32, 32))
    inside, outside = (
        _scores(*classifier.answers(np.asarray(show_at(part, shape)))) for part in (own_images(test.images), tiles)
    )
    near = np.array([name.startswith("near") for name in things])
    return auroc(inside, outside[near]), auroc(inside, outside[~near]), _passing(inside, outside)


def same_of_imagenet(folder: Path, names: tuple[str, str], engine: str) -> tuple[int, int]:
    """Return how many photographs two networks find most like the same of ImageNet's thousand classes, and of all."""
    found = []
    for name in names:
        classifier = Classifier.load(name, engine)
        images = np.concatenate(
            [_read_folder(folder / part, classifier.card.input_shape)[0] for part in ("ten", "none")]
        )
        rows = classifier.rows(images)
        found.append(rows.get(IMAGENET, rows[PROBABILITIES]).argmax(axis=1))
    return int((found[0] == found[1]).sum()), len(found[0])


def main(
    folder: Annotated[Path, typer.Argument(help="Photographs in ten/<class>/ and none/<thing>/.")],
    model: Annotated[list[str] | None, typer.Option(help="A model; may be given more than once.")] = None,
    engine: Annotated[list[str] | None, typer.Option(help="keras or int8; both if none is given.")] = None,
    tiles: Annotated[
        Path | None, typer.Option(help="CIFAR-10; tell its test pictures from the photographs of other things, tiny.")
    ] = None,
    imagenet: Annotated[bool, typer.Option(help="Compare photo's thousand classes with imagenet's, too.")] = False,
) -> None:
    """Print a row of a table for each model and engine."""
    typer.echo(describe_machine())
    typer.echo("| model | engine | n | right | balanced | ECE | others | AUROC near | far | all | passing at 95 % |")
    typer.echo("| --- | --- |" + " ---: |" * 9)
    for name in model or ["default"]:
        for chosen in engine or ["keras", "int8"]:
            found = measure(Classifier.load(name, chosen), folder)
            shares = [f"{share:.1%}" for share in (found.accuracy, found.balanced, found.ece)]
            areas = [f"{area:.3f}" for area in (found.auroc_near, found.auroc_far, found.auroc)]
            counts = f"{found.photographs}", f"{found.others}"
            cells = [name, chosen, counts[0], *shares, counts[1], *areas, f"{found.passing:.1%}"]
            typer.echo(f"| {' | '.join(cells)} |")
    if tiles:
        for name, chosen in product(model or ["default"], engine or ["keras", "int8"]):
            near, far, passing = separate_tiles(Classifier.load(name, chosen), folder, tiles)
            typer.echo(
                f"{name} ({chosen}) tells CIFAR-10's first 1,000 test pictures from tiles of other things: AUROC near "
                f"{near:.3f}, far {far:.3f}; {passing:.1%} pass at 95 %"
            )
    for chosen in engine or ["keras", "int8"] if imagenet else ():
        same, count = same_of_imagenet(folder, ("photo", "imagenet"), chosen)
        typer.echo(
            f"photo and imagenet ({chosen}) name the same of ImageNet's classes on {same} of {count} photographs, "
            f"{same / count:.1%}"
        )


if __name__ == "__main__":
    typer.run(main)
