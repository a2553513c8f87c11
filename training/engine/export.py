"""A trained network made into a bundle, with the figures of the saved files on its card."""

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
from model.inference.classifier import Classifier, engines_of, file_of
from model.networks.flops import count_flops
from model.registry.card import CARD_FILE, INT8_FILE, KERAS_FILE, Card, write_card
from training.engine.prior import OUTPUTS
from training.recipes.recipe import Recipe
from training.runs.history import read_history


def save_bundle(
    network: keras.Model, recipe: Recipe, dataset: Dataset, run: Path, bundle: Path, policy: str, temperature: float
) -> Card:
    """Save the network, its int8 twin and the card; the figures come from the saved files, read back.

    All of it takes the bundle's place when it is whole: until then a network that the run left there before answers
    on. policy: the dtype policy of the training; under `mixed_bfloat16` kernels are saved as what they were computed
    with.
    """
    if policy == "mixed_bfloat16":
        round_kernels(network)
    with atomic_folder(bundle, CARD_FILE) as making:
        write_files(network, recipe, dataset, run, making, bundle.name, temperature)
        card = fit_known(making, dataset.train.images, dataset.validation.images)
        if len(dataset.test):
            card = write_card(making, measured(card, making, dataset))
    return card


def write_files(
    network: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    run: Path,
    folder: Path,
    name: str,
    temperature: float,
) -> None:
    """Both networks and a card without figures, in `folder`."""
    network.save(folder / KERAS_FILE)
    deflate(folder / KERAS_FILE)
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
    """Round every matrix and kernel to bfloat16's 8 bits of precision, kept as float32.

    Training under mixed_bfloat16 multiplied with these numbers; their zeros at the end halve the file.
    """
    for variable in network.weights:
        if len(variable.shape) >= 2:
            variable.assign(keras.ops.cast(keras.ops.cast(variable, "bfloat16"), "float32"))


def deflate(path: Path) -> None:
    """Compress a .keras file, a ZIP archive that Keras writes uncompressed."""
    with (
        atomic_file(path) as smaller,
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(smaller, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for entry in source.namelist():
            target.writestr(entry, source.read(entry))


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
