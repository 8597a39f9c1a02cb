"""Checkpoints of a run: everything that it needs to go on as if it had never stopped."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .arrays import Array, Tensors
from .errors import InputError
from .files import Json, parse_json, read_bytes, write_folder

_FORMAT = "ganx.checkpoint"
_VERSION = 1
_STATE = "state.safetensors"
_MANIFEST = "manifest.json"
_END = b"\n}\n"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder; its files are read when they are asked for."""

    step: int
    folder: Path

    @cached_property
    def manifest(self) -> Json:
        """What is no tensor: `config` of the run, `position` in the data, `rateScale`, verdicts and more."""
        manifest: Json = self._whole["manifest"]
        return manifest

    @cached_property
    def tensors(self) -> dict[str, Array]:
        """All tensors of the state by name, checked against the manifest.

        Raises:
            InputError: naming the folder and why it cannot be used.
        """
        path = self.folder / _STATE
        state = read_bytes(path)
        digest = hashlib.sha256(state).hexdigest()
        if digest != self._whole["stateSha256"]:
            raise InputError(
                f"{self.folder}: damaged checkpoint (SHA-256 of {_STATE} is {digest[:12]}..., "
                f"the manifest says {self._whole['stateSha256'][:12]}...)"
            )
        try:
            return dict(load(state))
        except SafetensorError as cause:
            raise InputError(f"{path}: {cause}") from cause

    @cached_property
    def _whole(self) -> Json:
        path = self.folder / _MANIFEST
        if not path.exists():
            raise InputError(f"{self.folder}: incomplete checkpoint (no {_MANIFEST})")
        data = read_bytes(path)
        whole = parse_json(data, path)
        if whole.get("format") != _FORMAT:
            raise InputError(f"{path}: not the manifest of a checkpoint (format {whole.get('format')})")
        if whole.get("formatVersion") != _VERSION:
            raise InputError(
                f"{path}: checkpoint format version {whole.get('formatVersion')} is unknown, this ganx reads {_VERSION}"
            )
        if "manifestSha256" in whole and not _is_as_sealed(data):
            raise InputError(
                f"{path}: damaged manifest (its SHA-256 is not the one that it says; "
                "without its manifestSha256 it is read unchecked)"
            )
        if not isinstance(whole.get("manifest"), dict) or not isinstance(whole.get("stateSha256"), str):
            raise InputError(f"{path}: damaged manifest (a field is missing or of a wrong type)")
        if whole.get("step") != self.step:
            raise InputError(f"{self.folder}: damaged checkpoint (its manifest is that of step {whole.get('step')})")
        return whole


def open_checkpoint(folder: Path) -> Checkpoint:
    """Checkpoint of a folder `step-<n>`.

    Raises:
        InputError: where it is none.
    """
    step = _step_of(folder)
    if step is None or not folder.is_dir():
        raise InputError(f"{folder}: not the folder of a checkpoint, checkpoints/step-<n> of a run")
    return Checkpoint(step, folder)


def list_checkpoints(run: Path) -> list[Checkpoint]:
    """All checkpoints of a run, oldest first."""
    folders = [path for path in (run / "checkpoints").glob("step-*") if _step_of(path) is not None]
    return sorted((open_checkpoint(path) for path in folders), key=lambda checkpoint: checkpoint.step)


def write_checkpoint(run: Path, step: int, manifest: Json, tensors: Tensors) -> Checkpoint:
    """Write `checkpoints/step-<n>` of a run, replacing one of the same step; `ganx train --resume` goes on from it.

    Raises:
        InputError: where `step` is negative.
    """
    if step < 0:
        raise InputError(f"step {step} must be an integer >= 0")
    folder = run / "checkpoints" / f"step-{step}"
    # Contiguous, because safetensors writes the buffer as it lies.
    state = save({name: np.ascontiguousarray(value).reshape(value.shape) for name, value in tensors.items()})
    whole = {
        "format": _FORMAT,
        "formatVersion": _VERSION,
        "step": step,
        "tensors": len(tensors),
        "stateBytes": len(state),
        "stateSha256": hashlib.sha256(state).hexdigest(),
        "manifest": manifest,
    }
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_folder(folder, {_STATE: state, _MANIFEST: _sealed(text.encode())})
    return Checkpoint(step, folder)


def _sealed(text: bytes) -> bytes:
    """Text of a manifest with its own SHA-256 as the last field, as ganx in Node seals it."""
    seal = f',\n  "manifestSha256": "{hashlib.sha256(text).hexdigest()}"'
    return text.removesuffix(_END) + seal.encode() + _END


def _is_as_sealed(text: bytes) -> bool:
    match = re.search(rb',\n  "manifestSha256": "([\da-f]{64})"\n}\n\Z', text)
    return match is not None and _sealed(text[: match.start()] + _END) == text


def changed_tensors(tensors: Tensors, changes: Mapping[str, Array], source: str) -> dict[str, Array]:
    """Tensors with some of them replaced by others of the same type and shape.

    Raises:
        InputError: naming the tensor that is unknown or does not fit.
    """
    for name, value in changes.items():
        if name not in tensors:
            raise InputError(f"{source}: has no tensor {name}")
        there = tensors[name]
        if (value.dtype, value.shape) != (there.dtype, there.shape):
            raise InputError(
                f"{source}: tensor {name} is {value.dtype} {list(value.shape)}, "
                f"expected {there.dtype} {list(there.shape)}"
            )
    return {**tensors, **changes}


def _step_of(folder: Path) -> int | None:
    match = re.fullmatch(r"step-(\d+)", folder.name)
    return int(match[1]) if match else None
