from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model.common.errors import BundleError, StoreError
from model.export.conversion import export
from model.inference.classifier import Classifier
from model.intake import add_model
from model.intake.add_model import ModelOptions, add_file
from model.intake.inspection import inspect_here
from model.registry import store
from model.registry.card import KERAS_FILE, read_card
from model.registry.resolution import find_by_name
from tests.drawn import draw_images
from tests.foreign import SIDE, layer, sequential, write_h5, write_keras, write_keras2
from tests.shipped import FAST, FAST_INT8
from tests.zip_bytes import packed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


def refusal(path: Path, *wishes: Any) -> str:
    """The sentence for a file that is not stored; and it is not."""
    with pytest.raises(BundleError) as caught:
        add_file(path, ModelOptions(*wishes))
    assert store.list_models() == []
    return str(caught.value)


def test_a_network_of_keras_2_goes_in_answers_and_comes_out(tmp_path: Path) -> None:
    write_keras2(tmp_path / "modelo.h5")
    added = add_file(tmp_path / "modelo.h5", ModelOptions("mine", "cat,dog,frog", "unit"))
    assert added.model.title == "mine"
    card = read_card(find_by_name("mine"))
    assert (card.classes, card.input_size, card.scaling) == (("cat", "dog", "frog"), SIDE, "unit")
    classifier = Classifier.load("mine")
    assert classifier.engine == "keras"
    rows = classifier.probabilities(draw_images(6, SIDE))
    assert np.allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(rows, axis=0).max() > 0.01
    export("mine", tmp_path / "out.h5")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "modelo.h5").read_bytes()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at in this process: TensorFlow need not be imported anew."""
    monkeypatch.setattr(add_model, "inspect", inspect_here)


def test_the_scaling_wished_is_what_the_network_gets(tmp_path: Path, at_once: None) -> None:
    write_keras(tmp_path / "a.keras")
    add_file(tmp_path / "a.keras", ModelOptions(scaling="symmetric"))
    images = draw_images(4, SIDE)
    network = keras.models.load_model(tmp_path / "a.keras")
    expected = np.asarray(network(images / np.float32(127.5) - 1))
    assert np.allclose(Classifier.load("a").probabilities(images), expected, atol=1e-5)
    assert not np.allclose(np.asarray(network(images / np.float32(255))), expected, atol=1e-2)


def test_a_tflite_file_is_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "my best (v2).tflite"
    path.write_bytes(FAST_INT8.read_bytes())
    names = tmp_path / "names.json"
    names.write_text(json.dumps([f"kind {number}" for number in range(10)]))
    assert add_file(path, ModelOptions(classes=str(names))).model.name == "my-best-v2"
    assert read_card(find_by_name("my-best-v2")).classes[3] == "kind 3"


def test_the_same_file_again_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_file(FAST_INT8, ModelOptions("mine"))
    monkeypatch.setattr(add_model, "inspect", lambda *_: pytest.fail("looked at twice"))
    again = add_file(FAST_INT8, ModelOptions("other"))
    assert (again.model.title, again.facts) == ("mine", None)
    with pytest.raises(StoreError, match=r"stored already, as 'mine' with the classes class0, .* remove that first"):
        add_file(FAST_INT8, ModelOptions(classes=",".join("abcdefghij")))
    with pytest.raises(StoreError, match="stored already, as 'mine' for pictures of 32 x 32 pixels; remove that first"):
        add_file(FAST_INT8, ModelOptions(input_size=64))
    assert add_file(FAST_INT8, ModelOptions(input_size=32)).facts is None
    assert len(store.list_models()) == 1


def test_the_same_file_with_a_scaling_settles_a_guess_and_nothing_else(tmp_path: Path, at_once: None) -> None:
    path = write_keras(tmp_path / "a.keras")
    assert add_file(path).model.card.is_guess
    again = add_file(path, ModelOptions(scaling="symmetric"))
    assert (again.facts, again.model.card.scaling, again.model.card.scaling_from) == (None, "symmetric", "confirmed")
    assert read_card(find_by_name("a")).scaling == "symmetric"
    with pytest.raises(StoreError, match="stored already, as 'a' with scaling symmetric; `confirm a --scaling unit`"):
        add_file(path, ModelOptions(scaling="unit"))


def test_classes_in_words_that_the_samples_show_are_tried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names from the command line and from a file reach whoever tries the network out."""
    seen: list[Any] = []

    def spy(path: Path, scaling: str, size: int, width: int, classes: str) -> Any:
        seen.append(json.loads(Path(classes).read_text()))
        return inspect_here(path, scaling or "unit", size, width, classes)

    monkeypatch.setattr(add_model, "inspect", spy)
    monkeypatch.chdir(tmp_path)
    Path("names.json").write_text('["cat", "dog", "frog"]')
    path = write_keras(tmp_path / "a.keras")
    add_file(path, ModelOptions(classes="names.json"))
    store.remove_models("a", for_good=True)
    add_file(path, ModelOptions(classes="cat,dog,frog"))
    assert seen == [["cat", "dog", "frog"]] * 2


