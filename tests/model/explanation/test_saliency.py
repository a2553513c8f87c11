from __future__ import annotations

import threading
import time
from functools import partial

import keras
import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.servers import ROOT
from model.explanation.saliency import GREY, NoMapError, gradient_map, in_small_batches, occlusion_map, region_shares
from model.images.decoder import read_image, to_array
from model.inference.classifier import Classifier, compile_network
from model.networks.architectures import build_model
from model.registry.card import KERAS_FILE
from model.registry.resolution import find_bundle
from model.signature.shapes import InputShape
from tests.arranged import ARRANGEMENTS, arranged
from tests.drawn import draw_images, enliven
from tests.shaped import GREY as GREY_SHAPE
from tests.shaped import OBLONG, TALL, halves, telling_halves

SAMPLES = ROOT / "sample_images"


def corner_probabilities(images: np.ndarray) -> np.ndarray:
    """A classifier that looks at the upper left corner alone: the brighter, the surer of class 1."""
    bright = images[:, :8, :8].mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - bright, bright], axis=1)


def test_occlusion_marks_what_the_answer_rests_on() -> None:
    image = np.full((32, 32, 3), 255, np.uint8)
    marked = occlusion_map(corner_probabilities, image, 1)
    assert marked.shape == (32, 32) and marked.dtype == np.float32
    assert marked.max() == 1.0
    assert marked[:8, :8].mean() > 0.4
    assert marked[12:, 12:].max() == 0.0
    assert (occlusion_map(corner_probabilities, image, 0) == 0).all()  # covering only raises that class


@pytest.mark.parametrize("shape", [(16, 64, 3), (64, 16, 1)])
def test_occlusion_of_oblong_pictures(shape: tuple[int, int, int]) -> None:
    marked = occlusion_map(corner_probabilities, np.full(shape, 255, np.uint8), 1)
    assert marked.shape == shape[:2]
    assert marked[: shape[0] // 4, : shape[1] // 4].mean() > 0.3
    assert marked[shape[0] // 2 :, shape[1] // 2 :].max() == 0.0


@pytest.mark.parametrize("shape", [OBLONG, TALL, GREY_SHAPE])
def test_grad_cam_of_other_shapes(shape: InputShape) -> None:
    image = to_array(halves(up=True), shape)
    marked = gradient_map(telling_halves(shape), shape, "unit")(image, 0)
    assert marked.shape == shape[:2]
    upper, lower = marked[: shape.height // 3], marked[-shape.height // 3 :]
    assert upper.mean() > 0.5 and lower.mean() < 0.1


def test_a_class_that_others_do_not_exclude_has_a_map_of_its_own() -> None:
    """The other class is as sure, of the same places: that takes nothing away."""
    network = telling_halves(OBLONG, activation="sigmoid")
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([np.maximum(kernel[:, :1], 0).repeat(2, axis=1), bias])
    image = to_array(halves(up=True), OBLONG)
    marked = gradient_map(network, OBLONG, "unit", "independent probabilities")(image, 0)
    assert marked[:8].mean() > 0.5 and marked[-8:].mean() < 0.1


def test_occlusion_asks_once_and_leaves_the_picture_alone() -> None:
    calls = []
    image = draw_images(1)[0]
    before = image.copy()

    def probabilities(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        return corner_probabilities(images)

    occlusion_map(probabilities, image, 1)
    assert calls == [50]
    assert (image == before).all()


def bright_corner_network() -> keras.Model:
    """One convolution passes brightness on, and class 1 is the brightness of the lower right quarter."""
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 3))(x)
    x = keras.layers.Activation("relu")(x)
    features = keras.layers.AveragePooling2D(4)(x)
    logits = keras.layers.Dense(2, use_bias=False, name="logits")
    outputs = keras.layers.Activation("softmax")(logits(keras.layers.Flatten()(features)))
    kernel = np.zeros((16, 2), np.float32)
    kernel[[10, 11, 14, 15], 1] = 5.0
    logits.set_weights([kernel])
    return keras.Model(inputs, outputs)


def test_grad_cam_follows_the_features_for_a_class() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[8:, 8:] = 255
    marked = gradient_map(bright_corner_network(), 16)(image, 1)
    assert marked.shape == (16, 16) and marked.dtype == np.float32
    assert marked.max() == pytest.approx(1.0)
    assert marked[10:, 10:].mean() > 0.8
    assert marked[:6, :6].mean() < 0.05


@pytest.mark.parametrize("name", ["airbench", "residual", "vgg3"])
def test_grad_cam_works_on_frozen_networks_and_knows_the_classes_apart(name: str) -> None:
    network = build_model(name, 3, 32)
    enliven(network)
    network.trainable = False
    explain, image = gradient_map(network, 32), draw_images(1)[0]
    maps = [explain(image, label) for label in range(3)]
    assert all(marked.min() >= 0 and marked.max() <= 1 for marked in maps)
    assert max(np.abs(maps[0] - other).max() for other in maps[1:]) > 0.01


def test_a_network_without_maps_says_what_can_be_had() -> None:
    inputs = keras.Input((8, 8, 3))
    dense = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    with pytest.raises(
        NoMapError, match="no layer of feature maps for Grad-CAM; covering parts looks into any network"
    ):
        gradient_map(dense, 8)


def foreign(output: str) -> keras.Model:
    """The network of the bright corner as others build one: pixels of 0 to 1, pictures of any size, its own output."""
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 3))(inputs)
    features = keras.layers.AveragePooling2D(4)(keras.layers.Activation("relu")(x))
    flat = keras.layers.Reshape((16,))(features)
    activation = {
        "logits": None,
        "one logit": None,
        "one probability": "sigmoid",
        "independent probabilities": "sigmoid",
    }
    units = 1 if output.startswith("one") else 2
    dense = keras.layers.Dense(units, use_bias=False, activation=activation.get(output, "softmax"))
    outputs = dense(flat)
    kernel = np.zeros((16, units), np.float32)
    kernel[[10, 11, 14, 15], -1] = 5.0
    dense.set_weights([kernel])
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    "output", ["probabilities", "logits", "one logit", "one probability", "independent probabilities"]
)
def test_grad_cam_follows_networks_that_were_made_elsewhere(output: str) -> None:
    image = np.full((16, 16, 3), 100, np.uint8)
    explain = gradient_map(foreign(output), 16, "unit", output)
    marked = explain(image, 1)
    assert marked[10:, 10:].mean() > 0.8
    assert marked[:6, :6].mean() < 0.05
    assert explain(image, 0).max() == 0.0  # nothing speaks for the other class


