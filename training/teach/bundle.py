"""Make a bundle of a taught head and its backbone: from then on it is a model like any other, under its own name."""

from __future__ import annotations

import dataclasses
import io
import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.common.files import atomic_folder, write_atomic
from model.common.paths import home
from model.export.conversion import convert
from model.export.feature_output import add_feature_output
from model.export.known import check_same_features, encode_bank
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier
from model.registry.card import CARD_FILE, INT8_FILE, KERAS_FILE, KNOWN_FILE, Card, check_name, read_card, write_card
from model.registry.locations import own_folders
from model.registry.resolution import bundle_folders
from model.signature.rows import FEATURES, PROBABILITIES
from training.projects.project import Project
from training.projects.shelf import rename_project
from training.teach.backbone import SIZE, Backbone
from training.teach.features import read_pixels
from training.teach.learn import Taught, TeachError
from training.teach.versions import keep_version

if TYPE_CHECKING:
    import keras

RECIPE = "teach"  # what a card says of how its network came about
CROSS_VALIDATION = "cross-validation"  # what a card calls the pictures that were held out in turn
_CALIBRATION_PICTURES = 200  # that set the ranges of the int8 file
# Of pictures enlarged from 32 to 224 pixels EfficientNet-Lite0's features have an error of 0.27, those of another layer
# would have 1 and more.
_MAX_FEATURE_ERROR = 0.4
_CHECKED = 20  # pictures whose features both files have to agree on
FLOAT, INT8 = "float", "int8"  # the stages


def check_model_name(project: str, name: str) -> str:
    """Return a name that the network of the project of this name can have: a new one, or the one that it has already.

    Raises:
        BundleError: It cannot be a name.
        TeachError: Another model or a run has it.
    """
    check_name(name)
    folder = bundle_folders().get(name)
    own = folder in networks_of(project)
    if name == "default" or (home() / "runs" / name).exists() or (folder is not None and not own):
        raise TeachError(
            _("there is a model or a run {name!r} already; choose another name for the network").format(name=name)
        )
    return name


def networks_of(project: str) -> list[Path]:
    """Return the folders of the networks that were made of the project of this name."""
    own = home() / "bundles"
    return [folder for folder in own_folders().values() if folder.parent == own and _is_of(folder, project)]


def _is_of(folder: Path, project: str) -> bool:
    try:
        card = read_card(folder)
    except BundleError:  # whoever uses that network is told
        return False
    return card.recipe == RECIPE and card.dataset == project


def rename_with_networks(old: str, new: str) -> Project:
    """Give a project another name, which the cards of its networks say from then on.

    Raises:
        ProjectError: The name is taken, or the disk refuses.
        BundleError: It cannot be a name.
    """
    renamed = rename_project(old, new)
    for folder in networks_of(old):
        write_card(folder, dataclasses.replace(read_card(folder), dataset=new))
    return renamed


def keep_model(
    project: Project,
    taught: Taught,
    backbone: Backbone,
    name: str,
    on_stage: Callable[[str], object] = lambda stage: None,
) -> Card:
    """Make a model of a project's head: first the float network, which can be used at once, then the int8 file.

    Args:
        project: Where the pictures are that set the ranges of the int8 file.
        taught: What was learnt.
        backbone: The network it was learnt on.
        name: Of `check_model_name`.
        on_stage: Called with `float` and `int8` once that file answers under the name.

    Returns:
        The card.

    Raises:
        BundleError, TeachError: The name is taken, or a file cannot be made.
    """
    target = home() / "bundles" / check_model_name(project.name, name)
    network = fuse(taught, backbone)
    images = _calibration_images(project, taught)
    with TemporaryDirectory() as temporary:
        made = Path(temporary) / name
        made.mkdir()
        _write_float(made, network, taught, project, name)
        _move(made, target)
        keep_version(project, taught, backbone)
        on_stage(FLOAT)
        card = _add_int8(made, images)
        _move(made, target)
        on_stage(INT8)
    return card


