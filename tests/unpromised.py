"""What packages do without promising it, as our code takes it: a function each, which fails where that has changed."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import io
import re
import subprocess
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import streamlit
from PIL import Image, ImageFile

ROOT = Path(__file__).parents[1]
FOLDERS = ("api", "benchmarks", "dashboard", "model", "training", "vitrine")


def sources() -> dict[str, str]:
    """The text of every module of ours, by its name."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text("utf-8") for path in paths}


def dense() -> Any:
    """A network with a network inside, which is a Sequential."""
    import keras

    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    inputs = keras.Input((4,))
    return keras.Model(inputs, inner(keras.layers.BatchNormalization()(inputs)))


def h5py_lock() -> None:
    """Every object of h5py takes it, also to be freed; a thread may take it twice."""
    import h5py

    lock = h5py._objects.phil
    assert lock.acquire()
    assert lock.acquire()
    lock.release()
    lock.release()


def keras_history() -> None:
    network = dense()
    history = network.outputs[0]._keras_history
    assert history.operation is network.layers[-1]
    assert history.node_index == history.tensor_index == 0


def inbound_nodes() -> None:
    layer = dense().layers[-1]
    (node,) = [node for node in layer._inbound_nodes if node.input_tensors[0].shape == (None, 4)][-1:]
    assert len(node.input_tensors) == 1


def functional() -> None:
    graph = dense().layers[-1]._functional
    assert graph.layers[-1].units == 2


def nodes_by_depth() -> None:
    levels = sorted(dense()._nodes_by_depth.items(), reverse=True)
    assert [type(node.operation).__name__ for _, level in levels for node in level] == [
        "InputLayer",
        "BatchNormalization",
        "Sequential",
    ]


def flatten_layers() -> None:
    kinds = [type(layer).__name__ for layer in dense()._flatten_layers()]
    assert kinds.count("Dense") == kinds.count("BatchNormalization") == kinds.count("Sequential") == 1


@cache
def variable_index() -> None:
    import keras

    found = []

    class Optimizer(keras.optimizers.SGD):  # type: ignore[misc]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            found.append((variable.name.rpartition("/")[2].partition(":")[0], self._get_variable_index(variable)))
            super().update_step(gradient, variable, learning_rate)

    network = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(4)])
    network.compile(Optimizer(momentum=0.9), "mse")
    network.fit(np.ones((4, 4)), np.ones((4, 4)), verbose=0)
    assert found[:4] == [("gamma", 0), ("beta", 1), ("kernel", 2), ("bias", 3)]


def early_stopping() -> None:
    import keras

    stopping = keras.callbacks.EarlyStopping(monitor="accuracy", mode="max", restore_best_weights=True)
    stopping.set_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
    stopping.on_train_begin()
    stopping.on_epoch_end(0, {"accuracy": 0.5})
    stopping.on_epoch_end(1, {"accuracy": 0.25})
    assert stopping.get_monitor_value({"accuracy": 0.5}) == 0.5
    assert (float(stopping.best), stopping.best_epoch, stopping.wait, len(stopping.best_weights)) == (0.5, 0, 1, 2)


def names_in_saved_files() -> None:
    import keras

    config = keras.saving.serialize_keras_object(dense())
    assert config["module"] == "keras.src.models.functional"
    assert {layer["class_name"] for layer in config["config"]["layers"]} >= {"Sequential", "InputLayer"}
    said = " ".join(text for name, text in sources().items() if name.startswith("model."))
    for module in sorted(set(re.findall(r'"(keras\.src\.[a-z0-9_.]*[a-z0-9_])"', said))):
        importlib.import_module(module)


def converter() -> None:
    import keras
    import tensorflow as tf

    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert tf.lite.TFLiteConverter.from_keras_model(network)._experimental_calibrate_only is False


def quantizer() -> None:
    from tensorflow.lite.python.convert import mlir_quantize

    assert {"input_data_type", "output_data_type", "denylisted_nodes"} <= set(
        inspect.signature(mlir_quantize).parameters
    )


def flatbuffer_files() -> None:
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as full
    from tensorflow.lite.tools import flatbuffer_utils

    assert callable(flatbuffer_utils.convert_bytearray_to_object)
    assert callable(flatbuffers.Builder.CreateNumpyVector)
    assert "CreateNumpyVector" in inspect.getsource(full.QuantizationParametersT.Pack)


def schema() -> None:
    from ai_edge_litert import schema_py_generated as light
    from tensorflow.lite.python import schema_py_generated as full

    for module in (light, full):
        assert (module.TensorType.FLOAT32, module.TensorType.INT8, module.BuiltinOperator.CONV_2D) == (0, 9, 3)
        assert {"GetRootAs", "Subgraphs", "Buffers", "OperatorCodes"} <= set(dir(module.Model))


def run_context() -> None:
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    assert get_script_run_ctx(suppress_warning=True) is None


def in_streamlits_page(pattern: str) -> Callable[[], None]:
    """Whether Streamlit's own code for the browser has it."""

    def check() -> None:
        files = (Path(streamlit.__file__).parent / "static" / "static" / "js").glob("*.js")
        assert any(re.search(pattern, file.read_text("utf-8")) for file in files), f"no {pattern} in Streamlit's page"

    return check


def route_in_scope() -> None:
    from fastapi import FastAPI

    app = FastAPI()
    app.get("/models/{name}")(lambda name: name)
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/models/best",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    with ThreadPoolExecutor(1) as pool:  # in this thread a browser's test may have a loop already
        pool.submit(lambda: asyncio.run(app(scope, receive, send))).result()
    assert scope["route"].path == "/models/{name}"


def agents_command_line() -> None:
    from pyngrok import process
    from pyngrok.conf import PyngrokConfig

    from dashboard.services.ngrok_agents import AGENT_ARGUMENTS
    from dashboard.services.ngrok_tunnel import CONFIG

    started: list[list[str]] = []

    def popen(arguments: list[str], **_: Any) -> None:
        started.append(arguments)
        raise FileNotFoundError

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        file = Path(folder) / "ngrok.yml"
        file.write_text(CONFIG)
        patch.setattr(subprocess, "Popen", popen)
        with suppress(FileNotFoundError):
            process.get_process(PyngrokConfig(__file__, str(file), config_version="2"))
    assert started[0][1:] == [*AGENT_ARGUMENTS, str(file)]


def tile() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(buffer, "PNG")
    image = Image.open(buffer)
    assert isinstance(image, ImageFile.ImageFile)
    (only,) = image.tile
    assert only._replace(args="I;16").args == "I;16" and only.args == "I;16B"


def filters() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"keras\.")
        assert warnings.filters[0] == ("ignore", None, UserWarning, re.compile(r"keras\."), 0)
