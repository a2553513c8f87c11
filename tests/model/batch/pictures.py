"""Folders of small pictures for batches."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from tests.drawn import draw_images, encode


def write_pictures(folder: Path, count: int, broken: int | None = None) -> list[str]:
    """Write small pictures, one of them broken; returns their paths in order."""
    images = draw_images(min(count, 50), 32)
    contents = [encode(Image.fromarray(image), "PNG") for image in images]
    paths = []
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture" if number == broken else contents[number % len(contents)])
        paths.append(str(path))
    return paths


def read_answers(folder: Path) -> dict[str, tuple[int | None, list[float] | None, str | None]]:
    """Read a folder of answers: (index, probabilities, error) by file. Each file has one row."""
    rows = pq.read_table(folder).to_pylist()
    answers = {row["file"]: (row["index"], row["probabilities"], row["error"]) for row in rows}
    assert len(answers) == len(rows)
    return answers
