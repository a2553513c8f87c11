"""Every network that ships, by accuracy, size and time: python -m benchmarks.results.networks."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.latency import photo_640x480
from benchmarks.machine import describe_machine, time_calls
from benchmarks.plot import draw_points
from benchmarks.servers import ROOT
from model.common.files import write_atomic
from model.images.decoder import read_image, to_array
from model.inference.classifier import Classifier
from model.registry.card import CARD_FILE, INT8_FILE, KERAS_FILE, read_card
from model.registry.locations import BUNDLES

_PLOT = ROOT / "benchmarks" / "frontier.svg"
_N = 200
_SETS = ("cifar10 test, first 1,000", "cifar10 test, all 10,000")
_FILES = {"keras": KERAS_FILE, "int8": INT8_FILE}


def main() -> None:
    """Print the table and draw the frontier."""
    content = photo_640x480()
    points: dict[str, dict[str, tuple[float, float]]] = {"keras": {}, "int8": {}}
    print(f"{describe_machine()}, n {_N}")
    heads = f"{'first 1,000':>13}{'all 10,000':>12}{'p50 ms':>9}{'p99 ms':>9}"
    print(f"{'':<20}{'parameters':>12}{'engine':>8}{'file KB':>9}{heads}")
    for folder in sorted(path.parent for path in BUNDLES.glob(f"*/{CARD_FILE}")):
        card = read_card(folder)
        for engine, file in _FILES.items():
            classifier = Classifier.load(card.name, engine)
            shape = card.input_shape
            one = to_array(read_image(content, shape.longest), shape)[None]
            times = time_calls(partial(classifier.probabilities, one), _N)
            first, everything = (card.accuracy.get(name, {}).get(engine) for name in _SETS)
            if everything:
                points[engine][card.name] = float(np.median(times)), float(everything)
            shares = "".join(f"{f'{100 * share:.2f} %' if share else '-':>12}" for share in (first, everything))
            size = (folder / file).stat().st_size // 1000
            figures = f"{np.median(times):>9.2f}{np.percentile(times, 99):>9.2f}"
            print(f"{card.name:<20}{card.parameters:>12,}{engine:>8}{size:>9,} {shares}{figures}", flush=True)
    write_atomic(_PLOT, draw_points(points, "milliseconds a picture", (0.2, 0.5, 1, 2, 5, 10, 20)))


if __name__ == "__main__":
    main()
