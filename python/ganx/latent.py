"""Latent vectors: the same from the same seed as in JavaScript, and the ways between two of them."""

import math
from collections.abc import Callable

import numpy as np

from .arrays import Floats
from .errors import InputError
from .hashing import base_key, bits_at, normal_table, normals, uniforms


def latents(n: int, z_dim: int, seed: int, truncation: float | None = None) -> Floats:
    """`n` standard normal latent vectors, [n, z_dim]; vector i is the same whatever `n`.

    Args:
        n: vectors.
        z_dim: extent of each.
        seed: int32.
        truncation: where given, the normal is cut off at this many standard deviations. A vector keeps its direction
            of change: it is drawn from the same numbers.
    """
    table = normal_table()
    # The table is sorted and symmetric, so a cut normal is drawn from a slice of its middle.
    low = 0 if truncation is None else int(np.searchsorted(table.astype(np.float64), -truncation))
    if low == 0:
        return normals(seed, 0, "z", n * z_dim).reshape(n, z_dim)
    width = len(table) - 2 * low
    slots = uniforms(seed, 0, "z", n * z_dim).astype(np.float64) * width
    return table[low + slots.astype(np.int32)].reshape(n, z_dim)


def uniform_latents(n: int, z_dim: int, seed: int) -> Floats:
    """Latent vectors uniform in (-1, 1), [n, z_dim], for a generator that was trained on them."""
    return (2 * uniforms(seed, 0, "z", n * z_dim) - 1).reshape(n, z_dim)


def slice_seed(seed: int, index: int) -> int:
    """Seed that the model is given for slice `index` of a large batch: `seed` for the first, unrelated ones after."""
    return seed if index == 0 else int(bits_at(base_key(seed, index), np.array([index], np.int32))[0])


def slerp(a: Floats, b: Floats, t: float) -> Floats:
    """Point between two latent vectors, [z_dim], on the great circle through them (White 2016).

    A straight line would leave the shell that a normal distribution fills. Parallel and opposite vectors have no such
    circle and are joined by a line. `t` in [0, 1]; the ends are exactly `a` and `b`.
    """
    _check_pair("slerp", a, b, t)
    if t in (0, 1):
        return (b if t else a).copy()
    lengths = math.sqrt(_dot(a, a) * _dot(b, b))
    angle = math.acos(min(1.0, max(-1.0, _dot(a, b) / lengths))) if lengths > 0 else 0.0
    sine = math.sin(angle)
    weight_a, weight_b = (math.sin((1 - t) * angle) / sine, math.sin(t * angle) / sine) if sine > 1e-6 else (1 - t, t)
    return _blend(a, b, weight_a, weight_b)


def lerp(a: Floats, b: Floats, t: float) -> Floats:
    """Point between two latent vectors on the straight line; for comparison, and for latents from a cube."""
    _check_pair("lerp", a, b, t)
    return _blend(a, b, 1 - t, t)


def great_circle(a: Floats, b: Floats, frames: int) -> Floats:
    """`frames` >= 2 points from `a` to `b`, both included, at equal angles: [frames, z_dim]."""
    return _path(slerp, a, b, frames)


def straight_line(a: Floats, b: Floats, frames: int) -> Floats:
    """`frames` >= 2 points from `a` to `b` on the straight line, both included: [frames, z_dim]."""
    return _path(lerp, a, b, frames)


def _path(between: Callable[[Floats, Floats, float], Floats], a: Floats, b: Floats, frames: int) -> Floats:
    if frames < 2:
        raise InputError(f"frames {frames} must be an integer >= 2")
    return np.stack([between(a, b, i / (frames - 1)) for i in range(frames)])


def _blend(a: Floats, b: Floats, weight_a: float, weight_b: float) -> Floats:
    return (weight_a * a.astype(np.float64) + weight_b * b.astype(np.float64)).astype(np.float32)


def _dot(a: Floats, b: Floats) -> float:
    """In double precision and in order, as JavaScript adds."""
    return float(np.cumsum(a.astype(np.float64) * b.astype(np.float64))[-1])


def _check_pair(name: str, a: Floats, b: Floats, t: float) -> None:
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(f"{name}: latent vectors of shapes {a.shape} and {b.shape} must be of one length")
    if not 0 <= t <= 1:
        raise InputError(f"{name}: t {t} must be in [0, 1]")
