"""Write benchmarks/RESULTS.md: python -m benchmarks.results [PART...]."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.servers import ROOT
from model.common.files import write_atomic

_DOCUMENT = ROOT / "benchmarks" / "RESULTS.md"
_HEAD = """# Results

What `make bench` printed, each part in one run on the machine that its first line names. Nothing else ran beside what
is timed, but timings are noisy: compare within a part. n is the number of measurements; p50 and p99 are the median and
the 99th percentile. The others run in an environment of their own (`scripts/peers.sh`), with the same network file and
the same photographs, and the answers are checked to agree.
"""


@dataclass(frozen=True)
class _Part:
    """A part of the document: its title, what is to be known of it, the command that measures it, its plot."""

    title: str
    about: str
    command: Sequence[str]
    plot: str = ""


_PARTS: Mapping[str, _Part] = {
    "pages": _Part(
        "Pages in a browser, beside Gradio",
        "A photograph is dropped with the browser's own input; the clock stops when the answer's bars are drawn.",
        ["benchmarks.peers.pages"],
    ),
    "page": _Part("Vitrine's pages", "The default network.", ["benchmarks.page"]),
    "serving": _Part(
        "Answers over HTTP, beside other servers",
        "Clients keep their connections and ask again at once. LitServe and BentoML put waiting pictures into batches.",
        ["benchmarks.peers.serving"],
    ),
    "workers": _Part(
        "More than one worker",
        "The API's processes share one port; one worker may use all cores as well.",
        ["benchmarks.serving", "--workers", "2"],
    ),
    "folder": _Part(
        "A folder of 10,000 photographs on the command line",
        "The bound is what decoding and the network would take with every core busy, and no more.",
        ["benchmarks.results.folder"],
    ),
    "latency": _Part("One picture, step by step", "The default network.", ["benchmarks.latency"]),
    "training": _Part(
        "Training `fast`, beside Keras's `fit` and PyTorch",
        "The same network, batch size and data; pictures a second, not how well they learn.",
        ["benchmarks.peers.training"],
    ),
    "networks": _Part(
        "The networks that ship",
        "Accuracy on CIFAR-10's test pictures is the cards' (9,000 of 10,000 from a JPEG copy); milliseconds are of "
        "one picture, decoded and cut. The dashed line is the frontier: nothing quicker is more accurate.",
        ["benchmarks.results.networks"],
        "frontier.svg",
    ),
    "sessions": _Part(
        "Forty people at one page",
        "Each session drops a picture of its own; server, browser and all of its pages share the machine.",
        ["benchmarks.results.sessions"],
    ),
    "kills": _Part(
        "kill -9",
        "At random moments between a command's start and its end; each goes on where it was.",
        ["benchmarks.results.kills"],
    ),
    "robustness": _Part(
        "Rubbish and broken connections",
        "Mutated pictures are real ones with bytes changed, cut out, repeated or cut off.",
        ["benchmarks.results.robustness"],
    ),
}


def _measure(part: _Part) -> str:
    """Run a part and return its section; what it prints is shown as it comes. Raises typer.Exit if it fails."""
    command = [sys.executable, "-m", *part.command]
    lines = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        print(f"{part.title}: not measured; the document keeps what it had", file=sys.stderr)
        raise typer.Exit(1)
    plot = f"\n![{part.title}]({part.plot})\n" if part.plot else ""
    printed = "".join(lines).strip()
    return f"{part.about}\n{plot}\n```text\n$ python -m {' '.join(part.command)}  # {date.today()}\n{printed}\n```\n"


def _sections(path: Path) -> dict[str, str]:
    """Return the sections that the document has, by title."""
    if not path.is_file():
        return {}
    pieces = re.split(r"^## (.+)\n\n", path.read_text("utf-8"), flags=re.MULTILINE)
    return {title: body.rstrip() + "\n" for title, body in zip(pieces[1::2], pieces[2::2], strict=True)}


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(_PARTS)}; else all.")] = None,
) -> None:
    """Measure parts and write them into the document; those that are not measured stay as they were."""
    if unknown := sorted(set(parts or ()) - set(_PARTS)):
        raise typer.BadParameter(f"There is no part {', '.join(unknown)}; there are {', '.join(_PARTS)}.")
    for name in parts or _PARTS:
        found = _sections(_DOCUMENT) | {_PARTS[name].title: _measure(_PARTS[name])}
        ordered = [part.title for part in _PARTS.values() if part.title in found]
        write_atomic(_DOCUMENT, "\n".join([_HEAD, *(f"## {title}\n\n{found[title]}" for title in ordered)]))


if __name__ == "__main__":
    typer.run(main)
