"""Metadata as Model Maker writes it behind a .tflite file, honest and damaged, made with the format's own writer."""

from __future__ import annotations

import io
import zipfile

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from model.intake.tflite_metadata import Metadata, read_labels, read_metadata, scaling_from_metadata
from model.signature.scaling import GUESSED, READ
from tests.shipped import FAST_INT8
from tests.zip_bytes import packed


class Writer:
    """Tables and vectors from the inside out, as a FlatBuffer is written."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(0)

    def table(self, *slots: tuple[int, int], kinds: tuple[tuple[int, int], ...] = ()) -> int:
        """slots: (slot, place of a value elsewhere); kinds: (slot, number of one byte)."""
        self.builder.StartObject(8)
        for slot, place in slots:
            self.builder.PrependUOffsetTRelativeSlot(slot, place, 0)
        for slot, number in kinds:
            self.builder.PrependUint8Slot(slot, number, 0)
        return self.builder.EndObject()

    def tables(self, *places: int) -> int:
        self.builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            self.builder.PrependUOffsetTRelative(place)
        return self.builder.EndVector()

    def numbers(self, values: list[float]) -> int:
        return self.builder.CreateNumpyVector(np.array(values, np.float32))


def description(mean: list[float], std: list[float], *files: tuple[str, str]) -> bytes:
    """files: name and locale of each file of labels."""
    writer = Writer()
    options = writer.table((0, writer.numbers(mean)), (1, writer.numbers(std)))
    step = writer.table((1, options), kinds=((0, 1),))
    image = writer.table((4, writer.tables(step)))
    listed = []
    for name, locale in files:
        texts = [(0, writer.builder.CreateString(name))] + (
            [(3, writer.builder.CreateString(locale))] if locale else []
        )
        listed.append(writer.table(*texts, kinds=((2, 2),)))
    probability = writer.table((6, writer.tables(*listed)))
    graph = writer.table((2, writer.tables(image)), (3, writer.tables(probability)))
    writer.builder.Finish(writer.table((3, writer.tables(graph))))
    return bytes(writer.builder.Output())


def described(described: bytes, members: dict[str, str]) -> bytes:
    """The shipped network with metadata inside and a ZIP behind."""
    model = schema.ModelT.InitFromPackedBuf(FAST_INT8.read_bytes(), 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(described, np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(2**21)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()) + packed(members)


def test_normalisation_and_labels_are_found() -> None:
    text = description([127.5], [127.5], ("labels_pt.txt", "pt"), ("labels.txt", ""))
    content = described(text, {"labels.txt": "night\nday\n", "labels_pt.txt": "noite\ndia\n", "README.txt": "x"})
    metadata = read_metadata(content)
    assert metadata == Metadata((127.5,), (127.5,), ("labels.txt", "labels_pt.txt"))
    assert read_labels(content, metadata) == ["night", "day"]
    found = scaling_from_metadata(metadata)
    assert found is not None
    assert (found.scaling, found.source) == ("symmetric", READ)
    assert found.why == "its metadata says mean 127.5 and deviation 127.5"


@pytest.mark.parametrize(
    ("mean", "std", "scaling", "source"),
    [
        ([0.0], [1.0], "none", READ),
        ([0.0], [255.0], "unit", READ),
        ([127.0], [128.0], "symmetric", READ),
        ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375], "imagenet", READ),
        ([40.0], [1.0], "none", GUESSED),
        ([103.939, 116.779, 123.68], [1.0], "caffe", READ),
        ([123.68, 116.779, 103.939], [1.0], "caffe", GUESSED),  # it is blue first
        ([103.53, 116.28, 123.675], [57.375, 57.12, 58.395], "imagenet", GUESSED),
    ],
)
def test_every_normalisation_has_its_convention(mean: list[float], std: list[float], scaling: str, source: str) -> None:
    found = scaling_from_metadata(Metadata(tuple(mean), tuple(std)))
    assert found is not None
    assert (found.scaling, found.source) == (scaling, source)


@pytest.mark.parametrize(
    ("mean", "std"), [([], []), ([0], [0]), ([float("nan")], [1]), ([0, 0], [1, 1]), ([0], [1, 1, 1])]
)
def test_a_normalisation_that_cannot_be_is_none(mean: list[float], std: list[float]) -> None:
    assert scaling_from_metadata(Metadata(tuple(mean), tuple(std))) is None


def test_files_without_metadata_are_silent() -> None:
    content = FAST_INT8.read_bytes()
    assert scaling_from_metadata(read_metadata(content)) is None
    assert read_labels(content, Metadata()) == []
    assert read_labels(content + packed({"labelmap.txt": "a\nb"}), Metadata()) == ["a", "b"]
    assert read_labels(content + packed({"a.txt": "a", "b.txt": "b"}), Metadata()) == []


@pytest.mark.parametrize(
    "members",
    [{f"{number}.txt": "" for number in range(300)}, {"labels.txt": "x" * (5 * 2**20)}, {"labels.txt": "\udcff"}],
)
def test_labels_beyond_measure_are_left_alone(members: dict[str, str]) -> None:
    encoded = {name: text.encode("utf-8", "surrogateescape").decode("latin-1") for name, text in members.items()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in encoded.items():
            archive.writestr(name, text.encode("latin-1"))
    assert read_labels(stream.getvalue(), Metadata(files=("labels.txt", "1.txt"))) == []


def test_damaged_metadata_is_no_metadata_and_never_an_error() -> None:
    text = description([127.5], [127.5], ("labels.txt", ""))
    whole = described(text, {"labels.txt": "night\nday\n"})
    place = whole.index(text)
    rng = np.random.default_rng(0)
    for number in range(400):
        damaged = bytearray(whole)
        # In the description half of the times, else where the file says what lies where.
        start, end = (place, place + len(text)) if number % 2 else (len(whole) - 4000, len(whole))
        for spot in rng.integers(start, end, 8).tolist():
            damaged[spot] = int(rng.choice([0, 127, 255, int(rng.integers(256))]))
        metadata = read_metadata(bytes(damaged))
        assert len(metadata.mean) <= 64
        scaling_from_metadata(metadata)
        assert len(read_labels(bytes(damaged), metadata)) <= 2
    for length in range(0, 300, 7):
        assert read_metadata(whole[:length]) == Metadata()
