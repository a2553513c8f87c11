from __future__ import annotations

import io
from functools import partial

import pytest
from rich.console import Console

from training.engine import progress_bar
from training.engine.progress_bar import ProgressBar


def on_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> partial[Console]:
    console = partial(Console, width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(progress_bar, "Console", partial(console, file=io.StringIO()))
    return console


def seen(shown: ProgressBar, terminal: partial[Console]) -> list[str]:
    """The lines of the bar as a terminal shows them."""
    output = io.StringIO()
    terminal(file=output).print(shown.bar.get_renderable())
    return output.getvalue().splitlines()


def after_a_batch(epochs: int, steps: int, epoch: int, batch: int, seconds: float) -> ProgressBar:
    """A bar after the first batch of a training that began, or went on, with `epoch`."""
    shown = ProgressBar(epochs, steps, 64)
    shown.on_epoch_begin(epoch)
    shown.started -= seconds
    shown.on_train_batch_end(batch, {"loss": 1.2341, "accuracy": 0.4561, "other": 3.0})
    return shown


def test_the_bar_shows_the_batch_within_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(100, monkeypatch)
    (line,) = seen(after_a_batch(10, 47, 2, 33, 5.0), terminal)
    assert line.startswith("epoch 3/10, batch 34/47 ━")
    assert line.rstrip().endswith(" left")
    assert "  loss 1.234, accuracy 0.456 · 435 images/s · 50 s left" in line
    assert line.index("loss") - line.index("━") > 20  # the bar has room too


@pytest.mark.parametrize(
    ("width", "figures", "lines"),
    [
        (80, (10, 47, 2, 33, 5.0), 1),
        (100, (200, 1563, 99, 1233, 70.0), 1),
        (80, (200, 1563, 99, 1233, 70.0), 2),
        (60, (10, 47, 2, 33, 5.0), 2),
    ],
)
def test_a_narrow_terminal_cuts_nothing_off(
    width: int, figures: tuple[int, int, int, int, float], lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(width, monkeypatch)
    shown = after_a_batch(*figures)
    task = shown.bar.tasks[0]
    found = seen(shown, terminal)
    assert len(found) == lines
    words = " ".join(found).replace("━", "").replace("╸", "").split()
    assert " ".join(words) == f"{task.fields['place']} {task.fields['figures']}"
    assert words[-1] == "left"


def test_where_no_terminal_is_an_epoch_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = after_a_batch(10, 47, 2, 33, 5.0)
    assert capsys.readouterr().out == ""
    shown.on_epoch_end(2, {"loss": 1.0, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": 0.25})
    line = capsys.readouterr().out
    assert line.startswith("epoch 3/10: loss 1.000, accuracy 0.500, val. loss 2.000, val. accuracy 0.250 · ")
    assert line.endswith(" left\n")
