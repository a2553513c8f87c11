"""Features of a project's pictures, once a picture, kept in the project; and all that learning reads of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from model.images.decoder import process_image, to_array
from training.projects.project import Project
from training.teach.backbone import SIZE, Backbone

BATCH = 32  # pictures a pass
COVERED = 20  # pictures of a class that are also looked at with their centre covered
_COVER = 0.8  # of a side: the middle 64 % of a picture
_COVERED_SUFFIX = "-covered"


@dataclass(frozen=True)
class Samples:
    """The pictures of a project whose features are known.

    Attributes:
        classes: The names of the classes that have such pictures, in order.
        class_ids: Their numbers in the project, which stay when a class is renamed.
        ids: int64 (n,), the pictures' numbers in the project.
        labels: int64 (n,), indices into `classes`.
        sha256s: Of their files, (n,).
        features: float16 (n, features).
        likeness: uint8 (n, 32), the hash of their look.
        sides: int64 (n,), pixels of the shorter side.
        brightness: float32 (n,), 0 to 1.
        sharpness: float32 (n,).
        covered: int64 (m,), the rows that were also looked at with their centre covered.
        covered_features: float16 (m, features), those.
        revision: The project's, when they were read.
    """

    classes: tuple[str, ...]
    class_ids: tuple[int, ...]
    ids: np.ndarray
    labels: np.ndarray
    sha256s: tuple[str, ...]
    features: np.ndarray
    likeness: np.ndarray
    sides: np.ndarray
    brightness: np.ndarray
    sharpness: np.ndarray
    covered: np.ndarray
    covered_features: np.ndarray
    revision: int

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.ids)


@dataclass(frozen=True)
class _Wanted:
    """A file whose features are not known yet, and whether those with its centre covered are wanted too."""

    sha256: str
    covered: bool


def compute_features(
    project: Project,
    backbone: Backbone,
    on_progress: Callable[[int, int], object] = lambda done, total: None,
    stop: threading.Event | None = None,
) -> int:
    """Compute the features that are missing, and keep each batch as soon as it is there.

    Args:
        project: Its pictures may change meanwhile.
        backbone: The frozen network.
        on_progress: Called with the number of pictures done and their total.
        stop: Set by another thread, it ends the work after the batch that is going on.

    Returns:
        How many pictures were looked at.
    """
    wanted, done = _list_missing(project, backbone), 0
    on_progress(0, len(wanted))
    with ThreadPoolExecutor() as pool:
        for batch, pictures in _decoded(project, wanted, pool):
            if stop is not None and stop.is_set():
                break
            _keep(project, backbone, batch, pictures)
            done += len(batch)
            on_progress(done, len(wanted))
    return done


def _list_missing(project: Project, backbone: Backbone) -> list[_Wanted]:
    query = (
        "SELECT sha256, max(rank), EXISTS (SELECT 1 FROM features WHERE features.sha256 = ranked.sha256 AND kind = ?), "
        "EXISTS (SELECT 1 FROM features WHERE features.sha256 = ranked.sha256 AND kind = ?) FROM "
        "(SELECT id, sha256, row_number() OVER (PARTITION BY class ORDER BY id) <= ? AS rank FROM pictures) AS ranked "
        "GROUP BY sha256 ORDER BY min(id)"
    )
    with project.opened() as connection:
        rows = connection.execute(query, (backbone.key, backbone.key + _COVERED_SUFFIX, COVERED)).fetchall()
    return [
        _Wanted(sha256, bool(early and not covered))
        for sha256, early, known, covered in rows
        if not known or (early and not covered)
    ]


def _decoded(
    project: Project, wanted: Sequence[_Wanted], pool: ThreadPoolExecutor
) -> Iterator[tuple[list[_Wanted], np.ndarray]]:
    """Yield batches of files with their pictures, uint8 (n, SIZE, SIZE, 3), the next one decoded meanwhile."""
    batches = [list(wanted[start : start + BATCH]) for start in range(0, len(wanted), BATCH)]

    def begin(batch: list[_Wanted]) -> list[Future[np.ndarray]]:
        return [pool.submit(read_pixels, project.content(one.sha256)) for one in batch]

    coming = begin(batches[0]) if batches else []
    for place, batch in enumerate(batches):
        here, coming = coming, begin(batches[place + 1]) if place + 1 < len(batches) else []
        yield batch, np.stack([future.result() for future in here])


def read_pixels(content: bytes) -> np.ndarray:
    """Decode a picture as the backbone takes it, uint8 (SIZE, SIZE, 3). Raises InvalidImage."""
    return process_image(content, lambda image: to_array(image, SIZE), min_side=SIZE)


def cover_centre(image: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 (h, w, 3), with its middle painted over in its mean colour."""
    height, width = image.shape[:2]
    top, left = (round(side * (1 - _COVER) / 2) for side in (height, width))
    covered = image.copy()
    covered[top : height - top, left : width - left] = image.mean(axis=(0, 1)).astype(np.uint8)
    return covered


