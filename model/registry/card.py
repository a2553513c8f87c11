"""The card of a bundle: what card.json says about the network beside it.

A bundle is a folder with a network and its card; it is all that training hands over to the classifier.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.common.errors import BundleError
from model.common.files import sha256, write_atomic
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.signature.outputs import INDEPENDENT
from model.signature.rows import are_valid_outputs
from model.signature.scaling import CONFIRMED, GUESSED, READ, TRIED
from model.signature.shapes import InputShape

KERAS_FILE, INT8_FILE, CARD_FILE = "model.keras", "model-int8.tflite", "card.json"
H5_FILE, TFLITE_FILE = "model.h5", "model.tflite"  # of networks made elsewhere
KNOWN_FILE = "known.npz"  # features of training pictures, if `known` compares with them
_NETWORK_FILES = (KERAS_FILE, H5_FILE, INT8_FILE, TFLITE_FILE)
# Card.scaling_from -> the same in words.
_SCALING_SOURCES = {
    READ: marked("read in the file"),
    TRIED: marked("tried out"),
    GUESSED: marked("guessed"),
    CONFIRMED: marked("confirmed"),
}


@dataclass(frozen=True)
class FileEntry:
    """The size in bytes and the SHA-256 of a bundle's file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class KnownRule:
    """How to decide whether a picture shows one of the classes at all; see `model.inference.unknown`.

    Attributes:
        method: A name of METHODS.
        unsure: The threshold below which 10 % of held-out pictures of the classes score: the verdict is `unsure`.
        unknown: The threshold below which 5 % of them score: the verdict is `unknown`.
        neighbor: Which nearest training picture to compare with, counted from 1; 0 for none.
    """

    method: str
    unsure: float
    unknown: float
    neighbor: int = 0


