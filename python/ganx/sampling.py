"""What a sampling call is given: each argument checked, every default filled in."""

import operator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .arrays import Array, Floats, Ints
from .errors import InputError
from .latent import latents, uniform_latents
from .metadata import GeneratorMetadata

MAX_SAMPLES = 65_536
"""Most samples of one call."""

Labels = int | Sequence[int] | npt.NDArray[np.integer]


def checked_count(name: str, n: int, least: int) -> int:
    """A number of samples, from `least` to `MAX_SAMPLES`."""
    if not least <= operator.index(n) <= MAX_SAMPLES:
        raise InputError(f"{name} {n} must be an integer from {least} to {MAX_SAMPLES}")
    return int(n)


def checked_seed(name: str, seed: int) -> int:
    """A seed, int32."""
    if not -(2**31) <= operator.index(seed) < 2**31:
        raise InputError(f"{name} {seed} must be an integer from {-(2**31)} to {2**31 - 1}")
    return int(seed)


def checked_latents(metadata: GeneratorMetadata, name: str, z: npt.ArrayLike, n: int) -> Floats:
    """Given latents, [n, z_dim]."""
    given = np.asarray(z, np.float32)
    wanted = (n, metadata.z_dim)
    if given.shape != wanted:
        raise InputError(f"{name} has shape {list(given.shape)}, must have {list(wanted)}")
    if not np.isfinite(given).all():
        raise InputError(f"{name} has elements that are no finite numbers")
    return given


def drawn_latents(metadata: GeneratorMetadata, n: int, seed: int, truncation: float | None = None) -> Floats:
    """Latents of a seed, [n, z_dim], of the distribution that the generator was trained on."""
    if metadata.latent == "normal":
        return latents(n, metadata.z_dim, seed, truncation)
    if truncation is not None:
        raise InputError(f"truncation {truncation} is for normal latents; this generator takes uniform ones")
    return uniform_latents(n, metadata.z_dim, seed)


def end_point(metadata: GeneratorMetadata, name: str, end: npt.ArrayLike | int) -> Floats:
    """One end of an interpolation, a vector or the seed of one, as a vector [z_dim]."""
    if isinstance(end, int | np.integer):
        return drawn_latents(metadata, 1, checked_seed(f"seed {name}", int(end))).reshape(-1)
    return checked_latents(metadata, name, np.asarray(end)[np.newaxis], 1).reshape(-1)


def labels_of(metadata: GeneratorMetadata, n: int, label: Labels | None) -> Ints | None:
    """Class of each of `n` samples; None for a generator that takes none."""
    if not metadata.conditional:
        if label is not None:
            raise InputError("label is given, but this generator has no classes")
        return None
    # A generator whose classes have no names is trusted to know its labels.
    count = len(metadata.classes)
    given: Array = np.asarray(label if label is not None else np.arange(n) % max(count, 1))
    if given.ndim > 1 or (given.ndim == 1 and len(given) != n):
        raise InputError(f"label has shape {list(given.shape)}, must be one label or n = {n} of them")
    if given.dtype.kind not in "iu" or (given < 0).any() or (count and (given >= count).any()):
        rule = f"from 0 to {count - 1}" if count else ">= 0"
        raise InputError(f"label {label} must be integers {rule}")
    return np.broadcast_to(given, n).astype(np.int32)
