"""Decide whether a picture shows one of a network's classes at all, from the outputs of the same forward pass.

The `known` of a bundle's card names the method: the similarity of the picture's features to those of training images
(Y. Sun et al., arXiv 2204.06507, with the mean of the features subtracted first), the logsumexp of the logits (W. Liu
et al., arXiv 2010.03759), or the largest probability (D. Hendrycks and K. Gimpel, arXiv 1610.02136).
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
LOGITS = "logits"  # an output of networks that return logits
KNOWN, UNSURE, UNKNOWN = "known", "unsure", "unknown"
# Scores at the thresholds of `unsure` and `unknown`; a network's own output has its own thresholds.
_SCORE_THRESHOLDS = (0.5, 0.25)
_MAX_BYTES = 8 * 2**20  # of a bank, decompressed


@dataclass(frozen=True)
class FeatureBank:
    """Features of training images.

    Attributes:
        rows: float32 (n, features), centered and of length 1.
        center: The mean of the features, float32 (features,).
    """

    rows: np.ndarray
    center: np.ndarray

    def similarity(self, features: np.ndarray, neighbor: int) -> np.ndarray:
        """Return the cosine similarity of features to their `neighbor`-th nearest row, float (m,), -1 to 1.

        Args:
            features: float (m, features).
            neighbor: Which nearest row, counted from 1.
        """
        cosines = normalize_rows(features - self.center) @ self.rows.T
        index = max(0, len(self.rows) - neighbor)
        return np.asarray(np.partition(cosines, index, axis=1)[:, index])


def normalize_rows(features: np.ndarray) -> np.ndarray:
    """Scale rows to length 1; a row of zeros stays zero."""
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12))


def read_bank(path: Path) -> FeatureBank:
    """Read a known.npz, which has `rows`, int8 (n, features), and `center`, float32 (features,).

    Nothing is decompressed before its size is known, and no pickle is ever read.

    Raises:
        BundleError: The file is damaged or too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
                raise ValueError("too large")
            rows, center = _read_array(archive, "rows", np.int8), _read_array(archive, "center", np.float32)
        if rows.ndim != 2 or center.shape != rows.shape[1:] or not rows.size or not np.isfinite(center).all():
            raise ValueError(f"rows {rows.shape}, center {center.shape}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BundleError(
            _("{path} is not a file of training pictures' features: {error}").format(path=path, error=error)
        ) from error
    return FeatureBank(normalize_rows(rows.astype(np.float32)), center)


def _read_array(archive: zipfile.ZipFile, name: str, dtype: type[np.generic]) -> np.ndarray:
    """Read an array of an .npz file.

    Raises:
        ValueError: It has another dtype or another size than it says.
    """
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name} has format {version}")
        shape, by_column, found = np.lib.format.read_array_header_1_0(file)
        content = file.read(_MAX_BYTES)
    if found != np.dtype(dtype) or by_column or len(content) != math.prod(shape) * found.itemsize:
        raise ValueError(f"{name} is {found} {shape}")
    return np.frombuffer(content, found).reshape(shape)


def raw_scores(rule: KnownRule, rows: Mapping[str, np.ndarray], bank: FeatureBank | None) -> np.ndarray:
    """Return the method's own score for each image, float (n,); higher means more likely known.

    Args:
        rule: The method.
        rows: The outputs of the network, by name.
        bank: The features of training images, for the method that compares them.
    """
    if rule.method == OUTPUT:
        return rows[KNOWN_ROW][:, 0]
    if rule.method == NEIGHBORS:
        assert bank is not None
        return bank.similarity(rows[FEATURES], rule.neighbor)
    if rule.method == ENERGY:
        logits = rows[LOGITS]
        peak = logits.max(axis=1)
        return np.asarray(peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1)))
    return np.asarray(rows[PROBABILITIES].max(axis=1))


def known_scores(rule: KnownRule, rows: Mapping[str, np.ndarray], bank: FeatureBank | None) -> np.ndarray:
    """Return how likely it is that each image shows one of the classes, 0 to 1, float (n,).

    A network's own output stays as it is. Scores of other methods go through a logistic function that is 0.5 at the
    threshold of `unsure` and 0.25 at that of `unknown`.

    Args:
        rule: The method and its thresholds.
        rows: The outputs of the network, by name.
        bank: The features of training images, for the method that compares them.
    """
    raw = raw_scores(rule, rows, bank).astype(np.float64)
    if rule.method == OUTPUT:
        return np.clip(raw, 0.0, 1.0)
    steps = (raw - rule.unsure) / max(rule.unsure - rule.unknown, 1e-6)
    return np.asarray(1 / (1 + np.exp(np.clip(-math.log(3) * steps, -500, 500))))


def unknown_limit(rule: KnownRule) -> float:
    """Return the score of `known_scores` below which the verdict is `unknown`."""
    return rule.unknown if rule.method == OUTPUT else _SCORE_THRESHOLDS[1]


def verdict_of(rule: KnownRule, score: float) -> str:
    """Return `known`, `unsure` or `unknown` for a score of `known_scores`; empty if it is not finite."""
    unsure, unknown = (rule.unsure, rule.unknown) if rule.method == OUTPUT else _SCORE_THRESHOLDS
    if not math.isfinite(score):
        return ""
    return KNOWN if score >= unsure else UNSURE if score >= unknown else UNKNOWN
