"""The networks loaded in this process: each once, for the pages and the API alike."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from model.common.cache import Cache
from model.common.errors import BundleError
from model.common.extras import require
from model.common.keras_import import freeze_imports
from model.common.settings import AUTO
from model.i18n.translations import gettext as _
from model.inference.classifier import ENGINES, Classifier, engine_by_accuracy, engines_of, file_of
from model.registry.card import KNOWN_FILE, Card, read_card
from model.registry.resolution import find_bundle, find_by_name
from model.signature.shapes import InputShape

MAX_NETWORKS = 4  # networks kept loaded
_MAX_BYTES = 4 * 2**30  # of all their files
_TRIES = 3  # because a bundle may be replaced while it is read
Key = tuple[str, str, InputShape, int, str, str, tuple[str, ...], str]


class UnknownEngine(BundleError):
    """A model has no file for an engine; the message lists the engines it has."""


@dataclass(frozen=True)
class Choice:
    """A bundle as it is on disk now, and the engine to run it with."""

    folder: Path
    card: Card
    engine: str

    @property
    def key(self) -> Key:
        """A key that is equal for bundles with the same network: a renamed model is not loaded again."""
        card = self.card
        digest = card.files[file_of(card, self.engine)].sha256
        bank = f"{card.known} {card.sets} {card.files.get(KNOWN_FILE)}"
        return digest, self.engine, card.input_shape, len(card.classes), card.scaling, card.output, card.outputs, bank


def choose(name: str, engine: str | None = None, preferred: str = "keras", paths: bool = False) -> Choice:
    """Look up a model and choose its engine.

    Args:
        name: The model's name.
        engine: The engine to use; None for the preferred one, or any other that the model has.
        preferred: The preferred engine; `auto` for the one that its measured accuracy speaks for.
        paths: Whether the name may be the path of a folder.

    Raises:
        BundleError: The bundle is damaged.
        NotInstalled: The engine is not installed.
        UnknownEngine: The model has no file for the engine.
        UnknownModel: There is no such model.
    """
    folder = (find_bundle if paths else find_by_name)(name)
    card = read_card(folder)
    there = engines_of(card)
    if (engine == "keras" or not there) and card.files.keys() & set(ENGINES["keras"]):
        require("keras")  # it has a file for Keras, but Keras may not be installed
    if not there:
        raise BundleError(
            _("model {name!r} has no network; its files: {names}").format(
                name=card.name, names=", ".join(card.files) or _("none")
            )
        )
    if engine is not None and engine not in there:
        raise UnknownEngine(
            _("model {name!r} has no engine {engine!r}; its engines: {names}").format(
                name=card.name, engine=engine[:40], names=", ".join(there)
            )
        )
    preferred = engine_by_accuracy(card) if preferred == AUTO else preferred
    return Choice(folder, card, engine or (preferred if preferred in there else there[0]))


class Pool:
    """Loaded networks by content: if a name gets another network, that one answers from then on.

    Args:
        limit: The maximum number of networks; the least recently used one makes room.
    """

    def __init__(self, limit: int = MAX_NETWORKS) -> None:
        # A network's objects reference each other: only the garbage collector frees them.
        self.kept: Cache[Classifier] = Cache(_MAX_BYTES, limit, _file_size, on_evict=gc.collect)

    def ready(self, choice: Choice) -> Classifier | None:
        """Return the classifier of a choice if its network is loaded, else None."""
        loaded = self.kept.peek(choice.key)
        return loaded and Classifier(choice.card, choice.engine, loaded.forward, loaded.bank)

    def get(self, name: str, engine: str | None = None, preferred: str = "keras", paths: bool = False) -> Classifier:
        """Return a model's classifier, and load it first if necessary; threads that ask together wait for one load.

        Args:
            name: As in `choose`.
            engine: As in `choose`.
            preferred: As in `choose`.
            paths: As in `choose`.

        Raises:
            BundleError: As in `choose`, or the network cannot be loaded.
        """
        for _try in range(_TRIES):
            choice = choose(name, engine, preferred, paths)
            try:
                return self.load(choice)
            except BundleError as error:
                failure = error
                # A bundle is replaced file by file: it is only an error if the bundle is still as it was read.
                if choose(name, engine, preferred, paths) == choice:
                    break
        raise failure

    def load(self, choice: Choice) -> Classifier:
        """Return the classifier of a choice, and load it first if necessary.

        Raises:
            BundleError: The network cannot be loaded.
        """
        loaded = self.kept.get(choice.key, lambda: load_choice(choice))
        return Classifier(choice.card, choice.engine, loaded.forward, loaded.bank)

    def warm(self) -> bool:
        """Return whether any network is loaded."""
        return len(self.kept) > 0


def load_choice(choice: Choice) -> Classifier:
    """Load the network of a choice.

    Raises:
        BundleError: It cannot be loaded, or has changed since it was chosen.
    """
    _freeze_imports_once()
    loaded = Classifier.load(choice.folder, choice.engine)
    if Choice(choice.folder, loaded.card, choice.engine).key != choice.key:
        raise BundleError(_("{folder} changed while it was loaded; try again").format(folder=choice.folder))
    return loaded


def _file_size(loaded: Classifier) -> int:
    """Return the size of a loaded network's file, in bytes; a very large one still fits into the pool by itself."""
    return min(loaded.card.files[file_of(loaded.card, loaded.engine)].bytes, _MAX_BYTES // 2)


@cache
def _freeze_imports_once() -> None:
    """Exclude the modules imported so far from garbage collection; loading an int8 network imports no Keras."""
    freeze_imports()


POOL = Pool()
