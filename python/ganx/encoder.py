"""The encoder of a VAE/GAN."""

from pathlib import Path

import numpy as np
import onnxruntime

from .arrays import Floats
from .errors import InputError
from .metadata import GeneratorMetadata
from .sessions import create_session, metadata_of


class Encoder:
    """Images to the means of their latents."""

    def __init__(
        self,
        path: Path,
        metadata: GeneratorMetadata,
        device: str,
        options: onnxruntime.SessionOptions,
    ) -> None:
        """Load the encoder that belongs to a generator.

        Raises:
            InputError: where it is no encoder of ganx, or one of another generator.
        """
        self._session = create_session(path, device, options)
        if metadata_of(self._session).get("format") != "ganx.encoder":
            raise InputError(f"{path}: not a ganx encoder; expected the encoder.onnx of a ganx run")
        shapes = {port.name: tuple(port.shape[1:]) for port in self._session.get_inputs()}
        extents = {port.name: tuple(port.shape[1:]) for port in self._session.get_outputs()}
        if shapes.get("images") != metadata.shape or extents.get("mean") != (metadata.z_dim,):
            raise InputError(
                f"{path}: encoder of another generator; expected images {list(metadata.shape)} "
                f"to {metadata.z_dim} latents"
            )

    def encode(self, images: Floats) -> Floats:
        """Images [n, C, H, W] in [-1, 1] -> means of their latents [n, z_dim]."""
        return np.asarray(self._session.run(["mean"], {"images": images})[0], np.float32)
