"""Save a trained network as a bundle, with figures measured on the saved files."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import keras

from model.common.files import atomic_file, atomic_folder
from model.datasets.splits import Dataset
from model.evaluation.scores import evaluate
from model.export.known import fit_known
from model.export.quantization import quantize
from model.export.sets import fit_sets
from model.inference.classifier import Classifier, engines_of, file_of
from model.networks.flops import count_flops
from model.registry.card import CARD_FILE, INT8_FILE, KERAS_FILE, Card, read_card, write_card
from training.engine.prior import OUTPUTS
from training.recipes.recipe import Recipe
from training.runs.history import read_history


def save_bundle(
    network: keras.Model, recipe: Recipe, dataset: Dataset, run: Path, bundle: Path, policy: str, temperature: float
) -> Card:
    """Save the network, its int8 file and the card; the figures are measured on the saved files.

    The bundle is replaced only when all of it is complete; until then an earlier network of the run stays in use.

    Args:
        network: The calibrated network.
        recipe: The recipe.
        dataset: The data set.
        run: The run's folder.
        bundle: The bundle's folder.
        policy: The dtype policy of the training; after `mixed_bfloat16`, kernels are saved with the precision they
            were used with.
        temperature: The temperature of the calibration.

    Returns:
        The card.
    """
    if policy == "mixed_bfloat16":
        round_kernels(network)
    with atomic_folder(bundle, CARD_FILE) as making:
        _write_files(network, recipe, dataset, run, making, bundle.name, temperature)
        fit_known(making, dataset.train.images, dataset.validation.images)
        card = fit_sets(making, dataset) or read_card(making)
        if len(dataset.test):
            card = write_card(making, with_figures(card, making, dataset))
    return card


def _write_files(
    network: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    run: Path,
    folder: Path,
    name: str,
    temperature: float,
) -> None:
    """Write both networks, and a card without figures."""
    network.save(folder / KERAS_FILE)
    compress_keras_file(folder / KERAS_FILE)
    quantize(network, dataset.train.images, folder / INT8_FILE)
    card = Card(
        name=name,
        classes=dataset.classes,
        input_size=recipe.model.input_size,
        parameters=int(network.count_params()),
        flops=count_flops(network),
        recipe=recipe.name,
        dataset=dataset.name,
        date=date.today().isoformat(),
        minutes=round(sum(read_history(run / "history.csv").seconds) / 60, 1),
        temperature=round(temperature, 4),
        outputs=OUTPUTS if len(network.outputs) == len(OUTPUTS) else (),
    )
    write_card(folder, card)


def round_kernels(network: keras.Model) -> None:
    """Round all matrices and kernels to bfloat16's 8 bits of precision, as float32.

    Training with mixed_bfloat16 multiplied with these numbers; the zeros at their ends halve the file.
    """
    for variable in network.weights:
        if len(variable.shape) >= 2:
            variable.assign(keras.ops.cast(keras.ops.cast(variable, "bfloat16"), "float32"))


def compress_keras_file(path: Path) -> None:
    """Compress a .keras file, a ZIP archive that Keras writes uncompressed."""
    with (
        atomic_file(path) as smaller,
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(smaller, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for entry in source.namelist():
            target.writestr(entry, source.read(entry))


def with_figures(card: Card, bundle: Path, dataset: Dataset) -> Card:
    """Return the card with accuracy and calibration error of both files on the test images."""
    results = {
        engine: evaluate(Classifier.load(bundle, engine).probabilities, dataset.name, dataset.test, dataset.classes)
        for engine in engines_of(card)
    }
    accuracy, ece = {}, {}
    for title, floating in results["keras"].items():
        by_engine = {engine: sets[title] for engine, sets in results.items()}
        accuracy[title] = {"n": floating.n} | {engine: round(found.accuracy, 4) for engine, found in by_engine.items()}
        ece[title] = {engine: round(found.ece, 4) for engine, found in by_engine.items()}
    return dataclasses.replace(card, accuracy=accuracy, ece=ece)


def run_metrics(status: str, policy: str, card: Card) -> dict[str, Any]:
    """Return what metrics.json contains: how the run ended and what its network reached.

    Args:
        status: `finished` or `interrupted`.
        policy: The dtype policy of the training.
        card: The bundle's card.
    """
    machine = {
        "cores": os.cpu_count(),
        "policy": policy,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    sizes = {engine: card.files[file_of(card, engine)].bytes for engine in engines_of(card)}
    return {
        "status": status,
        "model": card.name,
        "minutes": card.minutes,
        "accuracy": card.accuracy,
        "ece": card.ece,
        "bytes": sizes,
        "machine": machine,
    }
