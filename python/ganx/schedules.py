"""What ganx feeds a training step anew each time: the controls, and the moves of whole tensors between two steps."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .arrays import Array, Floats
from .errors import InputError
from .files import Json
from .hashing import base_key, bits_at

_Control = Callable[[Json, int], float]


def decay_at(schedule: Json, step: int) -> float:
    """What is left of a decaying quantity at a step, as a share of its start."""
    length = max(int(schedule["steps"]), 1)
    progress = min(step / length, 1)
    if schedule["decay"] == "linear":
        return 1 - progress
    if schedule["decay"] == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    return float(0.01 ** (step / length))


def noise_at(schedule: Json, step: int) -> float:
    """Standard deviation of a decaying noise at a step; `schedule` is `instanceNoise` or `layerNoise` of a recipe."""
    return float(schedule["std"]) * decay_at(schedule, step)


def control_rows(recipe: Json, names: Sequence[str], step: int, steps: int, rate_scale: float = 1.0) -> Floats:
    """Controls of `steps` steps from `step` on, float32 [steps, controls].

    Args:
        recipe: of the run.
        names: controls of the training graph, from its metadata.
        step: steps done before.
        steps: rows wanted.
        rate_scale: multiplies the learning rates of both networks; a run that was rolled back has one below 1.

    Raises:
        InputError: naming the control that this version does not know.
    """
    unknown = [name for name in names if name not in _CONTROLS]
    if unknown:
        raise InputError(f"control {unknown[0]} is unknown; was the graph written by a newer ganx?")
    scales = [rate_scale if name.endswith("/learningRate") else 1.0 for name in names]
    rows = [
        [_CONTROLS[name](recipe, at) * scale for name, scale in zip(names, scales, strict=True)]
        for at in range(step, step + steps)
    ]
    return np.array(rows, np.float64).reshape(steps, len(names)).astype(np.float32)


def move_every(recipe: Json) -> int:
    """Steps between two moves; 0 where there are none."""
    snapshots = recipe["techniques"]["snapshots"]
    return int(snapshots["every"]) if snapshots["count"] > 0 else 0


def make_moves(state: dict[str, Array], recipe: Json, step: int) -> None:
    """Turn the shelves of past opponents before a step: an earlier state comes to stand in, the newest goes in."""
    every = move_every(recipe)
    if not every or step < every or step % every:
        return
    count, before = recipe["techniques"]["snapshots"]["count"], step // every - 1
    drawn = int(bits_at(base_key(0, step), np.zeros(1, np.int32))[0]) % 2**32
    for stand_in in [name for name in state if name.startswith("stand-in/")]:
        name = stand_in.removeprefix("stand-in/")
        if before:
            use = (drawn >> 1) % min(before, count)
            state[stand_in] = state[f"snapshots/{use}/{name}"]
        state[f"snapshots/{before % count}/{name}"] = state[name]


def _technique(path: str) -> _Control:
    """A constant setting under `techniques`."""

    def at(recipe: Json, _step: int) -> float:
        value = recipe["techniques"]
        for part in path.split("."):
            value = value[int(part) if isinstance(value, list) else part]
        return float(value)

    return at


def _learning_rate(network: str) -> _Control:
    def at(recipe: Json, step: int) -> float:
        rate, schedule = float(recipe["optimizer"][network]["learningRate"]), recipe["techniques"]["rateDecay"]
        return rate if schedule["decay"] == "none" else rate * decay_at(schedule, step)

    return at


def _width(side: str) -> _Control:
    def at(recipe: Json, _step: int) -> float:
        low, high = recipe["techniques"]["softLabels"][side]
        return float(high - low)

    return at


def _freezing(sign: int) -> _Control:
    def at(recipe: Json, _step: int) -> float:
        options = recipe["techniques"]["freezing"]
        return float(options["equilibrium"] + sign * options["margin"])

    return at


def _stand_in(recipe: Json, step: int) -> float:
    options = recipe["techniques"]["snapshots"]
    return float(step >= 2 * options["every"] and step % options["every"] < options["steps"])


_CONTROLS: Mapping[str, _Control] = {
    "generator/learningRate": _learning_rate("generator"),
    "discriminator/learningRate": _learning_rate("discriminator"),
    # The average forgets its random start quickly: its memory is at most a tenth of the steps so far.
    "average/decay": lambda recipe, step: min(recipe["emaDecay"], (1 + step) / (10 + step)),
    "gradientPenalty/real": _technique("gradientPenalty.real"),
    "gradientPenalty/fake": _technique("gradientPenalty.fake"),
    "gradientPenalty/between": _technique("gradientPenalty.between"),
    "softLabels/real/low": _technique("softLabels.real.0"),
    "softLabels/real/width": _width("real"),
    "softLabels/fake/low": _technique("softLabels.fake.0"),
    "softLabels/fake/width": _width("fake"),
    "softLabels/swap": _technique("softLabels.swap"),
    "replay/probability": _technique("replay.probability"),
    "snapshots/stand-in": _stand_in,
    "targetNetworks/tau": _technique("targetNetworks.tau"),
    "targetNetworks/kept": lambda recipe, _: 1 - recipe["techniques"]["targetNetworks"]["tau"],
    "freezing/low": _freezing(-1),
    "freezing/high": _freezing(1),
    "historicalAveraging/weight": _technique("historicalAveraging"),
    "lossThreshold/discriminator": _technique("lossThreshold.discriminator"),
    "lossThreshold/generator": _technique("lossThreshold.generator"),
    "instanceNoise/std": lambda recipe, step: noise_at(recipe["techniques"]["instanceNoise"], step),
    "layerNoise/std": lambda recipe, step: noise_at(recipe["techniques"]["layerNoise"], step),
}
