"""The server that a tutorial writes, to compare with: python -m benchmarks.flask_server PORT"""

from __future__ import annotations

import io
import sys

import keras
import numpy as np
from flask import Flask, Response, jsonify, request
from PIL import Image, ImageOps

from model.registry.card import KERAS_FILE, read_card
from model.registry.resolution import find_bundle

FOLDER = find_bundle("default")
CARD = read_card(FOLDER)
network = keras.models.load_model(FOLDER / KERAS_FILE, compile=False)
app = Flask(__name__)


@app.post("/predict")
def predict() -> Response:
    """One picture through `model.predict`."""
    image = Image.open(io.BytesIO(request.files["image"].read())).convert("RGB")
    square = ImageOps.fit(image, (CARD.input_size, CARD.input_size), Image.Resampling.BICUBIC)
    row = network.predict(np.asarray(square)[None], verbose=0)[0]
    predictions = [{"label": CARD.classes[index], "probability": float(row[index])} for index in np.argsort(row)[::-1]]
    return jsonify(success=True, predictions=predictions)


@app.get("/api/health")
def health() -> Response:
    return jsonify(status="ready")


if __name__ == "__main__":
    network.predict(np.zeros((1, CARD.input_size, CARD.input_size, 3), np.uint8), verbose=0)
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
