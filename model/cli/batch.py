"""python -m model batch: very many pictures, in shards that can be left and taken up again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from model.cli.terminal import console, fail

if TYPE_CHECKING:
    from model.batch.plan import Plan
    from model.batch.shards import ShardResult


def batch(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a list of files (.txt, .csv, .parquet), or an address such as s3://bucket/photos."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder of the answers, a Parquet file a shard.")],
    model: Annotated[str, typer.Option(help="A model's name, or a bundle's folder.")] = "default",
    engine: Annotated[str | None, typer.Option(help="keras or int8.")] = None,
    shard_size: Annotated[int, typer.Option(min=1, help="Files in a shard.")] = 2000,
    shard: Annotated[
        str | None, typer.Option(help="i/n: of n jobs this is number i, from 0, and does every n-th shard.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes here, or actors on a Ray cluster.")] = None,
    ray: Annotated[str | None, typer.Option(help="A Ray cluster that does the work, such as auto.")] = None,
) -> None:
    """Classify very many pictures. Run it again to go on: shards that are there already are left as they are."""
    from model.batch.local import run_here, workers_for
    from model.batch.plan import make_plan, task_of
    from model.batch.ray_cluster import run_on_ray
    from model.common.errors import VitrineError
    from model.common.extras import require

    start = perf_counter()
    try:
        require("scale")
        share = _share(shard)
        plan = make_plan(task_of(source, model, engine, shard_size), out)
        shards = plan.missing(share)
        if ray:
            results = run_on_ray(plan, shards, ray, workers)
        else:
            results = run_here(plan, shards, workers or workers_for(plan.task.engine))
        done = list(_with_progress_bar(results, len(shards) * shard_size)) if shards else []
    except KeyboardInterrupt:
        typer.echo("stopped; run the same command again to go on", err=True)
        raise typer.Exit(1) from None
    except VitrineError as error:
        fail(error)
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror or error}")
    for line in _summary(plan, done, perf_counter() - start, len(plan.missing())):
        typer.echo(line)


def _share(shard: str | None) -> tuple[int, int]:
    """Return (i, n) for `i/n`."""
    if shard is None:
        return 0, 1
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not match or not int(match[1]) < int(match[2]):
        raise typer.BadParameter(f"{shard!r} is no i/n with i from 0 to n - 1, such as 0/16")
    return int(match[1]), int(match[2])


def _with_progress_bar(results: Iterator[ShardResult], files: int) -> Iterator[ShardResult]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Classifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    terminal = console()
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("", total=files)
        for result in results:
            bar.advance(task, result.files)
            yield result


def _summary(plan: Plan, done: list[ShardResult], seconds: float, missing: int) -> list[str]:
    """Return what the command prints at its end."""
    files, failed = sum(result.files for result in done), sum(result.failed for result in done)
    lines = [f"{plan.files:,} files in {plan.shards:,} shards of {plan.folder}"]
    if done:
        lines.append(
            f"{files:,} files in {len(done):,} shards done in {seconds:,.1f} s, {files / seconds:,.0f} a second; "
            f"{failed:,} could not be read"
        )
    lines.append(f"{missing:,} shards are left to other jobs" if missing else "all shards are there")
    return lines
