"""Many people drop pictures on one page at the same time: python -m benchmarks.results.sessions [N].

Each has a session of a browser of its own and drops a picture of its own; the page must show that picture, with the
answer that the same network gives here.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.async_api import Browser, async_playwright

from benchmarks.browser import FLAGS, find_chromium
from benchmarks.machine import describe_machine
from benchmarks.servers import ROOT, serve
from model.inference.classifier import Classifier
from model.inference.unknown import UNKNOWN

_PATIENCE = 120_000  # milliseconds
_ROUNDS = 3


def _make_pictures(folder: Path, n: int) -> list[tuple[Path, str]]:
    """Write n different pictures of the samples; return each with what its answer's headline must hold."""
    samples = [path for path in sorted((ROOT / "sample_images").iterdir()) if path.suffix in (".jpg", ".png")]
    classifier = Classifier.load("default")
    made = []
    for index in range(n):
        sample = samples[index % len(samples)]
        picture = Image.open(sample).convert("RGB")
        side = 10 * (index // len(samples))
        path = folder / f"{sample.stem}-{index}.jpg"
        picture.crop((side, side, picture.width - side, picture.height - side)).save(path, quality=90)
        prediction = classifier.classify(path.read_bytes()).prediction
        made.append((path, "probably none" if prediction.verdict == UNKNOWN else prediction.best.label))
    return made


async def _visit(browser: Browser, url: str, pictures: list[tuple[Path, str]], start: asyncio.Barrier) -> list[float]:
    """Drop pictures one after the other, each round together with everybody; return the milliseconds of each."""
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE)
    await page.goto(f"{url}/?lang=en")
    field = page.locator("[data-testid=stFileUploaderDropzoneInput]").first
    await field.wait_for(state="attached")
    times = []
    for path, headline in pictures:
        await start.wait()
        begun = time.perf_counter()
        await field.set_input_files(str(path))
        await page.get_by_alt_text(f"The picture {path.name}").wait_for()
        times.append(1000 * (time.perf_counter() - begun))
        heading = await page.locator(".st-key-headline-answer h3").inner_text()
        if headline not in heading.lower():
            raise RuntimeError(f"{path.name}: the page says {heading!r}, the network {headline!r}")
        await page.get_by_role("button", name=f"Remove {path.name}").click()
        await page.get_by_text("What will it be?").wait_for()
    await context.close()
    return times


async def _visit_all(url: str, pictures: list[tuple[Path, str]], n: int) -> list[float]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        start = asyncio.Barrier(n)
        visits = (_visit(browser, url, pictures[index * _ROUNDS : (index + 1) * _ROUNDS], start) for index in range(n))
        times = await asyncio.gather(*visits)
        await browser.close()
    return [one for some in times for one in some]


def main(n: int = 40) -> None:
    """Print how long they waited; a wrong picture or answer is raised."""
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder, serve() as server:
        pictures = _make_pictures(Path(folder), n * _ROUNDS)
        times = asyncio.run(_visit_all(server.url, pictures, n))
        median, worst = np.median(times), max(times)
        print(f"{n} sessions that drop at the same moment, {_ROUNDS} times: n {len(times)}, all of them right")
        print(
            f"drop to answer: median {median:,.0f} ms, worst {worst:,.0f} ms; the server has {server.memory():.0f} MB"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
