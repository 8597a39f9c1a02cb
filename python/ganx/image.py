"""Samples as pictures, with Pillow: the grid that ganx draws in JavaScript."""

import math
from typing import TYPE_CHECKING

import numpy as np

from .arguments import checked_integer, float_images
from .arrays import Bytes, Floats
from .errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

_GUTTER = 2
"""Pixels between images."""
_GUTTER_VALUE = 64


def to_pixels(images: Floats, columns: int | None = None) -> Bytes:
    """Images [n, C, H, W] in [-1, 1] as one grid of bytes [height, width, C], row by row, with a gutter between them.

    Args:
        images: floating-point numbers; what lies outside of [-1, 1] is clipped.
        columns: default as many as make the grid near-square.
    """
    images = float_images(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not len(images):
        raise InputError(f"images have shape {list(images.shape)}, must have [n, 1 or 3, H, W]")
    count, channels, height, width = images.shape
    wanted = math.ceil(math.sqrt(count)) if columns is None else checked_integer("columns", columns, 1, 2**31 - 1)
    across = min(wanted, count)
    rows = math.ceil(count / across)
    shape = (rows * (height + _GUTTER) - _GUTTER, across * (width + _GUTTER) - _GUTTER, channels)
    grid = np.full(shape, _GUTTER_VALUE, np.uint8)
    # Halves go to the even neighbour, as in a Uint8ClampedArray.
    pixels = np.rint(np.clip((images.astype(np.float64) + 1) * 127.5, 0, 255)).astype(np.uint8)
    for i, image in enumerate(pixels):
        top, left = (i // across) * (height + _GUTTER), (i % across) * (width + _GUTTER)
        grid[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return grid


def to_image(images: Floats, columns: int | None = None) -> "Image":
    """Images [n, C, H, W] in [-1, 1] as one picture; needs Pillow (`pip install "ganx[image]"`)."""
    from PIL import Image

    grid = to_pixels(images, columns)
    return Image.fromarray(grid[:, :, 0] if grid.shape[2] == 1 else grid)
