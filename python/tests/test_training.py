"""Training steps driven from Python are those of `ganx train`, bit for bit."""

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file

from ganx import InputError, Run, TrainingSession
from ganx.arrays import Tensors
from ganx.denormals import flushed_denormals
from ganx.schedules import control_rows


def differing(a: Tensors, b: Tensors) -> list[str]:
    """Names of the tensors whose bytes differ."""
    assert a.keys() == b.keys()
    return [name for name in a if a[name].tobytes() != b[name].tobytes()]


def data_of(session: TrainingSession) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32] | None]:
    """Data of a run, and labels where it trains on them."""
    tensors = load_file(session.run.path / "data.safetensors")
    return tensors["data"], tensors["labels"] if session.conditional else None


def test_20_steps_are_those_of_node(trained: Path) -> None:
    session = TrainingSession(trained, checkpoint=10)
    start = dict(session.state)
    data, labels = data_of(session)
    telemetry = session.train(data, 20, labels)
    run = Run(trained)
    assert differing(session.state, run.checkpoint(30).tensors) == []
    assert len(differing(session.state, start)) > 10
    at = {step: i for i, step in enumerate(run.log["step"])}
    for name, values in telemetry.items():
        assert [values[9], values[19]] == [run.log[name][at[20]], run.log[name][at[30]]], name


def test_single_steps_are_those_of_the_loop(trained: Path) -> None:
    loop, single = (TrainingSession(trained, checkpoint=10, driver=d) for d in ("loop", "step"))
    data, labels = data_of(loop)
    many = loop.train(data, 6, labels)
    for k in range(6):
        one = single.train(data, 1, labels)
        assert {name: values[0] for name, values in one.items()} == {name: values[k] for name, values in many.items()}
    assert differing(loop.state, single.state) == []


def test_a_batch_of_ones_own(fixtures: Path) -> None:
    session = TrainingSession(fixtures / "acgan", driver="step")
    real = np.random.default_rng(1).integers(0, 256, session.batch_shape).astype(np.uint8)
    figures = session.train_step(real, np.arange(len(real)) % 10)
    assert set(figures) >= {"dLoss", "gLoss", "dReal", "dFake", "dGradNorm", "gGradNorm"}
    assert np.isfinite(list(figures.values())).all()
    assert session.step == 31


def test_ganx_resumes_what_python_has_trained(copied: Path, fixtures: Path, ganx: Callable[..., None]) -> None:
    """10 steps of Node, 20 of Python and 20 of Node are 50 of Node."""
    session = TrainingSession(copied)
    session.train(load_file(copied / "data.safetensors")["data"], 20)
    assert session.save().step == 30
    ganx("train", fixtures / "digits", "--resume", "--out", copied, "--steps", "50", "--sample-every", "0")
    ours, theirs = (Run(path).checkpoint(50).tensors for path in (copied, fixtures / "dcgan"))
    assert differing(ours, theirs) == []


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="denormals are flushed on Linux, x86-64"
)
def test_denormals_are_flushed_only_within(fixtures: Path) -> None:
    tiny = np.full(1, 1e-40, np.float32)
    assert (tiny * 1 > 0).all()
    with flushed_denormals():
        assert (tiny * 1 == 0).all()
    session = TrainingSession(fixtures / "dcgan")
    session.train(load_file(session.run.path / "data.safetensors")["data"], 1)
    assert (tiny * 1 > 0).all()


def test_what_does_not_fit(fixtures: Path) -> None:
    session = TrainingSession(fixtures / "acgan")
    real = np.zeros((2, *session.batch_shape), np.uint8)
    labels = np.zeros(real.shape[:2], np.int32)
    with pytest.raises(InputError, match=r"real is float32 .*, must be uint8 \[K, 8, 1, 16, 16\]"):
        session.train_steps(real.astype(np.float32), labels)
    with pytest.raises(InputError, match="this run trains on labels"):
        session.train_steps(real)
    with pytest.raises(InputError, match="this run does not train on labels"):
        TrainingSession(fixtures / "dcgan").train_steps(real, labels)
    with pytest.raises(InputError, match="steps is -2, must be at least 0"):
        session.train(real[0], -2, labels[0])
    with pytest.raises(InputError, match='driver "both" must be loop or step'):
        TrainingSession(fixtures / "dcgan", driver="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="control soft/labels is unknown"):
        control_rows(session.run.recipe, ["soft/labels"], 0, 1)
