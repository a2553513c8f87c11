"""The networks that are loaded in this process: each once, for the pages and the API alike."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from model.common.cache import Cache
from model.common.errors import BundleError
from model.common.extras import require
from model.common.keras_import import freeze_imports
from model.i18n.translations import gettext as _
from model.inference.classifier import ENGINES, Classifier, engines_of, file_of
from model.registry.card import KNOWN_FILE, Card, read_card
from model.registry.resolution import find_bundle, find_named
from model.signature.shapes import InputShape

MOST = 4  # networks kept loaded: the least recently asked one makes room
BYTES = 4 * 2**30  # of their files at most
TRIES = 3  # a bundle that is being replaced is read again
Key = tuple[str, str, InputShape, int, str, str, tuple[str, ...], str]


class UnknownEngine(BundleError):
    """An engine that a model has no file for; the message lists those that it has."""


@dataclass(frozen=True)
class Choice:
    """A bundle as it stands on disk now, and the engine to run it with."""

    folder: Path
    card: Card
    engine: str

    @property
    def key(self) -> Key:
        """Equal for bundles whose networks are the same: a renamed model is not loaded a second time."""
        card = self.card
        digest = card.files[file_of(card, self.engine)].sha256
        bank = f"{card.known} {card.files.get(KNOWN_FILE)}"
        return digest, self.engine, card.input_shape, len(card.classes), card.scaling, card.output, card.outputs, bank


def choose(name: str, engine: str | None = None, preferred: str = "keras", paths: bool = False) -> Choice:
    """Look a model up: `engine` if one is asked for, else the preferred one if the model has it, else what it has.

    paths: whether the name may be a folder's path. Raises UnknownModel, UnknownEngine, NotInstalled where the engine
    needs a part that is not there, or BundleError for a damaged bundle.
    """
    folder = (find_bundle if paths else find_named)(name)
    card = read_card(folder)
    there = engines_of(card)
    if (engine == "keras" or not there) and card.files.keys() & set(ENGINES["keras"]):
        require("keras")  # its file is there, and what runs it may not be
    if not there:
        raise BundleError(
            _("model {name!r} holds no network; its files: {names}").format(
                name=card.name, names=", ".join(card.files) or _("none")
            )
        )
    if engine is not None and engine not in there:
        raise UnknownEngine(
            _("model {name!r} has no engine {engine!r}; its engines: {names}").format(
                name=card.name, engine=engine[:40], names=", ".join(there)
            )
        )
    return Choice(folder, card, engine or (preferred if preferred in there else there[0]))


class Pool:
    """Loaded networks by content, so that a name which changes hands is answered by its new network at once."""

    def __init__(self, most: int = MOST) -> None:
        # A network's objects refer to one another: only the collector can free them.
        self.kept: Cache[Classifier] = Cache(BYTES, most, weight, on_evict=gc.collect)

    def ready(self, choice: Choice) -> Classifier | None:
        """The choice's classifier if its network is loaded."""
        loaded = self.kept.peek(choice.key)
        return loaded and Classifier(choice.card, choice.engine, loaded.forward, loaded.bank)

    def get(self, name: str, engine: str | None = None, preferred: str = "keras", paths: bool = False) -> Classifier:
        """A model's classifier, loaded if it is not yet; threads that ask together wait for one load.

        Takes and raises what `choose` does, and BundleError for a network that does not load.
        """
        for _try in range(TRIES):
            choice = choose(name, engine, preferred, paths)
            try:
                return self.load(choice)
            except BundleError as error:
                failure = error
                # Whoever replaces a bundle writes file by file: only what still stands as it was read is an error.
                if choose(name, engine, preferred, paths) == choice:
                    break
        raise failure

    def load(self, choice: Choice) -> Classifier:
        """The choice's classifier, loaded if it is not yet. Raises BundleError."""
        loaded = self.kept.get(choice.key, lambda: read(choice))
        return Classifier(choice.card, choice.engine, loaded.forward, loaded.bank)

    def warm(self) -> bool:
        """Whether any network is loaded."""
        return len(self.kept) > 0


def read(choice: Choice) -> Classifier:
    """Load the choice's network as it was when it was chosen. Raises BundleError."""
    freeze_first()
    loaded = Classifier.load(choice.folder, choice.engine)
    if Choice(choice.folder, loaded.card, choice.engine).key != choice.key:
        raise BundleError(_("{folder} changed while it was loaded; ask again").format(folder=choice.folder))
    return loaded


def weight(loaded: Classifier) -> int:
    """The bytes that a loaded network counts for; one that is larger than all the room is kept by itself."""
    return min(loaded.card.files[file_of(loaded.card, loaded.engine)].bytes, BYTES // 2)


@cache
def freeze_first() -> None:
    """Before the first network: the page's modules are there by now, and an int8 network imports no Keras."""
    freeze_imports()


POOL = Pool()
