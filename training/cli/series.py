"""What several commands share that train: one run, and the runs of a series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from training.runs.run_options import RunOptions

if TYPE_CHECKING:
    from training.runs.series import Runner, SeriesRun


def train_run(member: SeriesRun, options: RunOptions, resume: bool) -> str:
    """Read the data, train a run and return its status.

    Raises:
        StoppedRun: Ctrl-C came before the first epoch ended.
        TrainingError: The recipe cannot be trained on this data.
        VitrineError: The data cannot be used.
    """
    from training.engine.launch import ALL_GPUS, launch, read_data

    dataset = read_data(member.recipe, options.data, typer.echo, options.category_names, options.strict)
    outcome = launch(
        member.recipe,
        dataset,
        member.name,
        resume,
        typer.echo,
        options.origin,
        options.tensorboard,
        options.device == ALL_GPUS,
    )
    _print_bundle(outcome.bundle)
    return outcome.status


def _print_bundle(bundle: Path) -> None:
    from model.registry.card import read_card

    card = read_card(bundle)
    for title, figures in card.accuracy.items():
        typer.echo(f"{title}: accuracy {figures['keras']:.2%}, int8 {figures['int8']:.2%}")
    typer.echo(f"bundle {bundle} ({sum(entry.bytes for entry in card.files.values()) / 1e6:.1f} MB)")


def start_series(options: RunOptions, ray: str | None, cores: int | None, keep_going: bool = False) -> Runner:
    """Return what trains the runs of a series: one after another here, or side by side on a Ray cluster.

    Raises:
        DeviceError: There is no such device here, or it is no device for a cluster.
    """
    from training.engine.launch import choose_device, require_cluster_device
    from training.runs.series import one_after_another

    if ray is None:
        choose_device(options.device)
        return one_after_another(lambda member, resume: train_run(member, options, resume), keep_going)
    from training.engine.ray_runs import Cluster, side_by_side

    require_cluster_device(options.device)
    return side_by_side(Cluster(ray, cores), options, typer.echo)
