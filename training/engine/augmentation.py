"""Random changes to training pictures, drawn from (seed, epoch, batch), so that a resumed run repeats them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from training.recipes.recipe import AugmentationSettings, Recipe

GREY = np.array([125, 123, 114], np.uint8)  # the mean that networks subtract (model.architectures.PIXEL_MEAN)


def shift(images: np.ndarray, pixels: int, rng: np.random.Generator) -> np.ndarray:
    """Move each picture by up to `pixels` in each direction, mirrored at the edges; uint8 (n, h, h, 3) in and out."""
    size = images.shape[1]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="reflect")
    return crop(padded, size, rng)


def turn_and_zoom(images: np.ndarray, degrees: float, zoom: float, rng: np.random.Generator) -> np.ndarray:
    """Turn each picture by up to `degrees` and scale it by up to 1 +- `zoom` about its middle, mirrored at the edges.

    uint8 (n, h, w, 3) in and out, bilinear.
    """
    n, height, width, _ = images.shape
    pad = max(height, width) // 2
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="reflect")
    angles: np.ndarray = rng.uniform(-degrees, degrees, (n,)) * (np.pi / 180)
    scales: np.ndarray = rng.uniform(1 - zoom, 1 + zoom, (n,))
    middle_x, middle_y = (width - 1) / 2 + pad, (height - 1) / 2 + pad
    result = np.empty_like(images)
    for index in range(n):
        angle, scale = float(angles[index]), float(scales[index])
        cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
        # Where a pixel of the result comes from; Pillow counts from the pixel's corner, half a pixel off its centre.
        half_x, half_y = width / 2, height / 2
        x = middle_x + 0.5 - cos * half_x - sin * half_y
        y = middle_y + 0.5 + sin * half_x - cos * half_y
        picture = Image.fromarray(padded[index])
        result[index] = picture.transform(
            (width, height), Image.Transform.AFFINE, (cos, sin, x, -sin, cos, y), Image.Resampling.BILINEAR
        )
    return result


def cut_out(images: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Paint a square of `side` pixels, wholly inside, grey in each picture (arXiv 1708.04552); uint8 (n, h, w, 3)."""
    n, height, width, _ = images.shape
    top = rng.integers(0, max(height - side, 0) + 1, n)[:, None]
    left = rng.integers(0, max(width - side, 0) + 1, n)[:, None]
    rows, columns = np.arange(height)[None], np.arange(width)[None]
    inside = ((rows >= top) & (rows < top + side))[:, :, None] & ((columns >= left) & (columns < left + side))[:, None]
    return np.where(inside[..., None], GREY, images)


def through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """The picture after one JPEG round with halved chroma, as most cameras and sites store it; uint8 (h, w, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=2)
    return np.asarray(Image.open(buffer))


def compress(images: np.ndarray, share: float, quality: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Pass about `share` of the pictures through JPEG at a random quality; uint8 (n, h, w, 3) in and out."""
    images = images.copy()
    for index in np.flatnonzero(rng.random(len(images)) < share):
        images[index] = through_jpeg(images[index], int(rng.integers(quality[0], quality[1] + 1)))
    return images


def mirrored(indices: np.ndarray, flip: str, turns: np.ndarray, seed: int, rng: np.random.Generator) -> np.ndarray:
    """Which of the pictures to mirror, bool (n,); `turns`, int (n,), counts how often each was shown before.

    `alternating`: a random half at first, the other half the next time, and so on (arXiv 2404.00498, 3.6).
    """
    if flip == "random":
        return rng.random(len(indices)) < 0.5
    if flip == "alternating":
        coin: np.ndarray = np.random.default_rng(seed).random(int(indices.max(initial=-1)) + 1) < 0.5
        mirror: np.ndarray = coin[indices] ^ (turns % 2 == 1)
        return mirror
    return np.zeros(len(indices), bool)


def augment(
    images: np.ndarray, indices: np.ndarray, turns: np.ndarray, recipe: Recipe, rng: np.random.Generator
) -> np.ndarray:
    """All the recipe's changes to one batch; uint8 (n, h, w, 3) in and out.

    JPEG comes first: the blocks of a stored picture start at its corner.
    """
    settings = recipe.augmentation
    if settings.jpeg:
        images = compress(images, settings.jpeg, settings.jpeg_quality, rng)
    mirror = mirrored(indices, settings.flip, turns, recipe.seed, rng)
    images = np.where(mirror[:, None, None, None], images[:, :, ::-1], images)
    if settings.rotate or settings.zoom:
        images = turn_and_zoom(images, settings.rotate, settings.zoom, rng)
    if settings.shift:
        images = shift(images, settings.shift, rng)
    return cut_out(images, settings.cutout, rng) if settings.cutout else images


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """Square pictures at `size` x `size`; uint8 (n, h, h, 3) in, (n, size, size, 3) out.

    They are shrunk antialiased, and enlarged as the classifier enlarges what it is given.
    """
    own = images.shape[1]
    if own == size:
        return images
    filtered = Image.Resampling.BILINEAR if size < own else Image.Resampling.BICUBIC
    pictures = (Image.fromarray(image).resize((size, size), filtered) for image in images)
    return np.stack([np.asarray(picture) for picture in pictures])


def enlarge(images: np.ndarray, size: int, settings: AugmentationSettings, rng: np.random.Generator) -> np.ndarray:
    """Tiles made as large as photographs; uint8 (n, h, h, 3) in, (n, size, size, 3) out.

    Each is enlarged to between 1 and `settings.enlarge` times the size, of which a piece is cut anywhere. Every other
    one on average is sharpened, since photographs are sharp where enlarged tiles are not: an unsharp mask as wide as a
    tile's pixel has become, of a strength up to `settings.sharpen`.
    """
    own = images.shape[1]
    sides = own / rng.uniform(1.0, settings.enlarge, len(images))
    corners = rng.uniform(0.0, 1.0, (len(images), 2)) * (own - sides)[:, None]
    strengths = rng.uniform(0.0, settings.sharpen, len(images)) * (rng.random(len(images)) < 0.5)
    result = np.empty((len(images), size, size, 3), np.uint8)
    for index, (side, (left, top), strength) in enumerate(zip(sides, corners, strengths, strict=True)):
        box = (left, top, left + side, top + side)
        picture = Image.fromarray(images[index]).resize((size, size), Image.Resampling.BICUBIC, box=box)
        if strength > 0:
            mask = ImageFilter.UnsharpMask(radius=size / side / 2, percent=round(100 * strength), threshold=0)
            picture = picture.filter(mask)
        result[index] = np.asarray(picture)
    return result


def crop(images: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a size x size piece out of each picture, anywhere; uint8 (n, h, h, 3) in, (n, size, size, 3) out."""
    room = images.shape[1] - size
    offsets = rng.integers(0, room + 1, (len(images), 2))
    pieces = np.empty((len(images), size, size, 3), images.dtype)
    for top in range(room + 1):
        for left in range(room + 1):
            chosen = np.flatnonzero((offsets[:, 0] == top) & (offsets[:, 1] == left))
            pieces[chosen] = images[chosen, top : top + size, left : left + size]
    return pieces
