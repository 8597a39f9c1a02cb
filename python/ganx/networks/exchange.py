"""Weights from ganx into PyTorch, and back."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple, overload

from ..arrays import Array
from ..checkpoint import Checkpoint, changed_tensors, open_checkpoint, write_checkpoint
from ..errors import InputError
from ..files import Json, read_bytes
from ..run import Run
from .dcgan import DcganDiscriminator, DcganEncoder, DcganGenerator
from .mlp import MlpDiscriminator, MlpGenerator
from .network import Discriminator, Generator, Network

Name = Literal["generator", "discriminator", "encoder"]
Weights = Literal["ema", "live"]
StrPath = str | PathLike[str]
_NetworkType = type[DcganGenerator | DcganDiscriminator | DcganEncoder | MlpGenerator | MlpDiscriminator]


class _Source(NamedTuple):
    """A network as a file has it."""

    place: str
    recipe: Json
    sample: Json
    tensors: Mapping[str, Array]
    step: int
    random: bool = True
    """False where the file was exported without the dropout of its recipe."""


def build_network(network: Name, recipe: Json, sample: Json) -> Network:
    """Make a network of a recipe, with PyTorch's own initial weights.

    Args:
        network: `generator`, `discriminator` or `encoder`.
        recipe: as `Run.recipe` has it.
        sample: `kind`, `shape` and `classes` of the samples, as `Run.config["sample"]` has them.

    Raises:
        InputError: where the recipe has no such network.
    """
    kind = recipe["network"]["kind"]
    if kind == "imported":
        raise InputError(
            f"the networks of the recipe {recipe['name']} are imported: their modules are those that were exported, "
            f"and take the run's {network}.safetensors with load_state_dict"
        )
    known: dict[
        tuple[str, str], type[DcganGenerator | DcganDiscriminator | DcganEncoder | MlpGenerator | MlpDiscriminator]
    ] = {
        ("dcgan", "generator"): DcganGenerator,
        ("dcgan", "discriminator"): DcganDiscriminator,
        ("mlp", "generator"): MlpGenerator,
        ("mlp", "discriminator"): MlpDiscriminator,
    }
    if recipe["techniques"]["vae"]["reconstruction"] > 0:
        known["dcgan", "encoder"] = DcganEncoder
    if (kind, network) not in known:
        names = " or ".join(name for of, name in known if of == kind)
        raise InputError(f'network "{network}" must be {names} for the recipe {recipe["name"]}')
    return known[kind, network](recipe, sample)


@overload
def load_torch(
    path: StrPath,
    network: Literal["generator"] = "generator",
    *,
    weights: Weights | None = None,
    checkpoint: int | None = None,
    deterministic: bool = False,
) -> Generator: ...
@overload
def load_torch(
    path: StrPath,
    network: Literal["discriminator"],
    *,
    weights: Weights | None = None,
    checkpoint: int | None = None,
    deterministic: bool = False,
) -> Discriminator: ...
@overload
def load_torch(
    path: StrPath,
    network: Literal["encoder"],
    *,
    weights: Weights | None = None,
    checkpoint: int | None = None,
    deterministic: bool = False,
) -> DcganEncoder: ...
def load_torch(
    path: StrPath,
    network: Name = "generator",
    *,
    weights: Weights | None = None,
    checkpoint: int | None = None,
    deterministic: bool = False,
) -> Network:
    """Make a PyTorch module of a network, in evaluation mode; `train()` it to train it further.

    Args:
        path: folder of a run, folder of a checkpoint, or an exported ONNX file.
        network: `generator`, `discriminator` or `encoder`.
        weights: `ema`, the running average that ganx exports, or `live`; default what is exported.
        checkpoint: step of the checkpoint, where `path` is a run; default the newest.
        deterministic: whether nothing is dropped and no noise added, unless a call gives a seed or masks.

    Raises:
        InputError: where there is no such network, or there are no such weights.
    """
    _check_choice("weights", weights, None, "ema", "live")
    place = Path(path)
    if place.is_file():
        source = _from_onnx(place, network, weights)
    else:
        source = _from_checkpoint(_checkpoint_at(place, checkpoint), network, weights)
    module = build_network(network, source.recipe, source.sample)
    module.load_tensors(source.tensors, source.place)
    module.deterministic = deterministic or not source.random
    module.set_noise(source.step)
    return module.eval()


def save_torch(
    networks: Network | list[Network],
    run: Run | StrPath,
    *,
    checkpoint: int | None = None,
    step: int | None = None,
    average: Literal["set", "keep"] = "set",
) -> Checkpoint:
    """Write a checkpoint with the weights of PyTorch modules; `ganx train --resume` goes on from it.

    Moments of the optimiser and what techniques keep stay as they are in the checkpoint that it starts from.

    Args:
        networks: those whose weights are taken.
        run: a run or its folder.
        checkpoint: step of the checkpoint that it starts from; default the newest.
        step: steps that the new one has done; default those of the former, which it replaces.
        average: whether the running average of the generator, which is exported, is set to its weights or kept.

    Raises:
        InputError: where a tensor does not fit the checkpoint, or a newer checkpoint would hide the new one.
    """
    _check_choice("average", average, "set", "keep")
    folder = run if isinstance(run, Run) else Run(run)
    start = folder.checkpoint(checkpoint)
    newest, done = folder.checkpoint().step, start.step if step is None else step
    if done < newest:
        raise InputError(f"step {done} must be at least {newest}, the newest checkpoint, which ganx resumes from")
    changes: dict[str, Array] = {}
    for network in networks if isinstance(networks, list) else [networks]:
        arrays = network.arrays()
        changes |= arrays
        if average == "set":
            averaged = {f"average/{name}": value for name, value in arrays.items()}
            changes |= {name: value for name, value in averaged.items() if name in start.tensors}
    state = changed_tensors(start.tensors, changes, str(start.folder))
    # The monitor has not seen these weights: it starts anew.
    manifest = {name: value for name, value in start.manifest.items() if name != "monitor"}
    recipe = manifest["config"]["recipe"]
    batches = recipe["accumulate"] * recipe["techniques"]["discriminatorSteps"]
    manifest["position"] = done * recipe["batch"] * batches
    return write_checkpoint(folder.path, done, manifest, state)


def _check_choice(name: str, value: object, *allowed: str | None) -> None:
    if value not in allowed:
        raise InputError(f"{name} {value!r} must be {' or '.join(choice for choice in allowed if choice)}")


def _checkpoint_at(place: Path, step: int | None) -> Checkpoint:
    if (place / "manifest.json").is_file():
        return open_checkpoint(place)
    return Run(place).checkpoint(step)


def _from_checkpoint(checkpoint: Checkpoint, network: Name, weights: Weights | None) -> _Source:
    config = checkpoint.manifest["config"]
    tensors: Mapping[str, Array] = checkpoint.tensors
    average = {n.removeprefix("average/"): v for n, v in tensors.items() if n.startswith(f"average/{network}/")}
    if weights == "ema" and not average:
        raise InputError(f"{checkpoint.folder}: has no running average of the {network}; use weights live")
    if average and weights != "live":
        tensors = average
    return _Source(str(checkpoint.folder), config["recipe"], config["sample"], tensors, checkpoint.step)


def _from_onnx(path: Path, network: Name, weights: Weights | None) -> _Source:
    import onnx
    from onnx.numpy_helper import to_array

    try:
        model = onnx.load_model_from_string(read_bytes(path))
    except Exception as cause:
        # Protobuf's own error has no stable name.
        raise InputError(f"{path}: not an ONNX model") from cause
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if metadata.get("format") != f"ganx.{network}":
        raise InputError(f"{path}: not a ganx {network} (format {metadata.get('format')})")
    held = metadata.get("weights", "live")
    if weights not in (None, held):
        raise InputError(f"{path}: holds {held} weights, not {weights}; load the run's checkpoint for those")
    if "settings" in metadata:
        recipe, sample = json.loads(metadata["settings"]), json.loads(metadata["sample"])
    else:
        config = Run(path.parent).config
        recipe, sample = config["recipe"], config["sample"]
    tensors = {tensor.name: to_array(tensor) for tensor in model.graph.initializer}
    dropout = recipe["techniques"]["dropout"]
    random = metadata.get("random") != "false" or dropout["rate"] == 0 or dropout["layers"] == 0
    return _Source(str(path), recipe, sample, tensors, int(metadata.get("steps", 0)), random)
