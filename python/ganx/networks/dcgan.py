"""Convolutional networks for images (Radford et al. 2015)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..files import Json
from .hidden import HiddenLayer
from .layers import downsampling, normalization, upsampling
from .network import Discriminator, Generator, Network, Posterior
from .randomness import Randomness


def doublings(sample: Json) -> int:
    """Resolution doublings between the 4 x 4 base and the image."""
    return int(math.log2(sample["shape"][1])) - 2


class DcganGenerator(Generator):
    """z [N, zDim] -> images [N, C, S, S]: a projection to 4 x 4, then doublings; tanh at the end."""

    def __init__(self, recipe: Json, sample: Json) -> None:
        """Make the layers `project`, `block1`, ... and `image`."""
        super().__init__(recipe, sample)
        network, techniques = recipe["network"], recipe["techniques"]
        labels, blocks = techniques["labels"], doublings(sample)
        self.label_place = labels["embedding"] if labels["weight"] > 0 else None
        width = labels["width"] if self.label_place else 0
        # A layer in front of a normalisation needs no bias: the mean is subtracted.
        bias = network["normalization"] == "none"
        self.base = base = network["filters"] * 2 ** (blocks - 1)
        inputs = network["zDim"] + (width if self.label_place == "latent" else 0)
        drops = techniques["dropout"]["layers"]
        dense = nn.Linear(inputs, base * 16, bias=bias)
        self.project = HiddenLayer("dense", "generator/project", dense, base, recipe, drops > 0)
        if self.label_place:
            holder = self.project if self.label_place == "latent" else self
            holder.add_module("class", nn.Embedding(sample["classes"], width))
        channels = base + (width if self.label_place == "channels" else 0)
        for block in range(1, blocks):
            outputs = base // 2**block
            conv = upsampling(network["upsampling"], channels, outputs, bias)
            scope = f"generator/block{block}"
            self.add_module(f"block{block}", HiddenLayer("conv", scope, conv, outputs, recipe, block < drops))
            channels = outputs
        self.image = nn.Sequential()
        self.image.add_module("conv", upsampling(network["upsampling"], channels, sample["shape"][0], True))
        self.image.add_module("tanh", nn.Tanh())

    def draw(self, z: Tensor, label: Tensor | None, randomness: Randomness) -> Tensor:
        """Z [N, zDim], label [N] -> [N, C, S, S]."""
        if self.label_place == "latent":
            z = torch.cat([z, self.embedded(label, self.project)], 1)
        x: Tensor = self.project(z, randomness, (self.base, 4, 4))
        if self.label_place == "channels":
            x = torch.cat([x, self.embedded(label)[:, :, None, None].expand(-1, -1, 4, 4)], 1)
        for block in range(1, doublings(self.sample)):
            x = self.get_submodule(f"block{block}")(x, randomness)
        images: Tensor = self.image(x)
        return images


class HalvingLayer(nn.Module):
    """Hidden layer of D: halves the resolution, normalises and activates."""

    def __init__(self, inputs: int, outputs: int, network: Json, normalized: bool) -> None:
        """Compose; the first layer is not normalised."""
        super().__init__()
        kind = network["normalization"] if normalized else "none"
        self.slope = network["slope"]
        self.conv = downsampling(network["downsampling"], inputs, outputs, bias=kind == "none")
        self.norm = normalization(kind, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, D, H / 2, W / 2]."""
        return functional.leaky_relu(self.norm(self.conv(x)), self.slope)


def _add_halvings(module: nn.Module, recipe: Json, sample: Json) -> int:
    """Give a network the layers `block0`, `block1`, ... down to 4 x 4; returns the size of the last one's output."""
    channels, filters = sample["shape"][0], recipe["network"]["filters"]
    for block in range(doublings(sample)):
        outputs = filters * 2**block
        module.add_module(f"block{block}", HalvingLayer(channels, outputs, recipe["network"], block > 0))
        channels = outputs
    return int(channels * 16)


def _halvings(module: nn.Module, sample: Json, x: Tensor) -> list[Tensor]:
    """Outputs of those layers."""
    outputs = []
    for block in range(doublings(sample)):
        x = module.get_submodule(f"block{block}")(x)
        outputs.append(x)
    return outputs


class DcganDiscriminator(Discriminator):
    """Images [N, C, S, S] -> halvings down to 4 x 4, then the heads."""

    def __init__(self, recipe: Json, sample: Json) -> None:
        """Make the layers `block0`, ..., and the heads."""
        super().__init__(recipe, sample, recipe["network"]["filters"] * 2 ** (doublings(sample) - 1) * 16)
        _add_halvings(self, recipe, sample)

    def hidden(self, samples: Tensor) -> list[Tensor]:
        """Outputs of the halvings."""
        return _halvings(self, self.sample, samples)


class DcganEncoder(Network):
    """Images [N, C, S, S] -> the posterior of their latents: D's layers, then one dense layer (Larsen et al. 2016)."""

    scope = "encoder"

    def __init__(self, recipe: Json, sample: Json) -> None:
        """Make the layers `block0`, ..., and `posterior`."""
        super().__init__(recipe, sample)
        self.posterior = nn.Linear(_add_halvings(self, recipe, sample), 2 * recipe["network"]["zDim"])

    def forward(self, images: Tensor) -> Posterior:
        """[N, C, S, S] in [-1, 1] -> mean and log-variance, [N, zDim] each."""
        return Posterior(*self.posterior(_halvings(self, self.sample, images)[-1].flatten(1)).chunk(2, 1))
