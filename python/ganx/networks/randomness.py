"""Layers that draw random numbers, and where they draw them from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .. import hashing
from ..arrays import Floats


@dataclass(frozen=True)
class Randomness:
    """Where one application of a network takes its random numbers from."""

    seed: int | None = None
    """With it they are those that ganx draws; without it, those of torch's generator."""
    step: int = 0
    """Of training; the exported generator has 0."""
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    """Of 0 and 1, by the name of the dropout layer: `project/dropout`."""
    off: bool = False
    """Nothing is dropped and nothing added, unless a seed or a mask is given."""


class Dropout(nn.Module):
    """Zeroes elements with probability `rate` and scales the others by 1 / (1 - rate), in training and evaluation."""

    def __init__(self, rate: float, scope: str) -> None:
        """Remember the rate in [0, 1) and the place in the network, `generator/project/dropout`."""
        super().__init__()
        self.rate = rate
        self.scope = scope

    def forward(self, x: Tensor, randomness: Randomness) -> Tensor:
        """[N, ...] -> the same."""
        mask = self._mask(x, randomness)
        return x if mask is None else x * (mask * (1 / (1 - self.rate)))

    def extra_repr(self) -> str:
        """Shown when the module is printed."""
        return f"rate={self.rate}"

    def _mask(self, x: Tensor, randomness: Randomness) -> Tensor | None:
        given = randomness.masks.get(self.scope.partition("/")[2])
        if given is not None:
            return given.to(x).expand_as(x)
        if randomness.seed is not None:
            stream = f"{self.scope}/mask"
            drawn = hashing.mask(randomness.seed, randomness.step, stream, x.numel(), 1 - self.rate)
            return _like(x, drawn)
        return None if randomness.off else (torch.rand_like(x) >= self.rate).to(x)


class Noise(nn.Module):
    """Adds N(0, std^2) to every element, in training only."""

    def __init__(self, scope: str) -> None:
        """Remember the place in the network, `generator/block1/noise`. `std` is 0 until it is set."""
        super().__init__()
        self.std = 0.0
        self.scope = scope

    def forward(self, x: Tensor, randomness: Randomness) -> Tensor:
        """[N, ...] -> the same."""
        if not self.training or self.std == 0:
            return x
        if randomness.seed is not None:
            drawn = hashing.normals(randomness.seed, randomness.step, f"{self.scope}/noise", x.numel())
            return x + self.std * _like(x, drawn)
        return x if randomness.off else x + self.std * torch.randn_like(x)

    def extra_repr(self) -> str:
        """Shown when the module is printed."""
        return f"std={self.std:.3g}"


def _like(x: Tensor, drawn: Floats) -> Tensor:
    return torch.from_numpy(drawn.copy()).reshape(x.shape).to(x)