def pack_model(project: Project, taught: Taught, backbone: Backbone, name: str, int8: bool = False) -> bytes:
    """Return a project's head as a bundle in a ZIP file, and store nothing: for visitors, whose projects are in memory.

    Args:
        project: Where the pictures are that set the ranges of the int8 file.
        taught: What was learnt.
        backbone: The network it was learnt on.
        name: Of the folder in the ZIP file, and on the card.
        int8: Whether to make the int8 file too, which takes about half a minute.

    Raises:
        BundleError: The name cannot be one, or the int8 file cannot be made.
    """
    with TemporaryDirectory() as temporary:
        made = Path(temporary) / check_name(name)
        made.mkdir()
        _write_float(made, fuse(taught, backbone), taught, project, name)
        if int8:
            _add_int8(made, _calibration_images(project, taught))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # what is in it is compressed already
            for file in sorted(made.iterdir()):
                archive.write(file, f"{name}/{file.name}")
    return buffer.getvalue()


def fuse(taught: Taught, backbone: Backbone) -> keras.Model:
    """Put the head on the backbone: uint8 RGB (n, SIZE, SIZE, 3) in, probabilities float32 (n, classes) out."""
    import keras

    head = keras.layers.Dense(len(taught.classes), name="logits")
    logits = head(backbone.network.output)
    head.set_weights([taught.head.weights, taught.head.bias])
    answers = keras.layers.Activation("softmax", dtype="float32", name=PROBABILITIES)(logits)
    return keras.Model(backbone.network.input, answers, name=RECIPE)


def _calibration_images(project: Project, taught: Taught) -> np.ndarray:
    """Read some of the taught pictures, uint8 (n, SIZE, SIZE, 3), of all classes alike."""
    rng = np.random.default_rng(0)
    labels = taught.samples.labels
    order = rng.permutation(len(labels))
    # Round by round: the first picture of each class, then the second, and so on.
    turns = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turns[members] = np.arange(len(members))
    chosen = np.argsort(turns, kind="stable")[:_CALIBRATION_PICTURES]
    return np.stack([read_pixels(project.content(taught.samples.sha256s[place])) for place in chosen])


def _write_float(folder: Path, network: keras.Model, taught: Taught, project: Project, name: str) -> None:
    from model.networks.flops import count_flops
    from training.engine.export import compress_keras_file

    network.save(folder / KERAS_FILE)
    compress_keras_file(folder / KERAS_FILE)
    write_atomic(folder / KNOWN_FILE, encode_bank(taught.bank.rows, taught.bank.center))
    report, accuracy, ece = taught.report, {}, {}
    if report.accuracy is not None:
        accuracy = {CROSS_VALIDATION: {"n": report.held_out, "keras": round(report.accuracy, 4)}}
        ece = {CROSS_VALIDATION: {"keras": round(report.ece, 4)}}
    card = Card(
        name=name,
        classes=taught.classes,
        input_size=SIZE,
        parameters=int(network.count_params()),
        flops=count_flops(network),
        recipe=RECIPE,
        dataset=project.name,
        date=date.today().isoformat(),
        minutes=round(report.seconds / 60, 1),
        accuracy=accuracy,
        ece=ece,
        temperature=round(report.temperature, 4),
        outputs=(PROBABILITIES, FEATURES),
        known=taught.rule,
    )
    write_card(folder, card)


def _add_int8(folder: Path, images: np.ndarray) -> Card:
    """Make the int8 file in a process of its own, with its features as a second output."""
    card = read_card(folder)
    plain = dataclasses.replace(card, outputs=(), known=None)  # what is converted is the network's own output
    content = convert(folder, write_card(folder, plain), ".tflite", images)
    write_atomic(folder / INT8_FILE, add_feature_output(content, len(card.classes)))
    card = write_card(folder, card)
    try:
        check_same_features(
            [Classifier.load(folder, engine) for engine in ("keras", "int8")], images[:_CHECKED], _MAX_FEATURE_ERROR
        )
    except UnsafeModelError as error:
        raise BundleError(
            _("the int8 file of {name!r} cannot be used: {error}").format(name=card.name, error=error)
        ) from None
    return card


def _move(made: Path, target: Path) -> None:
    """Put copies of a bundle's files in its place, the card last."""
    with atomic_folder(target, CARD_FILE) as making:
        for file in made.iterdir():
            shutil.copy(file, making)
