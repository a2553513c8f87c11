"""The networks loaded in a process: each once, by content, whatever their names do meanwhile."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.common.errors import BundleError, UnknownModel
from model.inference import classifier as engines
from model.inference.classifier import Classifier, engine_by_accuracy
from model.inference.pool import Pool, UnknownEngine, choose
from model.registry.card import Card, read_card, write_card
from model.registry.resolution import find_bundle
from tests.drawn import save_untrained
from tests.shipped import LISTED


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own bundles are; `tiny` is one."""
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    save_untrained(tmp_path / "bundles" / "tiny")
    return tmp_path / "bundles"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bundles that were loaded, slowly enough for threads to meet."""
    seen: list[str] = []
    really = Classifier.load

    def slow(bundle: Path, engine: str) -> Classifier:
        seen.append(f"{Path(bundle).name} {engine}")
        time.sleep(0.2)
        return really(bundle, engine)

    monkeypatch.setattr(Classifier, "load", slow)
    return seen


def test_threads_that_ask_together_wait_for_one_load(bundles: Path, loads: list[str]) -> None:
    pool = Pool()
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(lambda _: pool.get("tiny"), range(8)))
    assert loads == ["tiny keras"]
    assert len({id(one.forward) for one in loaded}) == 1
    assert pool.warm()


def test_a_copy_under_another_name_is_not_loaded_again(bundles: Path, loads: list[str]) -> None:
    pool = Pool()
    pool.get("tiny")
    shutil.copytree(bundles / "tiny", bundles / "renamed")
    assert pool.get("renamed").forward is pool.get("tiny").forward
    assert loads == ["tiny keras"]


def test_a_name_that_changes_hands_is_answered_by_its_new_network(bundles: Path) -> None:
    pool = Pool()
    blank = np.zeros((1, 32, 32, 3), np.uint8)
    before = pool.get("tiny").probabilities(blank)
    shutil.rmtree(bundles / "tiny")
    with pytest.raises(UnknownModel):
        pool.get("tiny")
    save_untrained(bundles / "tiny", ("cat", "dog"))
    after = pool.get("tiny")
    assert after.card.classes == ("cat", "dog")
    assert after.probabilities(blank).shape == (1, 2) != before.shape


def test_while_a_name_changes_hands_nobody_gets_one_networks_row_with_anothers_names(
    bundles: Path, tmp_path: Path
) -> None:
    # Both have three classes: only their names tell which network answered.
    save_untrained(tmp_path / "other", ("north", "south", "west"))
    blank = np.zeros((1, 32, 32, 3), np.uint8)
    versions = {path: Classifier.load(path) for path in (bundles / "tiny", tmp_path / "other")}
    right = {one.card.classes: one.probabilities(blank)[0].round(4).tolist() for one in versions.values()}
    shutil.copytree(bundles / "tiny", tmp_path / "first")
    pool, ended = Pool(), threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for source in (tmp_path / "other", tmp_path / "first"):
                shutil.copytree(source, bundles / "tiny", dirs_exist_ok=True)  # file by file, as a slow disk would
                time.sleep(0.1)

    swapper = threading.Thread(target=swap)
    swapper.start()
    answers = dict.fromkeys(right, 0)
    try:
        deadline = time.monotonic() + 100
        while min(answers.values()) < 5 and time.monotonic() < deadline:
            try:
                loaded = pool.get("tiny")
            except BundleError:  # caught half-written, and said so
                continue
            assert loaded.probabilities(blank)[0].round(4).tolist() == right[loaded.card.classes]
            answers[loaded.card.classes] += 1
    finally:
        ended.set()
        swapper.join()
    assert min(answers.values()) >= 5


def test_a_failure_is_told_to_all_who_wait_and_then_forgotten(
    bundles: Path, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool()
    content = (bundles / "tiny" / "model.keras").read_bytes()
    (bundles / "tiny" / "model.keras").write_bytes(b"torn")

    def ask(_: int) -> str:
        try:
            pool.get("tiny")
            return ""
        except BundleError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        assert all("SHA-256 differs" in said for said in threads.map(ask, range(4)))
    assert not pool.warm()
    (bundles / "tiny" / "model.keras").write_bytes(content)
    assert pool.get("tiny").card.name == "tiny"


def test_the_least_recently_asked_makes_room(bundles: Path, loads: list[str]) -> None:
    for name in ("second", "third"):
        save_untrained(bundles / name, ("cat", "dog", name))
    pool = Pool(limit=2)
    for name in ("tiny", "second", "tiny", "third", "tiny"):
        pool.get(name)
    assert loads == ["tiny keras", "second keras", "third keras"]
    pool.get("second")
    assert loads[-1] == "second keras"


def test_the_engine_that_is_wished_preferred_or_there(bundles: Path) -> None:
    assert choose("fast").engine == "keras"
    assert choose("fast", preferred="int8").engine == "int8"
    assert choose("fast", "int8").engine == "int8"
    assert choose("tiny", preferred="int8").engine == "keras"
    with pytest.raises(UnknownEngine, match="model 'tiny' has no engine 'int8'; its engines: keras"):
        choose("tiny", "int8")
    assert set(engines.ENGINES) == {"keras", "int8"}


def test_a_path_is_a_name_only_where_that_is_wanted(bundles: Path, tmp_path: Path) -> None:
    shutil.copytree(find_bundle("fast"), tmp_path / "elsewhere")
    assert choose(str(tmp_path / "elsewhere"), paths=True).card.name == "fast"
    with pytest.raises(UnknownModel, match=f"models: {LISTED}"):
        choose(str(tmp_path / "elsewhere"))


def test_networks_that_made_room_are_freed_and_the_imports_stay_frozen(bundles: Path) -> None:
    for name in ("second", "third", "fourth"):
        save_untrained(bundles / name, ("cat", "dog", name))
    pool, freed = Pool(limit=2), []
    pool.get("tiny")
    frozen = gc.get_freeze_count()
    assert frozen > 100_000  # what TensorFlow's import left
    for name in ("tiny", "second", "third", "fourth"):
        freed.append(weakref.ref(pool.get(name).network))
    assert [network() is None for network in freed] == [True, True, False, False]
    assert gc.get_freeze_count() > 0.9 * frozen


def test_loading_a_network_freezes_nothing_of_anybody_else(bundles: Path) -> None:
    class Session:
        """A visitor's, with objects that refer to one another."""

    pool, session = Pool(), Session()
    pool.get("tiny")
    session.own = session  # type: ignore[attr-defined]
    save_untrained(bundles / "second", ("cat", "dog"))
    pool.get("second")
    left = weakref.ref(session)
    del session
    gc.collect()
    assert left() is None


