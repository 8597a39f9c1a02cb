"""Training steps of a run on onnxruntime: from the same state, the same bits as `ganx train` on the CPU."""

import json
from os import PathLike
from typing import Literal

import numpy as np
import numpy.typing as npt

from .arrays import Array, Bytes, Floats
from .checkpoint import Checkpoint, write_checkpoint
from .data_order import sample_order
from .denormals import flushed_denormals
from .errors import InputError
from .run import Run
from .schedules import control_rows, make_moves, move_every
from .sessions import create_session, metadata_of, quiet_options

_CHUNK = 64
"""Steps of one run of the loop while a data set is trained on: bounds the memory, changes no result."""


class TrainingSession:
    """A run's training graph with the state of one of its checkpoints."""

    def __init__(
        self,
        run: Run | str | PathLike[str],
        *,
        checkpoint: int | None = None,
        driver: Literal["loop", "step"] = "loop",
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        """Load graph and state.

        Args:
            run: a run or its folder.
            checkpoint: step of the checkpoint to start from; default the newest.
            driver: `loop` does many steps in one call of onnxruntime, `step` one; both give the same.
            device: `cpu`, `cuda` or `cuda:<index>`.
            threads: of onnxruntime; default those that the checkpoint was trained with, which are part of the result.

        Raises:
            InputError: where the run has no such checkpoint, or the graph cannot be used.
        """
        self.run = run if isinstance(run, Run) else Run(run)
        if driver not in ("loop", "step"):
            raise InputError(f'driver "{driver}" must be loop or step')
        start = self.run.checkpoint(checkpoint)
        self.step = start.step
        """Steps done so far."""
        self.state: dict[str, Array] = dict(start.tensors)
        """All tensors by name: weights, moments, averages, statistics and what techniques keep."""
        self._manifest = start.manifest
        self._driver = driver
        config = start.manifest["config"]
        self._recipe, self._seed = config["recipe"], config["seed"]
        options = quiet_options(threads or start.manifest.get("threads", config["threads"]))
        # As ganx sets them: a pattern on top of the arena takes memory and gains nothing.
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        with flushed_denormals():
            self._session = create_session(self.run.path / f"training-{driver}.onnx", device, options)
        metadata = metadata_of(self._session)
        self._controls: list[str] = json.loads(metadata["controls"])
        self.telemetry: list[str] = json.loads(metadata["telemetry"])
        """Names of the figures of a step."""
        self._inputs = {port.name: port for port in self._session.get_inputs()}
        self._outputs = [port.name for port in self._session.get_outputs()]
        shape = self._inputs["real"].shape
        self.batch_shape: tuple[int, ...] = tuple(shape[1:] if driver == "loop" else shape)
        """Of the real samples of one step: (R, C, H, W) or (R, 2), R the batch times the updates of D in a step."""

    @property
    def conditional(self) -> bool:
        """Whether it trains on labels."""
        return "labels" in self._inputs

    def train_step(self, real: Bytes | Floats, labels: npt.ArrayLike | None = None) -> dict[str, float]:
        """One step.

        Args:
            real: uint8 images [R, C, H, W] or float32 points [R, 2].
            labels: their classes, [R], where it trains on labels.

        Returns:
            Its telemetry.
        """
        given = None if labels is None else np.asarray(labels)[np.newaxis]
        return {name: float(values[0]) for name, values in self.train_steps(real[np.newaxis], given).items()}

    def train_steps(self, real: Bytes | Floats, labels: npt.ArrayLike | None = None) -> dict[str, Floats]:
        """K steps.

        Args:
            real: uint8 images [K, R, C, H, W] or float32 points [K, R, 2].
            labels: their classes, [K, R], where it trains on labels.

        Returns:
            The telemetry by name, [K] each.

        Raises:
            InputError: where the data do not fit.
        """
        given = self._checked(real, labels)
        every = move_every(self._recipe)
        rows: list[Array] = [np.zeros((0, len(self.telemetry)), np.float32)]
        done = 0
        while done < len(real):
            make_moves(self.state, self._recipe, self.step)
            # A run ends where the next move is due.
            until = every - self.step % every if every else len(real)
            steps = min(until, len(real) - done) if self._driver == "loop" else 1
            rows.append(self._run({name: value[done : done + steps] for name, value in given.items()}, steps))
            done += steps
        return dict(zip(self.telemetry, np.concatenate(rows).T, strict=True))

    def train(self, data: Bytes | Floats, steps: int, labels: npt.ArrayLike | None = None) -> dict[str, Floats]:
        """Steps on a data set, in the order in which ganx goes through it from here on.

        Args:
            data: all samples, uint8 images [count, C, H, W] or float32 points [count, 2].
            steps: steps to do.
            labels: their classes, [count], where it trains on labels.

        Returns:
            The telemetry by name, [steps] each.

        Raises:
            InputError: where the steps are negative, or the data do not fit.
        """
        if steps < 0:
            raise InputError(f"steps is {steps}, must be at least 0")
        samples, end = self.batch_shape[0], self.step + steps
        classes = None if labels is None else np.asarray(labels)
        parts = []
        while self.step < end:
            k = min(_CHUNK, end - self.step)
            order = sample_order(len(data), self._seed, self.step * samples, k * samples).reshape(k, samples)
            parts.append(self.train_steps(data[order], None if classes is None else classes[order]))
        return {
            name: np.concatenate([np.zeros(0, np.float32), *(part[name] for part in parts)]) for name in self.telemetry
        }

    def save(self) -> Checkpoint:
        """Write the state as a checkpoint of the run; `ganx train --resume` goes on from it."""
        # The monitor has not seen these steps: it starts anew.
        manifest = {name: value for name, value in self._manifest.items() if name != "monitor"}
        manifest["position"] = self.step * self.batch_shape[0]
        return write_checkpoint(self.run.path, self.step, manifest, self.state)

    def _run(self, batches: dict[str, Array], steps: int) -> Array:
        """Telemetry [steps, figures] of one call of onnxruntime; the state is the next one."""
        rate_scale = self._manifest.get("rateScale", 1)
        controls = control_rows(self._recipe, self._controls, self.step, steps, rate_scale)
        loop = self._driver == "loop"
        feeds: dict[str, Array] = {
            **self.state,
            **{name: value if loop else value[0] for name, value in batches.items()},
            "controls": controls if loop else controls[0],
            "seed": np.array(self._seed, np.int32),
            "step": np.array(self.step, np.int32),
            "steps": np.array(steps, np.int64),
        }
        # A graph keeps only the inputs it reads.
        known = {name: value for name, value in feeds.items() if name in self._inputs}
        with flushed_denormals():
            values = self._session.run(None, known)
        results: dict[str, Array] = dict(zip(self._outputs, map(np.asarray, values), strict=True))
        self.state = {name: results.get(f"next/{name}", value) for name, value in self.state.items()}
        self.step += steps
        return results["telemetry"].reshape(steps, -1)

    def _checked(self, real: Bytes | Floats, labels: npt.ArrayLike | None) -> dict[str, Array]:
        dtype = np.dtype(np.uint8 if self._inputs["real"].type == "tensor(uint8)" else np.float32)
        if real.dtype != dtype or real.shape[1:] != self.batch_shape:
            raise InputError(
                f"real is {real.dtype} {list(real.shape)}, must be {dtype} [K, {', '.join(map(str, self.batch_shape))}]"
            )
        if not self.conditional:
            if labels is not None:
                raise InputError("labels are given, but this run does not train on labels")
            return {"real": real}
        given = np.asarray([] if labels is None else labels)
        if given.shape != real.shape[:2]:
            raise InputError(
                f"labels have shape {list(given.shape)}, must have {list(real.shape[:2])}: this run trains on labels"
            )
        return {"real": real, "labels": given.astype(np.int32)}
