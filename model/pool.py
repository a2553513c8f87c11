"""The networks that are loaded in this process: each once, for the pages and the API alike."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from model.bundle import BundleError, Card, find_bundle, find_named, read_card
from model.classifier import Classifier, engines_of, file_of
from model.language import gettext as _

MOST = 4  # networks kept loaded: the least recently asked one makes room
TRIES = 3  # a bundle that is being replaced is read again
Key = tuple[str, str, int, int, str, str]


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
        return digest, self.engine, card.input_size, len(card.classes), card.scaling, card.output


def choose(name: str, engine: str | None = None, preferred: str = "keras", paths: bool = False) -> Choice:
    """Look a model up: `engine` if one is asked for, else the preferred one if the model has it, else what it has.

    paths: whether the name may be a folder's path. Raises UnknownModel, UnknownEngine, or BundleError for a damaged
    bundle.
    """
    folder = (find_bundle if paths else find_named)(name)
    card = read_card(folder)
    there = engines_of(card)
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
        self.most = most
        self.loaded: OrderedDict[Key, Future[Classifier]] = OrderedDict()
        self.guard = threading.Lock()

    def ready(self, choice: Choice) -> Classifier | None:
        """The choice's classifier if its network is loaded."""
        with self.guard:
            future = self.loaded.get(choice.key)
            if future is None or not future.done() or future.exception() is not None:
                return None
            self.loaded.move_to_end(choice.key)
        return Classifier(choice.card, choice.engine, future.result().forward)

    def get(self, name: str, engine: str | None = None, preferred: str = "keras", paths: bool = False) -> Classifier:
        """A model's classifier, loaded if it is not yet; threads that ask together wait for one load.

        Takes and raises what `choose` does, and BundleError for a network that does not load.
        """
        for _try in range(TRIES):
            choice = choose(name, engine, preferred, paths)
            try:
                return self.ready(choice) or self.load(choice)
            except BundleError as error:
                failure = error
                # Whoever replaces a bundle writes file by file: only what still stands as it was read is an error.
                if choose(name, engine, preferred, paths) == choice:
                    break
        raise failure

    def load(self, choice: Choice) -> Classifier:
        """Load the choice's network, or wait for the thread that does. Raises BundleError."""
        with self.guard:
            future = self.loaded.get(choice.key)
            first = future is None
            if future is None:
                future = self.loaded[choice.key] = Future()
        if first:
            self.fill(future, choice)
        return Classifier(choice.card, choice.engine, future.result().forward)

    def fill(self, future: Future[Classifier], choice: Choice) -> None:
        """Load into the future; a failure is told to all who wait and forgotten, so that the next one tries again."""
        try:
            loaded = Classifier.load(choice.folder, choice.engine)
            if Choice(choice.folder, loaded.card, choice.engine).key != choice.key:
                raise BundleError(_("{folder} changed while it was loaded; ask again").format(folder=choice.folder))
        except BaseException as error:
            with self.guard:
                self.loaded.pop(choice.key, None)
            future.set_exception(error)
            return
        settle()
        future.set_result(loaded)
        with self.guard:
            self.make_room()

    def make_room(self) -> None:
        """Forget the least recently asked networks beyond the limit; called with the guard held."""
        done = [key for key, future in self.loaded.items() if future.done()]
        for key in done[: max(0, len(done) - self.most)]:
            del self.loaded[key]
            gc.unfreeze()  # its objects refer to one another: only the collector can free them

    def warm(self) -> bool:
        """Whether any network is loaded."""
        with self.guard:
            return any(future.done() and future.exception() is None for future in self.loaded.values())


def settle() -> None:
    """Call it after something of TensorFlow's was made that stays.

    Streamlit collects garbage after every run of a page. TensorFlow's objects live as long as their network; frozen,
    they are not searched each time, which would take 160 to 400 ms.
    """
    gc.collect()
    gc.freeze()


POOL = Pool()
