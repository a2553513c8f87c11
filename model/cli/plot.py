"""Pictures beside bars of their classes, as one picture file; drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from model.common.files import atomic_file
from model.common.text import printable
from model.images.decoder import InvalidImage, read_image
from model.inference.prediction import ClassScore, Prediction

MOST = 200  # cards on a sheet
SIDE, WIDTH, GAP, ROW = 220, 560, 24, 26  # pixels: the picture, the bars, between things, a bar
INK, PALE, STRONG, WEAK, PAPER = "#1b2426", "#5d6b6e", "#0b6e75", "#9cc4c7", "#ffffff"
BESIDE = 150  # pixels for a class's name


@dataclass(frozen=True)
class Plotted:
    """A picture file's name, bytes and answer."""

    name: str
    content: bytes
    prediction: Prediction


def save_plot(cards: Sequence[Plotted], top_k: int, path: Path) -> None:
    """Write a sheet with a card each, two beside one another where there are several.

    Raises OSError when it cannot be written, ValueError for a suffix that names no picture format.
    """
    columns = 1 if len(cards) == 1 else 2
    drawn = [draw_card(card, top_k) for card in cards[:MOST]]
    width, height = drawn[0].width, max(card.height for card in drawn)
    rows = -(-len(drawn) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), PAPER)
    for position, card in enumerate(drawn):
        sheet.paste(card, (position % columns * width, position // columns * height))
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ValueError(f"unknown file extension: {path.suffix}")
    with atomic_file(path, durable=False) as file:
        sheet.save(file, kind)


def draw_card(card: Plotted, top_k: int) -> Image.Image:
    """One picture with its answer in words and a bar for each of its most probable classes."""
    scores = card.prediction.top(top_k)
    height = 2 * GAP + max(SIDE + ROW, 64 + len(scores) * ROW)
    image = Image.new("RGB", (3 * GAP + SIDE + WIDTH, height), PAPER)
    picture = shrunk(card.content)
    image.paste(picture, (GAP + (SIDE - picture.width) // 2, GAP))
    pen = ImageDraw.Draw(image)
    write(pen, (GAP, GAP + picture.height + 8), card.name, 14, PALE, SIDE)
    left = 2 * GAP + SIDE
    best, said = card.prediction.best, card.prediction.answers
    sure = f"{best.probability:.1%} sure · " if card.prediction.exclusive else ""
    write(pen, (left, GAP), ", ".join(score.label for score in said) or "none of its classes", 26, INK, WIDTH)
    write(pen, (left, GAP + 34), f"{sure}{card.prediction.model}", 14, PALE, WIDTH)
    for row, score in enumerate(scores):
        draw_bar(pen, left, GAP + 64 + row * ROW, score, STRONG if row < len(said) else WEAK)
    return image


def draw_bar(pen: ImageDraw.ImageDraw, left: int, top: int, score: ClassScore, colour: str) -> None:
    write(pen, (left, top + 3), score.label, 14, INK, BESIDE - 10)
    start, longest = left + BESIDE, WIDTH - BESIDE - 70
    end = start + max(2, round(longest * min(score.probability, 1.0)))
    pen.rounded_rectangle((start, top + 3, end, top + ROW - 5), 3, fill=colour)
    write(pen, (end + 8, top + 3), f"{score.probability:.1%}", 14, PALE, 60)


def shrunk(content: bytes) -> Image.Image:
    """The picture within a square of SIDE; a grey square for one that only the server could read."""
    try:
        picture = read_image(content, min_side=SIDE)
    except InvalidImage:
        return Image.new("RGB", (SIDE, SIDE), "#d5dddd")
    scale = SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # A small picture is enlarged pixel by pixel, as it is.
    return picture.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS)


def write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, colour: str, width: int) -> None:
    """One line of text, cut off with dots where it is too long."""
    font = ImageFont.load_default(size)
    shown = printable(text)[:300]
    while len(shown) > 1 and pen.textlength(shown, font) > width:
        shown = shown[:-2] + "…"
    pen.text(place, shown, fill=colour, font=font)
