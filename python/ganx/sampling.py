"""What a sampling call is given: each argument checked, every default filled in."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .arguments import checked_integer, finite_floats
from .arrays import Array, Floats, Ints
from .errors import InputError
from .latent import latents, uniform_latents
from .metadata import GeneratorMetadata

MAX_SAMPLES = 65_536
"""Most samples of one call."""

Label = int | str
"""A class: its number or its name."""
Labels = Label | Sequence[Label] | npt.NDArray[np.integer] | npt.NDArray[np.str_]


def checked_count(name: str, n: int, least: int) -> int:
    """A number of samples, from `least` to `MAX_SAMPLES`."""
    return checked_integer(name, n, least, MAX_SAMPLES)


def checked_seed(name: str, seed: Any) -> int:
    """A seed, int32."""
    return checked_integer(name, seed, -(2**31), 2**31 - 1)


def checked_latents(metadata: GeneratorMetadata, name: str, z: npt.ArrayLike, n: int) -> Floats:
    """Given latents, [n, z_dim]."""
    given = finite_floats(name, z)
    wanted = (n, metadata.z_dim)
    if given.shape != wanted:
        raise InputError(f"{name} has shape {list(given.shape)}, must have {list(wanted)}")
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
    if isinstance(end, int | float | str | np.generic):
        return drawn_latents(metadata, 1, checked_seed(f"seed {name}", end)).reshape(-1)
    return checked_latents(metadata, name, finite_floats(name, end)[np.newaxis], 1).reshape(-1)


def labels_of(metadata: GeneratorMetadata, n: int, label: Labels | None) -> Ints | None:
    """Class of each of `n` samples; None for a generator that takes none."""
    if not metadata.conditional:
        if label is not None:
            raise InputError("label is given, but this generator has no classes")
        return None
    # A generator whose classes have no names is trusted to know its labels.
    count = len(metadata.classes)
    given: Array = np.asarray(
        np.arange(n) % max(count, 1) if label is None else _without_names(label, metadata.classes)
    )
    if given.ndim > 1 or (given.ndim == 1 and len(given) != n):
        raise InputError(f"label has shape {list(given.shape)}, must be one label or n = {n} of them")
    if given.dtype.kind not in "iu" or (given < 0).any() or (count and (given >= count).any()):
        rule = f"from 0 to {count - 1}" if count else ">= 0"
        raise InputError(f"label {label} must be integers {rule}")
    return np.broadcast_to(given, n).astype(np.int32)


def _without_names(label: Any, classes: tuple[str, ...]) -> Any:
    """Labels with numbers in the place of names."""
    if isinstance(label, str):
        return _class_of(label, classes)
    if isinstance(label, np.ndarray):
        return label if label.dtype.kind in "iu" else _without_names(label.tolist(), classes)
    if isinstance(label, Sequence):
        return [_without_names(each, classes) for each in label]
    return label


def _class_of(text: str, classes: tuple[str, ...]) -> int:
    """A class given by its name, or by its number as text."""
    if text in classes:
        return classes.index(text)
    if re.fullmatch("[0-9]+", text) and (not classes or int(text) < len(classes)):
        return int(text)
    if not classes:
        raise InputError(f'label: "{text}" must be an integer >= 0')
    known = ", ".join([*classes[:10], "..."] if len(classes) > 10 else classes)
    raise InputError(f'label: "{text}" must be one of {known}, or a number from 0 to {len(classes) - 1}')
