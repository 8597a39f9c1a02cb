"""The order in which training sees the samples: `training/data/sampler.ts` in numpy, bit for bit."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .arrays import Ints
from .errors import InputError

_Words = npt.NDArray[np.uint32]
_u = np.uint32


def sample_order(count: int, seed: int, position: int, n: int) -> Ints:
    """Indices of the `n` samples from `position` on, int32 [n]: epoch after epoch, each a fresh permutation of all.

    Args:
        count: samples in the data set, 1 or more.
        seed: of the run.
        position: samples seen before. Batches cross the borders of epochs.
        n: indices wanted.
    """
    if count < 1 or position < 0:
        raise InputError(f"count {count} must be 1 or more, position {position} 0 or more")
    positions = np.arange(position, position + n)
    epochs = range(position // count, (position + n - 1) // count + 1) if n else []
    parts = [_permutation(count, seed, e)[positions[positions // count == e] % count] for e in epochs]
    return np.concatenate([np.zeros(0, np.int32), *parts])


# A batch may straddle two epochs, so the last two permutations are kept.
@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, epoch: int) -> Ints:
    """A Fisher-Yates shuffle of 0..count-1 that depends on (seed, epoch) only."""
    order = list(range(count))
    drawn = _uniforms(count - 1, seed, epoch)
    for i, u in zip(range(count - 1, 0, -1), drawn.tolist(), strict=True):
        j = int(u * (i + 1))
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int32)


def _uniforms(n: int, *key: int) -> npt.NDArray[np.float64]:
    """`n` numbers in [0, 1), 32 bits each, that depend on nothing but `key`."""
    start = _hash(*key)
    step = _hash(start, 1) | 1
    states = (np.arange(1, n + 1, dtype=np.uint64) * np.uint64(step) + np.uint64(start)).astype(np.uint32)
    return _mix(states) / 2.0**32


def _hash(*words: int) -> int:
    """Mix integers into one well-spread word of 32 bits."""
    value = _word(0x9E3779B9)
    for word in words:
        value = _mix(value ^ _mix(_word(word)))
        value = _mix(value + _word(word >> 32))
    return int(value[0])


def _word(value: int) -> _Words:
    """The low 32 bits, as an array: numpy warns of scalars that wrap, not of arrays."""
    return np.array([value % 2**32], np.uint32)


def _mix(value: _Words) -> _Words:
    """MurmurHash3's mixing steps."""
    v: _Words = value + _u(0x6D2B79F5)
    v = (v ^ (v >> _u(16))) * _u(0x85EBCA6B)
    v = (v ^ (v >> _u(13))) * _u(0xC2B2AE35)
    return v ^ (v >> _u(16))
