"""How well and how fast classes are taught: python -m benchmarks.teach --data CIFAR10 [--photographs DIR] [--transfer].

For 10, 50, 250, 1,000 and 5,000 pictures a class of CIFAR-10, and for 5, 10 and 25 photographs a class: seconds to look
at the pictures and to learn, accuracy on test pictures, what cross-validation had said, and memory. Beside it, where it
is installed, scikit-learn's LogisticRegression on the same features; and with --transfer the recipe of that name.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated

import numpy as np
import typer

from benchmarks.latency import photo_640x480
from benchmarks.machine import describe_machine, time_calls
from benchmarks.plot import draw_lines
from model.common.cores import available_cores
from model.datasets.image_folder import read_picture
from model.datasets.loader import load_dataset
from model.evaluation.separation import separate
from model.images.decoder import array_to_image, to_array
from model.images.thumbnails import encode_png
from model.inference.unknown import raw_scores
from model.signature.rows import FEATURES
from training.projects.project import Project
from training.projects.shelf import create_project
from training.teach.backbone import SIZE, Backbone, load_backbone
from training.teach.features import compute_features, read_pixels, read_samples
from training.teach.learn import Taught, learn

SIZES, PHOTOGRAPHS = (10, 50, 250, 1000, 5000), (5, 10, 25)  # pictures a class
TESTED = 2000  # pictures of CIFAR-10's test set
TRANSFER_MOST = 250  # pictures a class that the recipe is trained with
BATCH = 32
HEAD = "| data | a class | pictures/s | learnt in | right | cross-validation said | scikit-learn | MB |"


@dataclass(frozen=True)
class Labelled:
    """Files and features of pictures; labels: int (n,), indices into classes; contents: by class, in order."""

    classes: tuple[str, ...]
    contents: list[list[bytes]]
    test: np.ndarray
    labels: np.ndarray


def cifar(data: Path, backbone: Backbone) -> Labelled:
    """Return training and test pictures of CIFAR-10."""
    dataset = load_dataset(data, 32, validation=0.0, test=0.1)
    most = max(SIZES)
    contents = [
        [encode_png(image) for image in dataset.train.images[dataset.train.labels == label][:most]]
        for label in range(len(dataset.classes))
    ]
    images, labels = dataset.test.images[:TESTED], dataset.test.labels[:TESTED]
    enlarged = np.stack([to_array(array_to_image(image), SIZE) for image in images])
    return Labelled(dataset.classes, contents, features_of(backbone, enlarged), np.asarray(labels))


def photographs(folder: Path, backbone: Backbone) -> Labelled:
    """Those of ten/<class>/, in a random order; what is not taught is tested on."""
    rng, contents, left, labels = np.random.default_rng(0), [], [], []
    folders = sorted(path for path in (folder / "ten").iterdir() if path.is_dir())
    for label, path in enumerate(folders):
        files = rng.permutation(sorted(path.iterdir())).tolist()
        contents.append([file.read_bytes() for file in files[: max(PHOTOGRAPHS)]])
        left += [read_picture(file, SIZE) for file in files[max(PHOTOGRAPHS) :]]
        labels += [label] * len(files[max(PHOTOGRAPHS) :])
    return Labelled(
        tuple(path.name for path in folders), contents, features_of(backbone, np.stack(left)), np.array(labels)
    )


def features_of(backbone: Backbone, images: np.ndarray) -> np.ndarray:
    """Return the features of images, computed in batches."""
    starts = range(0, len(images), BATCH)
    return np.concatenate([backbone.features(images[start : start + BATCH]) for start in starts])


def teach_so_many(project: Project, data: Labelled, count: int, backbone: Backbone) -> tuple[Taught, float]:
    """Add pictures until each class has `count`, and learn; returns that and how many new ones were read a second."""
    for name, contents in zip(data.classes, data.contents, strict=True):
        there = {entry.name: entry.count for entry in project.classes()}.get(name, 0)
        project.add(name, ((f"{place}.png", contents[place]) for place in range(there, min(count, len(contents)))))
    begun = perf_counter()
    looked_at = compute_features(project, backbone)
    rate = looked_at / (perf_counter() - begun)
    return learn(read_samples(project, backbone)), rate


def sklearn_accuracy(taught: Taught, data: Labelled) -> float | None:
    """What LogisticRegression reaches with the same penalty on the same features; None where it is not installed."""
    if find_spec("sklearn") is None:
        return None
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found,unused-ignore]

    rows = taught.samples.features.astype(np.float32)
    center, scale = rows.mean(axis=0), np.sqrt(np.square(rows - rows.mean(axis=0)).sum() / len(rows))
    model = LogisticRegression(C=1 / taught.report.penalty, max_iter=1000)
    model.fit((rows - center) / scale, taught.samples.labels)
    return float((model.predict((data.test - center) / scale) == data.labels).mean())


def print_rows(
    title: str, data: Labelled, sizes: tuple[int, ...], backbone: Backbone
) -> tuple[Taught, list[tuple[int, float]]]:
    """A row for each number of pictures a class; returns what was taught last, and the accuracy by that number."""
    points: list[tuple[int, float]] = []
    project = create_project(title.replace(" ", "-"))
    for count in sizes:
        taught, rate = teach_so_many(project, data, count, backbone)
        right = float((taught.head.logits(data.test).argmax(axis=1) == data.labels).mean())
        points.append((count, right))
        low, high = taught.report.interval or (0.0, 0.0)
        other = sklearn_accuracy(taught, data)
        cells = [
            title,
            f"{count:,}",
            f"{rate:.1f}",
            f"{taught.report.seconds:.2f} s",
            f"{right:.1%}",
            f"{taught.report.accuracy or 0:.1%} ({low:.1%} to {high:.1%})",
            "–" if other is None else f"{other:.1%}",
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f}",
        ]
        typer.echo(f"| {' | '.join(cells)} |")
    return taught, points


def print_limits(backbone: Backbone) -> None:
    """Print how many 640x480 JPEGs a second decoding and the network would do on all cores, and one after the other."""
    content, cores = photo_640x480(), available_cores()
    decoding = float(np.median(time_calls(lambda: read_pixels(content), 60))) / cores
    images = np.stack([read_pixels(content)] * BATCH)
    asking = float(np.median(time_calls(lambda: backbone.features(images), 10))) / BATCH
    typer.echo(
        f"a second, 640x480 JPEGs on {cores} cores: decoding alone {1000 / decoding:.0f}, the network alone "
        f"{1000 / asking:.1f}, one after the other {1000 / (decoding + asking):.1f}"
    )


def print_strangers(taught: Taught, data: Labelled, folder: Path, backbone: Backbone) -> None:
    """Print how well pictures of other things are recognized."""
    files = sorted(path for path in (folder / "none").glob("*/*") if path.is_file())
    strangers = features_of(backbone, np.stack([read_picture(file, SIZE) for file in files]))
    own, others = (raw_scores(taught.rule, {FEATURES: rows}, taught.bank) for rows in (data.test, strangers))
    found = separate(own, others)
    kept, passing = (own >= taught.rule.unknown).mean(), (others >= taught.rule.unknown).mean()
    typer.echo(
        f"strangers: AUROC {found.auroc:.3f}; of {found.known} photographs of the classes {kept:.1%} are not called "
        f"unknown, of {found.others} others {passing:.1%}"
    )


def print_transfer(data: Labelled, count: int, test: Path, folder: Path) -> None:
    """The recipe `transfer` on the same pictures: minutes, and accuracy on the same test pictures."""
    for name, contents in zip(data.classes, data.contents, strict=True):
        (folder / "train" / name).mkdir(parents=True)
        for place, content in enumerate(contents[:count]):
            (folder / "train" / name / f"{place}.png").write_bytes(content)
    (folder / "test").symlink_to(test)
    command = [sys.executable, "-m", "training", "fit", "--recipe", "transfer", "--data", str(folder)]
    begun = perf_counter()
    subprocess.run([*command, "--name", f"transfer-{count}"], check=True, stdout=subprocess.DEVNULL)
    minutes = (perf_counter() - begun) / 60
    card = json.loads((Path(os.environ["VITRINE_HOME"]) / "bundles" / f"transfer-{count}" / "card.json").read_text())
    right = max(card["accuracy"].values(), key=lambda row: row["n"])["keras"]
    typer.echo(f"transfer, {count} a class: {right:.1%} in {minutes:.1f} minutes")


def write_test(data: Path, folder: Path) -> None:
    """CIFAR-10's test pictures as a folder for each class."""
    dataset = load_dataset(data, 32, validation=0.0, test=0.1)
    for place, (image, label) in enumerate(
        zip(dataset.test.images[:TESTED], dataset.test.labels[:TESTED], strict=True)
    ):
        (folder / dataset.classes[label]).mkdir(parents=True, exist_ok=True)
        (folder / dataset.classes[label] / f"{place}.png").write_bytes(encode_png(image))


