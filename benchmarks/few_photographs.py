"""None of these from few pictures: python -m benchmarks.few_photographs DIR.

DIR has ten/<class>/ and none/<thing>/. For 2 to 25 photographs of each of the classes, of three of them, and of four of
the things, drawn again and again: how well other things are told from new photographs of the same classes, and how
many of each are called unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from model.datasets.image_folder import read_picture
from model.evaluation.separation import separate
from training.teach.backbone import SIZE, load_backbone
from training.teach.strangers import CAREFUL, fit_strangers

SIZES, DRAWS, BATCH = (1, 2, 3, 5, 10, 25), 40, 32
LEFT = 3  # photographs of a class that are not taught, at least


@dataclass(frozen=True)
class Photographs:
    """Features float32 (n, features), kinds int (n,), and which kinds are classes, bool (kinds,)."""

    features: np.ndarray
    kinds: np.ndarray
    classes: np.ndarray


def read_photographs(folder: Path) -> Photographs:
    """Read the features of all photographs, with a number for each folder."""
    backbone, folders = load_backbone(), sorted(path for path in folder.glob("*/*") if path.is_dir())
    files = [(place, file) for place, path in enumerate(folders) for file in sorted(path.iterdir())]
    rows = [
        backbone.features(np.stack([read_picture(file, SIZE) for _place, file in files[start : start + BATCH]]))
        for start in range(0, len(files), BATCH)
    ]
    classes = np.array([path.parent.name == "ten" for path in folders])
    return Photographs(np.concatenate(rows), np.array([place for place, _file in files]), classes)


def choose_kinds(photographs: Photographs, among: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Choose the kinds that are taught: `six`, `three` of those, or `four` of the other things; empty if too small."""
    counts = np.bincount(photographs.kinds)
    fit = np.flatnonzero((counts >= size + LEFT) & (photographs.classes != (among == "four")))
    most = {"six": len(fit), "three": 3, "four": 4}[among]
    return rng.choice(fit, most, replace=False) if len(fit) >= most else fit[:0]


def measure(photographs: Photographs, kinds: np.ndarray, size: int, rng: np.random.Generator) -> tuple[float, ...]:
    """Teach `size` photographs of each kind; returns the AUROC and the shares of own and other ones called unknown."""
    features, found = (
        photographs.features,
        [rng.permutation(np.flatnonzero(photographs.kinds == kind)) for kind in kinds],
    )
    taught, own = (np.concatenate([one[part] for one in found]) for part in (slice(size), slice(size, None)))
    others = np.flatnonzero(~np.isin(photographs.kinds, kinds) & ~photographs.classes[photographs.kinds])
    labels = np.repeat(np.arange(len(kinds)), size)
    bank, rule = fit_strangers(features[taught], labels, np.arange(len(taught)), CAREFUL)
    known, strange = (bank.similarity(features[places], rule.neighbor) for places in (own, others))
    return separate(known, strange).auroc, (known < rule.unknown).mean(), (strange < rule.unknown).mean()


def print_rows(photographs: Photographs, draws: int = DRAWS) -> None:
    """Print a row for each number of photographs and choice of kinds."""
    typer.echo("| classes | a class | AUROC | of their own called unknown | of others |\n| --- |" + " ---: |" * 4)
    for among in ("six", "three", "four"):
        for size in SIZES:
            rng = np.random.default_rng(size)
            chosen = [choose_kinds(photographs, among, size, rng) for _draw in range(draws)]
            if not len(chosen[0]):
                continue
            auroc, own, others = np.mean([measure(photographs, kinds, size, rng) for kinds in chosen], axis=0)
            typer.echo(f"| {among} | {size} | {auroc:.3f} | {own:.1%} | {others:.1%} |")


def main(folder: Annotated[Path, typer.Argument(help="Folders ten/<class>/ and none/<thing>/.")]) -> None:
    """Print the table of few photographs in docs/teach.md."""
    print_rows(read_photographs(folder))


if __name__ == "__main__":
    typer.run(main)