def test_the_files_own_labels_are_its_classes(tmp_path: Path) -> None:
    labels = [f"kind {number}" for number in range(10)]
    path = tmp_path / "a.tflite"
    path.write_bytes(FAST_INT8.read_bytes() + packed({"labels.txt": "\n".join(labels)}))
    assert add_file(path).model.card.classes == tuple(labels)
    store.remove_models("a", for_good=True)
    assert add_file(path, ModelOptions(classes="a,b,c,d,e,f,g,h,i,j")).model.card.classes[2] == "c"
    path.write_bytes(FAST_INT8.read_bytes() + packed({"labels.txt": "one\ntwo"}))  # of another network
    assert add_file(path, ModelOptions("b")).model.card.classes[2] == "class2"


def trap(marker: Path) -> Any:
    """A layer whose code writes a file."""
    code = f"lambda x: open({str(marker)!r}, 'w').close() or x"
    return keras.layers.Lambda(eval(code), output_shape=(8, 8, 3))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_in_a_file_does_not_run(tmp_path: Path, suffix: str) -> None:
    marker = tmp_path / "marker"
    parts = [keras.Input((8, 8, 3)), trap(marker), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    path = tmp_path / f"a{suffix}"
    keras.Sequential(parts).save(path)
    marker.unlink(missing_ok=True)  # Keras may try a layer out when the network is made
    sentence = f"a{suffix} is not stored: it has a Lambda layer, which holds code of its maker."
    assert refusal(path) == sentence
    assert not marker.exists()
    keras.models.load_model(path, safe_mode=False, compile=False)(np.zeros((1, 8, 8, 3), np.float32))
    assert marker.exists()  # so the file did hold the trap


def reads(marker: Path) -> dict[str, Any]:
    """A layer that opens a file of this machine while it is made."""
    return layer("StringLookup", vocabulary=str(marker))


def fetches(marker: Path) -> dict[str, Any]:
    """A function of Keras's own that downloads into a folder, called as if it were a layer."""
    config = {"fname": str(marker), "origin": f"file://{FAST_INT8}", "cache_dir": str(marker.parent)}
    return {"module": "keras.utils", "class_name": "get_file", "config": config, "registered_name": "get_file"}


def runs(marker: Path) -> dict[str, Any]:
    config = {"args": ["touch", str(marker)]}
    return {"module": "subprocess", "class_name": "Popen", "config": config, "registered_name": "Popen"}


def calls(marker: Path) -> dict[str, Any]:
    function = {"module": "os", "class_name": "function", "config": "mkfifo", "registered_name": "mkfifo"}
    return layer("Activation", activation=function) | {"inbound_nodes": [{"args": [str(marker)], "kwargs": {}}]}


@pytest.mark.parametrize("part", [reads, fetches, runs, calls])
@pytest.mark.parametrize("write", [write_keras, write_h5])
def test_a_crafted_description_is_refused_and_touches_nothing(
    tmp_path: Path, part: Callable[[Path], dict[str, Any]], write: Callable[[Path, Any], Path], home: Path
) -> None:
    marker = tmp_path / "marker"
    path = write(tmp_path / ("a.keras" if write is write_keras else "a.h5"), sequential(part(marker)))
    assert "is not stored: it uses " in refusal(path)
    assert {entry.name for entry in tmp_path.iterdir()} <= {path.name, "home"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.keras", b"", "its content is of no known kind; .keras, .h5, .tflite files are taken"),
        ("a.h5", b"import os; os.system('true')", "its content is of no known kind"),
        ("a.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(500), "a.tflite is not stored: "),
        ("a.pkl", b"\x80\x04\x95", "a.pkl is not stored: it is a Python pickle"),
        ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(900), "its weights are damaged, or no HDF5 file at all"),
        ("a.keras", b"PK\x03\x04" + bytes(900), "it is a ZIP that is damaged or cut off"),
    ],
)
def test_other_files_are_a_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


def test_a_file_that_is_not_what_its_name_says_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(FAST_INT8.read_bytes())
    assert "its content is that of a .tflite file" in refusal(tmp_path / "a.h5")


def test_a_file_beyond_the_limit_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add_model, "MAX_BYTES", 2**20)
    assert "has 1.9 MB; model files can have up to 1 MB" in refusal(FAST_INT8)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (("mine", "cat,dog"), "there are 2 names (cat, dog) for a network with 10 classes"),
        (("fast",), "'fast' is the name of a model outside the store"),
        (("../x",), "'../x' cannot be a name"),
        (("mine", "", "loud"), "unknown scaling 'loud'; scalings: none, unit, symmetric"),
        (("mine", "", "", 64), "it takes pictures of 32 x 32 pixels, not of 64 x 64"),
    ],
)
def test_wishes_that_do_not_fit_are_a_sentence(wishes: tuple[Any, ...], words: str) -> None:
    assert words in refusal(FAST_INT8, *wishes)


def test_a_folder_and_a_missing_file_are_a_sentence(tmp_path: Path) -> None:
    assert refusal(tmp_path, "mine").endswith("it is a folder; a network's file is taken here.")
    assert refusal(tmp_path / "nowhere.h5").endswith("nowhere.h5 is not a file")
    (tmp_path / "....h5").write_bytes(FAST_INT8.read_bytes())
    assert "makes no name for a model; give one with --name" in refusal(tmp_path / "....h5")


def test_the_shipped_networks_own_files_can_be_added(at_once: None) -> None:
    """What Vitrine made itself is taken like anything else."""
    add_file(FAST / KERAS_FILE, ModelOptions("copy", scaling="none"))
    images = draw_images(3)
    assert np.allclose(
        Classifier.load("copy").probabilities(images), Classifier.load("fast").probabilities(images), atol=1e-6
    )
