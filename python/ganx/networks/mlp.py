"""Fully connected networks, for points and small images."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..files import Json
from .hidden import HiddenLayer
from .network import Discriminator, Generator
from .randomness import Randomness


class MlpGenerator(Generator):
    """z [N, zDim] -> points [N, 2] in the data's units, or images [N, C, H, W] in [-1, 1] by tanh."""

    def __init__(self, recipe: Json, sample: Json) -> None:
        """Make the layers `layer0`, `layer1`, ... and `output`."""
        super().__init__(recipe, sample)
        network, labels = recipe["network"], recipe["techniques"]["labels"]
        features, hidden = network["zDim"], network["hidden"]
        self.conditional = labels["weight"] > 0
        if self.conditional:
            self.add_module("class", nn.Embedding(sample["classes"], labels["width"]))
            features += labels["width"]
        for i in range(network["layers"]):
            dense = nn.Linear(features, hidden, bias=network["normalization"] == "none")
            drops = i < recipe["techniques"]["dropout"]["layers"]
            self.add_module(f"layer{i}", HiddenLayer("dense", f"generator/layer{i}", dense, hidden, recipe, drops))
            features = hidden
        self.output = nn.Sequential()
        self.output.add_module("dense", nn.Linear(features, math.prod(sample["shape"])))

    def draw(self, z: Tensor, label: Tensor | None, randomness: Randomness) -> Tensor:
        """Z [N, zDim], label [N] -> [N, 2] or [N, C, H, W]."""
        x = torch.cat([z, self.embedded(label)], 1) if self.conditional else z
        for i in range(self.recipe["network"]["layers"]):
            x = self.get_submodule(f"layer{i}")(x, randomness)
        y: Tensor = self.output(x)
        return y if self.sample["kind"] == "points" else y.reshape(-1, *self.sample["shape"]).tanh()


class DenseLayer(nn.Module):
    """Hidden layer of D."""

    def __init__(self, inputs: int, outputs: int, slope: float) -> None:
        """Compose."""
        super().__init__()
        self.slope = slope
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, F] -> [N, G]."""
        return functional.leaky_relu(self.dense(x), self.slope)


class MlpDiscriminator(Discriminator):
    """Points [N, 2] or images [N, C, H, W] -> dense layers, then the heads."""

    def __init__(self, recipe: Json, sample: Json) -> None:
        """Make the layers `layer0`, ..., and the heads."""
        network = recipe["network"]
        super().__init__(recipe, sample, network["hidden"])
        features = math.prod(sample["shape"])
        for i in range(network["layers"]):
            self.add_module(f"layer{i}", DenseLayer(features, network["hidden"], network["slope"]))
            features = network["hidden"]

    def hidden(self, samples: Tensor) -> list[Tensor]:
        """Outputs of the dense layers."""
        outputs = [samples.flatten(1)]
        for i in range(self.recipe["network"]["layers"]):
            outputs.append(self.get_submodule(f"layer{i}")(outputs[-1]))
        return outputs[1:]
