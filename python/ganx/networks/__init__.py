"""The networks of ganx as PyTorch modules; needs `pip install "ganx[torch]"`."""

from .augmentation import Augmentation
from .exchange import build_network, load_torch, save_torch
from .network import Discriminator, Generator, Judgement, Network, Posterior
from .randomness import Dropout, Noise

__all__ = [
    "Augmentation",
    "Discriminator",
    "Dropout",
    "Generator",
    "Judgement",
    "Network",
    "Noise",
    "Posterior",
    "build_network",
    "load_torch",
    "save_torch",
]
