"""Draw pictures beside bars of their probabilities into one picture file, with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from model.common.files import atomic_file
from model.common.text import printable
from model.images.decoder import InvalidImage, read_image
from model.inference.prediction import ClassScore, Prediction

_MAX_CARDS = 200  # cards in one file
_MAX_WEBP = 16_383  # pixels a side
_SIDE, _WIDTH, _GAP, _ROW = 220, 560, 24, 26  # pixels: the picture, the bars, between elements, a bar's row
_INK, _PALE, STRONG, WEAK, _PAPER = "#1b2426", "#5d6b6e", "#0b6e75", "#9cc4c7", "#ffffff"
_LABEL_WIDTH = 150  # pixels


@dataclass(frozen=True)
class PlottedPicture:
    """A picture file's name, bytes and prediction."""

    name: str
    content: bytes
    prediction: Prediction


def save_plot(cards: Sequence[PlottedPicture], top_k: int, path: Path) -> None:
    """Draw a card for each picture, in two columns if there are several.

    Args:
        cards: The pictures.
        top_k: How many classes to show for each.
        path: The file to write.

    Raises:
        OSError: It cannot be written.
        ValueError: Its suffix is not one of a picture format, or that format has no room for so many pictures.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ValueError("its name should end in .png, .jpg or .webp")
    columns = 1 if len(cards) == 1 else 2
    drawn = [_draw_card(card, top_k) for card in cards[:_MAX_CARDS]]
    width, height = drawn[0].width, max(card.height for card in drawn)
    rows = -(-len(drawn) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), _PAPER)
    for position, card in enumerate(drawn):
        sheet.paste(card, (position % columns * width, position // columns * height))
    if kind == "WEBP" and max(sheet.size) > _MAX_WEBP:
        raise ValueError(
            f"WebP takes up to {_MAX_WEBP:,} pixels a side, and this has {max(sheet.size):,}; .png has room"
        )
    with atomic_file(path, durable=False) as file:
        sheet.save(file, kind)


def _draw_card(card: PlottedPicture, top_k: int) -> Image.Image:
    """Draw a picture with its prediction in words and a bar for each of its most probable classes."""
    scores = card.prediction.top(top_k)
    height = 2 * _GAP + max(_SIDE + _ROW, 64 + len(scores) * _ROW)
    image = Image.new("RGB", (3 * _GAP + _SIDE + _WIDTH, height), _PAPER)
    picture = _fit_into_square(card.content)
    image.paste(picture, (_GAP + (_SIDE - picture.width) // 2, _GAP))
    pen = ImageDraw.Draw(image)
    draw_text(pen, (_GAP, _GAP + picture.height + 8), card.name, 14, _PALE, _SIDE)
    left = 2 * _GAP + _SIDE
    best, answers = card.prediction.best, card.prediction.answers
    sure = f"{best.probability:.1%} sure · " if card.prediction.exclusive else ""
    draw_text(pen, (left, _GAP), ", ".join(score.label for score in answers) or "none of its classes", 26, _INK, _WIDTH)
    draw_text(pen, (left, _GAP + 34), f"{sure}{card.prediction.model}", 14, _PALE, _WIDTH)
    for row, score in enumerate(scores):
        _draw_bar(pen, left, _GAP + 64 + row * _ROW, score, STRONG if row < len(answers) else WEAK)
    return image


def _draw_bar(pen: ImageDraw.ImageDraw, left: int, top: int, score: ClassScore, colour: str) -> None:
    draw_text(pen, (left, top + 3), score.label, 14, _INK, _LABEL_WIDTH - 10)
    start, longest = left + _LABEL_WIDTH, _WIDTH - _LABEL_WIDTH - 70
    end = start + max(2, round(longest * min(score.probability, 1.0)))
    pen.rounded_rectangle((start, top + 3, end, top + _ROW - 5), 3, fill=colour)
    draw_text(pen, (end + 8, top + 3), f"{score.probability:.1%}", 14, _PALE, 60)


def _fit_into_square(content: bytes) -> Image.Image:
    """Return the picture scaled to a square of _SIDE; a grey square for one that only the server can read."""
    try:
        picture = read_image(content, min_side=_SIDE)
    except InvalidImage:
        return Image.new("RGB", (_SIDE, _SIDE), "#d5dddd")
    scale = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Enlarge a small picture without smoothing.
    return picture.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS)


def draw_text(
    pen: ImageDraw.ImageDraw, position: tuple[int, int], text: str, size: int, colour: str, width: int
) -> None:
    """Draw a line of text, cut off with dots if it is too long."""
    font = ImageFont.load_default(size)
    shown = printable(text)[:300]
    while len(shown) > 1 and pen.textlength(shown, font) > width:
        shown = shown[:-2] + "…"
    pen.text(position, shown, fill=colour, font=font)
