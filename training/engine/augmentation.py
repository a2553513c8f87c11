"""Random changes to training images, drawn from (seed, epoch, batch), so that a resumed run repeats them.

All images are uint8 (n, height, width, 3), in and out.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from training.recipes.recipe import AugmentationSettings, Recipe

_GREY = np.array([125, 123, 114], np.uint8)  # the mean that networks subtract, model.signature.scaling.PIXEL_MEAN


def shift(images: np.ndarray, pixels: int, rng: np.random.Generator) -> np.ndarray:
    """Move each image by up to `pixels` in each direction, with its edges mirrored."""
    size = images.shape[1]
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="reflect")
    return random_crop(padded, size, rng)


def rotate_and_zoom(images: np.ndarray, degrees: float, zoom: float, rng: np.random.Generator) -> np.ndarray:
    """Rotate each image by up to `degrees` and scale it by up to 1 ± `zoom` about its centre, with mirrored edges."""
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
        # The source of each pixel of the result; Pillow counts from the pixel's corner, half a pixel off its centre.
        half_x, half_y = width / 2, height / 2
        x = middle_x + 0.5 - cos * half_x - sin * half_y
        y = middle_y + 0.5 + sin * half_x - cos * half_y
        picture = Image.fromarray(padded[index])
        result[index] = picture.transform(
            (width, height), Image.Transform.AFFINE, (cos, sin, x, -sin, cos, y), Image.Resampling.BILINEAR
        )
    return result


def cutout(images: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Paint a grey square of `side` pixels, wholly inside, into each image (arXiv 1708.04552)."""
    n, height, width, _ = images.shape
    top = rng.integers(0, max(height - side, 0) + 1, n)[:, None]
    left = rng.integers(0, max(width - side, 0) + 1, n)[:, None]
    rows, columns = np.arange(height)[None], np.arange(width)[None]
    inside = ((rows >= top) & (rows < top + side))[:, :, None] & ((columns >= left) & (columns < left + side))[:, None]
    return np.where(inside[..., None], _GREY, images)


def _jpeg_round_trip(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image (height, width, 3) after JPEG with halved chroma, as most cameras and sites store it."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=2)
    return np.asarray(Image.open(buffer))


def compress_some(images: np.ndarray, share: float, quality: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Pass about `share` of the images through JPEG.

    Args:
        images: The images.
        share: The probability for each image, 0 to 1.
        quality: The lowest and the highest JPEG quality, between which it is drawn.
        rng: The random number generator.
    """
    images = images.copy()
    for index in np.flatnonzero(rng.random(len(images)) < share):
        images[index] = _jpeg_round_trip(images[index], int(rng.integers(quality[0], quality[1] + 1)))
    return images


def choose_mirrored(
    indices: np.ndarray, flip: str, turns: np.ndarray, seed: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose the images to mirror.

    Args:
        indices: The images' indices in the data set, int (n,).
        flip: `none`, `random`, or `alternating`: a random half at first, the other half the next time, and so on
            (arXiv 2404.00498, section 3.6).
        turns: How often each image was shown before, int (n,).
        seed: Decides which half is the first.
        rng: The random number generator.

    Returns:
        bool (n,).
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
    """Apply all of the recipe's changes to a batch.

    JPEG comes first, because the blocks of a stored picture start at its corner.

    Args:
        images: The images.
        indices: Their indices in the data set, int (n,).
        turns: How often each was shown before, int (n,).
        recipe: The recipe.
        rng: The random number generator.
    """
    settings = recipe.augmentation
    if settings.jpeg:
        images = compress_some(images, settings.jpeg, settings.jpeg_quality, rng)
    mirror = choose_mirrored(indices, settings.flip, turns, recipe.seed, rng)
    images = np.where(mirror[:, None, None, None], images[:, :, ::-1], images)
    if settings.rotate or settings.zoom:
        images = rotate_and_zoom(images, settings.rotate, settings.zoom, rng)
    if settings.shift:
        images = shift(images, settings.shift, rng)
    return cutout(images, settings.cutout, rng) if settings.cutout else images


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """Resize square images to `size` x `size`.

    They are shrunk with antialiasing, and enlarged in the same way as the classifier enlarges pictures.
    """
    own = images.shape[1]
    if own == size:
        return images
    filtered = Image.Resampling.BILINEAR if size < own else Image.Resampling.BICUBIC
    pictures = (Image.fromarray(image).resize((size, size), filtered) for image in images)
    return np.stack([np.asarray(picture) for picture in pictures])


def enlarge(images: np.ndarray, size: int, settings: AugmentationSettings, rng: np.random.Generator) -> np.ndarray:
    """Enlarge tiles to the size of photographs, (n, size, size, 3).

    Each is enlarged to between 1 and `settings.enlarge` times the size, and a piece is cut out of it. Every other one
    on average is sharpened, because photographs are sharp and enlarged tiles are not: by an unsharp mask as wide as an
    enlarged pixel of the tile, with a strength of up to `settings.sharpen`. With `settings.shrink`, half of them are
    whole instead and fill only a part of the picture, because a tile is cut close around its object and a photograph is
    not: between `shrink` and all of each side, anywhere on a ground of one random colour.
    """
    own = images.shape[1]
    sides = own / rng.uniform(1.0, settings.enlarge, len(images))
    corners = rng.uniform(0.0, 1.0, (len(images), 2)) * (own - sides)[:, None]
    strengths = rng.uniform(0.0, settings.sharpen, len(images)) * (rng.random(len(images)) < 0.5)
    filled = np.full(len(images), size)
    result = np.empty((len(images), size, size, 3), np.uint8)
    if settings.shrink < 1:
        small = rng.random(len(images)) < 0.5
        filled[small] = np.rint(size * rng.uniform(settings.shrink, 1.0, int(small.sum())))
        sides, corners = np.where(small, own, sides), np.where(small[:, None], 0.0, corners)
        result[:] = rng.integers(0, 256, (len(images), 1, 1, 3))
    places = rng.integers(0, (size - filled + 1)[:, None], (len(images), 2))
    for index, (side, (left, top), strength) in enumerate(zip(sides, corners, strengths, strict=True)):
        extent, (x, y) = int(filled[index]), places[index]
        box = (left, top, left + side, top + side)
        picture = Image.fromarray(images[index]).resize((extent, extent), Image.Resampling.BICUBIC, box=box)
        if strength > 0:
            mask = ImageFilter.UnsharpMask(radius=extent / side / 2, percent=round(100 * strength), threshold=0)
            picture = picture.filter(mask)
        result[index, y : y + extent, x : x + extent] = np.asarray(picture)
    return result


def random_crop(images: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a size x size piece out of each square image, at a random position."""
    room = images.shape[1] - size
    offsets = rng.integers(0, room + 1, (len(images), 2))
    pieces = np.empty((len(images), size, size, 3), images.dtype)
    for top in range(room + 1):
        for left in range(room + 1):
            chosen = np.flatnonzero((offsets[:, 0] == top) & (offsets[:, 1] == left))
            pieces[chosen] = images[chosen, top : top + size, left : left + size]
    return pieces
