"""The random numbers of ganx, bit for bit: `graph-builder/hash.ts` in numpy.

A counter-based generator: number i of a stream is a hash of (seed, step, stream, i), so nothing has a state and any
element can be computed alone. All arithmetic is that of int32, which wraps.
"""

import math
from functools import cache

import numpy as np

from .arrays import Floats, Ints
from .probit import probit

Key = tuple[int, int]


def wrap(x: int) -> int:
    """Reduce an integer to int32, as arithmetic of that type does."""
    return (x + 2**31) % 2**32 - 2**31


_C0, _C1, _C2, _C3 = (wrap(c) for c in (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F))


def _divide(x: Ints, power: int) -> Ints:
    """Divide by 2^power, rounding towards zero."""
    return (x + ((x >> 31) & np.int32(2**power - 1))) >> power


def _mix(x: Ints) -> Ints:
    """One mixing round: carries low bits up, x (2x + 1), and high bits down."""
    product = x * (x + x + np.int32(1))
    return product - _divide(product, 15)


def _ints(*values: int) -> Ints:
    """Integers wrapped to int32, as an array: numpy warns of scalars that wrap, not of arrays."""
    return np.array([wrap(value) for value in values], np.int32)


def base_key(seed: int, step: int) -> Key:
    """Pair of words that (seed, step) contributes to every key."""
    x = _mix(_ints(seed * _C0 + _C2, seed * _C1 + _C0))
    x = _mix(x + _ints(step * _C1, step * _C2)) * np.int32(_C3)
    return int(x[0]), int(x[1])


def stream_key(stream: str) -> Key:
    """Pair of words that a stream's name contributes: two FNV-1a hashes of its UTF-16 units."""
    units = np.frombuffer(stream.encode("utf-16-le"), np.uint16)
    words = [0x811C9DC5, 0x050C5D1F]
    for unit in units.tolist():
        words = [((word ^ unit) * 0x01000193) % 2**32 for word in words]
    x = _mix(_ints(*words))
    return int(x[0]), int(x[1])


def key(seed: int, step: int, stream: str) -> Key:
    """Key of a stream."""
    a, b = base_key(seed, step), stream_key(stream)
    return wrap(a[0] + b[0]), wrap(a[1] + b[1])


def bits_at(k: Key, indices: Ints) -> Ints:
    """32 uniform bits for each index of the stream with a key."""
    x = _mix(indices * np.int32(_C0) + np.int32(k[0]))
    return _mix(x + np.int32(k[1])) * np.int32(_C2)


def bits(seed: int, step: int, stream: str, length: int) -> Ints:
    """Draw the first `length` numbers of a stream, 32 uniform bits each, int32 [length]."""
    return bits_at(key(seed, step, stream), np.arange(length, dtype=np.int32))


def normals(seed: int, step: int, stream: str, length: int) -> Floats:
    """Draw `length` standard normal numbers, float32 [length]."""
    halves = _divide(bits(seed, step, stream, length), 1)
    # The top 14 bits as a number in [0, 2^14).
    drawn: Floats = normal_table()[(halves + np.int32(2**30)) >> 17]
    return drawn


def uniforms(seed: int, step: int, stream: str, length: int) -> Floats:
    """Draw `length` numbers uniform in (0, 1), 24 bits each, float32 [length]."""
    drawn: Floats = _divide(bits(seed, step, stream, length), 8).astype(np.float32)
    drawn *= np.float32(2**-24)
    drawn += np.float32(0.5)
    return drawn


def mask(seed: int, step: int, stream: str, length: int, keep: float) -> Floats:
    """Draw `length` numbers that are 1 with probability `keep` and 0 otherwise, float32 [length]."""
    threshold = math.floor((1 - keep) * 2**32 - 2**31 + 0.5)
    kept: Floats = (bits(seed, step, stream, length).astype(np.int64) >= threshold).astype(np.float32)
    return kept


@cache
def normal_table() -> Floats:
    """Standard normal quantiles at the middles of 2^14 equal slices, scaled to variance 1, float32 [16384]."""
    size = 2**14
    quantiles = [probit((i + 0.5) / size) for i in range(size)]
    squares = 0.0
    # Not sum(), which carries the rounding errors on and so has other bits.
    for quantile in quantiles:
        squares += quantile * quantile
    table: Floats = (np.array(quantiles) * (1 / math.sqrt(squares / size))).astype(np.float32)
    table.flags.writeable = False
    return table
