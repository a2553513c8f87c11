"""Diagnose a run from its curves, in sentences that claim no more than the numbers show."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.i18n.number_format import percentage
from model.i18n.translations import gettext as _
from training.analysis.curves import Curves, Finding, epoch_span, format_losses, read_curves, to_int
from training.analysis.generalization_gap import compare_accuracies
from training.analysis.trends import (
    direction,
    is_level,
    level_since,
    median_of_three,
    minimum_index,
    noise,
    smallest_change,
    start_and_end,
)
from training.runs.run import Run

_DIVERGED_RATIO = 1.25  # a training loss that ends so many times above its lowest has diverged
_UNDERFITTING_ACCURACY = 0.7  # accuracy on training pictures below which a network that has stopped learning underfits


def diagnose(run: Run) -> list[Finding]:
    """Say how the run ended if that is notable, what its loss did, and how training and validation compare."""
    curves = read_curves(run)
    if not len(curves):
        return []
    running = run.status == "running"
    main = _divergence(curves) or _too_short(curves) or _find_overfitting(curves) or _final_trend(curves, running)
    found = [
        _early_ending(run),
        main,
        *([] if main.kind in ("diverged", "short") else compare_accuracies(curves, run.recipe)),
    ]
    return [remark for remark in found if remark is not None]


def _early_ending(run: Run) -> Finding | None:
    """For a run that has fewer epochs than its recipe asks for: how many, and why, where the run shows it."""
    wanted, done = run.recipe.get("epochs"), len(run.history)
    if not isinstance(wanted, int) or done >= wanted or run.status == "running":
        return None
    epochs = {"done": done, "epochs": wanted}
    if run.status == "interrupted":
        return Finding("stopped", _("It was stopped after {done} of {epochs} epochs.").format(**epochs))
    if run.status == "cut off":
        return Finding("cut off", _("It was cut off after {done} of {epochs} epochs.").format(**epochs))
    best, patience = _best_epoch(run), run.recipe.get("patience")
    if isinstance(patience, int) and best and done - best >= patience:
        sentence = _(
            "It ended by itself after {done} of {epochs} epochs: {patience} brought nothing better than epoch {best}."
        )
        return Finding("patience", sentence.format(**epochs, patience=done - best, best=best))
    return Finding("ended", _("It ended after {done} of {epochs} epochs.").format(**epochs))


def _best_epoch(run: Run) -> int | None:
    """The number of the epoch that the run's own measure calls best; None without validation."""
    by_loss = run.recipe.get("monitor") == "loss"
    values = np.array(run.history.val_loss if by_loss else run.history.val_accuracy, float)
    if not len(values) or not np.isfinite(values).any():
        return None
    return 1 + int(np.nanargmin(values) if by_loss else np.nanargmax(values))


def _divergence(curves: Curves) -> Finding | None:
    """A loss that is no number, a training loss that ends far above its lowest, or one that never fell."""
    loss = curves.loss
    if not np.isfinite(loss).all():
        epoch = to_int(curves.epoch[~np.isfinite(loss)][0])
        sentence = _(
            "Training loss is no number any more in epoch {epoch}: it diverged; a lower learning rate may help."
        )
        return Finding("diverged", sentence.format(epoch=epoch))
    if curves.validated and not np.isfinite(curves.val_loss).all():
        epoch = to_int(curves.epoch[~np.isfinite(curves.val_loss)][0])
        sentence = _("Validation loss is no number in epoch {epoch}: it diverged; a lower learning rate may help.")
        return Finding("diverged", sentence.format(epoch=epoch))
    if len(curves) < 2:
        return None
    low, end = int(np.argmin(loss)), float(np.median(loss[-3:])) if len(loss) > 4 else float(loss[-1])
    wavers = 3 * noise(loss) if len(loss) > 4 else 0.0
    higher = loss[low] > 0 and end > max(_DIVERGED_RATIO * loss[low], loss[low] + wavers)
    if higher and (end > loss[0] or direction(loss[low:]) > 0):
        sentence = _(
            "Training loss itself rises after epoch {epoch}, from {low} to {end}: it diverges; a lower learning rate "
            "may help."
        )
        return Finding(
            "diverged", sentence.format(epoch=to_int(curves.epoch[low]), **format_losses(low=loss[low], end=end))
        )
    if len(loss) >= 5 and direction(loss) >= 0 and is_level(loss):
        sentence = _("Training loss has not fallen in {count} epochs ({loss}): it learns nothing this way.")
        return Finding(
            "learns nothing", sentence.format(count=to_int(curves.epoch[-1]), **format_losses(loss=np.median(loss)))
        )
    return None


def _too_short(curves: Curves) -> Finding | None:
    if len(curves) >= 5:
        return None
    if len(curves) == 1:
        return Finding("short", _("One epoch is too little to speak of a trend."))
    first, last = (curves.val_loss if curves.validated else curves.loss)[[0, -1]]
    sentence = (
        _("{count} epochs are too few to speak of a trend: validation loss went from {first} to {last}.")
        if curves.validated
        else _("{count} epochs are too few to speak of a trend: training loss went from {first} to {last}.")
    )
    return Finding("short", sentence.format(count=len(curves), **format_losses(first=first, last=last)))


