"""The hidden layers of generators."""

from torch import Tensor, nn
from torch.nn import functional

from ..files import Json
from .layers import normalization
from .randomness import Dropout, Noise, Randomness


class HiddenLayer(nn.Module):
    """Hidden layer of G, `conv` or `dense`: normalised and activated, then dropout and noise."""

    def __init__(self, name: str, scope: str, layer: nn.Module, channels: int, recipe: Json, drops: bool) -> None:
        """Compose; only layers that the recipe says so drop."""
        super().__init__()
        network, dropout = recipe["network"], recipe["techniques"]["dropout"]
        self.layer_name = name
        self.slope = network["slope"]
        self.add_module(name, layer)
        self.norm = normalization(network["normalization"], channels)
        self.dropout = Dropout(dropout["rate"], f"{scope}/dropout") if drops and dropout["rate"] > 0 else None
        self.noise = Noise(f"{scope}/noise")

    def forward(self, x: Tensor, randomness: Randomness, shape: tuple[int, ...] = ()) -> Tensor:
        """Apply; `shape` is that of a sample after the layer, where it is another."""
        y: Tensor = self.get_submodule(self.layer_name)(x)
        y = functional.leaky_relu(self.norm(y.reshape(-1, *shape) if shape else y), self.slope)
        if self.dropout is not None:
            y = self.dropout(y, randomness)
        noisy: Tensor = self.noise(y, randomness)
        return noisy
