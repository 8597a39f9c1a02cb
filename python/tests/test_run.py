"""Run folders and checkpoints."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ganx import InputError, Run
from ganx.checkpoint import write_checkpoint
from ganx.files import write_folder


def test_run_folder(fixtures: Path) -> None:
    run = Run(fixtures / "dcgan")
    assert run.recipe["network"]["filters"] == 4
    assert run.config["seed"] == 3
    assert run.log["step"].tolist() == [10, 20, 30, 40, 50]
    assert np.isfinite(run.log["dLoss"]).all()
    assert [c.step for c in run.checkpoints] == [10, 30, 50]
    assert run.checkpoint().step == 50
    assert list(run.samples) == [0, 10, 20, 30, 40, 50]
    assert run.samples[10].is_file()
    assert run.verdicts == []


def test_checkpoint_holds_all_tensors(trained: Path) -> None:
    run = Run(trained)
    checkpoint = run.checkpoint(30)
    assert checkpoint.manifest["position"] == 30 * 8 * run.recipe["techniques"]["discriminatorSteps"]
    assert any(name.startswith("optimizer/generator/") for name in checkpoint.tensors)
    assert all(np.isfinite(value).all() for value in checkpoint.tensors.values())


def test_log_of_a_run_that_was_killed_or_lost_numbers(copied: Path) -> None:
    lines = [{"step": 10, "dLoss": None}, {"step": 20, "dLoss": 1, "prior": 2}]
    (copied / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 3')
    (copied / "verdicts.jsonl").write_text('{"step": 20, "rule": "divergence"}\n')
    log = Run(copied).log
    assert np.array_equal(log["dLoss"], [np.nan, 1], equal_nan=True)
    assert np.array_equal(log["prior"], [np.nan, 2], equal_nan=True)
    assert Run(copied).verdicts[0]["rule"] == "divergence"
    (copied / "log.jsonl").write_text('{"step": 10}\nnothing\n')
    with pytest.raises(InputError, match="line 2 is no log record"):
        _ = Run(copied).log


def test_a_checkpoint_is_written_whole(copied: Path) -> None:
    start = Run(copied).checkpoint()
    again = write_checkpoint(copied, start.step, start.manifest, start.tensors)
    assert {name: value.tobytes() for name, value in again.tensors.items()} == {
        name: value.tobytes() for name, value in start.tensors.items()
    }
    assert again.manifest == start.manifest
    assert [path.name for path in (copied / "checkpoints").iterdir()] == ["step-10"]
    with pytest.raises(InputError, match="step -1 must be an integer >= 0"):
        write_checkpoint(copied, -1, {}, {})


def test_a_checkpoint_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "step-1"
    write_folder(folder, {"state": b"old"})
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if target == folder and (path / "state").read_bytes() == b"new":
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="no"):
        write_folder(folder, {"state": b"new"})
    assert (folder / "state").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [folder]


def test_damaged_checkpoints(copied: Path) -> None:
    checkpoint = Run(copied).checkpoint()
    state, manifest = checkpoint.folder / "state.safetensors", checkpoint.folder / "manifest.json"
    state.write_bytes(state.read_bytes()[:-1] + bytes([state.read_bytes()[-1] ^ 1]))
    with pytest.raises(InputError, match=r"damaged checkpoint \(SHA-256"):
        _ = Run(copied).checkpoint().tensors
    whole = manifest.read_text()
    manifest.write_text(whole.replace('"formatVersion": 1', '"formatVersion": 2', 1))
    with pytest.raises(InputError, match="format version 2 is unknown, this ganx reads 1"):
        _ = Run(copied).checkpoint().manifest
    manifest.write_text(whole.replace('"rateScale": 1', '"rateScale": 9'))
    with pytest.raises(InputError, match=r"damaged manifest \(its SHA-256"):
        _ = Run(copied).checkpoint().manifest
    manifest.write_text(re.sub(r',\n  "manifestSha256": "\w{64}"', "", whole))
    assert Run(copied).checkpoint().manifest["rateScale"] == 1
    checkpoint.folder.rename(checkpoint.folder.with_name("step-11"))
    with pytest.raises(InputError, match=r"step-11: damaged checkpoint \(its manifest is that of step 10\)"):
        _ = Run(copied).checkpoint().manifest
    checkpoint.folder.with_name("step-11").rename(checkpoint.folder)
    manifest.unlink()
    with pytest.raises(InputError, match=r"incomplete checkpoint \(no manifest.json\)"):
        _ = Run(copied).checkpoint().manifest


def test_what_is_no_run(fixtures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Run(tmp_path / "none")
    with pytest.raises(InputError, match="not the folder of a run"):
        Run(tmp_path)
    with pytest.raises(InputError, match="has no checkpoint of step 7; there are 10, 30, 50"):
        Run(fixtures / "dcgan").checkpoint(7)
