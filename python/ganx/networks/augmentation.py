"""Differentiable augmentation (DiffAugment, Zhao et al. 2020) of what a discriminator sees."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..files import Json
from .randomness import Randomness

Draw = Callable[[str], Tensor]
"""A number in (0, 1) for each image, [N], by the name of what it decides."""


class Augmentation(nn.Module):
    """Changes every image at random, in training only."""

    def __init__(self, options: Json) -> None:
        """Take `techniques.augmentation` of a recipe; empty, it changes nothing."""
        super().__init__()
        self.options = options

    def forward(self, x: Tensor, randomness: Randomness) -> Tensor:
        """[N, C, H, W] -> the same; drawn by torch's generator."""
        if not self.training or randomness.off or not any(self.options.values()):
            return x
        return augment(x, self.options, lambda _: torch.rand(len(x), device=x.device))

    def extra_repr(self) -> str:
        """Shown when the module is printed."""
        return ", ".join(f"{name}={value}" for name, value in self.options.items() if value)


def augment(x: Tensor, options: Json, draw: Draw) -> Tensor:
    """Images [N, C, H, W] with other colours, elsewhere, mirrored, and with a square of zeros."""
    if options["color"] > 0:
        x = _recolored(x, options["color"], draw)
    if options["translation"] > 0 or options["mirror"] > 0:
        x = _moved(x, options["translation"], options["mirror"], draw)
    return _cut(x, options["cutout"], draw) if options["cutout"] > 0 else x


def _recolored(x: Tensor, strength: float, draw: Draw) -> Tensor:
    def change(name: str, width: float) -> Tensor:
        return (2 * draw(name) - 1)[:, None, None, None] * (width * strength)

    x = x + change("brightness", 0.5)
    if x.shape[1] > 1:
        mean = x.mean(1, keepdim=True)
        x = mean + (x - mean) * (1 + change("saturation", 1))
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (1 + change("contrast", 0.5))


def _moved(x: Tensor, translation: float, mirror: float, draw: Draw) -> Tensor:
    n, channels, height, width = x.shape

    def source(side: int, name: str) -> Tensor:
        index = torch.arange(side, device=x.device).expand(n, side)
        if translation == 0:
            return index
        most = _pixels(translation, side)
        return index + _integers(draw(name), 2 * most + 1)[:, None] - most

    rows, columns = source(height, "down"), source(width, "right")
    if mirror > 0:
        columns = torch.where((draw("mirror") >= 1 - mirror)[:, None], width - 1 - columns, columns)
    is_there = _between(rows, height)[:, None, :, None] & _between(columns, width)[:, None, None, :]
    picked = x[
        torch.arange(n, device=x.device)[:, None, None, None],
        torch.arange(channels, device=x.device)[None, :, None, None],
        rows.clamp(0, height - 1)[:, None, :, None],
        columns.clamp(0, width - 1)[:, None, None, :],
    ]
    return picked * is_there


def _cut(x: Tensor, cutout: float, draw: Draw) -> Tensor:
    def within(side: int, name: str) -> Tensor:
        length = _pixels(cutout, side)
        first = _integers(draw(name), side + 1 - length % 2) - length // 2
        return _between(torch.arange(side, device=x.device) - first[:, None], length)

    height, width = x.shape[2:]
    is_cut = within(height, "cut-down")[:, None, :, None] & within(width, "cut-right")[:, None, None, :]
    return x * ~is_cut


def _integers(uniform: Tensor, count: int) -> Tensor:
    return (uniform * count).long()


def _between(index: Tensor, end: int) -> Tensor:
    return (index >= 0) & (index < end)


def _pixels(share: float, side: int) -> int:
    """At least one; halves up, as JavaScript rounds."""
    return max(1, int(share * side + 0.5))