ENDS = {"probabilities": "softmax", "logits": None, "independent probabilities": "sigmoid"}


@pytest.mark.parametrize("output", ENDS)
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_map_is_the_same_however_the_layers_are_arranged(arrangement: str, output: str) -> None:
    image = draw_images(1)[0]
    maps = []
    for name in ("functional", arrangement):
        network = arranged(name, (32, 32, 3), ENDS[output])
        explain = gradient_map(network, 32, "unit", output)
        maps.append(np.stack([explain(image, label) for label in range(3)]))
    assert (maps[0].max(axis=(1, 2)) == 1).sum() >= 2 and maps[0].std() > 0.05
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-4)


def test_a_nested_network_for_pictures_of_any_size_is_looked_into() -> None:
    image = draw_images(1)[0]
    networks = arranged("functional", (32, 32, 3), "softmax"), arranged("pooled base", (None, None, 3), "softmax")
    maps = [gradient_map(network, 32, "unit")(image, 1) for network in networks]
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-4)


def test_a_last_activation_of_its_own_in_a_sequential_is_left_out() -> None:
    image = draw_images(1)[0]
    whole = arranged("functional", (32, 32, 3), "softmax")
    stacked = arranged("sequential", (32, 32, 3), None)
    stacked.add(keras.layers.Activation("softmax"))
    maps = [gradient_map(network, 32, "unit")(image, 1) for network in (whole, stacked)]
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-4)


def test_a_picture_is_scaled_as_the_network_wants_it() -> None:
    """Unscaled, its probabilities would be all but 0 and 1, and the slope between them lost."""
    image = np.full((16, 16, 3), 100, np.uint8)
    scaled, bare = (gradient_map(foreign("one probability"), 16, name, "one probability") for name in ("unit", "none"))
    assert scaled(image, 1).max() == pytest.approx(1.0)
    assert bare(image, 1).max() == 0.0