def _keep(project: Project, backbone: Backbone, batch: list[_Wanted], pictures: np.ndarray) -> None:
    chosen = [place for place, one in enumerate(batch) if one.covered]
    every = np.concatenate([pictures, *(cover_centre(pictures[place])[None] for place in chosen)])
    rows = backbone.features(every).astype(np.float16)
    names = [(one.sha256, backbone.key) for one in batch]
    names += [(batch[place].sha256, backbone.key + _COVERED_SUFFIX) for place in chosen]
    with project.opened(writes=True) as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO features VALUES (?, ?, ?)",
            [(*name, row.tobytes()) for name, row in zip(names, rows, strict=True)],
        )


def read_samples(project: Project, backbone: Backbone) -> Samples:
    """Read all pictures whose features are known; classes without any are left out."""
    query = (
        "SELECT pictures.id, classes.name, pictures.sha256, numbers, likeness, side, brightness, sharpness, classes.id "
        "FROM pictures JOIN classes ON class = classes.id JOIN files ON files.sha256 = pictures.sha256 "
        "JOIN features ON features.sha256 = pictures.sha256 AND kind = ? ORDER BY classes.id, pictures.id"
    )
    with project.opened() as connection:
        rows = connection.execute(query, (backbone.key,)).fetchall()
        covered = dict(
            connection.execute(
                "SELECT sha256, numbers FROM features WHERE kind = ?", (backbone.key + _COVERED_SUFFIX,)
            ).fetchall()
        )
        revision = connection.execute("SELECT value FROM settings WHERE key = 'revision'").fetchone()
    class_ids = {row[1]: row[8] for row in rows}
    classes = tuple(class_ids)
    places = {name: place for place, name in enumerate(classes)}
    among = [place for place, row in enumerate(rows) if row[2] in covered]
    return Samples(
        classes,
        tuple(class_ids.values()),
        np.array([row[0] for row in rows], np.int64),
        np.array([places[row[1]] for row in rows], np.int64),
        tuple(row[2] for row in rows),
        _as_rows([row[3] for row in rows], np.float16),
        _as_rows([row[4] for row in rows], np.uint8),
        np.array([row[5] for row in rows], np.int64),
        np.array([row[6] for row in rows], np.float32),
        np.array([row[7] for row in rows], np.float32),
        np.array(among, np.int64),
        _as_rows([covered[rows[place][2]] for place in among], np.float16),
        int(revision[0]) if revision else 0,
    )


def _as_rows(blobs: list[bytes], dtype: type[np.generic]) -> np.ndarray:
    """Put blobs of the same length below each other; none give (0, 0)."""
    return np.frombuffer(b"".join(blobs), dtype).reshape(len(blobs), -1) if blobs else np.zeros((0, 0), dtype)
