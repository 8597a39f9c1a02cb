"""Checks the ONNX models of a folder, and trains those that come with inputs.

`NAME.onnx` is checked in full. With `NAME.safetensors` beside it (state, `real`, `controls`, `seed`) it is a training
model: K steps are done in Python's onnxruntime, in one run if it has an input `steps`, else in K. The telemetry
[K, T] of each is printed as one JSON object.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

Tensors = dict[str, np.ndarray]


def train(model: Path, inputs: Tensors) -> list[list[float]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = {port.name for port in session.get_inputs()}
    outputs = [port.name for port in session.get_outputs()]
    real, controls = inputs.pop("real"), inputs.pop("controls")
    steps = len(real)

    def run(feeds: Tensors) -> Tensors:
        known = {name: value for name, value in feeds.items() if name in names}
        return dict(zip(outputs, session.run(outputs, known)))

    if "steps" in names:
        counters = {"step": np.int32(0), "steps": np.int64(steps)}
        results = run({**inputs, **as_arrays(counters), "real": real, "controls": controls})
        return results["telemetry"].tolist()
    telemetry: list[list[float]] = []
    for step in range(steps):
        counters = {"step": np.int32(step)}
        results = run({**inputs, **as_arrays(counters), "real": real[step], "controls": controls[step]})
        telemetry.append(results.pop("telemetry").tolist())
        inputs |= {name.removeprefix("next/"): value for name, value in results.items()}
    return telemetry


def as_arrays(scalars: dict[str, np.generic]) -> Tensors:
    return {name: np.asarray(value) for name, value in scalars.items()}


def main(folder: Path) -> None:
    telemetry: dict[str, list[list[float]]] = {}
    for path in sorted(folder.glob("*.onnx")):
        onnx.checker.check_model(path, full_check=True)
        inputs = path.with_suffix(".safetensors")
        if inputs.exists():
            telemetry[path.stem] = train(path, load_file(inputs))
    print(json.dumps(telemetry))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
