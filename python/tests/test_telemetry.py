"""onnxruntime tells nobody, and keeps nothing of the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(program: str, **variables: str) -> str:
    """What a program prints, in an environment that says nothing about telemetry but `variables`."""
    # onnxruntime is silent in CI of its own.
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    program = f"{program}; import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env | variables, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="the cache lies elsewhere on the other systems")
@pytest.mark.parametrize("module", ["ganx", "ganx.sessions"])
def test_is_off(module: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(f"import {module}, onnxruntime; onnxruntime.SessionOptions()", XDG_CACHE_HOME=str(cache)) == "1"
    assert not cache.exists()


def test_is_what_the_user_says() -> None:
    assert run("import ganx", ORT_DISABLE_TELEMETRY="0") == "0"
