"""A trained generator on onnxruntime: the same seeds, the same latents and the same pictures as in JavaScript."""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnxruntime

from .arguments import check_truncation, finite_floats, float_images
from .arrays import Array, Floats, Ints
from .encoder import Encoder
from .errors import InputError
from .latent import great_circle, slice_seed, straight_line
from .metadata import GeneratorMetadata, decode_metadata
from .sampling import (
    Label,
    Labels,
    checked_count,
    checked_latents,
    checked_seed,
    drawn_latents,
    end_point,
    labels_of,
)
from .sessions import create_session, metadata_of, quiet_options

SLICE_SIZE = 64
"""Samples that go through the model at a time: part of the result where a generator has noise of its own."""


@dataclass(frozen=True)
class Samples:
    """What a generator has made."""

    data: Floats
    """Images [n, C, H, W] in [-1, 1], or points [n, 2] in the data's own units."""
    z: Floats
    """The latents that they come from, [n, z_dim]."""
    labels: Ints | None
    """Of a generator with classes: the class of each."""


def load_generator(
    path: str | PathLike[str],
    device: str = "cpu",
    *,
    threads: int | None = None,
    encoder: str | PathLike[str] | None = None,
) -> "Generator":
    """Load a generator.

    Args:
        path: a `generator.onnx`, or the folder of a run.
        device: `cpu`, `cuda` or `cuda:<index>`.
        threads: of onnxruntime; default as many as there are cores.
        encoder: an `encoder.onnx`; default the one in the folder of the run, where a folder is loaded.

    Raises:
        InputError: where it is no generator of ganx, or the device cannot be used.
    """
    place = Path(path)
    file = _locate(place) if place.is_dir() else place
    session = create_session(file, device, quiet_options(threads))
    metadata = decode_metadata(metadata_of(session), str(file))
    found = place / "encoder.onnx" if encoder is None else Path(encoder)
    has_encoder = encoder is not None or (place.is_dir() and found.is_file())
    bound = Encoder(found, metadata, device, quiet_options(threads)) if has_encoder else None
    return Generator(str(file), session, metadata, bound)


def _locate(run: Path) -> Path:
    generator = run / "generator.onnx"
    if generator.is_file():
        return generator
    if not (run / "recipe.json").is_file():
        raise InputError(f"{run}: not the folder of a run (no recipe.json)")
    raise InputError(f"{run}: the run has no generator.onnx yet; it is written when training ends")


class Generator:
    """A trained generator. Made by `load_generator`."""

    def __init__(
        self,
        source: str,
        session: onnxruntime.InferenceSession,
        metadata: GeneratorMetadata,
        encoder: Encoder | None,
    ) -> None:
        """Bind a session and what its model says of itself."""
        self.metadata = metadata
        self._source = source
        self._session = session
        self._encoder = encoder

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        label: Labels | None = None,
        z: npt.ArrayLike | None = None,
        truncation: float | None = None,
    ) -> Samples:
        """Draw samples.

        Args:
            n: 1 to 65536.
            seed: int32; it draws the latents and, where the generator has dropout or noise, that too.
            label: for a generator with classes, the number or name of one for all samples or of one for each; default
                the classes in turn.
            z: latents [n, z_dim] instead of drawn ones.
            truncation: cut-off of the drawn latents in standard deviations, > 0. Less is more typical and less varied.

        Raises:
            InputError: naming the argument that is wrong.
        """
        n = checked_count("n", n, 1)
        seed = checked_seed("seed", seed)
        if truncation is not None:
            check_truncation(truncation)
            if z is not None:
                raise InputError(f"truncation {truncation} is for drawn latents; z must not be given with it")
        given = (
            drawn_latents(self.metadata, n, seed, truncation)
            if z is None
            else checked_latents(self.metadata, "z", z, n)
        )
        return self._run(given, labels_of(self.metadata, n, label), SLICE_SIZE, lambda index: slice_seed(seed, index))

    def interpolate(
        self,
        a: npt.ArrayLike | int,
        b: npt.ArrayLike | int,
        frames: int,
        *,
        seed: int = 0,
        label: Label | None = None,
        path: Literal["great-circle", "line"] = "great-circle",
    ) -> Samples:
        """Samples along the way between two latents, each end a vector [z_dim] or the seed of one.

        Each frame is what `sample(1, z=..., seed=seed)` gives, so noise and dropout do not flicker.

        Args:
            a: one end.
            b: the other.
            frames: 2 to 65536, both ends included.
            seed: int32; for dropout and noise.
            label: for a generator with classes; default 0.
            path: `line` is there for comparison.

        Raises:
            InputError: naming the argument that is wrong.
        """
        frames = checked_count("frames", frames, 2)
        seed = checked_seed("seed", seed)
        if path not in ("great-circle", "line"):
            raise InputError(f'path "{path}" must be great-circle or line')
        between = straight_line if path == "line" else great_circle
        z = between(end_point(self.metadata, "a", a), end_point(self.metadata, "b", b), frames)
        labels = labels_of(self.metadata, frames, 0 if self.metadata.conditional and label is None else label)
        # Noise depends on the place in the batch: frames that are to share it are each the first of their own.
        return self._run(z, labels, 1 if self.metadata.random else SLICE_SIZE, lambda _: seed)

    def reconstruct(self, images: npt.ArrayLike, *, seed: int = 0, label: Labels | None = None) -> Samples:
        """Images encoded and drawn again, with the encoder of a VAE/GAN; `z` of the result are their latents.

        Args:
            images: floating-point numbers [n, C, H, W] in [-1, 1].
            seed: int32; for dropout and noise.
            label: for a generator with classes, of all images or of each.

        Raises:
            InputError: where there is no encoder, or the images do not fit.
        """
        if self._encoder is None:
            raise InputError(
                f"{self._source}: has no encoder; load the folder of a run of the recipe vaegan, or give one"
            )
        batch = finite_floats("images: the array", float_images(images))
        shape = self.metadata.shape
        if batch.ndim != 1 + len(shape) or batch.shape[1:] != shape or not len(batch):
            raise InputError(f"images have shape {list(batch.shape)}, must have [n, {', '.join(map(str, shape))}]")
        z = np.concatenate([self._encoder.encode(batch[i : i + SLICE_SIZE]) for i in _starts(len(batch))])
        return self.sample(len(batch), seed=seed, label=label, z=z)

    def _run(self, z: Floats, labels: Ints | None, size: int, seed_of: Callable[[int], int]) -> Samples:
        kind = self.metadata.kind
        parts = []
        for index, start in enumerate(_starts(len(z), size)):
            feeds: dict[str, Array] = {"z": z[start : start + size]}
            if self.metadata.random:
                feeds["seed"] = np.array(seed_of(index), np.int32)
            if labels is not None:
                feeds["label"] = labels[start : start + size]
            parts.append(np.asarray(self._session.run([kind], feeds)[0], np.float32))
        return Samples(np.concatenate(parts), z, labels)


def _starts(n: int, size: int = SLICE_SIZE) -> range:
    return range(0, n, size)
