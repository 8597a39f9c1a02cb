"""What the networks of ganx have in common: their tensors go by ganx's names."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import Array
from ..errors import InputError
from ..files import Json
from ..schedules import noise_at
from .augmentation import Augmentation
from .layers import MinibatchDiscrimination
from .randomness import Noise, Randomness


class Network(nn.Module):
    """A network of a recipe."""

    scope: ClassVar[str]
    """Root of the names: `generator`, `discriminator`, `encoder`."""

    def __init__(self, recipe: Json, sample: Json) -> None:
        """Remember what decides the layers: the recipe, and `kind`, `shape` and `classes` of the samples."""
        super().__init__()
        self.recipe = recipe
        self.sample = sample
        self.deterministic = False
        """Whether nothing is dropped and no noise added, unless a call gives a seed or masks."""

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and running statistics by ganx's names: `generator/block1/conv/weight`."""
        return {f"{self.scope}/{name.replace('.', '/')}": value for name, value in self.state_dict().items()}

    def load_tensors(self, tensors: Mapping[str, Array], source: str) -> None:
        """Take over the tensors of this network; others are left alone.

        Raises:
            InputError: naming `source` and the tensor that is missing, left over or of another shape.
        """
        own = self.tensors()
        given = {name: value for name, value in tensors.items() if name.startswith(f"{self.scope}/")}
        for name in sorted(own.keys() ^ given.keys()):
            raise InputError(f"{source}: tensor {name} is {'missing' if name in own else 'in no layer of the recipe'}")
        with torch.no_grad():
            for name, value in own.items():
                if tuple(value.shape) != given[name].shape:
                    raise InputError(
                        f"{source}: tensor {name} has shape {list(given[name].shape)}, must have {list(value.shape)}"
                    )
                value.copy_(torch.from_numpy(np.array(given[name])))

    def arrays(self) -> dict[str, Array]:
        """Copies of the tensors as numpy arrays, as a checkpoint holds them."""
        return {name: value.detach().cpu().float().numpy().copy() for name, value in self.tensors().items()}

    def set_noise(self, step: int) -> None:
        """Set the standard deviations of the noise in training to what the recipe's schedules say of a step."""
        key = "instanceNoise" if self.scope == "discriminator" else "layerNoise"
        std = noise_at(self.recipe["techniques"][key], step)
        for module in self.modules():
            if isinstance(module, Noise):
                module.std = std

    def _randomness(self, seed: int | None, step: int, masks: Mapping[str, Tensor] | None) -> Randomness:
        return Randomness(seed, step, masks or {}, self.deterministic)


class Generator(Network):
    """z [N, zDim] -> images [N, C, H, W] in [-1, 1], or points [N, 2] in the data's own units."""

    scope = "generator"

    def forward(
        self,
        z: Tensor,
        label: Tensor | None = None,
        *,
        seed: int | None = None,
        step: int = 0,
        masks: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Generate.

        Args:
            z: latents [N, zDim].
            label: classes, integers [N], of a conditional generator.
            seed: draws dropout (and, in training, noise) as ganx does; default by torch's generator.
            step: of training, for which ganx draws them; the exported generator has 0.
            masks: of 0 and 1, by the name of the dropout layer: `project/dropout`, broadcast to [N, ...].
        """
        return self.draw(z, label, self._randomness(seed, step, masks))

    def draw(self, z: Tensor, label: Tensor | None, randomness: Randomness) -> Tensor:
        """Generate, with random numbers from a given place."""
        raise NotImplementedError

    def embedded(self, label: Tensor | None, layer: nn.Module | None = None) -> Tensor:
        """Trained vectors of classes, [N, width], from the layer that has them; default the network itself."""
        if label is None:
            raise InputError("label is missing: the generator is conditional")
        vectors: Tensor = (layer or self).get_submodule("class")(label)
        return vectors


class Judgement(NamedTuple):
    """What a discriminator says of a batch."""

    logits: Tensor
    """[N]; higher means more real."""
    classes: Tensor | None
    """Logits of the class, [N, classes], where the recipe has labels."""
    layers: list[Tensor]
    """Outputs of its hidden layers, from the input on."""


class Discriminator(Network):
    """Samples -> logits [N], higher means more real."""

    scope = "discriminator"

    def __init__(self, recipe: Json, sample: Json, features: int) -> None:
        """Make the heads on the last hidden layer, [N, features]."""
        super().__init__(recipe, sample)
        techniques = recipe["techniques"]
        comparison = techniques["minibatchDiscrimination"]
        self.augmentation = Augmentation(techniques.get("augmentation", {}))
        self.noise = Noise("discriminator")
        self.minibatch: nn.Module = nn.Identity()
        if comparison["kernels"] > 0:
            self.minibatch = MinibatchDiscrimination(
                features,
                comparison["kernels"],
                comparison["dimensions"],
                comparison["group"],
                recipe["batch"],
            )
            features += comparison["kernels"]
        self.logit = nn.Linear(features, 1)
        if techniques["labels"]["weight"] > 0:
            self.add_module("class", nn.Linear(features, sample["classes"]))

    def forward(self, samples: Tensor) -> Tensor:
        """Images [N, C, H, W] in [-1, 1] or points [N, 2] -> logits [N]."""
        return self.judge(samples).logits

    def judge(self, samples: Tensor) -> Judgement:
        """All that it says of a batch."""
        randomness = self._randomness(None, 0, None)
        layers = self.hidden(self.noise(self.augmentation(samples, randomness), randomness))
        features = self.minibatch(layers[-1].flatten(1))
        head = self._modules.get("class")
        return Judgement(self.logit(features).flatten(), None if head is None else head(features), layers)

    def hidden(self, samples: Tensor) -> list[Tensor]:
        """Outputs of the hidden layers."""
        raise NotImplementedError


class Posterior(NamedTuple):
    """q(z|x) of a VAE, [N, zDim] each."""

    mean: Tensor
    log_variance: Tensor
