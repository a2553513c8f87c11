"""A trained network made into a bundle, with the figures of the saved files on its card."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import keras

from model.bundle import INT8_FILE, KERAS_FILE, Card, write_card
from model.classifier import Classifier, engines_of, file_of
from model.evaluation import evaluate
from model.flops import count_flops
from model.quantize import quantize
from model.splits import Dataset
from training.history import read_history
from training.recipe import Recipe


def save_bundle(
    network: keras.Model, recipe: Recipe, dataset: Dataset, run: Path, bundle: Path, policy: str, temperature: float
) -> Card:
    """Save the network, its int8 twin and the card; the figures come from the saved files, read back.

    policy: the dtype policy of the training; under `mixed_bfloat16` kernels are saved as what they were computed with.
    """
    bundle.mkdir(parents=True, exist_ok=True)
    if policy == "mixed_bfloat16":
        round_kernels(network)
    # The temporary name keeps its suffix: Keras chooses the format by it.
    network.save(bundle / f"new-{KERAS_FILE}")
    deflate(bundle / f"new-{KERAS_FILE}")
    os.replace(bundle / f"new-{KERAS_FILE}", bundle / KERAS_FILE)
    quantize(network, dataset.train.images, bundle / INT8_FILE)
    card = Card(
        name=bundle.name,
        classes=dataset.classes,
        input_size=recipe.model.input_size,
        parameters=int(network.count_params()),
        flops=count_flops(network),
        recipe=recipe.name,
        dataset=dataset.name,
        date=date.today().isoformat(),
        minutes=round(sum(read_history(run / "history.csv").seconds) / 60, 1),
        temperature=round(temperature, 4),
    )
    card = write_card(bundle, card)
    return write_card(bundle, measured(card, bundle, dataset)) if len(dataset.test) else card


def round_kernels(network: keras.Model) -> None:
    """Round every matrix and kernel to bfloat16's 8 bits of precision, kept as float32.

    Training under mixed_bfloat16 multiplied with these numbers; their zeros at the end halve the file.
    """
    for variable in network.weights:
        if len(variable.shape) >= 2:
            variable.assign(keras.ops.cast(keras.ops.cast(variable, "bfloat16"), "float32"))


def deflate(path: Path) -> None:
    """Compress a .keras file, a ZIP archive that Keras writes uncompressed."""
    smaller = path.with_name(f"{path.name}.deflated")
    with (
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(smaller, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for entry in source.namelist():
            target.writestr(entry, source.read(entry))
    os.replace(smaller, path)


def measured(card: Card, bundle: Path, dataset: Dataset) -> Card:
    """The card with accuracy and calibration error of both files on the data set's test pictures."""
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


def metrics(status: str, policy: str, card: Card) -> dict[str, Any]:
    """What metrics.json holds: how the run ended and what its network reached."""
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
