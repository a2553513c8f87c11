"""The card of a bundle: what card.json says of the network that lies beside it.

A bundle is a folder with a network and its card, the only thing that training hands to the classifier.
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
from model.signature.rows import is_ours
from model.signature.scaling import CONFIRMED, GUESSED, READ, TRIED
from model.signature.shapes import InputShape

KERAS_FILE, INT8_FILE, CARD_FILE = "model.keras", "model-int8.tflite", "card.json"
H5_FILE, TFLITE_FILE = "model.h5", "model.tflite"  # of models that were made elsewhere
KNOWN_FILE = "known.npz"  # features of training pictures, where `known` compares with them
NETWORK_FILES = (KERAS_FILE, H5_FILE, INT8_FILE, TFLITE_FILE)
# How a card's scaling is known -> that as a word.
KNOWN = {
    READ: marked("read in the file"),
    TRIED: marked("tried out"),
    GUESSED: marked("guessed"),
    CONFIRMED: marked("confirmed"),
}


@dataclass(frozen=True)
class FileEntry:
    bytes: int
    sha256: str


@dataclass(frozen=True)
class KnownRule:
    """How it is told whether a picture shows one of the classes at all; see model.inference.unknown.

    method: one of METHODS; unsure, unknown: what the method gives lies below this for 10 and for 5 % of held-out
    pictures of the classes, and below that the verdict is `unsure` and `unknown`; neighbor: the how-manieth nearest
    training picture is compared with, 0 where none is.
    """

    method: str
    unsure: float
    unknown: float
    neighbor: int = 0


@dataclass(frozen=True)
class Card:
    """What card.json says of a network.

    accuracy: test set -> {"n": pictures, "keras": share right, "int8": share right}; ece: test set -> expected
    calibration error by engine; flops: multiplications and additions of one picture's pass; temperature: what the
    logits were divided by to calibrate the probabilities, on average, 1 for none; scaling and output: names of
    SCALINGS and OUTPUTS, for networks that were made elsewhere; scaling_from: how the scaling is known, one of
    `read`, `tried`, `guessed` and `confirmed`, or nothing; scaling_why: what it was chosen by, as a sentence's part;
    input_size: the height of the pictures, input_width: 0 where that is the width too; channels: 3 for RGB, 1 for grey;
    outputs: the rows of numbers that a pass gives, as model.signature.rows names them; empty for the probabilities
    alone; known: how unknown pictures are told, None for a network that cannot tell.
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

    @property
    def input_shape(self) -> InputShape:
        """What one picture is to the network: (height, width, channels)."""
        return InputShape(self.input_size, self.input_width or self.input_size, self.channels)

    @property
    def exclusive(self) -> bool:
        """Whether a picture is of one of the classes alone, so that its probabilities sum to 1."""
        return self.output != INDEPENDENT

    @property
    def is_guess(self) -> bool:
        """Whether nobody knows yet that its scaling is right: its answers may all be wrong."""
        return self.scaling_from == GUESSED

    @property
    def bytes(self) -> int:
        """The size of its largest file."""
        return max((entry.bytes for entry in self.files.values()), default=0)

    @property
    def sha256(self) -> str:
        """The SHA-256 of its first file: tells one network from another, whatever their names."""
        return next((self.files[name].sha256 for name in NETWORK_FILES if name in self.files), "")

    @property
    def headline(self) -> tuple[str, dict[str, float]] | None:
        """The test set with the most pictures and its figures, or None when none was measured."""
        return max(self.accuracy.items(), key=lambda item: item[1]["n"]) if self.accuracy else None


def read_card(folder: Path) -> Card:
    """The card of a bundle. Raises BundleError when it is missing or does not read."""
    path = folder / CARD_FILE
    try:
        return parse_card(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise BundleError(
            _("{folder} is not a bundle: it has no {card_file}").format(folder=folder, card_file=CARD_FILE)
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleError(_("{path} is not a card of this version: {error}").format(path=path, error=error)) from error


def parse_card(content: dict[str, Any]) -> Card:
    """A card from its JSON object. Raises KeyError, TypeError or AttributeError for anything else."""
    files = {name: FileEntry(**entry) for name, entry in content["files"].items()}
    outputs = tuple(content.get("outputs", ()))
    if not is_ours(outputs):
        raise TypeError(f"outputs {outputs!r} are not known")
    known = KnownRule(**content["known"]) if content.get("known") else None
    return Card(**content | {"classes": tuple(content["classes"]), "files": files, "outputs": outputs, "known": known})


def write_card(folder: Path, card: Card) -> Card:
    """Write card.json with size and SHA-256 of each file beside it; returns the card as written."""
    files = {
        name: FileEntry((folder / name).stat().st_size, sha256(folder / name))
        for name in (*NETWORK_FILES, KNOWN_FILE)
        if (folder / name).is_file()
    }
    card = dataclasses.replace(card, files=files)
    content: dict[str, Any] = dataclasses.asdict(card)
    write_atomic(folder / CARD_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return card


def check_name(name: str) -> str:
    """A name that can be a folder on every system. Raises BundleError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise BundleError(
            _("{name!r} cannot be a name; letters, digits, '.', '_' and '-' can, up to 64 of them").format(name=name)
        )
    return name


def how_known(card: Card) -> str:
    """How a card's scaling is known, and by what: `read in the file: its input is whole numbers`."""
    known = _(KNOWN.get(card.scaling_from, ""))
    return f"{known}: {card.scaling_why}" if known and card.scaling_why else known