def main(
    data: Annotated[Path, typer.Option(help="CIFAR-10's folder.")],
    photos: Annotated[
        Path | None, typer.Option("--photographs", help="Folders ten/<class>/ and none/<thing>/.")
    ] = None,
    most: Annotated[int, typer.Option(help="Leave out larger numbers of pictures a class.")] = max(SIZES),
    transfer: Annotated[bool, typer.Option("--transfer", help="Train the recipe `transfer` too; takes long.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw accuracy over pictures a class into this SVG file.")] = None,
) -> None:
    """Print the tables of docs/teach.md, and draw its plot."""
    lines: dict[str, list[tuple[int, float]]] = {}
    typer.echo(describe_machine())
    with TemporaryDirectory() as temporary:
        os.environ["VITRINE_HOME"] = f"{temporary}/home"
        backbone, sizes = load_backbone(), tuple(size for size in SIZES if size <= most)
        print_limits(backbone)
        typer.echo(HEAD)
        typer.echo("| --- |" + " ---: |" * (HEAD.count("|") - 2))
        if photos:
            pictures = photographs(photos, backbone)
            taught, lines["photographs"] = print_rows("photographs", pictures, PHOTOGRAPHS, backbone)
        enlarged = cifar(data, backbone)
        _last, lines["CIFAR-10"] = print_rows("CIFAR-10", enlarged, sizes, backbone)
        if plot:
            plot.write_text(draw_lines(lines), "utf-8")
        if photos:
            print_strangers(taught, pictures, photos, backbone)
        if transfer:
            write_test(data, Path(temporary) / "test")
            for size in (size for size in sizes if size <= TRANSFER_MOST):
                print_transfer(enlarged, size, Path(temporary) / "test", Path(temporary) / f"transfer-{size}")


if __name__ == "__main__":
    typer.run(main)