@dataclass(frozen=True)
class SetRule:
    """How prediction sets are made; see model.inference.prediction_sets.

    Attributes:
        coverage: How often the true class is to be in a set, 0 to 1.
        thresholds: For each class the probability that it needs to be in a set.
        n: The number of held-out pictures that the thresholds come from.
        measured: Test set -> {"n": pictures, "keras": share of sets with the true class, "keras classes": mean number
            of classes in a set}, and the same for "int8".
    """

    coverage: float
    thresholds: tuple[float, ...]
    n: int
    measured: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What card.json says about a network.

    Attributes:
        name: The bundle's name.
        classes: The names of the classes, in the order of the outputs.
        input_size: The height of the input, in pixels.
        parameters: The number of weights.
        flops: The multiplications and additions for one image.
        recipe: The recipe it was trained with.
        dataset: The data set it was trained on.
        date: The day it was made, in ISO 8601.
        minutes: How long the training took.
        accuracy: Test set -> {"n": pictures, "keras": accuracy, "int8": accuracy}.
        ece: Test set -> expected calibration error by engine.
        temperature: What the logits were divided by to calibrate the probabilities, on average; 1 for none.
        files: The bundle's files.
        scaling: A name of SCALINGS, for networks made elsewhere.
        output: A name of OUTPUTS, for networks made elsewhere.
        input_width: The width of the input; 0 if it is the height.
        channels: 3 for RGB, 1 for grey.
        scaling_from: How the scaling is known: `read`, `tried`, `guessed`, `confirmed` or nothing.
        scaling_why: The reason for that scaling, as a phrase.
        outputs: The network's outputs, as `model.signature.rows` names them; empty for the probabilities alone.
        known: How unknown pictures are recognized; None if they are not.
        sets: How prediction sets are made; None for a network without them.
    """

    name: str
    classes: tuple[str, ...]
    input_size: int
    parameters: int
    flops: int
    recipe: str
    dataset: str
    date: str
    minutes: float = 0.0
    accuracy: dict[str, dict[str, float]] = field(default_factory=dict)
    ece: dict[str, dict[str, float]] = field(default_factory=dict)
    temperature: float = 1.0
    files: dict[str, FileEntry] = field(default_factory=dict)
    scaling: str = "none"
    output: str = "probabilities"
    input_width: int = 0
    channels: int = 3
    scaling_from: str = ""
    scaling_why: str = ""
    outputs: tuple[str, ...] = ()
    known: KnownRule | None = None
    sets: SetRule | None = None

    @property
    def input_shape(self) -> InputShape:
        """The shape of one image: (height, width, channels)."""
        return InputShape(self.input_size, self.input_width or self.input_size, self.channels)

    @property
    def exclusive(self) -> bool:
        """Whether each picture belongs to exactly one class, so that its probabilities sum to 1."""
        return self.output != INDEPENDENT

    @property
    def is_guess(self) -> bool:
        """Whether the scaling is only a guess: all of its answers may be wrong."""
        return self.scaling_from == GUESSED

    @property
    def bytes(self) -> int:
        """The size of its largest file."""
        return max((entry.bytes for entry in self.files.values()), default=0)

    @property
    def sha256(self) -> str:
        """The SHA-256 of its first network file, which identifies the network whatever its name is."""
        return next((self.files[name].sha256 for name in _NETWORK_FILES if name in self.files), "")

    @property
    def headline(self) -> tuple[str, dict[str, float]] | None:
        """The test set with the most pictures and its figures, or None if nothing was measured."""
        return max(self.accuracy.items(), key=lambda item: item[1]["n"]) if self.accuracy else None


def read_card(folder: Path) -> Card:
    """Read the card of a bundle.

    Raises:
        BundleError: The card is missing or cannot be read.
    """
    path = folder / CARD_FILE
    try:
        return parse_card(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise BundleError(
            _("{folder} is not a bundle: it has no {card_file}").format(folder=folder, card_file=CARD_FILE)
        ) from None
    except OSError as error:
        raise BundleError(
            _("{path} cannot be read: {reason}").format(path=path, reason=error.strerror or error)
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BundleError(_("{path} is not a card of this version: {error}").format(path=path, error=error)) from error


def parse_card(content: dict[str, Any]) -> Card:
    """Build a card from its JSON object.

    Raises:
        AttributeError: As below.
        KeyError: As below.
        TypeError: It is not the object of a card.
    """
    files = {name: FileEntry(**entry) for name, entry in content["files"].items()}
    outputs = tuple(content.get("outputs", ()))
    if not are_valid_outputs(outputs):
        raise TypeError(f"outputs {outputs!r} are not known")
    known = KnownRule(**content["known"]) if content.get("known") else None
    sets = None
    if found := content.get("sets"):
        sets = SetRule(**found | {"thresholds": tuple(map(float, found["thresholds"]))})
        if len(sets.thresholds) != len(content["classes"]):
            raise TypeError(f"sets name {len(sets.thresholds)} thresholds for {len(content['classes'])} classes")
    read = {"classes": tuple(content["classes"]), "files": files, "outputs": outputs, "known": known, "sets": sets}
    return Card(**content | read)


def write_card(folder: Path, card: Card) -> Card:
    """Write card.json with the size and SHA-256 of each file beside it, and return the card as written."""
    files = {
        name: FileEntry((folder / name).stat().st_size, sha256(folder / name))
        for name in (*_NETWORK_FILES, KNOWN_FILE)
        if (folder / name).is_file()
    }
    card = dataclasses.replace(card, files=files)
    content: dict[str, Any] = dataclasses.asdict(card)
    write_atomic(folder / CARD_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return card


def check_name(name: str) -> str:
    """Return a name that can be a folder on every system.

    Raises:
        BundleError: It cannot be one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise BundleError(
            _("{name!r} cannot be a name; letters, digits, '.', '_' and '-' can, up to 64 of them").format(name=name)
        )
    return name


def describe_scaling_source(card: Card) -> str:
    """Return how a card's scaling is known and why, such as `read in the file: its input is whole numbers`."""
    known = _(_SCALING_SOURCES.get(card.scaling_from, ""))
    return f"{known}: {card.scaling_why}" if known and card.scaling_why else known
