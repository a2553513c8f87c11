"""Small pictures and data sets, drawn the same way every time."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("circle", "square", "stripes")
# A colour a shape as well: a network of a few thousand weights is to learn them in seconds.
COLOURS = {"circle": (230, 70, 60), "square": (60, 200, 80), "stripes": (70, 90, 230)}


def draw(shape: str, rng: np.random.Generator, size: int = 32) -> Image.Image:
    """One shape of random place, width and shade on noise, RGB (size, size)."""
    image = Image.fromarray(rng.integers(0, 90, (size, size, 3), dtype=np.uint8))
    pen = ImageDraw.Draw(image)
    colour = tuple(int(level) for level in np.clip(np.array(COLOURS[shape]) + rng.integers(-25, 26, 3), 0, 255))
    width = int(rng.integers(size // 3, 2 * size // 3))
    left, top = (int(place) for place in rng.integers(0, size - width, 2))
    if shape == "circle":
        pen.ellipse((left, top, left + width, top + width), fill=colour)
    elif shape == "square":
        pen.rectangle((left, top, left + width, top + width), fill=colour)
    else:
        for x in range(int(rng.integers(0, 4)), size, 4):
            pen.line((x, 0, x, size), fill=colour, width=2)
    return image


def draw_images(n: int, size: int = 32, seed: int = 0) -> np.ndarray:
    """The shapes in turn: uint8 (n, size, size, 3)."""
    rng = np.random.default_rng(seed)
    return np.stack([np.asarray(draw(SHAPES[index % len(SHAPES)], rng, size)) for index in range(n)])


def draw_folder(root: Path, per_class: int, size: int = 32, classes: tuple[str, ...] = SHAPES, seed: int = 0) -> Path:
    """One sub-folder a class with `per_class` pictures, PNG and JPEG in turn; returns root."""
    rng = np.random.default_rng(seed)
    for name in classes:
        (root / name).mkdir(parents=True)
        for index in range(per_class):
            draw(name, rng, size).save(root / name / f"{index:03d}.{('png', 'jpg')[index % 2]}", quality=95)
    return root


def draw_cifar10(root: Path, per_batch: int, tests: int | None = None, seed: int = 0) -> Path:
    """`root`/cifar-10-batches-py as its makers lay it out, `tests` pictures in test_batch; returns that folder."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]):
        n = tests if tests is not None and name == "test_batch" else per_batch
        images = draw_images(n, 32, seed + number)
        write_pickle(folder / name, {b"data": planes(images), b"labels": [index % 10 for index in range(n)]})
    names = [b"airplane", b"automobile", b"bird", b"cat", b"deer", b"dog", b"frog", b"horse", b"ship", b"truck"]
    write_pickle(folder / "batches.meta", {b"label_names": names, b"num_cases_per_batch": per_batch, b"num_vis": 3072})
    return folder


def planes(images: np.ndarray) -> np.ndarray:
    """uint8 (n, 32, 32, 3) as CIFAR-10 stores it: all red, then all green, then all blue, (n, 3072)."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), 3072)


def write_pickle(path: Path, content: Any) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """The picture as the bytes of a file."""
    if file_format == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def open_image(path: Path) -> Image.Image:
    """A picture file's content, with the file closed."""
    with Image.open(path) as image:
        return image.copy()


def picture(number: int, size: int = 48) -> Image.Image:
    """One drawn picture, another for each number, RGB (size, size)."""
    return draw(SHAPES[number % len(SHAPES)], np.random.default_rng(number), size)


def enliven(network: Any) -> None:
    """Give an untrained network normalisation statistics and large logits: otherwise it calls all pictures the same."""
    for layer in network.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.5
    for _ in range(10):
        network(draw_images(30, network.input_shape[1]), training=True)
    logits = network.get_layer("logits")
    logits.set_weights([20 * weight for weight in logits.get_weights()])


def save_untrained(folder: Path, classes: tuple[str, ...] = SHAPES, size: int = 32) -> Any:
    """A bundle in `folder` whose small network has learnt nothing, without its int8 twin; returns the network."""
    from model.networks.architectures import build_model
    from model.registry.card import Card, write_card

    folder.mkdir(parents=True)
    network = build_model("airbench", len(classes), size, widths=(8, 16, 16))
    enliven(network)
    network.save(folder / "model.keras")
    write_card(folder, Card(folder.name, classes, size, network.count_params(), 0, "untrained", "none", "2026-01-31"))
    return network
