"""Compare training and validation accuracy, and say why one may be higher."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from training.analysis.curves import Curves, Finding

_NOTABLE_GAP = 0.08  # of accuracy between training and validation that is worth a word
_HARDER_SETTINGS = {
    "augmentation.flip": marked("mirrored pictures"),
    "augmentation.shift": marked("shifted pictures"),
    "augmentation.rotate": marked("turned pictures"),
    "augmentation.zoom": marked("zoomed pictures"),
    "augmentation.cutout": marked("covered squares"),
    "augmentation.jpeg": marked("JPEG's losses"),
    "schedule.prune": marked("the harder ones of the pictures"),
    "distillation.teacher": marked("a teacher's answers as targets"),
}


def compare_accuracies(curves: Curves, recipe: dict[str, Any]) -> list[Finding]:
    """Compare training and validation accuracy at the end, if one is clearly higher."""
    if not curves.validated:
        return []
    train, val = curves.accuracy[-curves.last :], curves.val_accuracy[-curves.last :]
    if not np.isfinite([train, val]).all():
        return []
    lead = float(np.median(val - train))
    shares = {"training": percentage(float(np.median(train))), "validation": percentage(float(np.median(val)))}
    if lead > 0.01 and np.mean(val > train) >= 0.8:
        return [
            Finding("validation above training", _describe_validation_above(shares, _training_difficulties(recipe)))
        ]
    if lead < -_NOTABLE_GAP:
        sentence = _(
            "Training accuracy ({training}) lies {points} points above validation accuracy ({validation}): part of "
            "what it learns holds for the training pictures only."
        )
        return [Finding("gap", sentence.format(**shares, points=decimal(-100 * lead)))]
    return []


def _describe_validation_above(shares: dict[str, str], reasons: list[str]) -> str:
    if reasons:
        sentence = _(
            "Validation accuracy ({validation}) lies above training accuracy ({training}), as it may: only training "
            "has to cope with {reasons}."
        )
        return sentence.format(**shares, reasons=", ".join(reasons))
    sentence = _(
        "Validation accuracy ({validation}) lies above training accuracy ({training}), and nothing in the recipe "
        "makes training harder; training's figure is a mean over each epoch, though, while the network still learns."
    )
    return sentence.format(**shares)


def _training_difficulties(recipe: dict[str, Any]) -> list[str]:
    """What makes training pictures harder than validation pictures, by the recipe, in the reader's language."""
    found = [
        _(name)
        for key, name in _HARDER_SETTINGS.items()
        if _recipe_value(recipe, key) not in (None, "", "none", 0, 0.0)
    ]
    found += [_("pieces of the pictures")] if _trains_on_crops(recipe) else []
    return [*found, _("dropout")] if _has_dropout(recipe) else found


def _trains_on_crops(recipe: dict[str, Any]) -> bool:
    """Whether training shows parts of pictures where validation shows them whole."""
    scales = _recipe_value(recipe, "schedule.scales")
    known = [scale for scale in scales if isinstance(scale, int | float)] if isinstance(scales, list) else []
    return _recipe_value(recipe, "schedule.smaller") == "cropped" and any(scale < 1 for scale in known)


def _has_dropout(recipe: dict[str, Any]) -> bool:
    """Whether units are left out in training, by the recipe's own share or by the architecture's."""
    from model.networks.architectures import ARCHITECTURES

    if _recipe_value(recipe, "model.dropout"):
        return True
    known = ARCHITECTURES.get(str(_recipe_value(recipe, "model.architecture")))
    own = inspect.signature(known.build).parameters.get("dropout") if known else None
    return own is not None and bool(own.default)


def _recipe_value(recipe: dict[str, Any], key: str) -> Any:
    """The value of a dotted key; None where there is none."""
    value: Any = recipe
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
