"""Plots of accuracy over a logarithmic scale, as SVG files that need no program to draw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 56, 150, 16, 44
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # colour-blind people can tell them apart
Points = Sequence[tuple[int, float]]


def draw_lines(lines: Mapping[str, Points], title: str = "pictures a class") -> str:
    """Draw lines by their titles; each point is the pictures a class and the accuracy, 0 to 1."""
    sizes = sorted({size for points in lines.values() for size, _accuracy in points})
    lowest = _lowest(accuracy for points in lines.values() for _size, accuracy in points)
    parts = [*horizontal(lowest), *ticks(sizes, title)]
    for colour, (name, points) in zip(COLOURS, lines.items(), strict=False):
        places = [(across(size, sizes), down(accuracy, lowest)) for size, accuracy in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [_dot(x, y, colour) for x, y in places]
        parts.append(_name(*places[-1], name, colour))
    return _page(parts)


def draw_points(groups: Mapping[str, Mapping[str, tuple[float, float]]], title: str, marks: Sequence[float]) -> str:
    """Draw named points in groups of one colour, and the frontier: those that nothing to their left is above.

    Args:
        groups: The points by the group's title and by their names; each is a size and an accuracy, 0 to 1.
        title: What the sizes are.
        marks: The sizes that the scale names, from the smallest to the largest.
    """
    everyone = sorted(point for points in groups.values() for point in points.values())
    lowest = math.floor(20 * min(accuracy for _size, accuracy in everyone)) / 20
    parts = [*horizontal(lowest, 5), *ticks(marks, title)]
    steps, best = [], 0.0
    for size, accuracy in everyone:
        if accuracy > best:
            best = accuracy
            steps.append(f"{across(size, marks):.1f},{down(accuracy, lowest):.1f}")
    parts.append(f'<polyline points="{" ".join(steps)}" fill="none" stroke="#999" stroke-dasharray="4 3"/>')
    for row, (colour, (group, points)) in enumerate(zip(COLOURS, groups.items(), strict=False)):
        parts.append(_dot(WIDTH - RIGHT + 24, TOP + 16 + 20 * row, colour))
        parts.append(_name(WIDTH - RIGHT + 24, TOP + 16 + 20 * row, group, colour))
        for name, (size, accuracy) in points.items():
            x, y = across(size, marks), down(accuracy, lowest)
            above = -8 if row else 16  # the second group's names stand above the first's
            words = f'<text x="{x:.1f}" y="{y + above:.1f}" fill="{colour}" text-anchor="middle">{escape(name)}</text>'
            parts += [_dot(x, y, colour), words]
    return _page(parts)


def _lowest(accuracies: Iterable[float]) -> float:
    """Return the tenth below the lowest accuracy."""
    return math.floor(10 * min(accuracies)) / 10


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _name(x: float, y: float, name: str, colour: str) -> str:
    return f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(name)}</text>'


def _page(parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12" fill="#555"'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} {style}>\n' + "\n".join([ground, *parts]) + "\n</svg>\n"


def horizontal(lowest: float, step: int = 10) -> list[str]:
    """A line and its per cent at each step, which is in per cent as well."""
    parts = []
    for per_cent in range(round(lowest * 100), 101, step):
        y = down(per_cent / 100, lowest)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{per_cent} %</text>')
    return parts


def ticks(sizes: Sequence[float], title: str) -> list[str]:
    """Return the numbers below the plot, and what they are."""
    parts = [
        f'<text x="{across(size, sizes):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size:,g}</text>'
        for size in sizes
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*parts, f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(title)}</text>']


def across(size: float, sizes: Sequence[float]) -> float:
    """Return where a number lies, on a logarithmic scale."""
    span = math.log(sizes[-1] / sizes[0]) or 1.0
    return LEFT + (WIDTH - RIGHT - LEFT) * math.log(size / sizes[0]) / span


def down(accuracy: float, lowest: float) -> float:
    """Return where an accuracy lies; the lowest is at the bottom."""
    return TOP + (HEIGHT - BOTTOM - TOP) * (1 - accuracy) / max(0.1, 1 - lowest)