def test_turns_ask_for_a_few_pictures_at_a_time_and_change_nothing() -> None:
    calls = []

    def probabilities(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        return corner_probabilities(images)

    images = draw_images(20)
    np.testing.assert_array_equal(in_small_batches(probabilities)(images), corner_probabilities(images))
    assert calls == [8, 8, 4]


def test_others_get_in_between_the_turns() -> None:
    """A network of one picture at a time, as LiteRT's are: while one visitor's map is made, another gets an answer."""
    lock, order = threading.Lock(), []

    def forward(who: str, images: np.ndarray) -> np.ndarray:
        with lock:
            order.append(who)
            time.sleep(0.005)
            return corner_probabilities(images)

    image = draw_images(1)[0]
    maker = threading.Thread(target=occlusion_map, args=(in_small_batches(partial(forward, "map")), image, 1))
    maker.start()
    while not order:
        time.sleep(0.001)
    forward("visitor", image[None])
    maker.join()
    assert order.index("visitor") <= 3


def test_regions_are_shares_of_the_whole() -> None:
    marks = np.zeros((32, 32), np.float32)
    marks[2, 2] = marks[16, 30] = 1.0
    assert region_shares(marks).tolist() == [[0.5, 0, 0], [0, 0, 0.5], [0, 0, 0]]
    assert (region_shares(np.zeros((8, 8))) == 0).all()


def test_grey_is_the_middle_of_photographs() -> None:
    assert GREY.dtype == np.uint8 and (np.abs(GREY.astype(int) - 120) < 10).all()


@pytest.fixture(scope="module")
def shipped() -> tuple[Classifier, keras.Model]:
    network = keras.models.load_model(find_bundle("fast") / KERAS_FILE, compile=False)
    return Classifier.load("fast"), network


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """200 square pieces of the sample pictures, some mirrored, at the network's size: uint8 (200, 32, 32, 3)."""
    rng = np.random.default_rng(0)
    paths = sorted(path for path in SAMPLES.iterdir() if path.suffix in {".jpg", ".png"})
    pieces = []
    for number in range(200):
        picture = np.asarray(read_image(paths[number % len(paths)].read_bytes(), min_side=64))
        side = int(min(picture.shape[:2]) * rng.uniform(0.8, 1.0))
        top, left = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
        piece = to_array(Image.fromarray(picture[top : top + side, left : left + side]), 32)
        pieces.append(piece[:, ::-1] if number % 2 else piece)
    return np.stack(pieces)


def covered(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The picture with some of its pixels, bool (size, size), taken from a blurred copy."""
    soft = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(3)))
    return np.where(places[..., None], soft, image)


def highest(values: np.ndarray, share: float) -> np.ndarray:
    """Where a share of the values is highest, bool (size, size)."""
    places = np.zeros(values.size, bool)
    places[np.argsort(-values.ravel(), kind="stable")[: round(share * values.size)]] = True
    return places.reshape(values.shape)


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_covering_what_a_map_marks_costs_more_than_covering_anything_else(
    method: str, shipped: tuple[Classifier, keras.Model], photographs: np.ndarray
) -> None:
    classifier, network = shipped
    photographs = photographs if method == "gradient" else photographs[:40]  # covering asks fifty times a picture
    before = classifier.probabilities(photographs)
    labels = before.argmax(axis=1)
    if method == "gradient":
        explain = gradient_map(network, 32)
        maps = [explain(image, label) for image, label in zip(photographs, labels, strict=True)]
    else:
        maps = [
            occlusion_map(classifier.probabilities, image, label)
            for image, label in zip(photographs, labels, strict=True)
        ]
    rng = np.random.default_rng(1)
    marked = [highest(marks, 0.1) for marks in maps]
    plans = {
        "marked": marked,
        "random pixels": [highest(rng.random((32, 32)), 0.1) for _ in maps],
        "the same shape elsewhere": [np.roll(places, tuple(rng.integers(8, 24, 2)), (0, 1)) for places in marked],
    }
    lost = {}
    for plan, places in plans.items():
        pictures = np.stack([covered(image, place) for image, place in zip(photographs, places, strict=True)])
        rows = np.arange(len(labels))
        lost[plan] = float((before[rows, labels] - classifier.probabilities(pictures)[rows, labels]).mean())
    assert lost["marked"] > 1.5 * max(lost["random pixels"], lost["the same shape elsewhere"], 0.005), lost


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two maps; 0 where one of them is empty."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if one.std() and other.std() else 0.0


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_random_weights_give_another_map(
    method: str, shipped: tuple[Classifier, keras.Model], photographs: np.ndarray
) -> None:
    """A map that stayed the same would show the picture, not the network (arXiv 1810.03292)."""
    classifier, network = shipped
    random = keras.models.clone_model(network)
    enliven(random)
    if method == "gradient":
        trained_map, random_map = gradient_map(network, 32), gradient_map(random, 32)
    else:
        trained_map = partial(occlusion_map, classifier.probabilities)
        random_map = partial(occlusion_map, compile_network(random, classifier.card))
    found = [likeness(trained_map(image, 3), random_map(image, 3)) for image in photographs[:20]]
    assert np.mean(found) < 0.5
