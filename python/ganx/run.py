"""The folder that `ganx train` leaves."""

from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .checkpoint import Checkpoint, list_checkpoints
from .errors import InputError
from .files import Json, read_json, read_records


class Run:
    """A run: its recipe, log, checkpoints, samples and verdicts. Files are read when they are asked for."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Open the folder of a run.

        Raises:
            InputError: where it is none.
        """
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder")
        if not (self.path / "recipe.json").is_file():
            raise InputError(f"{self.path}: not the folder of a run (no recipe.json)")

    @cached_property
    def config(self) -> Json:
        """All that the run was started with: `recipe`, `data`, `sample`, `classes`, `seed`, `threads` and more."""
        config = read_json(self.path / "recipe.json")
        if config.get("format") != "ganx.run" or config.get("formatVersion") != 1:
            raise InputError(f"{self.path / 'recipe.json'}: was it written by another ganx?")
        return config

    @property
    def recipe(self) -> Json:
        """What is trained and how, as docs/recipes.md lists it."""
        recipe: Json = self.config["recipe"]
        return recipe

    @property
    def log(self) -> dict[str, npt.NDArray[np.float64]]:
        """Columns of log.jsonl by name: `step`, `images`, `seconds`, `dLoss`, ... Lost numbers are NaN."""
        records = read_records(self.path / "log.jsonl")
        names = dict.fromkeys(name for record in records for name in record)
        return {
            name: np.array([np.nan if (v := r.get(name)) is None else v for r in records], np.float64) for name in names
        }

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, oldest first."""
        return list_checkpoints(self.path)

    def checkpoint(self, step: int | None = None) -> Checkpoint:
        """Checkpoint of a step; default the newest.

        Raises:
            InputError: where there is none.
        """
        checkpoints = self.checkpoints
        found = [c for c in checkpoints if step is None or c.step == step]
        if not found:
            wanted = "no checkpoint" if step is None else f"no checkpoint of step {step}"
            there = ", ".join(str(c.step) for c in checkpoints)
            raise InputError(f"{self.path}: has {wanted}" + (f"; there are {there}" if there else ""))
        return found[-1]

    @property
    def samples(self) -> dict[int, Path]:
        """Pictures of samples by step, in order."""
        steps = sorted(int(p.stem) for p in (self.path / "samples").glob("*.png") if p.stem.isdecimal())
        return {step: self.path / "samples" / f"{step}.png" for step in steps}

    @property
    def verdicts(self) -> list[Json]:
        """What the monitor has found, the oldest first: `step`, `rule`, `meaning`, `advice`."""
        return read_records(self.path / "verdicts.jsonl")
