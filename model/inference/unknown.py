"""Whether a picture shows one of a network's classes at all, from the numbers of the same pass.

A bundle's card says by which method, in its `known`: how alike the picture's features are to those of training
pictures (Y. Sun et al., arXiv 2204.06507, with the features' mean taken off first), the logsumexp of the logits
(W. Liu et al., arXiv 2010.03759), or the largest probability (D. Hendrycks and K. Gimpel, arXiv 1610.02136).
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.common.errors import BundleError
from model.i18n.translations import gettext as _
from model.registry.card import KnownRule
from model.signature.rows import FEATURES, KNOWN_ROW, PROBABILITIES

OUTPUT, NEIGHBORS, ENERGY, PROBABILITY = "output", "neighbors", "energy", "probability"
METHODS = (OUTPUT, NEIGHBORS, ENERGY, PROBABILITY)
LOGITS = "logits"  # the row that a pass has where the network itself gives logits
KNOWN, UNSURE, UNKNOWN = "known", "unsure", "unknown"
# A score at the threshold of `unsure` and of `unknown`; a network's own number has thresholds of its own.
LIMITS = (0.5, 0.25)
MOST_BYTES = 8 * 2**20  # of a bank, unpacked


@dataclass(frozen=True)
class Bank:
    """Features of training pictures: rows float32 (n, features) of length 1, less `center` float32 (features,)."""

    rows: np.ndarray
    center: np.ndarray

    def likeness(self, features: np.ndarray, neighbor: int) -> np.ndarray:
        """The cosine between each of the features (m, features) and its `neighbor`-th nearest row, -1 to 1, (m,)."""
        found = directions(features - self.center) @ self.rows.T
        place = max(0, len(self.rows) - neighbor)
        return np.asarray(np.partition(found, place, axis=1)[:, place])


def directions(features: np.ndarray) -> np.ndarray:
    """Rows at length 1; a row of zeros stays one."""
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12))


def read_bank(path: Path) -> Bank:
    """The bank in a known.npz: `rows` int8 (n, features) and `center` float32 (features,). Raises BundleError.

    Nothing is unpacked before its size is known, and no pickle is ever read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError("too large")
            rows, center = read_array(archive, "rows", np.int8), read_array(archive, "center", np.float32)
        if rows.ndim != 2 or center.shape != rows.shape[1:] or not rows.size or not np.isfinite(center).all():
            raise ValueError(f"rows {rows.shape}, center {center.shape}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BundleError(
            _("{path} holds no features of training pictures: {error}").format(path=path, error=error)
        ) from error
    return Bank(directions(rows.astype(np.float32)), center)


def read_array(archive: zipfile.ZipFile, name: str, dtype: type[np.generic]) -> np.ndarray:
    """An array of an .npz file. Raises ValueError for one of another dtype, or whose size is not what it says."""
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name} has format {version}")
        shape, by_column, found = np.lib.format.read_array_header_1_0(file)
        content = file.read(MOST_BYTES)
    if found != np.dtype(dtype) or by_column or len(content) != math.prod(shape) * found.itemsize:
        raise ValueError(f"{name} is {found} {shape}")
    return np.frombuffer(content, found).reshape(shape)


def raw_scores(rule: KnownRule, rows: Mapping[str, np.ndarray], bank: Bank | None) -> np.ndarray:
    """What the method calls how known each picture of a pass is, float (n,): higher is more so."""
    if rule.method == OUTPUT:
        return rows[KNOWN_ROW][:, 0]
    if rule.method == NEIGHBORS:
        assert bank is not None
        return bank.likeness(rows[FEATURES], rule.neighbor)
    if rule.method == ENERGY:
        logits = rows[LOGITS]
        peak = logits.max(axis=1)
        return np.asarray(peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1)))
    return np.asarray(rows[PROBABILITIES].max(axis=1))


def known_scores(rule: KnownRule, rows: Mapping[str, np.ndarray], bank: Bank | None) -> np.ndarray:
    """How known each picture of a pass is, 0 to 1, float (n,).

    A network's own number stays as it is. Other methods' goes through a logistic curve that is 0.5 at the threshold of
    `unsure` and 0.25 at that of `unknown`.
    """
    raw = raw_scores(rule, rows, bank).astype(np.float64)
    if rule.method == OUTPUT:
        return np.clip(raw, 0.0, 1.0)
    steps = (raw - rule.unsure) / max(rule.unsure - rule.unknown, 1e-6)
    return np.asarray(1 / (1 + np.exp(np.clip(-math.log(3) * steps, -500, 500))))


def verdict_of(rule: KnownRule, score: float) -> str:
    """`known`, `unsure` or `unknown`, from a score of `known_scores`; nothing for one that is no number."""
    unsure, unknown = (rule.unsure, rule.unknown) if rule.method == OUTPUT else LIMITS
    if not math.isfinite(score):
        return ""
    return KNOWN if score >= unsure else UNSURE if score >= unknown else UNKNOWN
