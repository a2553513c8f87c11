"""Names that change hands while a server answers: every answer is the one network's or the other's, never a mixture."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest

from model.inference.pool import Pool
from model.registry import resolution, store
from model.registry.card import Card
from tests.drawn import encode, picture

CLASSES = {"A": ("A", "mixture"), "B": ("mixture", "B")}
PICTURE = encode(picture(0), "PNG")
ASKERS, SWITCHES = 4, 40


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two networks that say one thing each, whatever they see: their first class, or their second."""
    folder = tmp_path_factory.mktemp("networks")
    contents = {}
    for index, name in enumerate(CLASSES):
        dense = keras.layers.Dense(2, activation="softmax")
        keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), dense]).save(folder / "untrained.keras")
        bias = np.eye(2, dtype=np.float32)[index] * 9
        dense.set_weights([np.zeros((192, 2), np.float32), bias])
        network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), dense])
        network.save(folder / f"{name}.keras")
        contents[name] = (folder / f"{name}.keras").read_bytes()
    return contents


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


def put(network: str, name: str, networks: dict[str, bytes]) -> store.StoredModel:
    card = Card(name, CLASSES[network], 8, 0, 0, "", "", "", scaling="unit")
    return store.save_model(networks[network], ".keras", name, card)[0]


def ask(pool: Pool, name: str) -> str:
    return pool.get(name).classify(PICTURE).prediction.best.label


@pytest.mark.parametrize("name", ["default", "mine"])
def test_no_answer_is_a_mixture_and_the_next_one_is_the_new_networks(networks: dict[str, bytes], name: str) -> None:
    pool = Pool()
    put("A", "mine" if name == "mine" else "a", networks)
    newer = [put("B", "mine" if name == "mine" else "b", networks)]
    said: Counter[str] = Counter()
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                said[ask(pool, name)] += 1
            except Exception as error:  # counted, and compared with none below
                said[repr(error)] += 1

    def switch(to: str) -> None:
        if name == "default":
            resolution.set_default(to.lower())
        elif to == "A":
            store.remove_models("mine@2")
        else:
            store.restore_models(newer)

    switch("A")
    threads = [threading.Thread(target=keep_asking) for _ in range(ASKERS)]
    for thread in threads:
        thread.start()
    try:
        for number in range(SWITCHES):
            to = "BA"[number % 2]
            switch(to)
            assert ask(pool, name) == to
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(said) == {"A", "B"}


def test_a_renamed_network_is_not_loaded_again(networks: dict[str, bytes]) -> None:
    pool = Pool()
    put("A", "mine", networks)
    before = pool.get("mine")
    store.rename_model("mine", "yours")
    after = pool.get("yours")
    assert after.forward is before.forward
    assert (before.card.name, after.card.name) == ("mine", "yours")


def test_the_same_bytes_with_another_scaling_are_another_network(networks: dict[str, bytes]) -> None:
    pool = Pool()
    put("A", "mine", networks)
    before = pool.get("mine")
    store.remove_models("mine", for_good=True)
    card = Card("mine", CLASSES["A"], 8, 0, 0, "", "", "", scaling="symmetric")
    store.save_model(networks["A"], ".keras", "mine", card)
    assert pool.get("mine").forward is not before.forward
