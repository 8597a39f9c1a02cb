"""What a call is given, each value checked: Python lets any type through."""

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Array, Floats
from .errors import InputError


def checked_integer(name: str, value: Any, least: int, most: int) -> int:
    """An integer of a range."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise InputError(f"{name} {value!r} must be an integer from {least} to {most}")
    return number


def check_truncation(truncation: Any) -> None:
    """Refuse what is no cut-off in standard deviations."""
    if not (isinstance(truncation, int | float | np.number) and truncation > 0):
        raise InputError(f"truncation {truncation!r} must be a number > 0")


def finite_floats(name: str, values: npt.ArrayLike) -> Floats:
    """A copy of numbers, so that what the caller does with them later is no matter."""
    try:
        given = np.array(values, np.float32)
    except (TypeError, ValueError) as cause:
        raise InputError(f"{name} must be an array of numbers ({cause})") from cause
    if not np.isfinite(given).all():
        raise InputError(f"{name} has elements that are no finite numbers")
    return given


def float_images(images: npt.ArrayLike) -> Array:
    """Images in [-1, 1]. Bytes are refused: 0 to 255 would be taken for that."""
    given = np.asarray(images)
    if given.dtype.kind != "f":
        raise InputError(f"images have elements of type {given.dtype}, must have floating-point numbers in [-1, 1]")
    return given
