"""What ganx trains, in Python.

`load_generator` samples, `Run` looks into a run folder, `TrainingSession` goes on training, `load_torch` makes PyTorch
modules of the networks and `save_torch` brings their weights back.
"""

import os
from typing import TYPE_CHECKING, Any

# onnxruntime 1.30 sends how it is used to Microsoft, and keeps a number of the machine in the user's cache folder,
# unless the environment says otherwise before it is imported. ganx says so, where the user has said nothing.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from .checkpoint import Checkpoint
from .errors import InputError
from .generator import Generator, Samples, load_generator
from .image import to_image
from .latent import great_circle, latents, lerp, slerp, straight_line
from .metadata import GeneratorMetadata
from .run import Run
from .training import TrainingSession
from .version import __version__

if TYPE_CHECKING:
    from .networks import load_torch, save_torch

__all__ = [
    "Checkpoint",
    "Generator",
    "GeneratorMetadata",
    "InputError",
    "Run",
    "Samples",
    "TrainingSession",
    "__version__",
    "great_circle",
    "latents",
    "lerp",
    "load_generator",
    "load_torch",
    "save_torch",
    "slerp",
    "straight_line",
    "to_image",
]


def __getattr__(name: str) -> Any:
    """Import what needs PyTorch only when it is asked for."""
    if name in ("load_torch", "save_torch"):
        from . import networks

        return getattr(networks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
