"""Int8 files store equal vectors once: they get smaller, and answer as before."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from model.export.packing import pack
from model.export.quantization import quantize
from model.networks.architectures import build_model
from tests.drawn import draw_images

KIB = 1024


@pytest.fixture(scope="module")
def int8_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the recipe dropout-augment's network, untrained, with numbers where training leaves some."""
    keras.utils.set_random_seed(1)
    network = build_model("dropout_stages", 10, 32)
    for variable in network.trainable_variables:
        if len(variable.shape) == 1:  # the converter leaves a bias of zeros out
            variable.assign(np.linspace(-0.1, 0.1, variable.shape[0]))
    path = tmp_path_factory.mktemp("packed") / "net.tflite"
    quantize(network, draw_images(60, 32), path)
    return path


def test_the_file_of_dropout_augment_is_no_larger_than_its_source_reports(int8_file: Path) -> None:
    assert 300 * KIB < int8_file.stat().st_size <= 359 * KIB


def test_packing_changes_no_answer_and_is_smaller_than_what_tensorflow_writes(int8_file: Path) -> None:
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object, convert_object_to_bytearray

    model = convert_bytearray_to_object(int8_file.read_bytes())
    packed, plain = pack(model), convert_object_to_bytearray(model)
    assert len(packed) < len(plain) - 2500
    image = draw_images(1, 32)
    answers = []
    for content in (packed, plain):
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*answers)
    assert np.ptp(answers[0]) > 0.01