def measured(**tests: tuple[float, ...]) -> Card:
    """A card with accuracies: n, that of Keras, and that of int8 where there is one."""
    names = ("n", "keras", "int8")
    rows = {test: dict(zip(names, figures, strict=False)) for test, figures in tests.items()}
    return replace(read_card(find_bundle("fast")), accuracy=rows)


@pytest.mark.parametrize(
    ("card", "engine"),
    [
        (measured(all=(10000, 0.9264, 0.9268)), "int8"),
        (measured(all=(10000, 0.9064, 0.9044)), "int8"),  # 0.2 points, which floating point makes a little more
        (measured(all=(10000, 0.9064, 0.9043)), "keras"),
        (measured(first=(1000, 0.950, 0.951), all=(10000, 0.9063, 0.9039)), "keras"),
        (measured(first=(1000, 0.950, 0.940), all=(10000, 0.894, 0.8932)), "int8"),
        (measured(first=(1000, 0.95, 0.95), all=(10000, 0.9)), "int8"),
        (measured(all=(10000, 0.9)), "keras"),
        (measured(), "keras"),
    ],
)
def test_the_engine_by_accuracy_is_int8_unless_it_loses_more_than_a_fifth_of_a_point(card: Card, engine: str) -> None:
    assert engine_by_accuracy(card) == engine


def test_the_engine_by_accuracy_is_chosen_where_there_is_a_file_for_it(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, int8 in (("even", 0.9), ("worse", 0.8)):
        shutil.copytree(find_bundle("fast"), bundles / name)
        write_card(bundles / name, measured(all=(10000, 0.9, int8)))
    write_card(bundles / "tiny", replace(read_card(bundles / "tiny"), accuracy=measured(all=(1, 0.9, 0.9)).accuracy))
    assert [choose(name, preferred="auto").engine for name in ("even", "worse", "tiny")] == ["int8", "keras", "keras"]
    assert choose("even", "keras", preferred="auto").engine == "keras"
    monkeypatch.setattr(engines, "is_installed", lambda extra: False)
    assert choose("worse", preferred="auto").engine == "int8"
