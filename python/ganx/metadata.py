"""What a generator says of itself, in the metadata of its ONNX model."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from .errors import InputError

_VERSION = "1"


@dataclass(frozen=True)
class GeneratorMetadata:
    """All that a caller needs beside the file."""

    ganx_version: str
    recipe: str
    """Name of the recipe."""
    kind: Literal["images", "points"]
    z_dim: int
    latent: Literal["normal", "uniform"]
    """What it was trained on: N(0, 1), or U(-1, 1) an element."""
    shape: tuple[int, ...]
    """Of one sample: (C, H, W), or (2,) for points."""
    value_range: tuple[float, float] | None
    """Values of images lie in it; None for points, which are in the data's own units."""
    classes: tuple[str, ...]
    """Names of the labels, in order; empty where the data has none."""
    conditional: bool
    """Takes an input `label`."""
    random: bool
    """Takes an input `seed`, for its noise and dropout."""
    techniques: tuple[str, ...]
    weights: Literal["ema", "live"]
    """The running average of the weights, or the weights themselves."""
    steps: int
    images: int
    """Images seen."""
    parameter_count: int


def decode_metadata(metadata: Mapping[str, str], source: str) -> GeneratorMetadata:
    """Read the metadata of a generator.

    Raises:
        InputError: naming `source`, where it is no generator of ganx or one that another ganx wrote.
    """
    found = metadata.get("format")
    if found != "ganx.generator":
        raise InputError(f"{source}: not a ganx generator (format {found}); expected the generator.onnx of a ganx run")
    if metadata.get("formatVersion") != _VERSION:
        version = metadata.get("formatVersion", "(none)")
        raise InputError(f"{source}: generator format version {version} is unknown, this ganx reads {_VERSION}")
    read = _Reader(metadata, source)
    kind = read.one_of("kind", "images", "points")
    value_range = read.json("valueRange", _is_range, "[low, high]") if kind == "images" else None
    return GeneratorMetadata(
        ganx_version=read.text("ganxVersion"),
        recipe=read.text("recipe"),
        kind=cast(Literal["images", "points"], kind),
        z_dim=read.json("zDim", _is_positive, "an integer >= 1"),
        latent=cast(Literal["normal", "uniform"], read.one_of("latent", "normal", "uniform")),
        shape=tuple(read.json("shape", _is_shape, "[C, H, W] or [2]")),
        value_range=value_range and (value_range[0], value_range[1]),
        classes=tuple(read.json("classes", _is_texts, "a list of names")),
        conditional=read.json("conditional", _is_bool, "true or false"),
        random=read.json("random", _is_bool, "true or false"),
        techniques=tuple(read.json("techniques", _is_texts, "a list of names")),
        weights=cast(Literal["ema", "live"], read.one_of("weights", "ema", "live")),
        steps=read.json("steps", _is_count, "an integer >= 0"),
        images=read.json("images", _is_count, "an integer >= 0"),
        parameter_count=read.json("parameterCount", _is_count, "an integer >= 0"),
    )


class _Reader:
    """Takes fields out of the strings of the metadata; each refusal names file, field and rule."""

    def __init__(self, metadata: Mapping[str, str], source: str) -> None:
        self._metadata = metadata
        self._source = source

    def text(self, key: str) -> str:
        if key not in self._metadata:
            raise InputError(f"{self._source}: damaged generator (metadata lacks {key})")
        return self._metadata[key]

    def one_of(self, key: str, *allowed: str) -> str:
        value = self.text(key)
        return value if value in allowed else self._refuse(key, value, " or ".join(allowed))

    def json(self, key: str, check: Callable[[Any], bool], rule: str) -> Any:
        text = self.text(key)
        try:
            value = json.loads(text)
        except ValueError:
            return self._refuse(key, text, rule)
        return value if check(value) else self._refuse(key, text, rule)

    def _refuse(self, key: str, value: str, rule: str) -> Any:
        raise InputError(f"{self._source}: damaged generator (metadata {key} {json.dumps(value)} must be {rule})")


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_positive(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (1, 3) and all(map(_is_positive, value))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, int | float) for v in value)