def _find_overfitting(curves: Curves) -> Finding | None:
    """Validation loss that rises from its lowest on, and what training loss does meanwhile."""
    if not curves.validated:
        return None
    val, low = curves.val_loss, minimum_index(curves.val_loss)
    after, start = val[low + 1 :], float(median_of_three(val)[low])
    end = float(np.median(val[-3:]))
    if direction(after) <= 0 or end - start < max(smallest_change(val), 0.02 * start):
        return None
    values = {"epoch": to_int(curves.epoch[low]), **format_losses(low=start, end=end)}
    if direction(curves.loss[low:]) >= 0:
        sentence = _(
            "Validation loss rises from epoch {epoch} on, from {low} to {end}, while training loss does not fall."
        )
        return Finding("rises", sentence.format(**values))
    values |= format_losses(train_start=curves.loss[low], train_end=curves.loss[-1])
    sentence = _(
        "Validation loss rises from epoch {epoch} on ({low} to {end}) while training loss falls ({train_start} to "
        "{train_end}): it overfits from there."
    )
    return Finding("overfitting", sentence.format(**values) + _accuracy_after(curves, low))


def _accuracy_after(curves: Curves, low: int) -> str:
    """What validation accuracy does while validation loss rises: the two need not agree."""
    after = curves.val_accuracy[low:]
    if not np.isfinite(after).all():
        return ""
    figure = percentage(float(np.median(after[-3:])))
    if direction(after) > 0:
        return " " + _("Validation accuracy still rises after that, to {accuracy}.").format(accuracy=figure)
    if direction(after) < 0:
        return " " + _("Validation accuracy falls too, to {accuracy}.").format(accuracy=figure)
    return ""


def _final_trend(curves: Curves, running: bool) -> Finding:
    """What the loss did last: still falling, level, or neither."""
    loss = curves.val_loss if curves.validated else curves.loss
    end = loss[-curves.last :]
    first, last = start_and_end(end)
    values = {"count": epoch_span(curves.epoch[-len(end) :]), **format_losses(first=first, last=last)}
    if direction(end) < 0:
        return _describe_falling(curves, values, running)
    since = level_since(loss)
    if since is None:
        sentence = (
            _("Validation loss has no clear direction over the last {count} epochs ({first} to {last}).")
            if curves.validated
            else _("Training loss has no clear direction over the last {count} epochs ({first} to {last}).")
        )
        return Finding("unclear", sentence.format(**values))
    return _describe_level(curves, since)


def _describe_falling(curves: Curves, values: dict[str, Any], running: bool) -> Finding:
    if not curves.validated:
        sentence = _(
            "Training loss still falls over the last {count} epochs ({first} to {last}); without validation pictures "
            "nothing shows whether it overfits."
        )
        return Finding("falling", sentence.format(**values))
    if running:
        sentence = _("Validation loss is still falling ({first} to {last} over the last {count} epochs).")
        return Finding("falling", sentence.format(**values))
    rate = curves.rate[-curves.last :]
    if np.isfinite(rate).all() and rate[-1] < 0.7 * rate.max():
        sentence = _(
            "Validation loss fell to the end ({first} to {last} over the last {count} epochs), along with the "
            "learning rate: whether more epochs would help does not show."
        )
        return Finding("falling with the rate", sentence.format(**values))
    sentence = _(
        "Validation loss was still falling when it ended ({first} to {last} over the last {count} epochs): more "
        "epochs may help."
    )
    return Finding("falling", sentence.format(**values))


def _describe_level(curves: Curves, since: int) -> Finding:
    """Validation loss no longer moves: underfitting, learning by heart, or simply done."""
    loss = curves.val_loss if curves.validated else curves.loss
    values = {"epoch": to_int(curves.epoch[since]), **format_losses(loss=np.median(loss[since:]))}
    if not curves.validated:
        sentence = _(
            "Training loss has been level since epoch {epoch} (about {loss}); without validation pictures nothing "
            "shows whether it overfits."
        )
        return Finding("level", sentence.format(**values))
    if direction(curves.loss[since:]) < 0:
        sentence = _(
            "Validation loss has been level since epoch {epoch} (about {loss}) while training loss keeps falling: "
            "what it still learns no longer carries over to new pictures."
        )
        return Finding("level while training falls", sentence.format(**values))
    train, val = (float(np.median(column[since:])) for column in (curves.accuracy, curves.val_accuracy))
    if max(train, val) < _UNDERFITTING_ACCURACY:
        sentence = _(
            "It underfits: right on only {train} of its training and {validation} of its validation pictures, and no "
            "longer improving since epoch {epoch}."
        )
        return Finding(
            "underfitting", sentence.format(train=percentage(train), validation=percentage(val), epoch=values["epoch"])
        )
    sentence = _("Training and validation loss have been level since epoch {epoch} (validation about {loss}).")
    return Finding("level", sentence.format(**values))
