"""What very many pictures cost on many cores, worked out on paper: python -m benchmarks.on_paper, or with --measure.

One machine was measured, no cluster: the table multiplies what it took, and names what gives way first.
"""

from __future__ import annotations

import io
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

from benchmarks.machine import describe_machine

SHARD = 2000  # pictures, as `batch` has it
PICTURES = (10**6, 10**8, 10**10)
CORES = (16, 256, 4096)
# Assumed, not measured.
PRICE = 0.05  # dollars of an hour of a core
FILE_SYSTEM = 5.0  # gigabytes a second that a file system gives to all nodes together
LIST = 10**9  # names that one process lists, one after the other


@dataclass(frozen=True)
class Measured:
    """What a batch of one shard took: 640x480 JPEGs with a network in int8.

    Attributes:
        network: Its name.
        cores: Of the machine.
        seconds: Of the whole command, with its start.
        rate: Pictures a second once the network is loaded, in one process on all of the cores.
        read: Bytes of a picture.
        written: Bytes of an answer.
        listed: Bytes of a name in the list of files.
    """

    network: str
    cores: int
    seconds: float
    rate: float
    read: float
    written: float
    listed: float

    @property
    def start(self) -> float:
        """Seconds before the first answer."""
        return self.seconds - SHARD / self.rate

    @property
    def seconds_a_shard(self) -> float:
        """Seconds that one core has with a shard."""
        return SHARD * self.cores / self.rate


MEASURED = Measured(network="wide", cores=2, seconds=6.85, rate=419, read=69_510, written=84.4, listed=6.8)


@dataclass(frozen=True)
class Estimate:
    """So many pictures on so many cores."""

    pictures: int
    cores: int
    measured: Measured = MEASURED

    @property
    def shards(self) -> int:
        """How many there are."""
        return math.ceil(self.pictures / SHARD)

    @property
    def hours(self) -> float:
        """From the start to the last answer: each core does one shard after another."""
        rounds = math.ceil(self.shards / self.cores)
        return (self.measured.start + rounds * self.measured.seconds_a_shard) / 3600

    @property
    def read(self) -> float:
        """Gigabytes that are read."""
        return self.pictures * self.measured.read / 1e9

    @property
    def written(self) -> float:
        """Gigabytes that are written, the list of files among them."""
        return self.pictures * (self.measured.written + self.measured.listed) / 1e9

    @property
    def cost(self) -> float:
        """Dollars for the cores, those that have nothing to do as well."""
        return self.hours * self.cores * PRICE

    def breaks(self) -> str:
        """Return what gives way first, and what next."""
        working = min(self.cores, self.shards)
        flow = working * SHARD / self.measured.seconds_a_shard * self.measured.read / 1e9
        found = []
        if self.pictures > LIST:
            found.append(f"the list of files: one process writes {self.pictures * self.measured.listed / 1e9:.0f} GB")
        if working < self.cores:
            found.append(f"{self.cores - working:,} cores have no shard: `--shard-size {self.pictures // self.cores}`")
        if flow > FILE_SYSTEM:
            found.append(f"reading {flow:.0f} GB a second")
        if self.hours > 7 * 24:
            found.append(f"patience: {self.hours / 24:.0f} days")
        return ", then ".join(found[:2]) or "nothing"


def table() -> Iterator[str]:
    """Yield the table as Markdown."""
    yield "| pictures | cores | hours | GB read | GB written | dollars | breaks first |"
    yield "| --- " * 7 + "|"
    for pictures in PICTURES:
        for cores in CORES:
            one = Estimate(pictures, cores)
            figures = map(short, (one.hours, one.read, one.written, one.cost))
            yield f"| {pictures:,} | {cores:,} | {' | '.join(figures)} | {one.breaks()} |"


def short(value: float) -> str:
    """Return a number with two digits that count, or all before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def basis() -> str:
    """Return what was measured, in a sentence."""
    return (
        f"{SHARD:,} JPEGs of 640x480 took `{MEASURED.network}` in int8 {MEASURED.seconds} s on {MEASURED.cores} cores, "
        f"with the start, and once the network was loaded {MEASURED.rate} a second went through. A picture has "
        f"{MEASURED.read / 1000:.0f} KB, its answer {MEASURED.written:.0f} bytes."
    )


def write_pictures(folder: Path, count: int) -> float:
    """Write 640x480 JPEGs of quality 90, each another piece of a sample photograph; returns their mean bytes."""
    rng = np.random.default_rng(0)
    photos = [Image.open(path).convert("RGB") for path in sorted(Path("sample_images").glob("*.jpg"))]
    size = 0
    for number in range(count):
        photo = photos[number % len(photos)]
        width = int(rng.uniform(0.5, 1) * min(photo.width, photo.height * 4 / 3))
        height = width * 3 // 4
        left, top = int(rng.integers(0, photo.width - width + 1)), int(rng.integers(0, photo.height - height + 1))
        buffer = io.BytesIO()
        piece = photo.resize((640, 480), box=(left, top, left + width, top + height))
        piece.save(buffer, "JPEG", quality=90)
        path = folder / f"{number // 1000:04}" / f"{number:010}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
        size += len(buffer.getvalue())
    return size / count


def measure(network: str = "best") -> Measured:
    """Measure what `MEASURED` has, on this machine, which should have nothing else to do."""
    from model.batch.local import workers_for
    from model.batch.plan import make_plan, task_of
    from model.batch.shards import answer_shard, load_network

    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "pictures", Path(folder) / "answers"
        read = write_pictures(source, SHARD)
        words = [sys.executable, "-m", "model", "batch", str(source), "--model", network, "--engine", "int8"]
        begin = perf_counter()
        subprocess.run([*words, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
        seconds = perf_counter() - begin
        plan = make_plan(task_of(str(source), network, "int8", SHARD), Path(folder) / "again")
        rate = SHARD / answer_shard(plan, 0, load_network(plan), workers_for("int8")).seconds
        written, listed = (next(out.glob(name)).stat().st_size / SHARD for name in ("answers-*", "_files*"))
        return Measured(network, workers_for("int8"), round(seconds, 2), round(rate), read, written, listed)


def main(words: list[str]) -> None:
    """Print the table, or with --measure what it rests on."""
    if words == ["--measure"]:
        print(describe_machine())
        print(measure())
        return
    print(basis())
    for line in table():
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
