"""Runs that the built ganx has trained, to compare with: see make_fixtures.mjs.

`GANX_FIXTURES` names a folder of them; without it they are made, which needs Node and `npm run build`.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ganx.arrays import Array

ROOT = Path(__file__).parents[2]
RUNS = ("dcgan", "acgan", "vaegan", "klgan", "mlp", "shuffle", "nearest", "large", "mlp-images", "techniques")


@pytest.fixture(scope="session")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all runs."""
    given = os.environ.get("GANX_FIXTURES")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("fixtures")
    subprocess.run(["node", Path(__file__).with_name("make_fixtures.mjs"), folder], check=True)
    return folder


@pytest.fixture(params=RUNS)
def trained(request: pytest.FixtureRequest, fixtures: Path) -> Path:
    """Each of the runs."""
    return fixtures / str(request.param)


@pytest.fixture
def numbers(fixtures: Path) -> dict[str, Array]:
    """Random numbers as JavaScript draws them."""
    return dict(load_file(fixtures / "numbers.safetensors"))


@pytest.fixture
def copied(fixtures: Path, tmp_path: Path) -> Path:
    """A copy of the run `dcgan` as it was at step 10, to write into."""
    folder = tmp_path / "dcgan"
    shutil.copytree(fixtures / "dcgan", folder)
    for step in (30, 50):
        shutil.rmtree(folder / "checkpoints" / f"step-{step}")
    return folder


@pytest.fixture
def ganx() -> Callable[..., None]:
    """The built command-line program."""

    def run(*args: str | Path) -> None:
        subprocess.run(["node", ROOT / "dist/cli/main.js", *args], check=True, capture_output=True)

    return run
