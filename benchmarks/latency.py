"""Time one picture, step by step: python -m benchmarks.latency."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
from PIL import Image

from benchmarks.machine import describe_machine, format_row, time_calls
from model.images.decoder import read_image, to_array
from model.inference.classifier import Classifier
from model.registry.card import CARD_FILE, KERAS_FILE
from model.registry.locations import BUNDLES
from model.registry.resolution import find_bundle

PHOTO = "sample_images/horse-zaniskari.jpg"


def photo_640x480() -> bytes:
    """Return a real photograph as a 640x480 JPEG."""
    buffer = io.BytesIO()
    Image.open(PHOTO).convert("RGB").resize((640, 480)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def main(n: int = 500) -> None:
    """Print a row for each step."""
    import keras

    content = photo_640x480()
    classifier = Classifier.load("default")
    int8 = Classifier.load("default", "int8")
    network = keras.models.load_model(find_bundle("default") / KERAS_FILE, compile=False)
    shape = classifier.card.input_shape
    picture = read_image(content, min_side=shape.longest)
    one = to_array(picture, shape)[None]

    print(describe_machine())
    print(f"640x480 JPEG of {len(content) // 1024} KB, model {classifier.card.name}")
    print(format_row("read_image: bytes to RGB", time_calls(lambda: read_image(content, min_side=shape.longest), n)))
    print(format_row("to_array: crop and resize", time_calls(lambda: to_array(picture, shape), n)))
    model_step = time_calls(lambda: classifier.probabilities(one), n)
    print(format_row("probabilities, keras", model_step))
    print(format_row("probabilities, int8", time_calls(lambda: int8.probabilities(one), n)))
    for other in sorted({path.parent.name for path in BUNDLES.glob(f"*/{CARD_FILE}")} - {classifier.card.name}):
        for engine in ("keras", "int8"):
            loaded = Classifier.load(other, engine)
            alone = partial(loaded.probabilities, to_array(picture, loaded.card.input_shape)[None])
            print(format_row(f"probabilities, {engine}, of {other}", time_calls(alone, n)))
    print(format_row("classify: bytes to Prediction, keras", time_calls(lambda: classifier.classify(content), n)))
    print(format_row("classify: bytes to Prediction, int8", time_calls(lambda: int8.classify(content), n)))
    plain = time_calls(lambda: network.predict(one, verbose=0), n // 5)
    print(format_row("model.predict on one image, for comparison", plain))
    print(f"the model step is {np.median(plain) / np.median(model_step):.1f} times as fast as model.predict")


if __name__ == "__main__":
    main()
