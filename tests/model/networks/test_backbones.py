from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model.networks.architectures import build_model
from model.networks.backbones import BACKBONES, PREPROCESS, BackboneError, preprocessing_layers, unfreeze
from model.networks.efficientnet_lite import efficientnet_lite
from model.networks.plain_cnns import cnn5x5
from model.registry.card import write_card
from model.signature.scaling import image_input
from model.signature.shapes import InputShape
from tests.drawn import draw_images, save_untrained
from tests.shaped import GREY, card_of, telling_halves

# One network for each way of preparing pixels, and Keras's own preparation of each.
PREPARED = {"resnet50": "resnet", "mobilenetv2": "mobilenet_v2", "densenet121": "densenet", "mobilenetv3small": None}


def trainable(network: keras.Model) -> set[str]:
    return {layer.name for layer in network.layers if layer.trainable_weights}


@pytest.mark.parametrize("name", BACKBONES)
def test_every_name_is_a_network_of_keras(name: str) -> None:
    assert callable(getattr(keras.applications, BACKBONES[name].attribute))


@pytest.mark.parametrize(("name", "module"), PREPARED.items())
def test_pixels_are_prepared_as_keras_does(name: str, module: str | None) -> None:
    inputs = image_input(8)
    images = draw_images(2, 8)
    layers = keras.Model(inputs, preprocessing_layers(inputs, BACKBONES[name].pixels))
    wanted: Any = images.astype(np.float32)
    if module is not None:
        wanted = getattr(keras.applications, module).preprocess_input(wanted.copy())
    np.testing.assert_allclose(layers.predict_on_batch(images), wanted, atol=1e-3)


def test_a_head_has_its_hidden_layers_and_the_backbone_its_own() -> None:
    network = build_model("transfer", 5, 32, backbone="MobileNetV3-Small", weights="none", hidden=(24, 12), dropout=0.5)
    assert [network.get_layer(f"head{index}").units for index in (1, 2)] == [24, 12]
    assert network.get_layer("head2_dropout").rate == 0.5
    assert network.output_shape == (None, 5)
    assert len(trainable(network)) > 20  # nothing was trained before, so nothing is frozen


def test_an_own_model_is_a_backbone_and_frozen(tmp_path: Path) -> None:
    base = save_untrained(tmp_path / "mine", size=16)
    network = build_model("transfer", 4, 16, backbone=str(tmp_path / "mine"), hidden=(6,))
    assert trainable(network) == {"head1", "logits"}
    images = draw_images(3, 16)
    features = keras.Model(base.input, base.get_layer("logits").input)
    same = keras.Model(network.input, network.get_layer("head1").input)
    np.testing.assert_allclose(same.predict_on_batch(images), features.predict_on_batch(images), rtol=1e-4)


def test_letting_it_go_leaves_the_statistics_frozen(tmp_path: Path) -> None:
    save_untrained(tmp_path / "mine", size=16)
    network = build_model("transfer", 4, 16, backbone=str(tmp_path / "mine"))
    unfreeze(network)
    assert {"block1_conv1", "block3_conv2", "logits"} <= trainable(network)
    assert not any("norm" in name for name in trainable(network))
    caffe = build_model("transfer", 4, 32, backbone="vgg16", weights="none")
    unfreeze(caffe)
    assert "block1_conv1" in trainable(caffe) and PREPROCESS not in trainable(caffe)


def test_without_a_network_the_weights_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*arguments: Any, **named: Any) -> None:
        raise Exception("URL fetch failure on https://storage.googleapis.com/x: None -- Name or service not known")

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", unreachable)
    with pytest.raises(
        BackboneError, match=r"ImageNet weights of MobileNetV3Small could not be downloaded .*weights=none"
    ):
        build_model("transfer", 10, 32, backbone="mobilenetv3small")


def test_an_unknown_backbone_names_near_ones() -> None:
    with pytest.raises(BackboneError, match=r"unknown backbone 'resnet51'.*did you mean 'resnet50'"):
        build_model("transfer", 10, 32, backbone="resnet51")


def test_a_backbone_takes_pictures_of_another_size_if_its_layers_do(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    network = efficientnet_lite(3, 32)
    network.save(tmp_path / "mine" / "model.keras")
    write_card(tmp_path / "mine", card_of(InputShape(32, 32)))
    larger = build_model("transfer", 10, 48, backbone=str(tmp_path / "mine"))
    assert larger.input_shape == (None, 48, 48, 3)
    assert not any(layer.name == "dropout" for layer in larger.layers)  # the old head's
    np.testing.assert_array_equal(larger.get_layer("stem").get_weights()[0], network.get_layer("stem").get_weights()[0])


def test_a_network_that_knows_more_than_its_classes_is_a_backbone() -> None:
    network = build_model("transfer", 4, 96, backbone="photo")
    assert (network.input_shape, network.output_shape) == ((None, 96, 96, 3), (None, 4))
    assert not {"posterior", "known", "imagenet"} & {layer.name for layer in network.layers}


def test_pictures_of_another_size_are_refused_where_they_do_not(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    cnn5x5(3, 32).save(tmp_path / "mine" / "model.keras")
    write_card(tmp_path / "mine", card_of(InputShape(32, 32)))
    with pytest.raises(BackboneError, match=r"takes pictures of 32 x 32 alone; set model.input_size=32"):
        build_model("transfer", 10, 48, backbone=str(tmp_path / "mine"))


def test_only_what_comes_after_a_layer_learns(tmp_path: Path) -> None:
    save_untrained(tmp_path / "mine", size=16)
    network = build_model("transfer", 4, 16, backbone=str(tmp_path / "mine"))
    unfreeze(network, "block3_conv2")
    assert "logits" in trainable(network) and "block3_conv2" in trainable(network)
    assert not any(name.startswith("block1") for name in trainable(network))
    with pytest.raises(BackboneError, match=r"no layer 'block3_conv3'.*did you mean 'block3_conv2'"):
        unfreeze(network, "block3_conv3")


def test_a_grey_network_is_no_backbone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    telling_halves(GREY).save(tmp_path / "mine" / "model.keras")
    write_card(tmp_path / "mine", card_of(GREY))
    with pytest.raises(BackboneError, match=r"takes 28 x 28 pixels, grey; a backbone takes RGB squares"):
        build_model("transfer", 10, 28, backbone=str(tmp_path / "mine"))


def test_a_network_without_logits_is_refused(tmp_path: Path) -> None:
    from model.registry.card import Card

    (tmp_path / "bare").mkdir()
    inputs = image_input(16)
    bare = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))
    bare.save(tmp_path / "bare" / "model.keras")
    write_card(tmp_path / "bare", Card("bare", ("a", "b"), 16, bare.count_params(), 0, "none", "none", "2026-01-31"))
    with pytest.raises(BackboneError, match="no layer called 'logits'"):
        build_model("transfer", 10, 16, backbone=str(tmp_path / "bare"))


def test_too_small_pictures_are_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"'transfer' cannot be built for pictures of 32 x 32"):
        build_model("transfer", 10, 32, backbone="inceptionv3", weights="none")
